"""The engine: a thing in, projects out, best first, and what to do when nothing fits."""

from __future__ import annotations

import threading
from dataclasses import FrozenInstanceError

import pytest

from engines.runtime.device import choose_placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.settings import Settings
from engines.upcycle.engine import RULED_OUT_SHOWN, UpcycleEngine
from engines.upcycle.filters import Filters
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.loading import Loaded
from engines.upcycle.model import NETWORKS
from engines.upcycle.schema import ProjectRecord


@pytest.mark.parametrize("text", ["glass jar", "two broken umbrellas", "garden gnome"])
def test_ten_projects_come_best_first(engine: UpcycleEngine, text: str) -> None:
    found = engine.recommend(engine.link(text))
    assert len(found.best) == 10 and found.danger is None and found.relaxations == {}
    scores = [entry.score for entry in found.best]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert len({entry.project.id for entry in found.best}) == 10
    for entry in found.best:
        assert entry.why.endswith(".") and entry.thing == found.link.thing.name
        assert not entry.verdict.is_forbidden
    assert len(found.ruled_out) <= RULED_OUT_SHOWN
    assert all(entry.verdict.reasons for entry in found.ruled_out)
    assert found.latency_ms > 0


def test_the_same_question_has_the_same_answer(engine: UpcycleEngine) -> None:
    first, second = (engine.recommend(engine.link("garden gnome")) for _ in range(2))
    assert first.best == second.best and first.ruled_out == second.ruled_out


def test_what_the_facts_list_is_marked(engine: UpcycleEngine, knowledge: Knowledge) -> None:
    found = engine.recommend(engine.link("glass jar"), k=len(knowledge.projects))
    for entry in (*found.best, *found.ruled_out):
        assert entry.is_documented == ("glass_jar" in entry.project.items)
    documented = [place for place, entry in enumerate(found.best) if entry.is_documented]
    assert sum(documented) / len(documented) < len(found.best) / 4
    new = engine.recommend(engine.link("garden gnome"))
    assert not any(entry.is_documented for entry in new.best)


def test_fewer_may_be_asked_for(engine: UpcycleEngine) -> None:
    all_ten = engine.recommend(engine.link("glass jar")).best
    assert engine.recommend(engine.link("glass jar"), k=3).best == all_ten[:3]
    assert engine.recommend(engine.link("glass jar"), k=0).best == ()


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_each_network_can_be_asked(engine: UpcycleEngine, network: str) -> None:
    assert len(engine.recommend(engine.link("glass jar"), network=network).best) == 10
    assert len(engine.recommend(engine.link("garden gnome"), network=network).best) == 10


def test_an_unknown_network_is_named(engine: UpcycleEngine) -> None:
    with pytest.raises(InputError, match="There is no network 'crystal_ball'"):
        engine.recommend(engine.link("glass jar"), network="crystal_ball")


FILTERS = [
    pytest.param(Filters(max_minutes=30), lambda p: p.minutes <= 30, id="time"),
    pytest.param(Filters(hardest="easy"), lambda p: p.difficulty == "easy", id="easy"),
    pytest.param(Filters(hardest="medium"), lambda p: p.difficulty != "hard", id="medium"),
    pytest.param(Filters(hardest="hard"), lambda p: True, id="hard"),
    pytest.param(Filters(place="outdoor"), lambda p: p.place in ("outdoor", "both"), id="outdoor"),
    pytest.param(Filters(place="indoor"), lambda p: p.place in ("indoor", "both"), id="indoor"),
    pytest.param(Filters(for_children=True), lambda p: p.for_children, id="children"),
    pytest.param(Filters(pieces=1), lambda p: p.quantity == 1, id="pieces"),
    pytest.param(
        Filters(tools=frozenset(["scissors", "ruler", "pencil", "marker", "tape"])),
        lambda p: set(p.tools) <= {"scissors", "ruler", "pencil", "marker", "tape"},
        id="tools",
    ),
    pytest.param(
        Filters(max_minutes=60, hardest="easy", place="indoor"),
        lambda p: p.minutes <= 60 and p.difficulty == "easy" and p.place != "outdoor",
        id="several",
    ),
]


@pytest.mark.parametrize(("filters", "fits"), FILTERS)
def test_a_filter_lets_through_what_fits_and_all_of_it(
    engine: UpcycleEngine, knowledge: Knowledge, filters: Filters, fits
) -> None:
    link = engine.link("glass jar")
    everything = engine.recommend(link, k=len(knowledge.projects)).best
    found = engine.recommend(link, k=len(knowledge.projects), filters=filters)
    assert found.best == tuple(entry for entry in everything if fits(entry.project))
    for entry in everything:
        assert bool(list(filters.hindrances(entry.project))) != fits(entry.project)


