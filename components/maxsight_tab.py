"""The MaxSight tab: a camera, a photo or a video in; what is ahead, how far, how urgent out."""

from __future__ import annotations

from typing import Any, cast

import gradio as gr
from gradio.context import Context

from components import maxsight_context, maxsight_sound
from components.browser_memory import browser_memory
from components.context import AppContext
from components.events import LATEST, QUIET
from components.maxsight_actions import MaxSightTab
from components.maxsight_camera_wording import camera_words_html
from components.maxsight_form import (
    DIRECTIONS,
    FORM,
    LANGUAGES,
    MODES,
    VOICE_CHOICES,
    Form,
    groups,
    range_of,
    voice_choice,
)
from components.photo_input import PhotoInput
from components.shell import announce, plain_html, spoken_text
from engines.maxsight.artificial_load import MAX_LOAD_MS
from engines.maxsight.preferences import Preferences

# The page's own camera: small enough to be sent 20 times a second, the rear one on a phone.
CAMERA = {
    "video": {
        "width": {"ideal": 640},
        "height": {"ideal": 480},
        "facingMode": {"ideal": "environment"},
    }
}
FRAME_EVERY_S = 0.05
REMEMBERED_AS = "releaf.maxsight"
VOICE_REMEMBERED_AS = "releaf.maxsight.voice"
NOTE = (
    '<p class="quiet"><strong>A demonstration, not a mobility aid.</strong> It misses things and '
    "misjudges distances. Never rely on it to walk, to cross a street or to stay safe.</p>"
)
KEYS = (
    '<p class="quiet">Keys: <kbd>S</kbd> start or stop, <kbd>R</kbd> repeat, <kbd>M</kbd> mute, '
    "<kbd>A</kbd> what is around me, <kbd>T</kbd> read text, <kbd>L</kbd> listen, "
    "<kbd>G</kbd> got it, <kbd>Esc</kbd> stop. "
    '<button type="button" class="action" data-maxsight-keys aria-pressed="true">Single keys'
    "</button></p>"
)
# Name, words, and how a button looks.
BUTTONS: tuple[tuple[str, str, Any], ...] = (
    ("start", "Start camera", "primary"),
    ("stop", "Stop", "stop"),
    ("repeat", "Repeat", "secondary"),
    ("mute", "Mute", "secondary"),
    ("around", "What is around me?", "secondary"),
    ("read", "Read text", "secondary"),
)

Parts = dict[str, Any]


def build(context: AppContext) -> None:
    """Lay out the tab inside the current Gradio context."""
    tab = MaxSightTab(context)
    parts: Parts = {
        "said": spoken_text(),
        "remembered": browser_memory(REMEMBERED_AS),
        "voice_remembered": browser_memory(VOICE_REMEMBERED_AS),
    }
    with gr.Column(elem_id="maxsight"):
        _hidden_parts(parts)
        # The words come with the heading: the page's script says them, in the alerts' language.
        plain_html(f"<h2>MaxSight</h2>{camera_words_html()}", elem_id="maxsight-title")
        plain_html(NOTE, elem_id="maxsight-note")
        with gr.Row(equal_height=False, elem_id="maxsight-live"):
            with gr.Column(scale=3, min_width=300):
                _buttons(parts)
                parts["camera"] = _camera()
                plain_html('<div data-part="picture"></div>', elem_id="maxsight-picture")
                with gr.Row(elem_id="maxsight-steps", visible=False) as parts["steps"]:
                    parts["back"] = gr.Button("Previous", min_width=90)
                    parts["play"] = gr.Button("Play or pause", min_width=90)
                    parts["forward"] = gr.Button("Next", min_width=90)
            with gr.Column(scale=2, min_width=280):
                plain_html(
                    '<div class="maxsight-state" data-part="state">'
                    "<p><span>Press Start camera, or choose a photo or a video below. To have "
                    'sounds named, go to <a href="#maxsight-sound">Sounds</a>.</span></p></div>',
                    elem_id="maxsight-status",
                )
                plain_html('<div data-part="list"></div>', elem_id="maxsight-list")
        plain_html(KEYS, elem_id="maxsight-keys")
        maxsight_context.build(context, tab, parts["read"])
        sounds = maxsight_sound.build(context, tab)
        parts["mode"] = gr.Radio(
            MODES, value=Preferences().mode, label="How much is shown", elem_id="maxsight-mode"
        )
        _settings(parts)
        _files(parts, context.settings.max_upload_mb)
        _pipeline(parts)
    _wire(tab, parts)
    sounds.follow_language(parts["language"])


