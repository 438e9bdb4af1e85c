"""Rules before the model, the arithmetic of the classifier, and the shipped checkpoint."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from engines.rag.fit.train_intent import load_questions, measure
from engines.rag.intent import CHECKPOINT, INTENTS, IntentClassifier, intent_by_rule
from engines.runtime.errors import WeightsCorruptError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import DenseEncoder
from engines.runtime.weights import find_weights, load_card


def write_folder(folder: Path, tensors: dict[str, np.ndarray], card: object) -> Path:
    """Write a checkpoint folder as it is, right or wrong."""
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    if card is not None:
        (folder / "card.json").write_text(json.dumps(card))
    return folder


def good_card() -> dict[str, object]:
    return {"name": "small", "version": "1", "inference": {"intents": list(INTENTS)}}


# --- rules


COURTESIES = """hi|Hi there!|hello 👋|good morning|thx|Thanks a lot!|ok thanks|cheers mate
thank you so much for your help|ok great thanks, bye!"""
QUESTIONS_WITH_A_GREETING = """hi, where do tins go|thanks but what about jars|hey can i bin this
good morning glory seeds packet|hello fresh box recycle?|bye bye plastic|ok|cheese|yogurt"""


@pytest.mark.parametrize("text", ["", "   ", "👍", "🗑️♻️", "??", *re.split(r"[|\n]", COURTESIES)])
def test_greetings_thanks_and_messages_without_words_are_small_talk_by_rule(text: str) -> None:
    guess = intent_by_rule(text)
    assert guess is not None
    assert (guess.intent, guess.confidence) == ("small_talk", 1.0)
    assert list(guess.probabilities) == list(INTENTS)
    assert sum(guess.probabilities.values()) == 1


@pytest.mark.parametrize("text", re.split(r"[|\n]", QUESTIONS_WITH_A_GREETING))
def test_a_greeting_with_a_question_is_left_to_the_model(text: str) -> None:
    assert intent_by_rule(text) is None


def test_a_long_row_of_greetings_is_read_at_once() -> None:
    started_s = time.perf_counter()
    assert intent_by_rule("bye bye " * 250 + "x") is None
    assert time.perf_counter() - started_s < 0.5


def test_no_rule_takes_a_labelled_question_for_small_talk_that_is_something_else() -> None:
    taken = [q for q in load_questions() if intent_by_rule(q.text) is not None]
    assert len(taken) > 5
    assert {question.intent for question in taken} == {"small_talk"}


# --- arithmetic


def test_the_guess_is_the_softmax_of_the_linear_scores() -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(0, 3, (7, 5)), rng.normal(0, 1, 7)
    vector = rng.normal(0, 1, 5)
    guess = IntentClassifier(weight, bias).predict(vector)
    scores = np.exp(weight @ vector + bias)
    np.testing.assert_allclose(list(guess.probabilities.values()), scores / scores.sum())
    assert guess.intent == INTENTS[int(scores.argmax())]
    assert guess.confidence == max(guess.probabilities.values())


def test_huge_scores_do_not_overflow() -> None:
    weight = np.zeros((7, 2))
    weight[2, 0] = 1e6
    guess = IntentClassifier(weight, np.zeros(7)).predict(np.array([1.0, 0.0]))
    assert (guess.intent, guess.confidence) == (INTENTS[2], 1.0)


def test_with_the_text_the_rules_come_before_the_model() -> None:
    weight = np.zeros((7, 2))
    weight[INTENTS.index("hazard"), 0] = 9
    classifier = IntentClassifier(weight, np.zeros(7))
    vector = np.array([1.0, 0.0])
    assert classifier.predict(vector).intent == "hazard"
    assert classifier.predict(vector, "leaking battery").intent == "hazard"
    assert classifier.predict(vector, "thanks!").intent == "small_talk"


@pytest.mark.parametrize(
    "vector",
    [np.zeros(3), np.zeros((1, 2)), np.array([np.nan, 0.0])],
    ids=["too long", "two axes", "not a number"],
)
def test_a_vector_that_does_not_fit_is_refused(vector: np.ndarray) -> None:
    with pytest.raises(ValueError, match="vector"):
        IntentClassifier(np.zeros((7, 2)), np.zeros(7)).predict(vector)


# --- files


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weight, bias = rng.normal(size=(7, 4)), rng.normal(size=7)
    tensors = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
    loaded = IntentClassifier.from_folder(write_folder(tmp_path, tensors, good_card()))
    vector = rng.normal(size=4)
    assert loaded.width == 4
    assert loaded.predict(vector).confidence == pytest.approx(
        IntentClassifier(weight, bias).predict(vector).confidence, abs=1e-5
    )


@pytest.mark.parametrize(
    ("weight", "bias", "card", "reason"),
    [
        pytest.param((6, 4), (7,), good_card(), "shapes", id="six intents"),
        pytest.param((7, 4), (6,), good_card(), "shapes", id="short bias"),
        pytest.param((28,), (7,), good_card(), "shapes", id="flat weight"),
        pytest.param((7, 4), (7,), None, "card", id="no card"),
        pytest.param((7, 4), (7,), {"name": "a", "version": "1"}, "card", id="card without part"),
        pytest.param(
            (7, 4),
            (7,),
            {"name": "a", "version": "1", "inference": {"intents": sorted(INTENTS)}},
            "other intents",
            id="another order",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_with_the_reason(
    tmp_path: Path, weight: tuple[int, ...], bias: tuple[int, ...], card: object, reason: str
) -> None:
    tensors = {"weight": np.zeros(weight, np.float32), "bias": np.zeros(bias, np.float32)}
    with pytest.raises(WeightsCorruptError, match=reason):
        IntentClassifier.from_folder(write_folder(tmp_path, tensors, card))


def test_values_that_are_no_numbers_and_other_tensors_are_refused(tmp_path: Path) -> None:
    weight = np.full((7, 4), np.nan, np.float32)
    bias = np.zeros(7, np.float32)
    with pytest.raises(WeightsCorruptError, match="no numbers"):
        IntentClassifier(weight, bias)
    folder = write_folder(tmp_path, {"weight": weight, "scale": bias}, good_card())
    with pytest.raises(WeightsCorruptError, match="weight and a bias"):
        IntentClassifier.from_folder(folder)


def test_a_missing_checkpoint_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="train the model again"):
        IntentClassifier.load(Settings(checkpoints_dir=tmp_path))


# --- the shipped classifier


@pytest.fixture(scope="module")
def classifier() -> IntentClassifier:
    """Return the classifier with the checkpoint of the project."""
    return IntentClassifier.load(Settings())


@pytest.fixture(scope="module")
def encoder() -> DenseEncoder:
    """Return the embedding model of the default profile."""
    folder = find_weights("all_minilm_l6_v2", settings=Settings()).path.parent
    return DenseEncoder(folder, device="cpu")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Which bin takes a biscuit tin?", "disposal"),
        ("old lampshade where to", "disposal"),
        ("what do i do w a swollen tablet battery", "hazard"),
        ("i cut my hand on broken glass", "hazard"),
        ("What can I craft from cereal boxes?", "reuse"),
        ("Why is recycling aluminium worth it?", "knowledge"),
        ("who programmed you", "about_app"),
        ("how was your weekend", "small_talk"),
        ("what is the capital of bolivia", "out_of_scope"),
        ("ruby code to sort an array", "out_of_scope"),
    ],
)
def test_clear_questions_are_understood(
    classifier: IntentClassifier, encoder: DenseEncoder, text: str, intent: str
) -> None:
    assert classifier.predict(encoder.encode_queries([text])[0], text).intent == intent


def test_the_card_says_what_the_shipped_classifier_reaches_on_the_test_questions(
    classifier: IntentClassifier, encoder: DenseEncoder
) -> None:
    questions = load_questions()
    vectors = encoder.encode_queries([question.text for question in questions])
    measured = measure(classifier, questions, vectors)
    card = load_card(Settings().checkpoints_dir / CHECKPOINT)
    assert card is not None
    written = card.raw["metrics"]["test"]
    assert measured["questions"] == written["questions"]
    assert measured["accuracy"][0] == pytest.approx(written["accuracy"][0], abs=0.01)
    assert measured["per_intent"]["hazard"]["recall"] == pytest.approx(
        written["per_intent"]["hazard"]["recall"], abs=0.03
    )
