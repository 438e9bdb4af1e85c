"""What the section "Sounds" does when a piece of sound or a file comes in."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr

from components.maxsight_actions import MaxSightTab
from components.maxsight_message import as_json
from components.maxsight_sound_hearing import Hearing
from components.maxsight_sound_message import sound_error
from components.maxsight_viewer import Viewer
from engines.runtime.errors import EngineUnavailableError

log = logging.getLogger(__name__)

BROKE_OFF = EngineUnavailableError("Listening broke off unexpectedly.", "Start it again.")


class SoundTab:
    """The handlers of the section. A person's ears live as long as that person's `Viewer`.

    Args:
        tab: of the MaxSight tab; its viewers hold the preferences.
        clock: seconds, rising.
    """

    def __init__(self, tab: MaxSightTab, clock: Callable[[], float] = time.monotonic) -> None:
        self._tab, self._clock = tab, clock
        self._lock = threading.Lock()
        self._hearings: WeakKeyDictionary[Viewer, Hearing] = WeakKeyDictionary()

    def hear(self, request: gr.Request, text: str | None) -> Any:
        """Take a piece of sound from the microphone and say what is heard."""
        if not text:
            return gr.skip()
        viewer = self._tab.viewer(request)
        try:
            return as_json(self.hearing(viewer).hear(text, viewer.preferences))
        except Exception:
            log.exception("a piece of sound broke off")
            return as_json(sound_error(BROKE_OFF, run="", number=0))

    def file(self, request: gr.Request, path: str | None) -> Iterator[Any]:
        """Listen to a file that was handed in, and say now and then how far it is."""
        if path is None:
            return
        viewer = self._tab.viewer(request)
        hearing = self.hearing(viewer)
        try:
            for message in hearing.file(Path(path), lambda: viewer.preferences):
                # Asking keeps a person's session alive; whoever left the page has another one.
                if self._tab.viewer(request) is not viewer:
                    hearing.leave_file()
                    return
                yield as_json(message)
        except Exception:
            log.exception("a file of sound broke off")
            yield as_json({**sound_error(BROKE_OFF, run="", number=0), "source": "file"})

    def leave_file(self, request: gr.Request) -> None:
        """End listening to the file: it was taken away, or the microphone was started."""
        self.hearing(self._tab.viewer(request)).leave_file()

    def hearing(self, viewer: Viewer) -> Hearing:
        """Return a person's ears, new ones for a new person."""
        with self._lock:
            hearing = self._hearings.get(viewer)
            if hearing is None:
                hearing = Hearing(self._tab.context.pool, self._clock)
                self._hearings[viewer] = hearing
                viewer.ears = hearing.heard_now
            return hearing
