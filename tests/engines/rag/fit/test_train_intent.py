"""The labelled questions are sound, and the fit, the measurement and the card do their work."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rapidfuzz import fuzz
from sklearn.linear_model import LogisticRegression

from engines.rag.fit import train_intent
from engines.rag.fit.train_intent import (
    QUESTIONS,
    LabelledQuestion,
    bootstrap_interval,
    fit_intents,
    load_questions,
    measure,
    write_checkpoint,
)
from engines.rag.intent import INTENTS, IntentClassifier
from engines.runtime.errors import InputError

WIDTH = 512


def bag_of_words(questions: tuple[LabelledQuestion, ...]) -> NDArray[np.float32]:
    """Embed questions as hashed words of length 1: enough to learn from, and there at once."""
    vectors = np.zeros((len(questions), WIDTH), np.float32)
    for row, question in zip(vectors, questions, strict=True):
        for word in ["", *re.findall(r"\w+", question.text.lower())]:
            row[zlib.crc32(word.encode()) % WIDTH] += 1
        row /= np.linalg.norm(row)
    return vectors


@pytest.fixture(scope="module")
def questions() -> tuple[LabelledQuestion, ...]:
    return load_questions()


@pytest.fixture(scope="module")
def vectors(questions: tuple[LabelledQuestion, ...]) -> NDArray[np.float32]:
    return bag_of_words(questions)


# --- the data


def test_there_are_700_questions_in_the_wanted_shares(
    questions: tuple[LabelledQuestion, ...],
) -> None:
    counts = Counter(question.split for question in questions)
    assert len(questions) >= 700
    for split, share in (("train", 0.60), ("dev", 0.15), ("test", 0.25)):
        assert counts[split] / len(questions) == pytest.approx(share, abs=0.02)


def test_every_intent_is_well_represented_in_every_split(
    questions: tuple[LabelledQuestion, ...],
) -> None:
    counts = Counter((question.intent, question.split) for question in questions)
    assert {intent for intent, _ in counts} == set(INTENTS)
    assert min(counts[intent, split] for intent in INTENTS for split in ("train", "test")) >= 15


def test_no_question_is_there_twice_and_no_rewording_crosses_the_splits(
    questions: tuple[LabelledQuestion, ...],
) -> None:
    texts = [" ".join(re.findall(r"\w+", question.text.lower())) for question in questions]
    assert len(set(texts)) == len(texts)
    near = [
        (questions[i].text, questions[j].text)
        for i in range(len(texts))
        for j in range(i)
        if questions[i].split != questions[j].split
        and questions[i].intent == questions[j].intent
        and fuzz.token_sort_ratio(texts[i], texts[j]) > 85
    ]
    assert near == []


def test_many_questions_are_written_as_people_type(
    questions: tuple[LabelledQuestion, ...],
) -> None:
    casual = [q for q in questions if q.text[0].islower() or q.text[-1] not in "?.!"]
    assert len(casual) / len(questions) >= 1 / 3


def test_words_alone_do_not_decide_what_is_out_of_scope(
    questions: tuple[LabelledQuestion, ...],
) -> None:
    """Words of waste stand in questions about other things, so a word list would fail."""
    words = re.compile(r"\b(?:can|paper|plastic|battery|bin|green|glass|garbage|recycl\w*|trash)\b")
    trapped = [q for q in questions if q.intent == "out_of_scope" and words.search(q.text.lower())]
    assert len(trapped) >= 30


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "is not an object"),
        ('["a"]', "is not an object"),
        ('{"text": "a", "intent": "reuse"}', "is not an object"),
        ('{"text": "a", "intent": "gossip", "split": "dev"}', "unknown intent 'gossip'"),
        ('{"text": "a", "intent": "reuse", "split": "val"}', "unknown split 'val'"),
        ('{"text": "  ", "intent": "reuse", "split": "dev"}', "has no text"),
        ('{"text": 3, "intent": "reuse", "split": "dev"}', "has no text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    good = '{"text": "a", "intent": "reuse", "split": "dev"}'
    path = tmp_path / "some.jsonl"
    path.write_text(f"{good}\n{line}\n")
    with pytest.raises(InputError, match=f"Line 2 of some.jsonl .*{reason}"):
        load_questions(path)


# --- the fit


def test_the_fit_is_the_one_of_scikit_learn_with_the_best_c_on_dev(
    questions: tuple[LabelledQuestion, ...], vectors: NDArray[np.float32]
) -> None:
    fitted = fit_intents(questions, vectors)
    best = max(fitted.dev_macro_f1.values())
    assert fitted.dev_macro_f1[str(fitted.chosen_c)] == best
    train = [index for index, question in enumerate(questions) if question.split == "train"]
    labels = [INTENTS.index(questions[index].intent) for index in train]
    model = LogisticRegression(C=fitted.chosen_c, class_weight="balanced", max_iter=2000)
    model.fit(vectors[train], labels)
    ours = IntentClassifier(fitted.weight, fitted.bias)
    for index in range(0, len(questions), 37):
        np.testing.assert_allclose(
            list(ours.predict(vectors[index]).probabilities.values()),
            model.predict_proba(vectors[index : index + 1])[0],
            atol=1e-4,
        )


def test_even_from_bare_words_it_learns_more_than_the_commonest_intent(
    questions: tuple[LabelledQuestion, ...], vectors: NDArray[np.float32]
) -> None:
    fitted = fit_intents(questions, vectors)
    found = measure(IntentClassifier(fitted.weight, fitted.bias), questions, vectors)
    counts = Counter(question.intent for question in questions if question.split == "test")
    assert found["accuracy"][0] > 2 * max(counts.values()) / sum(counts.values())


def test_test_questions_do_not_change_the_fit(
    questions: tuple[LabelledQuestion, ...], vectors: NDArray[np.float32]
) -> None:
    shuffled = np.array(vectors)
    is_test = np.array([question.split == "test" for question in questions])
    shuffled[is_test] = np.random.default_rng(0).permutation(shuffled[is_test])
    one, other = fit_intents(questions, vectors), fit_intents(questions, shuffled)
    np.testing.assert_array_equal(one.weight, other.weight)


def test_an_intent_without_train_questions_stops_the_fit(
    questions: tuple[LabelledQuestion, ...], vectors: NDArray[np.float32]
) -> None:
    kept = [i for i, q in enumerate(questions) if (q.intent, q.split) != ("reuse", "train")]
    with pytest.raises(InputError, match="No train question has the intent reuse"):
        fit_intents([questions[i] for i in kept], vectors[kept])


# --- the measurement and the card


def hand_made() -> tuple[list[LabelledQuestion], NDArray[np.float64], IntentClassifier]:
    """Return four test questions, one of them wrong, for a classifier that reads one-hot rows."""
    labels = ["disposal", "hazard", "hazard", "reuse"]
    shown = ["disposal", "hazard", "disposal", "reuse"]
    vectors = np.array([[float(name == intent) for intent in INTENTS] for name in shown])
    questions = [LabelledQuestion(f"q{i}", label, "test") for i, label in enumerate(labels)]
    return questions, vectors, IntentClassifier(8 * np.eye(7), np.zeros(7))


def test_the_measurement_counts_right_answers_and_confusions() -> None:
    questions, vectors, classifier = hand_made()
    found = measure(classifier, questions, vectors)
    assert found["accuracy"][0] == 0.75
    assert found["accuracy"][1] <= 0.75 <= found["accuracy"][2]
    assert found["per_intent"]["hazard"] == {"precision": 1.0, "recall": 0.5, "questions": 2}
    assert found["per_intent"]["disposal"]["precision"] == 0.5
    row = found["confusion_matrix"][INTENTS.index("hazard")]
    assert (row[INTENTS.index("disposal")], row[INTENTS.index("hazard")]) == (1, 1)
    assert [(miss["text"], miss["true"], miss["guessed"]) for miss in found["failures"]] == [
        ("q2", "hazard", "disposal")
    ]


def test_the_interval_of_equal_values_is_a_point_and_more_questions_make_it_narrower() -> None:
    assert bootstrap_interval(np.ones(9)) == (1.0, 1.0, 1.0)
    few, many = np.array([0.0, 1.0] * 10), np.array([0.0, 1.0] * 500)
    widths = [high - low for _, low, high in map(bootstrap_interval, (few, many))]
    assert widths[1] < widths[0] / 5


def test_the_checkpoint_can_be_loaded_and_its_card_names_data_command_and_failures(
    tmp_path: Path, questions: tuple[LabelledQuestion, ...], vectors: NDArray[np.float32]
) -> None:
    fitted = fit_intents(questions, vectors)
    classifier = IntentClassifier(fitted.weight, fitted.bias)
    test = measure(classifier, questions, vectors)
    write_checkpoint(tmp_path, fitted, test, questions, command="python -m it")
    loaded = IntentClassifier.from_folder(tmp_path)
    for index in range(0, len(questions), 53):
        assert loaded.predict(vectors[index]) == classifier.predict(vectors[index])
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["command"] == ["python -m it"]
    assert card["metrics"]["test"]["accuracy"] == list(test["accuracy"])
    assert card["inference"]["width"] == WIDTH
    assert any(repr(test["failures"][0]["text"]) in limit for limit in card["limits"])
    assert str(len(questions)) in card["data"][QUESTIONS.name]


def test_the_command_fits_on_the_real_embeddings_and_writes_a_checkpoint(
    tmp_path: Path, questions: tuple[LabelledQuestion, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    few = [q for index, q in enumerate(questions) if index % 6 == 0]
    data = tmp_path / "few.jsonl"
    data.write_text("".join(json.dumps(vars(question)) + "\n" for question in few))
    train_intent.main(["--out", str(tmp_path / "intent"), "--data", str(data)])
    loaded = IntentClassifier.from_folder(tmp_path / "intent")
    printed = json.loads(capsys.readouterr().out)
    assert loaded.width == 384
    assert printed["questions"] == sum(question.split == "test" for question in few)
    # A sixth of the questions is enough to be right far more often than by chance.
    assert printed["accuracy"][0] > 0.5
