"""What the visitor's own browser keeps from one visit to the next."""

from __future__ import annotations

import gradio as gr
from gradio.context import Context


def browser_memory(key: str) -> gr.BrowserState:
    """Make a value that the browser keeps under this key, empty (None) at the first visit.

    It stands outside of every tab. Gradio (6.31) reads it where it is drawn, and what is in a tab
    is drawn when that tab is first opened: the page's load event, which puts remembered choices
    back, comes before that and would get nothing.
    """
    here = Context.block
    Context.block = Context.root_block
    try:
        # The secret only keeps it readable across restarts; it hides nothing from its owner.
        return gr.BrowserState(None, storage_key=key, secret=key)
    finally:
        Context.block = here
