from __future__ import annotations

from pathlib import Path

import pytest

from engines.rag.synonyms import FILE_NAME, Synonyms
from engines.runtime.errors import InputError
from engines.runtime.settings import Settings

WORDS = {"telly": "television", "tin": "food can", "tin foil": "aluminium foil"}


@pytest.mark.parametrize(
    ("question", "widened"),
    [
        ("old telly", "old telly (television)"),
        ("old Tellys?", "old Tellys? (television)"),
        ("tin foil", "tin foil (aluminium foil)"),
        ("a tin and a telly", "a tin and a telly (food can, television)"),
        ("a telly is a television", "a telly is a television"),
        ("casting and stint", "casting and stint"),
        ("", ""),
    ],
)
def test_everyday_words_bring_the_documents_words(question: str, widened: str) -> None:
    assert Synonyms(WORDS).widen(question) == widened


def test_everyday_words_give_way_to_the_documents_words() -> None:
    assert Synonyms(WORDS).replace("tin foil on old Tellys?") == (
        "aluminium foil on old television?"
    )
    assert Synonyms({}).replace("old telly") == "old telly"


def test_without_a_file_nothing_is_added(tmp_path: Path) -> None:
    assert Synonyms.load(tmp_path).widen("old telly") == "old telly"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("- telly\n")
    with pytest.raises(InputError, match="synonyms"):
        Synonyms.load(tmp_path)


def test_the_shipped_file_can_be_read() -> None:
    assert Synonyms.load(Settings().knowledge_dir).widen("old telly") == "old telly (television)"
