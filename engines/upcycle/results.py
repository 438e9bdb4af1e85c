"""What the upcycling engine answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.upcycle.inference import Attention
from engines.upcycle.linking import Link
from engines.upcycle.safety import Verdict
from engines.upcycle.schema import ProjectRecord


@dataclass(frozen=True)
class Recommendation:
    """One project for one thing.

    Attributes:
        score: in [0, 1]; it orders projects and is no probability of success.
        is_documented: whether the facts list the pair; else the network suggests it.
        why: one sentence. verdict: what safety says; `reasons` are filled where it is forbidden.
    """

    project: ProjectRecord
    thing: str
    score: float
    is_documented: bool
    why: str
    verdict: Verdict


@dataclass(frozen=True)
class Recommendations:
    """Projects for a thing, best first.

    Attributes:
        link: what the text was taken for.
        best: up to k that are safe and fit the filters. ruled_out: those of the highest scores that
            safety forbids, with the reason.
        danger: why nothing is made of it and where it goes instead, or None. Of several things,
            each dangerous one is named.
        relaxations: where `best` is short: filter -> how many would fit without it.
        relax_together: where nothing fits and no single filter is the reason: the fewest filters
            that have to go at once.
        latency_ms: from the linked thing to this answer.
    """

    link: Link
    best: tuple[Recommendation, ...]
    ruled_out: tuple[Recommendation, ...]
    danger: str | None
    relaxations: Mapping[str, int]
    latency_ms: float
    relax_together: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """What several systems recommend for one thing.

    Attributes:
        columns: system -> projects, best first, without those that safety forbids.
        attention: neighbours of the thing that the GAT listens to, most first.
    """

    link: Link
    columns: Mapping[str, tuple[ProjectRecord, ...]]
    attention: tuple[Attention, ...]


@dataclass(frozen=True)
class PairScore:
    """How well a project suits a thing, both given as text.

    Attributes:
        score: in [0, 1]; 0 where it is forbidden. item_node, project_node: the nodes that the
            texts were tied to, the nearest ones where they are new.
    """

    score: float
    is_forbidden: bool
    reason: str
    item_node: str | None
    project_node: str | None
