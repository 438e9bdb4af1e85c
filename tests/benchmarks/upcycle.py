"""Speed of upcycling: known things, free text, and a graph of ten thousand made-up projects."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import psutil

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.settings import Settings
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.knowledge import Knowledge, kind_of
from engines.upcycle.loading import Loaded, assemble, read_checkpoint, read_everything
from engines.upcycle.safety import SafetyRules
from engines.upcycle.tensors import number

Measured = tuple[str, float, str, float | None, str]  # name, value, unit, bound, remark

MANY = 10_000
NEW_THINGS = (
    "garden gnome", "old surfboard", "metal filing cabinet", "plastic chair", "bird cage",
    "snow globe", "rusty wheelbarrow", "broken hula hoop", "wooden sledge", "straw hat",
    "stone slab", "fish tank", "leather saddle", "cotton hammock", "brass candlestick",
    "bamboo blind", "rubber duck", "paper lantern", "steel barrel", "canoe paddle",
)  # fmt: skip


def upcycle_rows() -> list[Measured]:
    """Measure the shipped engine and one with many more projects."""
    settings = Settings()
    limit_threads(settings.cpu_threads)
    loaded = read_everything(settings, choose_placement(settings))
    engine = UpcycleEngine(settings, choose_placement(settings))
    engine.use(loaded)
    engine.warmup()
    return [*_known_rows(engine, loaded), *_new_rows(engine), *_many_rows(engine, loaded)]


def _known_rows(engine: UpcycleEngine, loaded: Loaded) -> list[Measured]:
    items = [item.id for item in loaded.knowledge.items.values() if item.danger is None]
    links = [engine.link(item) for item in items]
    # No verdict of safety is remembered yet.
    engine.use(replace(loaded, rules=SafetyRules(loaded.knowledge)))
    first = [_timed_ms(lambda: engine.recommend(link)) for link in links]  # noqa: B023
    again = [
        _timed_ms(lambda: engine.recommend(link))  # noqa: B023
        for link in links[:40]
        for _ in range(2)
    ][1::2]
    walked = [
        _timed_ms(lambda: walk_the_graph(loaded.knowledge, item, loaded.rules))  # noqa: B023
        for item in items[:20]
    ]
    explained = [
        _timed_ms(lambda: engine.explain(link, engine.recommend(link).best[0].project.id))  # noqa: B023
        for link in links[:12]
    ]
    count = len(loaded.projects)
    return [
        (
            "upcycle: known thing, first time, p95", _p95(first), "ms", 10.0,
            f"p50 {statistics.median(first):.1f} ms, {len(links)} things, {count} projects",
        ),
        (
            "upcycle: known thing, again, p95", _p95(again), "ms", 10.0,
            f"p50 {statistics.median(again):.1f} ms, safety remembered",
        ),
        (
            "known thing / walking the graph", statistics.median(first) / statistics.median(walked),
            "ratio", 1.0, f"shared properties by networkx: {statistics.median(walked):.0f} ms",
        ),
        ("upcycle: explain, p95", _p95(explained), "ms", None, "one project, its paths"),
    ]  # fmt: skip


def _new_rows(engine: UpcycleEngine) -> list[Measured]:
    linking, whole = [], []
    for text in NEW_THINGS:
        start_s = time.perf_counter()
        link = engine.link(text)
        linking.append((time.perf_counter() - start_s) * 1000)
        engine.recommend(link)
        whole.append((time.perf_counter() - start_s) * 1000)
    remark = (
        f"p50 {statistics.median(whole):.0f} ms, of it {statistics.median(linking):.0f} ms linking"
    )
    return [("upcycle: free text, p95", _p95(whole), "ms", 60.0, remark)]


def _many_rows(engine: UpcycleEngine, loaded: Loaded) -> list[Measured]:
    process = psutil.Process()
    before = process.memory_info().rss
    start_s = time.perf_counter()
    many = with_many_projects(loaded, MANY)
    embedded_s = time.perf_counter() - start_s
    held_mib = (process.memory_info().rss - before) / 2**20
    engine.use(many)
    links = [engine.link(item) for item in ("glass jar", "old jeans", "wooden pallet", "paper")]
    first = [_timed_ms(lambda: engine.recommend(link)) for link in links]  # noqa: B023
    again = [_timed_ms(lambda: engine.recommend(link)) for link in links * 25]  # noqa: B023
    name = f"{MANY:,} projects"
    return [
        (f"{name}: embed all nodes", embedded_s, "s", None, f"three networks, {held_mib:.0f} MiB"),
        (f"{name}: known thing, first time", statistics.median(first), "ms", None, "p50, judged"),
        (f"{name}: known thing, again, p95", _p95(again), "ms", None, "safety remembered"),
    ]


def with_many_projects(loaded: Loaded, count: int, seed: int = 0) -> Loaded:
    """Replace the projects by made-up ones and embed the whole graph anew.

    Each is a copy of a real project with items, requirements and words of its own.
    """
    rng = np.random.default_rng(seed)
    knowledge = loaded.knowledge
    real = list(knowledge.projects.values())
    items = [item.id for item in knowledge.items.values() if item.danger is None]
    traits = sorted(knowledge.properties)
    made_up = {}
    for place in range(count):
        name = f"made_up_{place:05d}"
        made_up[name] = real[place % len(real)].model_copy(
            update={
                "id": name,
                "items": tuple(rng.choice(items, rng.integers(1, 5), replace=False).tolist()),
                "requires": tuple(rng.choice(traits, rng.integers(2, 6), replace=False).tolist()),
            }
        )
    grown = replace(knowledge, projects=MappingProxyType(made_up))
    known = dict(zip(loaded.data.nodes, loaded.data.embeddings, strict=True))
    width = loaded.data.embeddings.shape[1]
    rows = [
        rng.standard_normal(width) if kind_of(node) == "project" else known[node]
        for node in grown.nodes
    ]
    embeddings = np.array(rows, np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    checkpoint = read_checkpoint(Settings())
    data = number(grown, embeddings)
    return assemble(grown, data, checkpoint, loaded.linker, loaded.project_linker)


def walk_the_graph(knowledge: Knowledge, item: str, rules: SafetyRules) -> list[str]:
    """Rank projects as one would without embeddings: walk to the properties that they share."""
    graph = knowledge.graph
    thing = rules.thing(item)
    has = set()
    for _, node, relation in graph.out_edges(f"item:{item}", keys=True):
        if relation == "has_form":
            has.add(node)
        elif relation == "made_of":
            edges = graph.out_edges(node, keys=True)
            has |= {trait for _, trait, name in edges if name == "has_property"}
    shares = {}
    for project in knowledge.projects.values():
        if rules.judge(thing, project).is_forbidden:
            continue
        edges = graph.out_edges(f"project:{project.id}", keys=True)
        needs = {trait for _, trait, name in edges if name == "requires_property"}
        shares[project.id] = len(needs & has) / len(needs)
    return sorted(shares, key=lambda name: -shares[name])[:10]


def _timed_ms(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return (time.perf_counter() - start_s) * 1000


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))
