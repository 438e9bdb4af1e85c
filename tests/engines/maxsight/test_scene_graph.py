"""Relations between the things of one moment."""

from __future__ import annotations

import math

import pytest

from engines.maxsight.scene_graph import (
    MAX_OBJECTS,
    OPPOSITES,
    RELATIONS,
    Relation,
    SceneGraph,
    scene_graph,
)
from engines.maxsight.tiers import Box, SeenObject, Urgency
from tests.engines.maxsight.scene_things import FRAME_SIZE, line, random_scene, seen
from tests.engines.maxsight.tracks import thing

DOOR = (200.0, 50.0, 320.0, 400.0)
CAR, BUS = (100.0, 100.0, 300.0, 300.0), (120.0, 50.0, 400.0, 280.0)
BIRD = (100.0, 0.0, 150.0, 40.0)
BICYCLE, CHAIR = (200.0, 120.0, 350.0, 260.0), (230.0, 150.0, 330.0, 310.0)
TABLE = (200.0, 250.0, 500.0, 400.0)


def _relations(graph: SceneGraph, first: str, second: str) -> set[Relation]:
    return {edge.relation for edge in graph.edges if (edge.source, edge.target) == (first, second)}


def _pair(first: SeenObject, second: SeenObject) -> set[Relation]:
    graph = scene_graph([first, second], frame_size=FRAME_SIZE)
    ids = [f"{first.class_id}_1", f"{second.class_id}_2"]
    return _relations(graph, *ids)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (seen("car", (0, 100, 100, 200)), seen("bus", (200, 100, 400, 300)), {"left_of"}),
        (seen("car", (400, 100, 500, 200)), seen("bus", (100, 100, 390, 300)), {"right_of"}),
        (seen("bird", BIRD, 20), seen("car", CAR, 20), {"above"}),
        (seen("car", CAR, 20), seen("bird", BIRD, 20), {"below"}),
        (seen("car", CAR, 3), seen("bus", BUS, 9), {"in_front_of"}),
        (seen("bus", BUS, 9), seen("car", CAR, 3), {"behind"}),
        (seen("car", CAR, 3), seen("bus", BUS, 3.5), {"near"}),
        (seen("cup", (300, 240, 330, 290)), seen("table", TABLE), {"on", "near"}),
        (seen("cup", (300, 340, 330, 420)), seen("table", TABLE), {"near"}),
        (seen("car", (300, 240, 330, 290), 20), seen("table", TABLE, 20), set()),
        (seen("door_handle", (210, 200, 225, 240), 9), seen("door", DOOR, 9), {"part_of"}),
        (seen("person", (240, 20, 310, 200), 9), seen("bicycle", BICYCLE, 9), {"rides"}),
        (seen("person", (240, 60, 330, 300), 9), seen("chair", CHAIR, 9), {"sits_on"}),
        (seen("person", (240, 60, 330, 470), 3), seen("chair", CHAIR, 9), {"in_front_of"}),
    ],
    ids=[
        "left", "right", "above", "below", "in front", "behind", "as far", "on the table",
        "before the table", "nothing lies like a car", "handle of a door", "rider", "sitter",
        "who stands before a chair does not sit",
    ],
)  # fmt: skip
def test_a_pair_has_the_relation_that_is_seen(
    first: SeenObject, second: SeenObject, expected: set[Relation]
) -> None:
    assert _pair(first, second) == expected


@pytest.mark.parametrize(
    ("text_box", "is_written"),
    [((310, 30, 350, 60), True), ((310, 70, 350, 120), False)],
    ids=["inside", "mostly outside"],
)
def test_text_is_written_on_the_thing_around_it(text_box: Box, is_written: bool) -> None:
    graph = scene_graph(
        [seen("stop_sign", (300, 20, 360, 80))], [line("STOP", text_box)], frame_size=FRAME_SIZE
    )
    assert ("written_on" in _relations(graph, "text_1", "stop_sign_1")) is is_written