def test_where_nothing_fits_it_says_which_filter_to_relax(
    engine: UpcycleEngine, knowledge: Knowledge
) -> None:
    link = engine.link("glass jar")
    found = engine.recommend(link, filters=Filters(tools=frozenset(), hardest="easy"))
    assert found.best == () and list(found.relaxations) == ["tools"]
    relaxed = engine.recommend(link, k=len(knowledge.projects), filters=Filters(hardest="easy"))
    assert found.relaxations["tools"] == len(relaxed.best) > 0
    assert found.relax_together == ()


def test_where_no_single_filter_is_the_reason_it_says_which_go_together(
    engine: UpcycleEngine,
) -> None:
    filters = Filters(tools=frozenset(), max_minutes=1, hardest="hard")
    found = engine.recommend(engine.link("glass jar"), filters=filters)
    assert found.best == () and found.relaxations == {}
    assert set(found.relax_together) == {"tools", "max_minutes"}
    looser = filters.without(found.relax_together)
    assert engine.recommend(engine.link("glass jar"), filters=looser).best


def test_a_filter_that_would_not_help_is_not_named(engine: UpcycleEngine) -> None:
    found = engine.recommend(engine.link("glass jar"), filters=Filters(max_minutes=10, pieces=2000))
    assert "pieces" not in found.relaxations


def test_several_things_share_one_list(engine: UpcycleEngine) -> None:
    links = [engine.link("glass jar"), engine.link("old jeans"), engine.link("wine cork")]
    found = engine.recommend_many(links)
    assert len(found.best) == 10
    assert len({entry.project.id for entry in found.best}) == 10
    scores = [entry.score for entry in found.best]
    assert scores == sorted(scores, reverse=True)
    single = {e.project.id: e for link in links for e in engine.recommend(link).best}
    assert all(entry.project.id in single for entry in found.best)
    assert {entry.thing for entry in found.best} <= {link.thing.name for link in links}
    assert len({entry.thing for entry in found.best}) > 1


def test_one_thing_of_several_gives_its_own_list(engine: UpcycleEngine) -> None:
    link = engine.link("glass jar")
    assert engine.recommend_many([link]).best == engine.recommend(link).best


@pytest.mark.parametrize("order", [1, -1])
def test_a_danger_among_several_things_is_said_and_the_others_go_on(
    engine: UpcycleEngine, order: int
) -> None:
    links = [engine.link(text) for text in ("glass jar", "AA battery")][::order]
    found = engine.recommend_many(links)
    assert found.danger is not None and found.danger.startswith("AA battery: ")
    assert len(found.best) == 10 and {e.thing for e in found.best} == {"glass jar"}


def test_no_thing_at_all_is_refused(engine: UpcycleEngine) -> None:
    with pytest.raises(InputError, match="no thing to start from"):
        engine.recommend_many([])


def test_why_not_is_answered_with_the_rule(engine: UpcycleEngine) -> None:
    found = engine.recommend(engine.link("railway sleeper"))
    entry = found.ruled_out[0]
    verdict = engine.verdict(found.link.thing, entry.project.id)
    assert verdict == entry.verdict and verdict.is_forbidden and verdict.reasons and verdict.rules
    with pytest.raises(InputError, match="There is no project 'moon_base'"):
        engine.verdict(found.link.thing, "moon_base")


def test_networks_and_baselines_stand_side_by_side(engine: UpcycleEngine, loaded: Loaded) -> None:
    compared = engine.compare(engine.link("glass jar"), k=5)
    assert set(compared.columns) == {
        *NETWORKS, "popularity", "property_overlap", "text_cosine", "adamic_adar",
    }  # fmt: skip
    verdicts = loaded.rules.verdicts(compared.link.thing)
    for column in compared.columns.values():
        assert len(column) == 5 and not any(verdicts[p.id].is_forbidden for p in column)
    assert compared.attention
    new = engine.compare(engine.link("garden gnome"))
    assert "adamic_adar" not in new.columns and new.attention == ()


def test_popularity_in_the_comparison_is_the_number_of_items(engine: UpcycleEngine) -> None:
    column = engine.compare(engine.link("glass jar"), k=20).columns["popularity"]
    counts = [len(project.items) for project in column]
    assert counts == sorted(counts, reverse=True)


def test_a_known_pair_scores_as_its_card(engine: UpcycleEngine) -> None:
    entry = engine.recommend(engine.link("glass jar")).best[0]
    for project in (entry.project.name, entry.project.id, entry.project.name.upper()):
        pair = engine.score_pair("glass jars", project)
        assert pair.score == pytest.approx(entry.score)
        assert pair.item_node == "item:glass_jar"
        assert pair.project_node == f"project:{entry.project.id}"
        assert not pair.is_forbidden and pair.reason == entry.why


