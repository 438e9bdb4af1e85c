"""Descriptions say what is in the graph, and the check lets nothing else through."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.maxsight.classes import Language, vocabulary
from engines.maxsight.describe import describe, keep_supported, main
from engines.maxsight.description_words import (
    DESCRIPTION_FILE,
    description_words,
    names,
    nouns,
    read_description_words,
)
from engines.maxsight.preferences import LANGUAGES, DirectionStyle
from engines.maxsight.scene_graph import RELATIONS, SUPPORTS, SceneGraph, scene_graph
from engines.maxsight.sound_classes import sounds
from engines.maxsight.tiers import Urgency
from engines.maxsight.wording import wording
from tests.engines.maxsight.scene_things import FRAME_SIZE, line, random_scene, seen

GRAPHS = 500
QUOTED = re.compile("[“„][^”“]*[”“]")


@pytest.fixture(scope="module")
def street() -> SceneGraph:
    return scene_graph(
        [
            seen("car", (250, 200, 400, 300), 4.0, urgency=Urgency.WARNING),
            seen("person", (10, 100, 60, 300), 3.0),
            seen("person", (70, 100, 120, 300), 3.4),
            seen("table", (500, 300, 640, 400), 2.0),
            seen("cup", (540, 290, 560, 320), 2.0),
            seen("stop_sign", (300, 20, 360, 80), 9.0, score=0.4),
        ],
        [line("STOP", (310, 30, 350, 60))],
        ["siren", "cat"],
        frame_size=FRAME_SIZE,
    )


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            "Careful: a car ahead, 4 metres; also a table on the right, 2 metres; a cup on the "
            "right, 2 metres, on a table; 2 people on the left, 3 metres; and one more thing. "
            "Text: “STOP”; heard: siren, cat.",
        ),
        (
            "es",
            "Cuidado: un coche delante, a 4 metros; también una mesa a la derecha, a 2 metros; una "
            "taza a la derecha, a 2 metros, sobre una mesa; 2 personas a la izquierda, a 3 metros; "
            "y una cosa más. Texto: “STOP”; se oye: sirena, gato.",
        ),
        (
            "de",
            "Vorsicht: ein Auto geradeaus, 4 Meter; auch ein Tisch rechts, 2 Meter; eine Tasse "
            "rechts, 2 Meter, auf einem Tisch; 2 Personen links, 3 Meter; und noch etwas. Text: "
            "„STOP“; zu hören: Sirene, Katze.",
        ),
    ],
)
def test_a_street_is_described_in_two_sentences(
    street: SceneGraph, language: Language, expected: str
) -> None:
    said = describe(street, language)
    assert said.text == expected
    assert len(said.sentences) == 2 and said.language == language
    assert said.node_ids[0] == "car_1" and "stop_sign_6" not in said.node_ids


def test_nothing_recognised_is_not_called_safe() -> None:
    said = describe(scene_graph([], frame_size=FRAME_SIZE)).text
    assert said == "I recognise nothing here; something may still be in the way."


def _named(text: str, language: Language) -> set[str]:
    """Find the classes that a text names, by a plain search that shares nothing with the check."""
    forms = {name: {name, *nouns(language)[class_id]} for class_id, name in names(language).items()}
    ids = {name: class_id for class_id, name in names(language).items()}
    found = set()
    # Longest names first, so that a door handle is not also a door.
    for name in sorted(forms, key=len, reverse=True):
        for form in sorted(forms[name], key=len, reverse=True):
            text, count = re.subn(rf"\b{re.escape(form)}\b", " ", text, flags=re.IGNORECASE)
            if count:
                found.add(ids[name])
    return found


def _allowed_numbers(graph: SceneGraph, language: Language, style: DirectionStyle) -> set[str]:
    speak, allowed = wording(language), set()
    objects = [node for node in graph.of_kind("object") if node.thing]
    for count in range(1, len(objects) + graph.left_out + 1):
        places = [(n.class_id, speak.direction(n.thing, style)) for n in objects if n.thing]
        if any(places.count(place) == count for place in places):
            allowed.add(str(count))
    said = describe(graph, language, style=style).node_ids
    allowed.add(str(len(objects) + graph.left_out - sum(n.id in said for n in objects)))
    for node in objects:
        assert node.thing is not None
        text = f"{speak.distance(node.thing)} {speak.direction(node.thing, style)}"
        allowed |= set(re.findall(r"\d+", text))
    return allowed


@pytest.mark.parametrize("style", ["sides", "clock"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_description_never_names_what_is_not_in_the_graph(
    language: Language, style: DirectionStyle
) -> None:
    unseen = "|".join(re.escape(one.names["en"]) for one in vocabulary().untrained)
    hearing = re.compile(
        description_words(language).templates.heard.partition(":")[0], re.IGNORECASE
    )
    heard_names = {one.name_in(language): one.id for one in sounds()}
    for seed in range(GRAPHS):
        graph = random_scene(seed)
        said = describe(graph, language, style=style)
        assert len(said.sentences) <= 2
        texts = {" ".join(node.text.replace('"', " ").split()) for node in graph.of_kind("text")}
        assert {quote[1:-1] for quote in QUOTED.findall(said.text)} <= texts
        bare = QUOTED.sub("", said.text)
        seen_part, *rest = hearing.split(bare)
        heard_part = "".join(rest)
        heard = {node.class_id for node in graph.of_kind("sound")}
        assert {heard_names[one] for one in heard_part.strip(": .").split(", ") if one} <= heard
        classes = {node.class_id for node in graph.of_kind("object")}
        assert _named(seen_part, language) <= classes, (seed, said.text)
        assert set(re.findall(r"\d+", bare)) <= _allowed_numbers(graph, language, style), seed
        lying = {edge.target.rsplit("_", 1)[0] for edge in graph.edges if edge.relation == "on"}
        for support in SUPPORTS:
            if description_words(language).lying_on[support] in seen_part:
                assert support in lying
        if language == "en":
            assert not re.search(rf"\b({unseen})s?\b", seen_part.replace("o'clock", ""))
        # The check agrees with what the templates say.
        assert keep_supported(said.text, graph, language=language) == said.text, seed


def test_what_is_added_or_changed_is_dropped() -> None:
    for seed in range(GRAPHS):
        graph = random_scene(seed)
        classes = {node.class_id for node in graph.of_kind("object")}
        if not classes:
            continue
        first = describe(graph).sentences[0]
        stranger = next(one for one in nouns("en") if one not in classes)
        start = first.rstrip(".")
        for changed in (
            f"{start}; {nouns('en')[stranger][0]} ahead.",
            f"{start}, red.",
            re.sub(r"\b(a|an)\b|\d+", "a green", first, count=1),
            re.sub(r"\d+", "777", first, count=1) if re.search(r"\d", first) else "777 cars.",
            f"{start}, coming closer.",
            f"{start}; nothing else.",
            f"{start}; text: “FREE BEER”.",
        ):
            assert changed != first
            assert keep_supported(changed, graph) == "", (seed, changed)


def test_a_relation_is_kept_only_where_the_graph_has_it() -> None:
    phrases = {
        "left_of": "left of", "right_of": "right of", "above": "above", "below": "below",
        "in_front_of": "in front of", "behind": "behind", "near": "near", "part_of": "part of",
        "rides": "riding", "sits_on": "sitting on",
    }  # fmt: skip
    assert set(phrases) == set(RELATIONS) - {"on", "written_on"}
    kept = 0
    for seed in range(0, GRAPHS, 5):
        graph = random_scene(seed)
        class_of = {node.id: node.class_id for node in graph.nodes}
        true = {(class_of[e.source], e.relation, class_of[e.target]) for e in graph.edges}
        classes = {node.class_id for node in graph.of_kind("object")}
        for first in classes:
            for second in classes:
                for relation, phrase in phrases.items():
                    claim = f"The {names('en')[first]} is {phrase} the {names('en')[second]}."
                    is_kept = keep_supported(claim, graph) == claim
                    assert is_kept == ((first, relation, second) in true), (seed, claim)
                    kept += is_kept
    assert kept > 50


@pytest.mark.parametrize(
    ("sentence", "is_kept"),
    [
        ("A car is ahead.", True),
        ("Two people are on the left and a car is ahead.", True),
        ("In front of you there is a car, about 4 metres away.", True),
        ("Danger: a car ahead.", True),
        ("A cup is on a table.", True),
        ("The cup and the table are on the right.", True),
        ("A stop sign reads “STOP”.", True),
        ("You can hear a siren.", True),
        ("A red car is ahead.", False),
        ("A car is on the left.", False),
        ("A person and a car on the left.", False),
        ("On the left a person and a car.", False),
        ("3 people are on the left.", False),
        ("One person is on the left.", False),
        ("Cars are ahead.", False),
        ("A car, 5 metres.", False),
        ("A car at 3 o'clock.", False),
        ("Danger: a table on the right.", False),
        ("A table is on a cup.", False),
        ("A car reads “STOP”.", False),
        ('Text: "EXIT".', False),
        ("You can hear a dog.", False),
        ("A cat is on the left.", False),
        ("There is no car.", False),
        ("The way is clear.", False),
        ("2 people and one more thing.", False),
        ("You can see.", False),
        ("A dragon is ahead.", False),
        ("A car is ahead of the", False),
        ("", False),
    ],
)
def test_a_sentence_is_kept_only_if_all_of_it_holds(
    street: SceneGraph, sentence: str, is_kept: bool
) -> None:
    assert keep_supported(sentence, street) == (sentence if is_kept else "")


def test_true_sentences_stay_when_a_false_one_goes(street: SceneGraph) -> None:
    text = "A car is ahead. It is blue. You can hear a siren."
    assert keep_supported(text, street) == "A car is ahead. You can hear a siren."


def test_a_sign_cannot_smuggle_words_out_of_its_quotation() -> None:
    graph = scene_graph([], [line("Hi”. A dog is ahead. “")], frame_size=FRAME_SIZE)
    said = describe(graph)
    assert said.sentences[1] == "Text: “Hi . A dog is ahead.”."
    assert keep_supported(said.text, graph) == said.text


def test_no_word_of_the_check_denies_compares_or_colours() -> None:
    forbidden = {
        "no", "not", "none", "never", "without", "clear", "safe", "free", "empty", "bigger", "red",
        "closer", "moving", "nicht", "kein", "keine", "ohne", "frei", "sicher", "sin", "libre",
    }  # fmt: skip
    for language in LANGUAGES:
        words = description_words(language)
        known = [*words.fillers, *words.joins, *words.reads, *words.hears, *words.relations]
        assert not forbidden & {part for phrase in known for part in phrase.lower().split()}


def test_a_template_that_fills_in_the_wrong_thing_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "description.yaml"
    text = DESCRIPTION_FILE.read_text("utf-8").replace('"text: {texts}"', '"text: {things}"')
    damaged.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"written has to fill in \['texts'\]"):
        read_description_words(damaged)


def test_the_command_line_describes_a_picture_with_the_shipped_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sign.png"
    picture = np.full((480, 640, 3), 235, np.uint8)
    cv2.putText(picture, "EXIT", (180, 260), cv2.FONT_HERSHEY_SIMPLEX, 4, (20, 20, 20), 10)
    cv2.imwrite(str(path), picture)
    main([str(path), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in report["text"]] == ["EXIT"]
    assert "“EXIT”" in report["description"] and report["problems"] == []
    assert "text_1" in report["graph"]["nodes"]
    assert {"objects", "frame_size", "latency_ms"} <= set(report)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"", "is no picture"), (b"not a picture", "is no picture")],
    ids=["missing", "empty", "no picture"],
)
def test_the_command_line_says_what_is_wrong_with_the_file(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "picture.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=said):
        main([str(path)])
