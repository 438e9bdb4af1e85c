"""The page around the tabs: header, appearance, live regions, footer."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from components import present
from components.context import AppContext
from components.events import EACH, QUIET
from components.page_guard import GuardedBlocks
from components.theme import bin_variables
from engines.runtime.health import EngineStatus
from engines.runtime.settings import REPO_ROOT

TITLE = "ReleAF + MaxSight"
PURPOSE = "Show a thing or ask about it, and learn which bin it belongs in."
DISCLAIMER = "A demonstration, not a certified sorting or mobility aid."
WEB_DIR = REPO_ROOT / "assets" / "web"
ICON_PATH = WEB_DIR / "icon.svg"
SHEETS = (
    "app.css",
    "waste.css",
    "ask.css",
    "upcycle.css",
    "journey.css",
    "maxsight.css",
    "maxsight_context.css",
    "maxsight_sound.css",
    "present.css",
    "about.css",
)
SCRIPTS = (
    "event_stream.js",
    "app.js",
    "ask.js",
    "upcycle.js",
    "journey.js",
    "maxsight_draw.js",
    "maxsight_words.js",
    "maxsight_voice.js",
    "maxsight_view.js",
    "maxsight_camera.js",
    "maxsight_tone.js",
    "maxsight_context_view.js",
    "maxsight_context.js",
    "maxsight.js",
    "maxsight_keys.js",
    "maxsight_microphone.js",
    "maxsight_alarm.js",
    "maxsight_sound_pieces.js",
    "maxsight_sound_memory.js",
    "maxsight_sound_view.js",
    "maxsight_sound.js",
    "present.js",
)

FOOTER_BUSY_S = 3.0
FOOTER_SETTLED_S = 20.0

STATE_WORDS = {
    "not_loaded": "not loaded",
    "loading": "loading",
    "loaded": "ready",
    "failed": "not available",
}


@dataclass(frozen=True)
class TabSpec:
    """Name one tab and the module whose `build(context)` draws it.

    `build` may return a gr.Timer; it then ticks only while that tab is open.
    """

    label: str
    id: str
    module: str


TABS = (
    TabSpec("Waste", "waste", "components.waste_tab"),
    TabSpec("Ask", "ask", "components.chat_tab"),
    TabSpec("Upcycle", "upcycle", "components.upcycle_tab"),
    TabSpec("MaxSight", "maxsight", "components.maxsight_tab"),
    TabSpec("System", "system", "components.system_tab"),
    TabSpec("About", "about", "components.about_tab"),
)

ENGINE_LABELS = {
    "rag": "Chat",
    "llm": "Language model",
    "maxsight": "MaxSight",
    "maxsight-sound": "Sounds",
}

_APPEARANCES = (("light", "Light"), ("dark", "Dark"), ("contrast", "High contrast"))

_LEAF = (
    '<svg class="brand-leaf" viewBox="0 0 32 32" width="36" height="36" aria-hidden="true" '
    'focusable="false"><path d="M5 27C5 13 13 5 28 5c0 14-7 22-18.5 22M5 28c3-8 8-13 15-16" '
    'fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" '
    'stroke-linejoin="round"/></svg>'
)


def build_app(context: AppContext) -> gr.Blocks:
    """Build the page with the tabs whose modules are there."""
    with GuardedBlocks(
        context.settings, title=TITLE, analytics_enabled=False, fill_width=True
    ) as app:
        plain_html(_header_html(), elem_id="site-header")
        plain_html(_live_regions_html(), elem_id="live-regions")
        with gr.Column(elem_id="main"):
            _build_tabs(context)
        _build_footer(context, app)
    # Every call may wait in a thread of its own: the order and the polite refusal are the lane's.
    app.queue(default_concurrency_limit=None, api_open=False)
    return app


def page_head() -> str:
    """Write what belongs in the page's <head>: meta data, styles and the page's own script."""
    script = "\n".join((WEB_DIR / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return (
        '<meta name="theme-color" content="#f6f8f5">'
        f'<meta name="description" content="{escape(PURPOSE)}">'
        '<link rel="icon" type="image/svg+xml" href="favicon.ico">'
        f"<style>{page_css()}</style><script>{script}</script>"
    )


def page_css() -> str:
    """Write the page's styles: the bins' colours for each appearance, then the sheets."""
    variables = (
        f":root {{ {bin_variables('light')} }}\n"
        f":root body.dark {{ {bin_variables('dark')} }}\n"
        f":root[data-appearance='contrast'] body.dark {{ {bin_variables('contrast')} }}\n"
    )
    sheets = [(WEB_DIR / name).read_text(encoding="utf-8") for name in SHEETS]
    return variables + "\n".join(sheets)


def launch_options(context: AppContext) -> dict[str, Any]:
    """Collect the keyword arguments of `Blocks.launch` that belong to the page."""
    from components.theme import build_theme

    settings = context.settings
    return {
        "theme": build_theme(),
        "head": page_head(),
        "favicon_path": str(ICON_PATH),
        "server_name": settings.host,
        "server_port": settings.port,
        "max_file_size": int(settings.max_upload_mb * 1024 * 1024),
        "max_threads": settings.queue_limit + 24,
        "allowed_paths": [str(Path(settings.examples_dir).resolve())],
        "show_error": True,
        "ssr_mode": False,
        "footer_links": [],
        "run_history": False,
        "quiet": True,
    }


def plain_html(value: str, *, elem_id: str) -> gr.HTML:
    """Make a piece of the page that app.css alone styles."""
    return gr.HTML(value, elem_id=elem_id, elem_classes="plain", apply_default_css=False)


def announce(event: Dependency, text: Component, *, is_urgent: bool = False) -> Dependency:
    """Speak the text of a component to screen readers once, when an event has succeeded.

    The same text is spoken again when the event happens again. Nothing is shown.

    Args:
        event: what a listener such as `button.click(...)` returned.
        text: the component that holds the sentence; `spoken_text()` makes a hidden one.
        is_urgent: whether to interrupt what is being read.
    """
    js = f"(text) => {{ window.releaf.announce(text, {str(is_urgent).lower()}); }}"
    return event.success(fn=None, inputs=text, js=js)


def spoken_text() -> gr.Textbox:
    """Make a hidden text to write a sentence for `announce` into."""
    return gr.Textbox(visible=False, label="Spoken text")


def engine_label(name: str) -> str:
    """Name an engine for a person: "waste" becomes "Waste", "rag" becomes "Chat"."""
    return ENGINE_LABELS.get(name) or name.replace("_", " ").capitalize()


def footer_html(statuses: tuple[EngineStatus, ...]) -> str:
    """Write the footer: how each engine is, and what this app is not."""
    items = "".join(
        f'<li class="health health-{status.state}"><span class="health-dot" aria-hidden="true">'
        f"</span>{escape(engine_label(status.name))}: {STATE_WORDS[status.state]}</li>"
        for status in statuses
    )
    health = f'<ul class="health-list" aria-label="Engines">{items}</ul>' if items else ""
    return f'<footer class="site-footer">{health}<p>{DISCLAIMER}</p></footer>'


def is_settled(statuses: tuple[EngineStatus, ...]) -> bool:
    """Say whether no engine is on its way to another state."""
    return all(status.state in ("loaded", "failed") for status in statuses)


def _build_tabs(context: AppContext) -> None:
    present = [spec for spec in TABS if importlib.util.find_spec(spec.module) is not None]
    timers: dict[str, gr.Timer] = {}
    with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
        for spec in present:
            with gr.Tab(spec.label, id=spec.id, elem_id=f"tab-{spec.id}"):
                timer = importlib.import_module(spec.module).build(context)
            if timer is not None:
                timers[spec.label] = timer
                timer.active = spec is present[0]
    if not timers:
        return

    def only_open_one(event: gr.SelectData) -> Any:
        updates = [gr.Timer(active=label == event.value) for label in timers]
        return updates if len(updates) > 1 else updates[0]

    tabs.select(
        only_open_one,
        outputs=list(timers.values()),
        queue=False,
        **EACH,
    )


def _build_footer(context: AppContext, app: gr.Blocks) -> None:
    footer = plain_html(footer_html(context.pool.health()), elem_id="site-footer")
    timer = gr.Timer(FOOTER_BUSY_S)

    def refresh() -> tuple[str, gr.Timer]:
        statuses = context.pool.health()
        pause_s = FOOTER_SETTLED_S if is_settled(statuses) else FOOTER_BUSY_S
        return footer_html(statuses), gr.Timer(pause_s)

    gr.on(
        [app.load, timer.tick],
        refresh,
        outputs=[footer, timer],
        queue=False,
        **QUIET,
    )


def _header_html() -> str:
    buttons = "".join(
        f'<button type="button" data-appearance-choice="{choice}" aria-pressed="false">{word}'
        "</button>"
        for choice, word in _APPEARANCES
    )
    return (
        '<a class="skip-link" href="#main">Skip to the main part</a>'
        f'<header class="site-header"><div class="brand">{_LEAF}<div>'
        f'<h1 class="brand-name">{escape(TITLE)}</h1>'
        f'<p class="brand-purpose">{escape(PURPOSE)}</p></div></div>'
        f'<div class="site-tools">{present.button_html()}'
        f'<div class="appearance" role="group" aria-label="Appearance">{buttons}</div></div>'
        f"</header>{present.bar_html()}"
    )


def _live_regions_html() -> str:
    return (
        '<div id="live-polite" class="visually-hidden" role="status" aria-live="polite" '
        'aria-atomic="true"></div>'
        '<div id="live-assertive" class="visually-hidden" role="alert" aria-live="assertive" '
        'aria-atomic="true"></div>'
    )