def test_things_far_apart_in_metres_are_not_near_though_side_by_side_in_the_picture() -> None:
    apart = [seen("car", (0, 100, 100, 200), 2), seen("bus", (110, 100, 400, 300), 5)]
    assert _pair(*apart) == {"left_of"}


@pytest.mark.parametrize("seed", range(40))
def test_every_opposite_is_there_and_nothing_contradicts_itself(seed: int) -> None:
    graph = random_scene(seed)
    edges = {(edge.source, edge.relation, edge.target) for edge in graph.edges}
    ids = {node.id for node in graph.nodes}
    assert len(ids) == len(graph.nodes) and len(edges) == len(graph.edges)
    for source, relation, target in edges:
        assert source != target and {source, target} <= ids and relation in RELATIONS
        if relation in OPPOSITES:
            assert (target, OPPOSITES[relation], source) in edges
        if relation != "near":
            assert (target, relation, source) not in edges


@pytest.mark.parametrize("seed", range(10))
def test_networkx_holds_the_same_nodes_and_relations(seed: int) -> None:
    graph = random_scene(seed)
    directed = graph.as_networkx()
    assert set(directed) == {node.id for node in graph.nodes}
    told = {
        (source, relation, target)
        for source, target, relations in directed.edges(data="relations")
        for relation in relations
    }
    assert told == {(edge.source, edge.relation, edge.target) for edge in graph.edges}


def test_the_text_names_each_pair_once() -> None:
    car = seen("car", (0, 100, 100, 200), 4, urgency=Urgency.WARNING)
    dog = seen("dog", (200, 90, 260, 150))
    text = line("EXIT", (500, 10, 600, 40))
    graph = scene_graph([car, dog], [text], ["siren"], frame_size=FRAME_SIZE)
    assert graph.as_text().splitlines() == [
        "car_1: car, 4.0 m, -27 degrees, warning",
        "dog_2: dog, 5.0 m, -10 degrees, safe",
        'text_1: text "EXIT"',
        "sound_1: sound of siren",
        "car_1 left of dog_2",
        "car_1 left of text_1",
        "dog_2 left of text_1",
    ]


def test_the_most_urgent_and_nearest_are_kept_and_the_rest_is_counted() -> None:
    crowd = [seen("person", (10, 10, 40, 100), 1 + number) for number in range(30)]
    graph = scene_graph(
        [*crowd, seen("bus", (0, 0, 99, 99), 90, urgency=Urgency.DANGER)], frame_size=FRAME_SIZE
    )
    assert len(graph.nodes) == MAX_OBJECTS and graph.left_out == 31 - MAX_OBJECTS
    assert [node.class_id for node in graph.nodes[:2]] == ["bus", "person"]
    kept = [node.thing.distance_m for node in graph.nodes[1:] if node.thing]
    assert kept == sorted(kept) and kept[0] == 1


def test_tracks_keep_their_numbers() -> None:
    graph = scene_graph([thing("car", track_id=17)], frame_size=FRAME_SIZE)
    assert [node.id for node in graph.nodes] == ["car_17"]


def test_an_empty_scene_is_an_empty_graph() -> None:
    graph = scene_graph([], frame_size=FRAME_SIZE)
    assert graph == SceneGraph((), ()) and graph.as_text() == ""


def test_unknown_distances_order_nothing() -> None:
    far = [seen("car", (0, 0, 99, 99), math.inf), seen("bus", (10, 10, 80, 99), math.nan)]
    assert _pair(*far) == set()


@pytest.mark.parametrize(
    ("box", "size"),
    [((0.0, 0.0, math.nan, 9.0), FRAME_SIZE), ((0.0, 0.0, 9.0, 9.0), (0, 640))],
    ids=["box", "frame"],
)
def test_what_has_no_place_is_refused(box: Box, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        scene_graph([seen("car", box)], frame_size=size)