def _hidden_parts(parts: Parts) -> None:
    """Make what carries data between the page's script and the server."""
    for name in ("message", "summary", "sent"):
        parts[name] = gr.Textbox(
            visible="hidden", show_label=False, max_lines=1, elem_id=f"maxsight-{name}"
        )
    parts["download"] = gr.DownloadButton(visible="hidden", elem_id="maxsight-download")


def _buttons(parts: Parts) -> None:
    with gr.Row(elem_id="maxsight-buttons"):
        for name, words, variant in BUTTONS:
            parts[name] = gr.Button(
                words, variant=variant, size="lg", min_width=110, elem_id=f"maxsight-{name}"
            )


def _camera() -> gr.Image:
    return gr.Image(
        sources=["webcam"],
        type="numpy",
        streaming=True,
        webcam_options=gr.WebcamOptions(mirror=False, constraints=CAMERA),
        show_label=False,
        label="Camera",
        buttons=[],
        elem_id="maxsight-camera",
    )


def _settings(parts: Parts) -> None:
    """Lay out the preferences; the fields are those of `Form`."""
    given = Form.of(Preferences())
    with gr.Accordion("Settings", open=False, elem_id="maxsight-settings"):
        parts["voice"] = gr.Radio(
            VOICE_CHOICES,
            value="page",
            label="Spoken by",
            info="This page: the browser's own voice. My screen reader: this page stays silent and "
            "your screen reader says each alert once. Off: alerts are only shown and felt.",
            elem_id="maxsight-voice",
        )
        parts["groups"] = gr.CheckboxGroup(
            groups(),
            value=list(given.groups or ()),
            label="Tell me of",
            info="What is not chosen is shown, but never spoken of.",
            elem_id="maxsight-groups",
        )
        with gr.Row():
            parts["distance_m"] = _slider("max_distance_m", given.distance_m, "Up to (metres)", 1)
            parts["seconds_between"] = _slider(
                "seconds_between", given.seconds_between, "Pause between alerts (seconds)", 1
            )
            parts["voice_speed"] = _slider("voice_speed", given.voice_speed, "Voice speed", 0.1)
        with gr.Row():
            parts["language"] = gr.Radio(
                LANGUAGES, value=given.language, label="Language of the alerts"
            )
            parts["direction"] = gr.Radio(DIRECTIONS, value=given.direction, label="Directions")
            parts["is_vibrating"] = gr.Checkbox(
                value=given.is_vibrating, label="Vibrate with alerts, where the device can"
            )
        parts["problem"] = plain_html("", elem_id="maxsight-settings-problem")


def _slider(name: str, value: float | None, label: str, step: float) -> gr.Slider:
    lowest, highest = range_of(name)
    return gr.Slider(
        lowest, highest, value=value, step=step, label=label, elem_id=f"maxsight-{name}"
    )


def _files(parts: Parts, max_upload_mb: float) -> None:
    with (
        gr.Accordion("Use a photo or a video instead", open=False, elem_id="maxsight-files"),
        gr.Row(),
    ):
        parts["photo"] = PhotoInput(
            label="Photo",
            sources=["upload", "clipboard"],
            type="filepath",
            height=180,
            buttons=[],
            placeholder="Drop a photo here\nor click to choose one",
            elem_id="maxsight-photo",
        )
        parts["video"] = gr.File(
            label=f"Video, up to {max_upload_mb:g} MB", height=180, elem_id="maxsight-video"
        )


