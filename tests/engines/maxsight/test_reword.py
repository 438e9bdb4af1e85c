"""A model may word a description anew; only what is true and whole is taken from it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from engines.maxsight.claims import claims_of
from engines.maxsight.classes import Language
from engines.maxsight.describe import describe
from engines.maxsight.description_words import nouns
from engines.maxsight.lexicon import lexicon
from engines.maxsight.preferences import LANGUAGES
from engines.maxsight.reword import reworded
from engines.maxsight.scene_graph import scene_graph
from engines.maxsight.supported import is_supported
from engines.maxsight.tiers import Urgency
from tests.engines.maxsight.scene_things import FRAME_SIZE, line, random_scene, seen

GRAPHS = 500
COLOURS = ("red", "blue", "green", "roja", "rotes")


def adversary(seed: int, language: Language) -> Callable[[str], str | None]:
    """Return a model that lies, leaves out, invents, repeats and babbles."""
    dice = random.Random(seed)
    things = [name for names in nouns(language).values() for name in names]
    known = [" ".join(words) for words in lexicon(language)]

    def word(sentence: str) -> str | None:
        parts = re.split(r"(?<=[;,:])\s", sentence)
        return dice.choice((
            lambda: None,
            lambda: "",
            lambda: sentence,
            lambda: sentence + f" {dice.choice(things)}.",
            lambda: f"{sentence.rstrip('.')}; {dice.choice(things)}, {dice.randint(1, 20)}.",
            lambda: re.sub(r"\d+", lambda _: str(dice.randint(0, 30)), sentence),
            lambda: re.sub(r"\b(left|links|izquierda)\b", "right", sentence),
            lambda: f"{dice.choice(COLOURS)} ".join(parts),
            lambda: " ".join(dice.sample(parts, dice.randint(1, len(parts)))),
            lambda: " ".join(parts[1:]),
            lambda: f"{sentence} “{dice.choice(things)}”.",
            lambda: " ".join(dice.choices(known, k=dice.randint(1, 12))) + ".",
            lambda: f"{sentence} {sentence}",
            lambda: sentence.split(":", 1)[-1],
            lambda: re.sub(r"\b(maybe|quizás|vielleicht) ", "", sentence),
        ))()  # fmt: skip

    return word


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_adversary_adds_nothing_to_500_random_scenes_and_takes_nothing_away(
    language: Language,
) -> None:
    changed = 0
    for seed in range(GRAPHS):
        graph = random_scene(seed)
        said = describe(graph, language)
        told = reworded(said, graph, adversary(seed, language))
        assert len(told.sentences) == len(said.sentences)
        for before, after in zip(said.sentences, told.sentences, strict=True):
            if after == before:
                continue
            changed += 1
            for one in re.split(r"(?<=[.!?])\s+(?=[^”]*(?:“[^”]*”[^”]*)*$)", after):
                assert is_supported(one, graph, language=language), (seed, one)
            old, new = claims_of(before, language), claims_of(after, language)
            assert old is not None and new is not None and not old - new, (seed, after)
    # Some of its babble is true: the test has met the check.
    assert changed > 0


def test_a_true_rewording_of_everything_is_taken() -> None:
    graph = scene_graph(
        [
            seen("car", (250, 200, 400, 300), 4.0, urgency=Urgency.WARNING),
            seen("chair", (500, 300, 620, 400), 2.0),
        ],
        [line("EXIT", (10, 10, 90, 40))],
        ["siren"],
        frame_size=FRAME_SIZE,
    )
    said = describe(graph)
    things = "a car ahead, 4 metres; also a chair on the right, 2 metres."
    fuller = "There is a car ahead, 4 metres away. There is also a chair on the right, 2 metres."
    told = reworded(said, graph, {things: fuller}.get)
    assert told.sentences == (f"Careful: t{fuller[1:]}", said.sentences[1])
    assert told.node_ids == said.node_ids and told.language == "en"


@pytest.mark.parametrize(
    "answer",
    [
        "Careful: there is maybe a chair on the right, 2 metres. There is a car ahead, 4 metres.",
        "Careful: there is a car ahead. There is maybe a chair on the right, 2 metres away.",
        "Careful: there is a car ahead, 4 metres away. There is a chair on the right, 2 metres.",
        "Careful: there is a car ahead, 4 metres away.",
        "Careful: there is a car ahead, 4 metres away. There is maybe a chair, 2 metres away.",
        "Careful: a red car ahead, 4 metres; maybe a chair on the right, 2 metres.",
        "The way is clear.",
        "",
        None,
    ],
    ids=[
        "warning", "distance", "maybe", "thing", "direction", "colour", "nonsense", "empty", "late",
    ],
)  # fmt: skip
def test_what_lacks_anything_gives_way_to_the_short_sentence(answer: str | None) -> None:
    graph = scene_graph(
        [
            seen("car", (250, 200, 400, 300), 4.0, urgency=Urgency.WARNING),
            seen("chair", (500, 300, 620, 400), 2.0, score=0.4),
        ],
        frame_size=FRAME_SIZE,
    )
    said = describe(graph)
    assert reworded(said, graph, lambda _: answer) == said
