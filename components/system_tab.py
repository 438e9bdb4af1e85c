"""The System tab: where things run, how each engine is, what the models say about themselves."""

from __future__ import annotations

import platform
from collections.abc import Callable
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import Context

from components.card_view import brief_html, card_html
from components.context import AppContext
from components.events import LATEST, QUIET
from components.shell import STATE_WORDS, announce, engine_label, plain_html, spoken_text
from engines.runtime.device import memory_report
from engines.runtime.errors import ReleafError, WeightsCorruptError
from engines.runtime.health import EngineStatus
from engines.runtime.settings import ENV_PREFIX, Settings
from engines.runtime.weights import Card, load_card, packaged_weights_report

REFRESH_S = 5.0
# The tab gets the focus with the page, so that its name is read and the keyboard goes on there.
_OPEN_ABOUT = (
    "() => { const tab = document.getElementById('tab-about-button'); tab.focus(); tab.click(); }"
)
_PACKAGES = ("torch", "torchvision", "timm", "gradio")


def build(context: AppContext) -> gr.Timer:
    """Lay out the tab inside the current Gradio context; the timer it returns refreshes it."""
    said = spoken_text()
    with gr.Row(elem_classes="tab-head"):
        plain_html("<h2>System</h2>", elem_id="system-title")
        refresh = gr.Button("Refresh", size="sm", scale=0, min_width=120, elem_id="system-refresh")
    engines = plain_html(engines_html(context.pool.health()), elem_id="system-engines")
    retries = [_retry_button(status) for status in context.pool.health()]
    machine = plain_html(machine_html(context), elem_id="system-machine")
    models = plain_html(models_in_brief_html(context.settings), elem_id="system-models")
    cards = gr.Button("Read the whole cards", size="sm", scale=0, elem_id="system-cards")
    cards.click(None, js=_OPEN_ABOUT, api_visibility="private")
    plain_html(settings_html(context.settings), elem_id="system-settings")

    # Checkpoints change rarely: they are looked for with the page, and on request.
    often = [engines, *retries, machine]

    def current() -> tuple[Any, ...]:
        statuses = context.pool.health()
        buttons = [gr.Button(visible=status.state == "failed") for status in statuses]
        return engines_html(statuses), *buttons, machine_html(context)

    def everything() -> tuple[Any, ...]:
        return *current(), models_in_brief_html(context.settings), "Refreshed."

    timer = gr.Timer(REFRESH_S, active=False)
    timer.tick(current, outputs=often, queue=False, **QUIET)
    # Shown at once when the tab is opened, not at the timer's first tick.
    if isinstance(Context.block, gr.Tab):
        Context.block.select(current, outputs=often, queue=False, **LATEST)
    if Context.root_block is not None:
        Context.root_block.load(
            lambda: (*current(), models_in_brief_html(context.settings)),
            outputs=[*often, models],
            queue=False,
            **QUIET,
        )
    announce(refresh.click(everything, outputs=[*often, models, said], **QUIET), said)
    for name, button in zip(context.pool.names, retries):
        clicked = button.click(_retry(context, name), outputs=said, **QUIET)
        announce(clicked.success(current, outputs=often, **LATEST), said)
    return timer


def engines_html(statuses: tuple[EngineStatus, ...]) -> str:
    """Write each engine's state with the reason, and how fast it was."""
    if not statuses:
        return _section("Engines", "<p>There is no engine in this build yet.</p>")
    return _section("Engines", "".join(_engine_html(status) for status in statuses))


def machine_html(context: AppContext) -> str:
    """Write where models run, how long jobs wait, and the memory in use."""
    placement, lane, memory = context.pool.placement, context.pool.lane, memory_report()
    rows = [
        ("Device", str(placement.device)),
        ("Precision", str(placement.dtype).removeprefix("torch.")),
        ("Why", placement.reason),
        ("Profile", context.settings.profile),
        ("Jobs waiting", str(lane.depth)),
        ("Wait of the slowest 5 %", _milliseconds(lane.wait_times.p95_ms, "no job yet")),
        ("Memory used", _megabytes(memory.process_rss_mb)),
        ("Memory still free", _megabytes(memory.available_mb)),
    ]
    if memory.device_allocated_mb is not None:
        rows.append(("Memory used on the device", _megabytes(memory.device_allocated_mb)))
    rows.append(("Software", _software()))
    return _section("This machine", _facts(rows))


