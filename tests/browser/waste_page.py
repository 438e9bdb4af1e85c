"""What a visitor does on the Waste tab, and what the card then says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from engines.runtime.settings import load_settings
from engines.waste.rules import Rule, RuleBook, load_places
from engines.waste.taxonomy import ITEM_BY_ID, ITEMS, MATERIAL_NAMES

CARD = "#waste-answer section"


@dataclass(frozen=True)
class ShownCard:
    """What an answer card says, as a person reads it."""

    item: str
    material: str
    bin_name: str
    sureness: str
    steps: list[str]
    source: str

    @property
    def spoken(self) -> str:
        """The sentence that a screen reader should say for it."""
        first = self.steps[0].rstrip(".")
        return f"{self.item}, {self.material}. Goes into {self.bin_name}. {first}."


def item_of(path: Path) -> str:
    """Read the item from an example's file name, `<item>_<words>.jpg`."""
    return max((item for item in ITEMS if path.name.startswith(f"{item}_")), key=len)


def rule_book() -> RuleBook:
    """Load the rules of all places."""
    return load_places(load_settings().rules_dir)


def expected_rule(book: RuleBook, place_id: str, item: str, material_name: str) -> Rule:
    """Look up the rule for an item and the material that the card names."""
    material = next(key for key, name in MATERIAL_NAMES.items() if name == material_name)
    return book.places[place_id].rule_for(item, material)


def choose_files(page: Page, button: Locator, files: Path | list[Path]) -> None:
    """Press an upload button and choose files in the dialogue that opens."""
    with page.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files(files)


def upload_button(page: Page) -> Locator:
    """Find the large button that takes the photo."""
    return page.locator("#waste-photo button.upload-container")


def mark_card(page: Page) -> None:
    """Mark the card that stands there, so that the next one can be told from it."""
    page.locator(CARD).evaluate("card => card.setAttribute('data-old', '')")


def next_card(page: Page) -> Locator:
    """Wait for a card that was drawn after `mark_card`."""
    card = page.locator(f"{CARD}:not([data-old])")
    card.wait_for()
    return card


def remove_photo(page: Page) -> None:
    """Take the photo away, if there is one, and wait until its answer is gone."""
    remove = page.locator("#waste-photo").get_by_label("Remove Image")
    if remove.is_visible():
        remove.click()
        page.locator(".answer-empty").wait_for()


def show(page: Page, photo: Path) -> Locator:
    """Upload a photo, in place of the one before if there is one; returns the card drawn for it."""
    remove_photo(page)
    mark_card(page)
    choose_files(page, upload_button(page), photo)
    return next_card(page)


def read_card(page: Page) -> ShownCard:
    """Read the answer that is shown."""
    card = page.locator(CARD)

    def text(selector: str) -> str:
        return card.locator(selector).first.inner_text().strip()

    return ShownCard(
        item=text("h2"),
        material=text(".answer-material"),
        bin_name=text(".answer-bin-name"),
        sureness=text(".answer-sure"),
        steps=card.locator(".answer-steps li").all_inner_texts(),
        source=text(":scope > .answer-source:not(.journey-kept)"),
    )


def expect_answer(page: Page, photo: Path) -> ShownCard:
    """Assert that the card names the item that the photo shows, and is sure of it."""
    expect(page.locator(f"{CARD} h2").first).to_have_text(ITEM_BY_ID[item_of(photo)].name)
    card = read_card(page)
    assert "sure" in card.sureness
    assert "%" in card.sureness
    return card


def pick(page: Page, box: str, option: str) -> None:
    """Choose an entry of a dropdown by its name."""
    page.locator(f"{box} input").click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(page.locator(f"{box} input")).to_have_value(option)


def choose_place(page: Page, name: str) -> None:
    """Choose another place and wait for its card."""
    mark_card(page)
    pick(page, "#waste-place", name)
    next_card(page)


def unfold(page: Page, box: str) -> None:
    """Open a closed accordion."""
    header = page.locator(f"{box} > button.label-wrap")
    header.scroll_into_view_if_needed()
    if "open" not in (header.get_attribute("class") or ""):
        header.click()
    page.locator(f"{box} > [data-testid=accordion-content]").wait_for()


def open_system(page: Page) -> None:
    """Go to the System tab."""
    page.get_by_role("tab", name="System").click()
    page.locator("#system-engines").wait_for()


def correct(page: Page, item_name: str) -> Locator:
    """Say what the photo shows, send it, and return the line that answers."""
    unfold(page, "#waste-wrong")
    pick(page, "#waste-said", item_name)
    page.locator("#waste-send").click()
    status = page.locator("#waste-status")
    expect(status).not_to_have_text("")
    return status


def spoken(page: Page) -> list[str]:
    """List what the polite live region has said so far."""
    said: list[str] = page.evaluate("spoken")
    return said
