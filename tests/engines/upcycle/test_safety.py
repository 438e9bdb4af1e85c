"""Safety stands before every score."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.loading import Loaded
from engines.upcycle.safety import SafetyRules, Thing, Verdict
from engines.upcycle.schema import ProjectRecord, UnsafeWith, Use


@pytest.fixture(scope="module")
def rules(knowledge: Knowledge) -> SafetyRules:
    """Return the rules of the project."""
    return SafetyRules(knowledge)


@pytest.fixture(scope="module")
def project_for(knowledge: Knowledge) -> Callable[..., ProjectRecord]:
    """Return a maker of harmless projects with given uses."""
    plain = next(iter(knowledge.projects.values()))

    def make(*uses: Use) -> ProjectRecord:
        return plain.model_copy(update={"uses": uses, "unsafe_with": UnsafeWith()})

    return make


def spoken_rules(
    knowledge: Knowledge, thing: Thing, project: ProjectRecord
) -> tuple[bool, set[str]]:
    """Judge anew from the plain text of the rules: whether it is forbidden, and who speaks."""
    item = knowledge.items[str(thing.item)]
    first, *others = ({name, *knowledge.materials[name].properties} for name in thing.materials)
    first |= {f"item:{thing.item}", *thing.properties}
    is_forbidden = bool(item.danger or knowledge.materials[thing.materials[0]].hazard)
    speaking = {"danger"} if is_forbidden else set()
    unsafe = project.unsafe_with
    subjects = [("unsafe_with", {*unsafe.materials, *unsafe.properties}, "forbid")]
    subjects += [
        (
            rule.id,
            {*rule.materials, *rule.properties, *(f"item:{name}" for name in rule.items)},
            rule.verdict,
        )
        for rule in knowledge.rules
        if not rule.uses or set(rule.uses) & set(project.uses)
    ]
    for name, subject, verdict in subjects:
        if not subject.isdisjoint(first):
            speaking.add(name)
            is_forbidden |= verdict == "forbid"
        elif any(not subject.isdisjoint(traits) for traits in others):
            speaking.add(name)
    return is_forbidden, speaking


def test_every_project_of_every_item_is_judged_by_the_rules(
    knowledge: Knowledge, rules: SafetyRules
) -> None:
    for item in knowledge.items:
        thing = rules.thing(item)
        verdicts = rules.verdicts(thing)
        assert set(verdicts) == set(knowledge.projects)
        for project in knowledge.projects.values():
            verdict = verdicts[project.id]
            is_forbidden, spoken = spoken_rules(knowledge, thing, project)
            assert verdict.is_forbidden == is_forbidden, (item, project.id)
            assert set(verdict.rules) == spoken, (item, project.id)
            assert bool(verdict.reasons) == is_forbidden
            assert all(text.strip() for text in (*verdict.reasons, *verdict.warnings))
            assert verdict.kind != "allowed" or verdict == Verdict("allowed")


def test_a_warning_for_a_material_that_is_only_possible_names_it(
    rules: SafetyRules, project_for: Callable[..., ProjectRecord]
) -> None:
    verdict = rules.judge(rules.thing("tennis_racket"), project_for("aquarium"))
    assert verdict.kind == "warned"
    assert any("if yours is made of aluminium" in warning for warning in verdict.warnings)


CASES = [
    ("railway_sleeper", "edible_plants", "treated_wood_food"),
    ("railway_sleeper", "food", "treated_wood_food"),
    ("railway_sleeper", "drink", "treated_wood_food"),
    ("railway_sleeper", "toy", "treated_wood_people"),
    ("railway_sleeper", "baby", "treated_wood_people"),
    ("railway_sleeper", "pet", "treated_wood_people"),
    ("railway_sleeper", "indoor_air", "treated_wood_people"),
    ("railway_sleeper", "fire", "treated_wood_fire"),
    ("railway_sleeper", "fuel", "treated_wood_fire"),
    ("plastic_bottle", "hot_drink", "plastic_hot"),
    ("plastic_bottle", "hot_food", "plastic_hot"),
    ("plastic_bottle", "candle", "burns_near_flame"),
    ("plastic_bottle", "fuel", "burnt_plastic"),
    ("disposable_cup", "hot_drink", "plastic_hot"),
    ("foam_packaging", "heating", "foam_heating"),
    ("foam_packaging", "food", "foam_food"),
    ("foam_packaging", "load_bearing", "weak_load"),
    ("pvc_pipe", "drink", "pvc_food"),
    ("shower_curtain", "baby", "pvc_food"),
    ("shelf_board", "fire", "plywood_fire"),
    ("copper_pipe", "drink", "copper_food"),
    ("tyre", "edible_plants", "tyre_food"),
    ("tyre", "fuel", "burnt_plastic"),
    ("food_can", "aquarium", "steel_aquarium"),
    ("glass_jar", "toy", "splinters_children"),
    ("glass_jar", "baby", "splinters_children"),
    ("glass_jar", "load_bearing", "weak_load"),
    ("drinking_glass", "load_bearing", "weak_load"),
    ("crystal_glass", "drink", "lead_glass_food"),
    ("crystal_glass", "food", "lead_glass_food"),
    ("crystal_glass", "edible_plants", "lead_glass_food"),
    ("crystal_glass", "toy", "lead_glass_people"),
    ("crystal_glass", "cutting", "lead_glass_cutting"),
    ("plastic_bag", "toy", "bags_children"),
    ("pillow", "baby", "soft_baby"),
    ("buttons", "baby", "small_parts_baby"),
    ("newspaper", "food", "ink_food"),
    ("cardboard_box", "candle", "burns_near_flame"),
    ("detergent_bottle", "drink", "chemicals_food"),
    ("paint_tin", "fire", "paint_fire"),
    ("vinyl_record", "toy", "record_toys"),
]


@pytest.mark.parametrize(("item", "use", "rule"), CASES, ids=[f"{i} {u}" for i, u, _ in CASES])
def test_a_named_danger_is_forbidden_with_its_reason(
    knowledge: Knowledge,
    rules: SafetyRules,
    project_for: Callable[..., ProjectRecord],
    item: str,
    use: Use,
    rule: str,
) -> None:
    verdict = rules.judge(rules.thing(item), project_for(use))
    assert verdict.is_forbidden
    reason = next(r.reason for r in knowledge.rules if r.id == rule)
    assert rule in verdict.rules and reason in verdict.reasons


@pytest.mark.parametrize(
    ("item", "use"),
    [("glass_jar", "food"), ("glass_jar", "candle"), ("wood", "toy"), ("jeans", "skin")],
)
def test_what_is_safe_is_not_forbidden(
    rules: SafetyRules, project_for: Callable[..., ProjectRecord], item: str, use: Use
) -> None:
    assert not rules.judge(rules.thing(item), project_for(use)).is_forbidden


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("battery", "battery collection", id="battery"),
        pytest.param("car battery", "battery collection", id="car battery"),
        pytest.param("asbestos roof tiles", "", id="asbestos"),
        pytest.param("asbestos cement sheet", "licensed asbestos remover", id="asbestos sheet"),
        pytest.param("hairspray can", "explode", id="aerosol"),
        pytest.param("spray paint can", "explode", id="words within the name"),
        pytest.param("camping gas cartridge", "explode", id="gas"),
        pytest.param("fluorescent tube", "mercury", id="mercury"),
        pytest.param("broken toaster", "", id="electronics"),
        pytest.param("vape pens", "", id="like a known danger"),
        pytest.param("plastic laptop", "", id="another material is no excuse"),
        pytest.param("plastic syringe", "pharmacy", id="plastic syringe"),
        pytest.param("metal vape", "battery", id="metal vape"),
        pytest.param("plastic bottle with bleach in it", "", id="what is inside counts"),
        pytest.param("glass jar full of motor oil", "", id="glass jar of oil"),
        pytest.param("drawer full of old phones", "", id="what the drawer is full of"),
        pytest.param("shoebox with old phones", "", id="what is in the box counts"),
        pytest.param("battery powered toy car", "", id="battery inside"),
    ],
)
def test_of_something_dangerous_nothing_is_made(
    engine: UpcycleEngine, text: str, words: str
) -> None:
    found = engine.recommend(engine.link(text))
    assert found.best == ()
    assert found.danger is not None and "Take it to" in found.danger
    assert words in found.danger
    assert found.ruled_out and all(entry.verdict.is_forbidden for entry in found.ruled_out)
    assert engine.recommend_many([engine.link(text)]).best == ()
    assert all(not column for column in engine.compare(engine.link(text)).columns.values())
    project = found.ruled_out[0].project
    pair = engine.score_pair(text, project.name)
    assert pair.is_forbidden and pair.score == 0.0


def test_a_correction_does_not_make_a_battery_harmless(engine: UpcycleEngine) -> None:
    link = engine.correct(engine.link("AA battery"), materials=["steel"], properties=["container"])
    assert engine.recommend(link).best == ()


@pytest.mark.parametrize(
    "text",
    [
        "stand for a laptop",
        "laptop bag",
        "phone case",
        "fridge drawer",
        "microwave plate",
        "oven glove",
        "trampoline",
    ],
)
def test_what_only_goes_with_a_danger_is_none(engine: UpcycleEngine, text: str) -> None:
    found = engine.recommend(engine.link(text))
    assert found.danger is None
    assert found.best


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_learned_score_brings_a_forbidden_project_back(
    engine: UpcycleEngine, loaded: Loaded, data: st.DataObject
) -> None:
    item = data.draw(st.sampled_from(sorted(loaded.knowledge.items)))
    bias = data.draw(st.floats(allow_nan=False, allow_infinity=True))
    weights = data.draw(st.tuples(*[st.floats(-1e6, 1e6)] * 3))
    blends = {name: replace(b, weights=weights, bias=bias) for name, b in loaded.blends.items()}
    other = UpcycleEngine(engine.settings, engine.placement)
    other.use(replace(loaded, blends=blends))
    found = other.recommend(other.link(item), k=len(loaded.projects))
    verdicts = loaded.rules.verdicts(found.link.thing)
    shown = {entry.project.id for entry in found.best}
    assert shown == {name for name, verdict in verdicts.items() if not verdict.is_forbidden}


def test_an_infinite_score_of_the_networks_brings_no_forbidden_project_back(
    engine: UpcycleEngine, loaded: Loaded
) -> None:
    link = engine.link("railway sleeper")
    verdicts = loaded.rules.verdicts(link.thing)
    forbidden = [row for row, p in enumerate(loaded.projects) if verdicts[p.id].is_forbidden]
    assert forbidden
    networks = copy.deepcopy(dict(loaded.networks))
    for embeddings in networks.values():
        embeddings.z[loaded.data.projects[forbidden]] = np.inf
        assert np.isinf(embeddings.z).any()
    other = UpcycleEngine(engine.settings, engine.placement)
    other.use(replace(loaded, networks=networks))
    with np.errstate(all="ignore"):
        found = other.recommend(link)
        compared = other.compare(link)
        pair = other.score_pair("railway sleeper", loaded.projects[forbidden[0]].name)
    bad = {loaded.projects[row].id for row in forbidden}
    assert found.best and not bad & {entry.project.id for entry in found.best}
    assert all(not bad & {p.id for p in column} for column in compared.columns.values())
    assert pair.is_forbidden and pair.score == 0.0