def _pipeline(parts: Parts) -> None:
    """Lay out the view into the pipeline."""
    with gr.Accordion("How it works, frame by frame", open=False, elem_id="maxsight-pipeline"):
        plain_html('<div data-part="strip"></div>', elem_id="maxsight-strip")
        parts["load"] = gr.Slider(
            0,
            MAX_LOAD_MS,
            value=0,
            step=10,
            label="Artificial load (milliseconds)",
            info="Slows the first pass on your own frames, so that you can watch the gate skip the "
            "context pass.",
            elem_id="maxsight-load",
        )
        plain_html('<div data-part="log"></div>', elem_id="maxsight-log")
        parts["timeline"] = gr.Button(
            "Download the timeline (CSV)", size="sm", elem_id="maxsight-timeline"
        )


def _wire(tab: MaxSightTab, parts: Parts) -> None:
    message, summary = parts["message"], parts["summary"]
    # Frames never wait for another one: of a person's own, the server drops what comes too soon.
    unqueued: dict[str, Any] = {"concurrency_limit": None, **QUIET}
    newest = {**unqueued, **LATEST}
    parts["camera"].stream(
        tab.look,
        [parts["camera"], parts["sent"]],
        message,
        stream_every=FRAME_EVERY_S,
        time_limit=None,
        **unqueued,
    )
    message.change(None, message, js="(m) => { window.releafMaxSight?.show(m); }", **QUIET)
    summary.change(None, summary, js="(m) => { window.releafMaxSight?.summary(m); }", **QUIET)
    parts["stop"].click(tab.stop, None, message, **unqueued)
    parts["around"].click(tab.around, None, summary, **unqueued)

    opened = parts["photo"].input(
        tab.photo, parts["photo"], message, api_name="look", concurrency_limit=None,
        show_progress="hidden", trigger_mode="always_last",
    )  # fmt: skip
    opened.then(lambda: gr.Row(visible=False), None, parts["steps"], **LATEST)
    parts["video"].upload(tab.video, parts["video"], message, **newest).then(
        lambda: gr.Row(visible=True), None, parts["steps"], **LATEST
    )
    parts["video"].clear(tab.video, parts["video"], message, **newest).then(
        lambda: gr.Row(visible=False), None, parts["steps"], **LATEST
    )
    for name, action in (("back", tab.back), ("forward", tab.forward), ("play", tab.play)):
        # Play pressed again pauses, so it must get through while it runs.
        parts[name].click(action, None, message, trigger_mode="multiple", **unqueued)

    form = [parts[name] for name in FORM]
    preferring: dict[str, Any] = {
        "fn": tab.prefer,
        "inputs": form,
        "outputs": [parts["problem"], parts["remembered"]],
        **LATEST,
    }
    # Also when the camera is started: a session ends when it is left alone, the page doesn't.
    gr.on([*(part.input for part in form), parts["start"].click], **preferring)
    parts["mode"].change(
        None, parts["mode"], js="(mode) => { window.releafMaxSight?.mode(mode); }", **QUIET
    )
    parts["voice"].change(
        None, parts["voice"], js="(who) => { window.releafMaxSight?.spokenBy(who); }", **QUIET
    )
    parts["voice"].input(
        None, parts["voice"], parts["voice_remembered"], js="(who) => who", **LATEST
    )
    parts["language"].change(
        None, parts["language"], js="(tag) => { window.releafMaxSight?.language(tag); }", **QUIET
    )
    gr.on(
        [parts["load"].input, parts["start"].click],
        tab.load,
        parts["load"],
        None,
        **newest,
    )
    saved = parts["timeline"].click(
        tab.timeline, None, [parts["download"], parts["said"]], **unqueued
    )
    announce(saved, parts["said"]).success(
        None, js="() => { window.releafAsk.press('maxsight-download'); }", **QUIET
    )
    page = cast(gr.Blocks, Context.root_block)
    # The script is told by itself: a choice that stands folded away does not tell of its change.
    page.load(tab.recall, parts["remembered"], form, **QUIET).then(
        None,
        [parts["mode"], parts["language"]],
        js="(mode, tag) => { window.releafMaxSight?.recalled(mode, tag); }",
        **QUIET,
    )
    page.load(voice_choice, parts["voice_remembered"], parts["voice"], **QUIET).then(
        None, parts["voice"], js="(who) => { window.releafMaxSight?.spokenBy(who); }", **QUIET
    )
    page.unload(tab.leave)
