"""What MaxSight's page says by itself of camera and text, in the language of the alerts."""

from __future__ import annotations

import json
from functools import cache
from html import escape

from components.maxsight_message import VOICES
from engines.maxsight.classes import CLASSES_FILE
from engines.maxsight.context_wording import read_texts
from engines.maxsight.preferences import LANGUAGES

CAMERA_WORDING_FILE = CLASSES_FILE.with_name("camera_wording.yaml")

_STATES = (
    "starting allow looking first no_camera stopped again no_clear_view nothing danger cannot_look "
    "waiting old no_answer answers"
)
_STOPPED = "other_source left_tab hidden left_page other_page taken"
_SAID = "last nothing muted unmuted keys_on keys_off"
_READ = "reading takes failed found none unseen"
_REFUSED = "NotFoundError NotReadableError AbortError insecure other"
# Every text of the file, by its dotted path, and what it has to fill in.
PLACES: dict[str, set[str]] = {
    **{f"state.{name}": set() for name in _STATES.split()},
    "stopped.said": {"why"},
    **{f"stopped.{name}": set() for name in _STOPPED.split()},
    **{f"said.{name}": set() for name in _SAID.split()},
    **{f"silent.{name}": set() for name in ("muted", "switched_off", "reader", "no_voice")},
    "find.looking_for": {"name"},
    "find.start": set(),
    **{f"read.{name}": set() for name in _READ.split()},
    "read.frame": {"frame"},
    "refused.NotAllowedError": {"how"},
    **{f"refused.{name}": set() for name in _REFUSED.split()},
    "refused.photo": {"why"},
    **{f"allow.{name}": set() for name in ("ios", "firefox", "safari", "other")},
}


@cache
def camera_words_html() -> str:
    """Write the words for maxsight_words.js, which reads them from this part of the page.

    Raises:
        ValueError: if the file of words does not fit.
    """
    texts = read_texts(CAMERA_WORDING_FILE, PLACES)
    words = {
        language: {"tag": VOICES[language], "texts": texts[language]} for language in LANGUAGES
    }
    given = escape(json.dumps(words, ensure_ascii=False))
    return f'<div id="maxsight-words" data-words="{given}" hidden></div>'