def test_a_known_pair_is_forbidden_just_where_the_card_is(
    engine: UpcycleEngine, knowledge: Knowledge, loaded: Loaded
) -> None:
    verdicts = loaded.rules.verdicts(loaded.rules.thing("plastic_bottle"))
    for project in list(knowledge.projects.values())[::19]:
        pair = engine.score_pair("plastic bottle", project.name)
        assert pair.is_forbidden == verdicts[project.id].is_forbidden, project.id


@pytest.mark.parametrize(
    ("item", "project"),
    [
        pytest.param("treated wood plank", "herb planter box", id="treated wood and herbs"),
        pytest.param("railway sleeper", "children's sandbox", id="sleeper and children"),
        pytest.param("plastic bottle", "hot tea cup", id="PET and tea"),
        pytest.param("plastic bottle", "candle lantern", id="plastic and flame"),
        pytest.param("empty hairspray can", "tealight holder", id="aerosol and flame"),
        pytest.param("lead crystal decanter", "fruit bowl for serving", id="lead and food"),
        pytest.param("asbestos cement sheet", "garden table", id="asbestos"),
        pytest.param("AA battery", "paperweight", id="battery"),
        pytest.param("car tyre", "vegetable bed", id="tyre and vegetables"),
        pytest.param("old newspaper", "bread box lining for food", id="ink and food"),
        pytest.param("plywood shelf", "kindling for the fireplace", id="plywood and fire"),
    ],
)
def test_a_dangerous_pair_of_free_texts_is_forbidden_with_a_reason(
    engine: UpcycleEngine, item: str, project: str
) -> None:
    pair = engine.score_pair(item, project)
    assert pair.is_forbidden and pair.score == 0.0
    assert pair.reason.endswith(".")


@pytest.mark.parametrize(
    ("item", "project"),
    [
        ("glass jar", "vase for flowers"),
        ("wine corks", "pin board"),
        ("old jeans", "shoulder bag"),
        ("wooden pallet", "coffee table"),
        ("tin can", "tea light lantern"),
        ("plastic bottle", "self watering planter for flowers"),
    ],
)
def test_a_good_pair_of_free_texts_scores_above_a_silly_one(
    engine: UpcycleEngine, item: str, project: str
) -> None:
    good = engine.score_pair(item, project)
    assert not good.is_forbidden
    silly = engine.score_pair("coffee grounds", project)
    assert 0.0 <= silly.score < good.score <= 1.0


def test_a_pair_of_new_texts_names_the_nearest_nodes(
    engine: UpcycleEngine, knowledge: Knowledge
) -> None:
    pair = engine.score_pair("garden gnome", "wall mounted birdhouse")
    assert pair.item_node is not None and pair.item_node.removeprefix("item:") in knowledge.items
    assert pair.project_node is not None
    assert pair.project_node.removeprefix("project:") in knowledge.projects


@pytest.mark.parametrize(
    ("item", "project"), [("", "vase"), ("glass jar", " "), ("asdf", "vase"), ("jar" * 99, "vase")]
)
def test_a_pair_with_a_text_that_is_not_understood_is_refused(
    engine: UpcycleEngine, item: str, project: str
) -> None:
    with pytest.raises(InputError):
        engine.score_pair(item, project)


def test_before_loading_it_says_so_and_after_unloading_too(loaded: Loaded) -> None:
    settings = Settings()
    fresh = UpcycleEngine(settings, choose_placement(settings))
    assert not fresh.health().is_ready
    for call in (lambda: fresh.knowledge, lambda: fresh.card, lambda: fresh.link("jar")):
        with pytest.raises(EngineUnavailableError, match="not loaded"):
            call()
    fresh.use(loaded)
    fresh.warmup()
    health = fresh.health()
    assert health.is_ready and f"{len(loaded.projects)} projects" in health.detail
    assert fresh.card.name == "upcycle"
    fresh.unload()
    assert not fresh.health().is_ready


def test_results_cannot_be_changed(engine: UpcycleEngine) -> None:
    found = engine.recommend(engine.link("glass jar"))
    with pytest.raises(FrozenInstanceError):
        found.best = ()  # type: ignore[misc]


def test_two_people_may_ask_at_once(engine: UpcycleEngine) -> None:
    texts = ["glass jar", "garden gnome", "old jeans", "wooden pallet"]
    alone = {text: engine.recommend(engine.link(text)).best for text in texts}
    wrong: list[str] = []

    def ask(text: str) -> None:
        for _ in range(5):
            if engine.recommend(engine.link(text)).best != alone[text]:
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_first_project_of_an_item_is_one_that_it_can_become_more_often_than_not(
    engine: UpcycleEngine, knowledge: Knowledge
) -> None:
    firsts: list[tuple[str, ProjectRecord]] = []
    for item in list(knowledge.items.values())[::3]:
        if item.danger is None:
            firsts.append((item.id, engine.recommend(engine.link(item.id), k=1).best[0].project))
    documented = sum(item in project.items for item, project in firsts)
    assert documented > len(firsts) / 2
