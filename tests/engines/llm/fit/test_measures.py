"""Measures of answers, against values worked out by hand and the libraries' own."""

from __future__ import annotations

import pytest

from engines.llm.fit.measures import bleu, interval_of, is_exact, rouge_l, token_f1


def test_case_marks_punctuation_and_articles_do_not_count_for_exactness() -> None:
    assert is_exact("Put the lid on. [2]", "put lid on")
    assert not is_exact("Put the lid on.", "Take the lid off.")


@pytest.mark.parametrize(
    ("answer", "wanted", "expected"),
    [
        ("rinse it", "rinse it", 1.0),
        ("rinse it well", "rinse it", 0.8),
        ("dry", "rinse", 0.0),
        ("", "", 1.0),
        ("rinse", "", 0.0),
        ("no no no", "no", 0.5),
    ],
    ids=["the same", "a word more", "nothing shared", "both empty", "one empty", "repeated"],
)
def test_token_f1(answer: str, wanted: str, expected: float) -> None:
    assert token_f1(answer, wanted) == pytest.approx(expected)


def test_rouge_l_counts_the_longest_common_run() -> None:
    # Common subsequence "rinse jar": 2 of 3 words on both sides.
    assert rouge_l()("rinse the jar [1]", "rinse a jar") == pytest.approx(2 / 3)


def test_bleu_of_the_same_text_is_100_and_ignores_marks() -> None:
    text = "Put the empty jar in the glass bank."
    assert bleu([f"{text} [1]"], [text]) == pytest.approx(100)
    assert bleu(["Nothing at all is shared here."], [text]) < 10


def test_the_interval_holds_the_mean_and_narrows_with_more_values() -> None:
    few, many = interval_of([0, 1] * 5), interval_of([0, 1] * 500)
    assert few is not None and many is not None
    assert few.low <= few.mean == 0.5 <= few.high
    assert many.high - many.low < 0.3 * (few.high - few.low)
    assert interval_of([]) is None
