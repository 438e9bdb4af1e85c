"""Answers on a slow line: none stays away, and the last choice of several is the one shown."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from engines.waste.taxonomy import ITEM_BY_ID
from tests.browser.conftest import Visits
from tests.browser.upcycle_page import find, open_card, open_upcycle, open_view
from tests.browser.waste_page import CARD, item_of

# Holds back messages of Gradio's event stream for half a second, as a slow line does; which ones
# is to be filled in.
SLOW_LINE = """
const send = window.fetch.bind(window);
window.fetch = async (input, options) => {
  const response = await send(input, options);
  if (!String(input.url ?? input).includes("/queue/data")) return response;
  let rest = "";
  const late = new TransformStream({
    async transform(text, line) {
      const messages = (rest + text).split(/(?<=\\n\\n)/);
      rest = messages.at(-1).endsWith("\\n\\n") ? "" : messages.pop();
      for (const message of messages) {
        if (message.includes("%s")) await new Promise((go) => setTimeout(go, 500));
        line.enqueue(message);
      }
    },
  });
  const messages = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(late);
  return new Response(messages.pipeThrough(new TextEncoderStream()), response);
};
"""


def test_an_event_sent_while_the_stream_is_ending_is_answered(visits: Visits) -> None:
    page = visits.open(script=SLOW_LINE % "close_stream")
    open_upcycle(page)
    find(page, "garden gnome")
    open_card(page)
    # What follows an answer is asked for at once, before the stream of the answer has ended.
    for view, part in {
        "Graph": "#upcycle-plot .points path",
        "Why not?": "#upcycle-ruled-out :is(.panel, p:not(.quiet))",
        "Compare": "#upcycle-comparison table",
    }.items():
        open_view(page, view)
        expect(page.locator(part).first).to_be_visible()


def test_the_last_of_several_quick_choices_is_shown(
    visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open(script=SLOW_LINE % "process_completed")
    for place, path in enumerate(example_paths[:2]):
        page.locator("#waste-examples button").nth(place).click()
        photo = page.locator("#waste-photo img")
        expect(photo).to_have_attribute("src", re.compile(re.escape(path.name)))
    last = ITEM_BY_ID[item_of(example_paths[1])].name
    expect(page.locator(f"{CARD} h2").first).to_have_text(last)

    open_upcycle(page)
    find(page, "garden gnome")
    for view in ("Graph", "Why not?", "Compare"):
        open_view(page, view)
    expect(page.locator("#upcycle-comparison table").first).to_be_visible()
