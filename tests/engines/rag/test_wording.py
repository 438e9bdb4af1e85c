"""Words and pairs of words tell what kind of question it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.rag.wording import Wording, grams

PRICE = Wording({"how much": -2.0, "cost": -1.0, "where": 1.0}, 0.5)


def test_words_and_pairs_of_neighbours_count_once() -> None:
    assert grams("Where, oh where?") == ["oh", "oh where", "where", "where oh"]
    assert grams("") == []


@pytest.mark.parametrize(
    ("question", "odds"),
    [
        pytest.param("Where?", 1.5, id="one known word"),
        pytest.param("How much does it cost", (-2.0 - 1.0) / 2**0.5 + 0.5, id="two grams"),
        pytest.param("much how", 0.5, id="another order"),
        pytest.param("", 0.5, id="nothing"),
    ],
)
def test_odds_are_the_sum_over_a_vector_of_length_one(question: str, odds: float) -> None:
    assert PRICE.odds(question) == pytest.approx(odds)


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    PRICE.save(tmp_path)
    assert Wording.load(tmp_path) == PRICE


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "wording.json").write_text('{"bias": 1}')
    with pytest.raises(KeyError):
        Wording.load(tmp_path)
