"""The About tab: what the app is and is not, what it keeps, licences, the cards of its models."""

from __future__ import annotations

from html import escape

import gradio as gr
from gradio.context import Context

from components.about_licences import licences_html
from components.card_view import labelled_table
from components.context import AppContext
from components.events import LATEST
from components.shell import plain_html
from components.system_tab import models_html
from engines.runtime.settings import Settings

WHAT_IT_IS = """
<p>ReleAF says which bin a thing belongs in, answers questions about waste from its own documents,
and finds projects for things that are too good to throw away. MaxSight says what is ahead, in words
and in large type, and names sounds. All of it runs on the machine that this app was started on.</p>
"""
WHAT_IT_IS_NOT = """
<ul>
<li><strong>No certified sorting aid.</strong> It takes some things for others, and rules change.
Your council has the last word.</li>
<li><strong>No mobility aid.</strong> MaxSight misses people, cars and much else, and misjudges
distances. Stairs, kerbs and holes it can't see at all. Never rely on it to walk or to cross a
street.</li>
<li><strong>No alarm.</strong> It is no replacement for smoke and fire alarms made for deaf
people.</li>
<li><strong>No advice on dangers to life.</strong> In an emergency call your emergency number.</li>
</ul>
<p>It was built to WCAG 2.2 AA and is tested by machine with every change. Nobody has tried it with
a screen reader yet.</p>
"""
WAITING = (
    '<section class="panel"><h3>Trained models</h3><p>Their cards are on the way …</p></section>'
)
THIS_VISIT = "this visit, and about an hour after it"
KEPT_COLUMNS = ("What", "Where", "How long")


def build(context: AppContext) -> None:
    """Lay out the tab inside the current Gradio context."""
    settings = context.settings
    plain_html("<h2>About</h2>", elem_id="about-title")
    plain_html(
        f'<section class="panel"><h3>What this is</h3>{WHAT_IT_IS}</section>'
        f'<section class="panel"><h3>What it is not</h3>{WHAT_IT_IS_NOT}</section>'
        f'<section class="panel"><h3>What is kept</h3>{privacy_html(settings, _cache_age_s())}'
        '</section><section class="panel"><h3>Licences</h3>'
        f"{licences_html(settings.checkpoints_dir)}</section>",
        elem_id="about-text",
    )
    models = plain_html(WAITING, elem_id="about-models")
    if isinstance(Context.block, gr.Tab):
        # The cards are a quarter of the whole page; they come when somebody wants to read them, and
        # once, so that what was unfolded stays so.
        has_come = gr.State(False)
        Context.block.select(
            lambda is_there: (gr.skip(), True) if is_there else (models_html(settings), True),
            has_come,
            [models, has_come],
            queue=False,
            **LATEST,
        )


def privacy_html(settings: Settings, cache_age_s: int | None) -> str:
    """Write what is kept of a visitor, where and for how long.

    Args:
        settings: those in force; corrections, the Hub and Qdrant depend on them.
        cache_age_s: seconds after which uploads are deleted, None where only the machine does so.
    """
    uploads_end = (
        f"about {cache_age_s / 3600:.3g} hours"
        if cache_age_s is not None
        else "until that folder is emptied by the machine"
    )
    corrections = (
        "until the owner of that machine deletes them"
        if settings.is_feedback_saved
        else "not kept on this page"
    )
    rows = [
        ("Pictures of the camera, sound of the microphone", "memory of the machine", "seconds"),
        (
            "Photos, videos and sounds that you upload",
            "folder for temporary files of the machine",
            uploads_end,
        ),
        (
            "Documents that you add to the chat",
            "memory of the machine; the file is deleted once it is read",
            THIS_VISIT,
        ),
        ("Questions and answers", "memory of the machine", THIS_VISIT),
        (
            "Place, thing, appearance and settings",
            "your own browser",
            "until you clear this page's data there",
        ),
        (
            "Corrections: what it is, what the app said, when; your photo only if you tick it",
            "data folder of the machine",
            corrections,
        ),
    ]
    table = labelled_table(
        "What is kept", KEPT_COLUMNS, [tuple(escape(cell) for cell in row) for row in rows]
    )
    return (
        f"{table}<p>“The machine” is the one that runs the app; it may be your own. No account is "
        f"needed, and words that are spoken are not kept. {_outside(settings)}</p>"
    )


def _outside(settings: Settings) -> str:
    """Say what leaves the machine that runs the app."""
    sentences = []
    if settings.is_hub_allowed:
        sentences.append(
            "Missing weights are downloaded from the Hugging Face Hub; nothing of yours is sent."
        )
    if settings.qdrant_url:
        sentences.append(
            "To find passages, a question goes as numbers to the search server that the owner set."
        )
    return " ".join(sentences) or "Nothing is sent to any other machine."


def _cache_age_s() -> int | None:
    """Look up after how many seconds the page deletes uploads; None where it never does."""
    page = Context.root_block
    return page.delete_cache[1] if page is not None and page.delete_cache else None
