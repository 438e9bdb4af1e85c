"""The section "Sounds" of the MaxSight tab: a microphone or a file in, named sounds out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from components.context import AppContext
from components.events import EACH, QUIET
from components.maxsight_actions import MaxSightTab
from components.maxsight_sound_actions import SoundTab
from components.maxsight_sound_message import page_sounds, page_words
from components.shell import plain_html


@dataclass(frozen=True)
class SoundSection:
    """The section as it stands on the page."""

    def follow_language(self, language: gr.Radio) -> None:
        """Say everything of the section in the language that is chosen there."""
        language.change(
            None, language, js="(tag) => { window.releafMaxSightSound?.language(tag); }", **QUIET
        )


def build(context: AppContext, tab: MaxSightTab) -> SoundSection:
    """Lay out and wire the section inside the current Gradio context."""
    sound = SoundTab(tab)
    with gr.Column(elem_id="maxsight-sound"):
        # The page's script draws the rest into it, in the person's language.
        plain_html(_skeleton(), elem_id="maxsight-sound-panel")
        with gr.Accordion(
            "Use a sound file instead", open=False, elem_id="maxsight-sound-file-part"
        ):
            file = gr.File(
                label=f"WAV, FLAC, OGG, MP3 or M4A, up to {context.settings.max_upload_mb:g} MB",
                height=120,
                elem_id="maxsight-sound-file",
            )
        piece, message = (
            gr.Textbox(
                visible="hidden", show_label=False, max_lines=1, elem_id=f"maxsight-sound-{name}"
            )
            for name in ("piece", "message")
        )
        leave = gr.Button(visible="hidden", elem_id="maxsight-sound-leave")
    # A piece never waits for another person's. The page sends the next one when it has an answer.
    unqueued: dict[str, Any] = {
        "concurrency_limit": None, **EACH,
    }  # fmt: skip
    # Of a text that a script has written, Gradio tells by `change` alone.
    piece.change(sound.hear, piece, message, **unqueued)
    file.upload(sound.file, file, message, **unqueued)
    file.clear(sound.leave_file, None, None, **unqueued)
    leave.click(sound.leave_file, None, None, **unqueued)
    message.change(None, message, js="(m) => { window.releafMaxSightSound?.show(m); }", **QUIET)
    return SoundSection()


def _skeleton() -> str:
    """Write the words and sounds that the page's script needs, and where it draws."""
    words = json.dumps(page_words(), ensure_ascii=False)
    known = json.dumps(page_sounds(), ensure_ascii=False)
    return (
        f'<div id="maxsight-sounds" data-words="{escape(words)}" data-sounds="{escape(known)}">'
        "</div>"
    )