def models_html(settings: Settings) -> str:
    """Write the cards of the trained models and where pretrained weights come from."""
    weights = "".join(
        f"<li><strong>{escape(status.name)}</strong>: "
        + (f"found ({escape(status.where)})." if status.is_found else "not installed. ")
        + ("" if status.is_found else escape(status.how_to_get))
        + "</li>"
        for status in packaged_weights_report(settings)
    )
    return _section("Trained models", _cards_html(settings.checkpoints_dir, card_html)) + _section(
        "Pretrained weights",
        "<p>What training starts from, and what the chat and Upcycle read texts with.</p>"
        f"<ul>{weights}</ul>",
    )


def models_in_brief_html(settings: Settings) -> str:
    """Write the trained models with what each does; the About tab has their whole cards."""
    return _section("Trained models", _cards_html(settings.checkpoints_dir, brief_html))


def settings_html(settings: Settings) -> str:
    """Write the settings in force, and the variable that changes each."""
    rows = "".join(
        f'<tr><th scope="row"><code>{ENV_PREFIX}{name.upper()}</code></th>'
        f"<td>{escape(_shown(getattr(settings, name)))}</td>"
        f"<td>{escape(field.description or '')}</td></tr>"
        for name, field in Settings.model_fields.items()
    )
    table = (
        '<div class="table-scroll" tabindex="0" role="group" aria-label="Settings in force">'
        '<table class="settings"><thead><tr><th scope="col">Variable</th>'
        '<th scope="col">Value now</th><th scope="col">Meaning</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return _section(
        "Settings in force", f"<details><summary>Show all settings</summary>{table}</details>"
    )


def _engine_html(status: EngineStatus) -> str:
    words = STATE_WORDS[status.state]
    reason = status.reason or status.detail
    if status.state == "not_loaded" and not reason:
        reason = "It loads when it is first needed."
    since = f" Since {status.failed_at:%H:%M:%S} UTC." if status.failed_at is not None else ""
    rows = [
        ("Calls", f"{status.calls} ({status.errors} broke off)"),
        ("Half of the calls take at most", _milliseconds(status.p50_ms, "no call yet")),
        ("95 % of the calls take at most", _milliseconds(status.p95_ms, "no call yet")),
        ("Loading took", _milliseconds(status.load_ms, "not loaded yet")),
    ]
    return (
        f'<article class="engine"><h4>{escape(engine_label(status.name))} '
        f'<span class="state state-{status.state}">{words}</span></h4>'
        f"<p>{escape(reason)}{since}</p>{_facts(rows)}</article>"
    )


def _cards_html(folder: Path, write: Callable[[Card], str]) -> str:
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not folders:
        return (
            "<p>There is no trained model in the checkpoints folder. Restore it with git, or train "
            "one with: make train</p>"
        )
    return "".join(_card_or_reason(path, write) for path in folders)


def _card_or_reason(folder: Path, write: Callable[[Card], str]) -> str:
    try:
        card = load_card(folder)
    except WeightsCorruptError as error:
        return f'<p class="problem">{escape(str(error))}</p>'
    if card is None:
        return f'<p class="problem">The model in {escape(folder.name)} has no card.</p>'
    return write(card)


def _retry_button(status: EngineStatus) -> gr.Button:
    return gr.Button(
        f"Try again: {engine_label(status.name)}",
        visible=status.state == "failed",
        elem_id=f"system-retry-{status.name}",
    )


def _retry(context: AppContext, name: str) -> Callable[[], str]:
    def retry() -> str:
        try:
            context.pool.retry(name)
        except ReleafError as error:
            return str(error)
        return f"{engine_label(name)} is ready."

    return retry


def _section(title: str, body: str) -> str:
    return f'<section class="panel"><h3>{title}</h3>{body}</section>'


def _facts(rows: list[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table class="facts"><tbody>{body}</tbody></table>'


def _milliseconds(value: float | None, absent: str) -> str:
    if value is None:
        return absent
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.1f} ms"


def _megabytes(value: float) -> str:
    return f"{value / 1024:.1f} GB" if value >= 1024 else f"{value:.0f} MB"


def _shown(value: Any) -> str:
    """Write a setting's value; folders under the home folder without the person's name."""
    if isinstance(value, tuple):
        return ", ".join(_shown(part) for part in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Path) and value.is_relative_to(Path.home()):
        return f"~/{value.relative_to(Path.home()).as_posix()}"
    return "not set" if value is None else str(value)


def _software() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)
