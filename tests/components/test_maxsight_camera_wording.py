"""What the page says by itself of the camera: whole in every language, and all of it used."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
import yaml

from components.maxsight_camera_wording import CAMERA_WORDING_FILE, PLACES, camera_words_html
from components.shell import SCRIPTS, WEB_DIR
from engines.maxsight.context_wording import read_texts
from engines.maxsight.preferences import LANGUAGES

SCRIPT = "\n".join((WEB_DIR / name).read_text("utf-8") for name in SCRIPTS)
# Where the page's script asks for a text by its whole name.
ASKED = set(re.findall(r'"((?:state|stopped|said|silent|find|read|refused)\.\w+)"', SCRIPT))
# Of these the script puts the name together from what the browser says.
BY_BROWSER = ("refused.", "allow.")


def shipped() -> dict[str, dict[str, str]]:
    return {
        language: dict(texts) for language, texts in read_texts(CAMERA_WORDING_FILE, PLACES).items()
    }


def test_the_script_asks_for_texts_that_there_are_and_leaves_none_out() -> None:
    assert set(PLACES) >= ASKED
    unused = [name for name in PLACES if name not in ASKED and not name.startswith(BY_BROWSER)]
    assert unused == []


def test_the_page_holds_every_text_and_the_voice_of_every_language() -> None:
    (given,) = re.findall(r'data-words="([^"]*)"', camera_words_html())
    words = json.loads(unescape(given))
    assert {language: each["texts"] for language, each in words.items()} == shipped()
    assert [words[language]["tag"][:2] for language in LANGUAGES] == list(LANGUAGES)


def test_no_language_repeats_the_english_words() -> None:
    texts = shipped()
    for language in set(LANGUAGES) - {"en"}:
        same = [name for name, text in texts[language].items() if text == texts["en"][name]]
        assert same == []


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("state.stopped", "", "state.stopped is no text"),
        ("stopped.said", "Kamera aus.", "stopped.said has to fill in why"),
        ("state.new", "Neu", "missing or not known: state.new"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_place(
    name: str, text: str, complaint: str, tmp_path: Path
) -> None:
    loaded = yaml.safe_load(CAMERA_WORDING_FILE.read_text("utf-8"))
    part, key = name.split(".")
    loaded["de"][part][key] = text
    path = tmp_path / "camera_wording.yaml"
    path.write_text(yaml.safe_dump(loaded), "utf-8")
    with pytest.raises(ValueError, match=re.escape(complaint)):
        read_texts(path, PLACES)
