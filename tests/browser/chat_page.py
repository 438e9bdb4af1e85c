"""What a visitor does on the Ask tab, and what the conversation then says."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

# The first question waits for the models and for the index of all documents.
FIRST_ANSWER_MS = 240_000
ANSWERS = '#ask-chat [data-testid="bot"]'
QUESTIONS = '#ask-chat [data-testid="user"]'
OWN_TEXT = (
    "The purple bin in Larkspur Lane takes broken umbrellas only.",
    "It is emptied on the first Tuesday of each month.",
)


def open_ask(page: Page) -> None:
    """Go to the Ask tab."""
    page.get_by_role("tab", name="Ask").click()
    box(page).wait_for()


def box(page: Page) -> Locator:
    """Find the field for the question."""
    return page.locator("#ask-box textarea")


def spoken_count(page: Page) -> int:
    """Count what the polite live region has said so far."""
    count: int = page.evaluate("spoken.length")
    return count


def wait_until_spoken(page: Page, before: int) -> None:
    """Wait for the next announcement; an answer is announced when it is whole."""
    page.wait_for_function("count => spoken.length > count", arg=before, timeout=FIRST_ANSWER_MS)


def ask(page: Page, question: str) -> Locator:
    """Type a question, send it with Enter, and return the answer once it is whole."""
    before = spoken_count(page)
    box(page).fill(question)
    box(page).press("Enter")
    wait_until_spoken(page, before)
    return last_answer(page)


def last_answer(page: Page) -> Locator:
    """Find the answer at the end of the conversation."""
    return page.locator(ANSWERS).last


def citations(answer: Locator) -> Locator:
    """Find the numbers of an answer."""
    return answer.locator('a[href^="#source-"]')


def passage_of(page: Page, citation: Locator) -> Locator:
    """Find the passage that a number opens."""
    name = citation.get_attribute("href")
    assert name is not None
    assert re.fullmatch(r"#source-\d+-\d+", name)
    return page.locator(name)


def choose_written(page: Page) -> None:
    """Let the language model write the answers."""
    page.locator("#ask-mode").get_by_label("Written", exact=True).check()


def press(page: Page, label: str) -> None:
    """Press one of the conversation's small buttons: Retry, Undo, Edit, Submit or Clear."""
    page.locator("#ask-chat").get_by_role("button", name=label, exact=True).last.click()


def press_and_hear(page: Page, label: str) -> None:
    """Press one of the small buttons and wait until its outcome is announced."""
    before = spoken_count(page)
    press(page, label)
    wait_until_spoken(page, before)


def upload_button(page: Page) -> Locator:
    """Find the button that takes documents."""
    return page.locator("#ask-files button.upload-container")


def add_document(page: Page, path: Path) -> None:
    """Add a document and wait until it is on the list and announced."""
    before = spoken_count(page)
    with page.expect_file_chooser() as chooser:
        upload_button(page).click()
    chooser.value.set_files(path)
    expect(page.locator("#ask-document-list")).to_contain_text(path.name, timeout=FIRST_ANSWER_MS)
    wait_until_spoken(page, before)


def write_pdf(path: Path, lines: tuple[str, ...] = OWN_TEXT) -> Path:
    """Write a PDF of one page with a line of text each (ISO 32000-1, 7.5)."""
    drawn = " T* ".join(f"({line}) Tj" for line in lines)
    content = f"BT /F1 12 Tf 14 TL 72 720 Td {drawn} ET".encode("ascii")
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    written = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    written += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        start,
    )
    path.write_bytes(written)
    return path
