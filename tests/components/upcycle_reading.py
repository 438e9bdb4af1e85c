"""How tests read what the Upcycle tab's handlers return."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from components.context import AppContext
from components.upcycle_actions import UpcycleTab
from components.upcycle_form import Form
from components.upcycle_show import FORM, OUTPUTS
from components.upcycle_visit import Visit
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.linking import Link, Near
from engines.upcycle.results import Recommendation, Recommendations
from engines.upcycle.safety import SafetyRules

NOTHING = tuple(getattr(Form(), name) for name in FORM)


def words(page: str) -> str:
    """Return the text of a page as a person reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def context_for(settings: Settings, lane: CpuLane) -> AppContext:
    """Make a context whose pool holds the upcycling engine alone."""
    pool = EnginePool(settings, lane)
    pool.register("upcycle", lambda: UpcycleEngine(settings, pool.placement))
    return AppContext(settings=settings, pool=pool)


def changes(updates: tuple[Any, ...]) -> dict[str, Any]:
    """Name what an action changes; updates become their values and are left out where skipped."""
    assert len(updates) == len(OUTPUTS)
    return {name: value for name, value in zip(OUTPUTS, updates) if value != gr.skip()}


def html_of(value: Any) -> str:
    """Read the text of an update or of HTML."""
    return words(value["value"] if isinstance(value, dict) else value)


def form(**values: Any) -> tuple[Any, ...]:
    """Fill in the form; what is not named lets everything through."""
    return tuple(values.get(name, given) for name, given in zip(FORM, NOTHING))


def found(tab: UpcycleTab, text: str, **values: Any) -> Visit:
    """Name a thing on the tab and return the visit that comes of it."""
    visit = changes(tab.find(text, None, *form(**values)))["visit"]
    assert isinstance(visit, Visit)
    return visit


def link_to(knowledge: Knowledge, item: str, *, quantity: int = 1) -> Link:
    """Link a known item, without an engine."""
    thing = SafetyRules(knowledge).thing(item)
    return Link(thing.name, thing, (Near(item, 1.0),), quantity, True, np.zeros(4, np.float32))


def found_for(link: Link, *best: Recommendation, **fields: Any) -> Recommendations:
    """Put recommendations together by hand."""
    return replace(Recommendations(link, best, (), None, {}, 1.0), **fields)
