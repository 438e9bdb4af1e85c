"""How the page's events are called: shown quietly, and none left out because another is under way.

Gradio's usual trigger mode, "once", leaves out an event that comes while one of its kind is still
answered. That suits a button that starts something. It does not suit a choice, nor what follows an
answer: the page would go on showing the last but one. Those are of the mode "always_last", which
runs once more afterwards with what is chosen then. Gradio 6.31 repeats the first event's data in
that mode, so events that read `gr.SelectData` are of the mode "multiple".
"""

from __future__ import annotations

from typing import Any

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
EACH: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
