"""What a question is about: how to throw something away, a danger, the app itself, and so on.

Two steps. Clear cases are settled by rule (`intent_by_rule`): a message without a word in it, and
a message that is nothing but a greeting or thanks. Everything else goes to `IntentClassifier`, a
logistic regression on the sentence embedding of the question (Reimers and Gurevych 2019), fitted
by `engines/rag/fit/train_intent.py`. No rule looks for single words such as "bin" or "battery":
"bin Laden" and "a battery of tests" have them too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import WeightsCorruptError
from engines.runtime.settings import Settings
from engines.runtime.weights import find_weights, load_card, load_tensors

CHECKPOINT = "intent"
INTENTS: tuple[str, ...] = (
    "disposal",
    "hazard",
    "reuse",
    "knowledge",
    "about_app",
    "small_talk",
    "out_of_scope",
)

_COURTESY = (
    r"(?:hi+|hello|helo|hey+|hiya|howdy|yo|greetings|good (?:morning|afternoon|evening|day)"
    r"|thanks|thank (?:you|u)|thankyou|thx|tnx|ty|tysm|cheers|much appreciated"
    r"|bye|goodbye|good ?night|see (?:you|ya|u)|cya)"
)
_BESIDE_COURTESY = (
    r"(?:there|all|again|everyone|mate|friend|bot|so much|very much|a lot|a million|lots|later"
    r"|tomorrow|soon|for (?:your|the|all your|all the) (?:help|answers?|advice|info)"
    r"|for (?:that|this|helping))"
)
_BEFORE_COURTESY = r"(?:ok|okay|great|oh|and)"
# One or several courtesies and nothing else: "hi", "ok thanks a lot, bye".
_COURTESIES = re.compile(
    rf"(?:{_BEFORE_COURTESY} )*{_COURTESY}"
    rf"(?: (?:{_BEFORE_COURTESY}|{_COURTESY}|{_BESIDE_COURTESY}))*"
)


@dataclass(frozen=True)
class IntentGuess:
    """What a question is taken to be about.

    Attributes:
        intent: one of `INTENTS`.
        confidence: probability of `intent`, [0, 1]; 1 where a rule decided.
        probabilities: of every intent, in the order of `INTENTS`; they sum to 1.
    """

    intent: str
    confidence: float
    probabilities: Mapping[str, float]


def intent_by_rule(text: str) -> IntentGuess | None:
    """Settle the clear cases without a model; None where there is no clear case.

    Both are small talk: a message without letters and digits (empty, "👍", "??"), and a message
    that consists of greetings, thanks and goodbyes only ("hi there", "ok thx!"). "hi, where do
    tins go" is not one of them.
    """
    kept = "".join(
        char if char.isalnum() else " " for char in unicodedata.normalize("NFKC", text).lower()
    )
    words = " ".join(kept.split())
    if words and _COURTESIES.fullmatch(words) is None:
        return None
    return IntentGuess("small_talk", 1.0, {name: float(name == "small_talk") for name in INTENTS})


class IntentClassifier:
    """Guess the intent of a question from its embedding: softmax(weight @ vector + bias)."""

    def __init__(self, weight: NDArray[Any], bias: NDArray[Any]) -> None:
        """Take the fitted parameters.

        Args:
            weight: (7, width), a row for each of `INTENTS` in order.
            bias: (7,).

        Raises:
            WeightsCorruptError: if the shapes are others or a value is not finite.
        """
        is_shaped = weight.ndim == 2 and weight.shape[0] == len(INTENTS)
        if not is_shaped or bias.shape != (len(INTENTS),):
            raise _bad_checkpoint(
                f"its shapes are {weight.shape} and {bias.shape}, not ({len(INTENTS)}, width) and "
                f"({len(INTENTS)},)"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise _bad_checkpoint("it holds values that are no numbers")
        self._weight = weight.astype(np.float64)
        self._bias = bias.astype(np.float64)

    @classmethod
    def load(cls, settings: Settings) -> IntentClassifier:
        """Read checkpoints/intent.

        Raises:
            WeightsMissingError: if it is not there.
            WeightsCorruptError: if it cannot be read or its card names other intents.
        """
        return cls.from_folder(find_weights(CHECKPOINT, settings=settings).path.parent)

    @classmethod
    def from_folder(cls, folder: Path) -> IntentClassifier:
        """Read model.safetensors and card.json of a folder; errors as in `load`."""
        tensors = load_tensors(folder / "model.safetensors")
        card = load_card(folder)
        inference = card.raw.get("inference") if card is not None else None
        if not isinstance(inference, dict) or inference.get("intents") != list(INTENTS):
            raise _bad_checkpoint("its card is missing or names other intents")
        if set(tensors) != {"weight", "bias"}:
            raise _bad_checkpoint("it does not hold a weight and a bias")
        return cls(tensors["weight"].numpy(), tensors["bias"].numpy())

    @property
    def width(self) -> int:
        """Length of the embeddings that the classifier was fitted on."""
        return int(self._weight.shape[1])

    def predict(self, vector: NDArray[Any], text: str | None = None) -> IntentGuess:
        """Guess the intent of one question.

        Args:
            vector: its L2-normalised embedding, (width,).
            text: the question itself; where given, the rules of `intent_by_rule` come first.

        Raises:
            ValueError: if the vector has another shape, or a value that is not finite.
        """
        if vector.shape != (self.width,):
            raise ValueError(f"expected a vector ({self.width},), not {vector.shape}")
        if not np.isfinite(vector).all():
            raise ValueError("the vector holds values that are not finite")
        by_rule = intent_by_rule(text) if text is not None else None
        if by_rule is not None:
            return by_rule
        logits = self._weight @ vector.astype(np.float64) + self._bias
        exponentials = np.exp(logits - logits.max())
        probabilities = exponentials / exponentials.sum()
        best = int(probabilities.argmax())
        return IntentGuess(
            intent=INTENTS[best],
            confidence=float(probabilities[best]),
            probabilities={name: float(p) for name, p in zip(INTENTS, probabilities, strict=True)},
        )


def _bad_checkpoint(reason: str) -> WeightsCorruptError:
    return WeightsCorruptError(
        f"The intent checkpoint cannot be used: {reason}.",
        "Restore checkpoints/intent with git, or fit it again.",
    )
