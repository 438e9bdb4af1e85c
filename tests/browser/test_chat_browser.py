"""The Ask tab in a real browser: questions, citations, documents, and all ways to read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access_page import TOO_WIDE, all_violations
from tests.browser.chat_page import (
    FIRST_ANSWER_MS,
    QUESTIONS,
    add_document,
    ask,
    box,
    choose_written,
    citations,
    last_answer,
    open_ask,
    passage_of,
    press,
    press_and_hear,
    spoken_count,
    upload_button,
    wait_until_spoken,
    write_pdf,
)
from tests.browser.conftest import Visits
from tests.browser.waste_page import pick, rule_book, spoken, unfold

JAR = "Where does a glass jar go?"
VAPE = "can i put a dead vape in the bin"
PERU = "What is the capital of Peru?"
UMBRELLA = "What does the purple bin in Larkspur Lane take?"
FOCUSED = "summary => summary === document.activeElement"
# Presses Stop in the moment a draft shows: the whole answer takes about a second to write.
STOP_THE_DRAFT = """() => {
  window.draftSeen = false;
  const chat = document.querySelector("#ask-chat");
  new MutationObserver((_, observer) => {
    if (!chat.textContent.includes("(being checked)")) return;
    observer.disconnect();
    window.draftSeen = true;
    document.querySelector("#ask-stop").click();
  }).observe(chat, { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture
def asking(page: Page) -> Page:
    """Open the Ask tab as one visitor at a desk."""
    open_ask(page)
    return page


def test_every_sentence_has_a_number_that_opens_its_passage_also_later_and_a_danger_comes_first(
    asking: Page,
) -> None:
    answer = ask(asking, JAR)
    expect(asking.locator(QUESTIONS)).to_have_text(JAR)
    said = answer.locator("p", has=asking.locator("a"))
    assert said.count() >= 1
    for paragraph in said.all():
        assert re.search(r"\[\d+\]$", paragraph.inner_text().strip())
    expect(answer).to_contain_text(re.compile(r"Confidence: (high|medium|low)\. \w"))
    for number in citations(answer).all():
        expect(passage_of(asking, number)).to_be_visible()
    expect(box(asking)).to_have_value("")

    number = citations(answer).first
    passage = passage_of(asking, number)
    expect(passage).not_to_have_attribute("open", "")
    number.click()
    expect(passage).to_have_attribute("open", "")
    expect(passage.locator("mark").first).to_be_visible()
    expect(passage.locator("mark").first).to_be_in_viewport()
    assert passage.locator("summary").evaluate(FOCUSED)
    assert "#" not in asking.url
    passage.get_by_role("button", name="Back to the answer").press("Enter")
    expect(number).to_be_focused()

    first = ask(asking, VAPE).locator("blockquote, p").first
    expect(first).to_contain_text("⚠ Safety:")
    expect(first.locator("strong").first).to_be_visible()
    # The passages of the answer before are folded now.
    number = asking.locator('#ask-chat a[href^="#source-1-"]').first
    expect(passage_of(asking, number).locator(".source-passage")).to_be_hidden()
    number.click()
    expect(passage_of(asking, number).locator(".source-passage")).to_be_visible()


def test_a_written_answer_is_spoken_once_not_word_by_word_and_its_draft_can_be_stopped(
    asking: Page,
) -> None:
    choose_written(asking)
    before = spoken_count(asking)
    ask(asking, "Why is glass good to recycle?")
    ask(asking, "What does a lithium battery do in a bin lorry?")
    assert spoken_count(asking) == before + 2
    assert "Confidence:" in spoken(asking)[-1]
    assert not re.search(r"\[\d", spoken(asking)[-1])
    log = asking.locator("#ask-chat [role=log]")
    expect(log).to_have_attribute("aria-live", "off")
    assert asking.locator("#ask-chat [aria-live=polite], #ask-chat [role=status]").count() == 0

    press_and_hear(asking, "Clear")
    asking.evaluate(STOP_THE_DRAFT)
    box(asking).fill("Why is glass good to recycle, and what happens to it afterwards?")
    asking.locator("#ask-send").click()
    asking.wait_for_function("draftSeen", timeout=FIRST_ANSWER_MS)
    asking.wait_for_function("spoken.some((said) => said.includes('Stopped.'))")
    expect(last_answer(asking)).to_contain_text("Stopped.")
    expect(last_answer(asking)).not_to_contain_text("(being checked)")
    expect(ask(asking, JAR)).to_contain_text("Confidence:")


def test_the_details_show_chart_ranks_and_that_a_follow_up_is_read_with_the_question_before(
    asking: Page,
) -> None:
    unfold(asking, "#ask-how")
    ask(asking, "Where do plastic bottles go?")
    chart = asking.get_by_role("img", name="Rank of each passage")
    expect(chart).to_be_visible()
    expect(chart.locator(".scatterlayer .trace").first).to_be_attached()
    expect(asking.locator("#ask-details table.ranks tbody tr").first).to_be_visible()
    expect(asking.locator("#ask-details")).to_contain_text("Search by meaning")

    ask(asking, "and the glass ones?")
    searched = asking.locator("#ask-details tr", has_text="Searched for").locator("td")
    expect(searched).to_contain_text("glass")
    expect(searched).to_contain_text("bottle")


def test_what_is_no_question_about_waste_or_a_file_without_text_is_explained(
    asking: Page, tmp_path: Path
) -> None:
    emoji = "🙂🙂🙂"
    expect(ask(asking, emoji)).to_contain_text("There is no question in this message")
    expect(box(asking)).to_have_value(emoji)

    answer = ask(asking, PERU)
    expect(answer).not_to_contain_text("Confidence")
    expect(citations(answer)).to_have_count(0)
    offered = asking.locator("#ask-chat .options button")
    question = offered.first.inner_text()
    before = spoken_count(asking)
    offered.first.click()
    wait_until_spoken(asking, before)
    expect(asking.locator(QUESTIONS).last).to_have_text(question)
    expect(asking.locator("#ask-chat [role=log]")).to_be_focused()

    with asking.expect_file_chooser() as chooser:
        upload_button(asking).click()
    chooser.value.set_files(write_pdf(tmp_path / "scan.pdf", ()))
    note = asking.locator("#ask-document-note")
    expect(note).to_contain_text("No text was found in scan.pdf", timeout=FIRST_ANSWER_MS)


def test_an_added_pdf_is_cited_until_it_is_removed_and_nobody_else_sees_it(
    asking: Page, visits: Visits, tmp_path: Path
) -> None:
    add_document(asking, write_pdf(tmp_path / "larkspur.pdf"))
    answer = ask(asking, UMBRELLA)
    expect(answer).to_contain_text("umbrellas")
    number = citations(answer).first
    number.click()
    expect(passage_of(asking, number)).to_contain_text("Your own document")
    expect(passage_of(asking, number)).to_contain_text("larkspur.pdf")
    other = visits.open()
    open_ask(other)
    expect(ask(other, UMBRELLA)).not_to_contain_text("umbrellas only")
    asking.locator("#ask-document-remove").click()
    expect(asking.locator("#ask-document-list")).to_contain_text("None yet")
    expect(ask(asking, UMBRELLA)).not_to_contain_text("umbrellas only")


def test_export_retry_edit_undo_and_clear_do_what_they_say(asking: Page) -> None:
    ask(asking, JAR)
    before = spoken_count(asking)
    with asking.expect_download() as download:
        asking.locator("#ask-export").click()
    assert download.value.suggested_filename.endswith(".md")
    written = Path(download.value.path()).read_text(encoding="utf-8")
    assert f"## 1. {JAR}" in written
    assert re.search(r"^\[1\] \w", written, re.MULTILINE)
    # It is announced, too; the next announcement shall be of the next button.
    wait_until_spoken(asking, before)
    press_and_hear(asking, "Retry")
    expect(asking.locator(QUESTIONS)).to_have_text(JAR)
    press(asking, "Edit")
    asking.get_by_label("Change your question").fill("Where does a battery go?")
    press_and_hear(asking, "Submit")
    expect(asking.locator(QUESTIONS)).to_have_text("Where does a battery go?")
    press_and_hear(asking, "Undo")
    expect(box(asking)).to_have_value("Where does a battery go?")
    ask(asking, JAR)
    expect(asking.locator(QUESTIONS)).to_have_text(JAR)
    press_and_hear(asking, "Clear")
    expect(asking.locator(QUESTIONS)).to_have_count(0)
    expect(asking.locator("#ask-sources .source")).to_have_count(0)


def test_the_place_is_the_same_on_both_tabs(asking: Page, visits: Visits) -> None:
    places = [place.name for place in rule_book().places.values()]
    pick(asking, "#ask-place", places[2])
    asking.get_by_role("tab", name="Waste").click()
    expect(asking.locator("#waste-place input")).to_have_value(places[2])
    pick(asking, "#waste-place", places[1])
    open_ask(asking)
    expect(asking.locator("#ask-place input")).to_have_value(places[1])
    visits.reload(asking)
    open_ask(asking)
    expect(asking.locator("#ask-place input")).to_have_value(places[1])


def test_script_in_a_question_is_shown_and_does_nothing(asking: Page) -> None:
    hostile = (
        '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> '
        "[x](http://evil.example) Where does a glass jar go?"
    )
    ask(asking, hostile)
    question = asking.locator(QUESTIONS).last
    expect(question).to_contain_text("<script>window.hacked=1</script>")
    expect(question.locator("img, script, a")).to_have_count(0)
    assert asking.evaluate("window.hacked === undefined")


def test_a_whole_conversation_needs_no_pointer(page: Page) -> None:
    page.get_by_role("tab", name="Waste").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
    box(page).focus()
    page.keyboard.type("Where does")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("a glass jar go?")
    expect(box(page)).to_have_value("Where does\na glass jar go?")
    before = spoken_count(page)
    page.keyboard.press("Enter")
    wait_until_spoken(page, before)
    number = citations(last_answer(page)).first
    passage = passage_of(page, number)
    number.focus()
    page.keyboard.press("Enter")
    expect(passage).to_have_attribute("open", "")
    assert passage.locator("summary").evaluate(FOCUSED)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(number).to_be_focused()
    page.locator("#ask-how > button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#ask-details table.ranks")).to_be_visible()


def test_on_a_phone_conversation_and_box_come_first_and_nothing_scrolls_sideways(
    visits: Visits,
) -> None:
    page = visits.open(width=320, height=800)
    open_ask(page)
    assert page.evaluate(TOO_WIDE) == []
    answer = ask(page, VAPE)
    unfold(page, "#ask-how")
    citations(answer).first.click()
    expect(page.locator("#ask-sources summary:focus")).to_be_in_viewport()
    parts = ("#ask-chat", "#ask-box", "#ask-send", "#ask-place", "#ask-sources", "#ask-how")
    for width in (320, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(TOO_WIDE) == []
        tops = [
            page.locator(part).evaluate("part => part.getBoundingClientRect().top")
            for part in parts
        ]
        assert tops == sorted(tops)


def test_axe_finds_nothing_in_any_state(asking: Page, tmp_path: Path) -> None:
    findings = all_violations(asking, "empty")
    unfold(asking, "#ask-how")
    ask(asking, VAPE)
    for summary in asking.locator("#ask-sources > * summary").all():
        summary.click()
    add_document(asking, write_pdf(tmp_path / "larkspur.pdf"))
    findings += all_violations(asking, "answered, all open")
    ask(asking, PERU)
    findings += all_violations(asking, "refused")
    press(asking, "Edit")
    asking.get_by_label("Change your question").wait_for()
    findings += all_violations(asking, "editing")
    assert not findings, "\n".join(findings)
