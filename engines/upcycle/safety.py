"""Safety before score: what may never be made of a thing, what needs care, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from engines.upcycle.knowledge import Knowledge
from engines.upcycle.schema import ProjectRecord, SafetyRuleRecord

VerdictKind = Literal["allowed", "warned", "forbidden"]


@dataclass(frozen=True)
class Thing:
    """What somebody has, known or new.

    Attributes:
        name: for sentences.
        item: id of the item that it is, None if it is new; `near` are items that it is like.
        materials: ids, likeliest first.
        properties: ids of its own properties, without those of its materials.
    """

    name: str
    item: str | None
    materials: tuple[str, ...]
    properties: tuple[str, ...]
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Say whether a project may be made of a thing.

    Attributes:
        reasons: why it is forbidden; empty otherwise.
        warnings: what to take care of.
        rules: ids of the rules that spoke, for "why not?".
    """

    kind: VerdictKind
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def is_forbidden(self) -> bool:
        """Whether it may not be made."""
        return self.kind == "forbidden"


# Most pairs get this one, so it is shared.
ALLOWED = Verdict("allowed")


@dataclass(frozen=True)
class _Match:
    """How a thing meets a rule: for sure, or only if it is made of the material named."""

    is_sure: bool
    material_name: str


class SafetyRules:
    """Judge every project for a thing, before any score is looked at."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        # Which rules concern a thing is the same for all projects.
        self._rules_for = lru_cache(maxsize=1024)(self._find_rules)
        self._verdicts_for = lru_cache(maxsize=64)(self._judge_all)
        self._forbidden_for = lru_cache(maxsize=64)(self._find_forbidden)

    def thing(self, item: str) -> Thing:
        """Describe a known item; raises KeyError for an unknown one."""
        record = self._knowledge.items[item]
        return Thing(record.name, item, record.made_of, record.properties)

    def danger(self, thing: Thing) -> tuple[str, str] | None:
        """Say why nothing is made of a thing and where it goes instead, or None.

        Args:
            thing: known or new; a new one is dangerous if its likeliest material is.
        """
        if thing.item is not None:
            found = self._knowledge.items[thing.item].danger
            if found is not None:
                return found.reason, found.take_to
        for name in thing.materials[:1]:
            hazard = self._knowledge.materials[name].hazard
            if hazard is not None:
                return hazard.rstrip("."), "your local collection of hazardous waste"
        return None

    def judge(self, thing: Thing, project: ProjectRecord) -> Verdict:
        """Say whether a project may be made of a thing.

        A rule that forbids the likeliest material forbids the project. One that only concerns
        another material that the thing may be made of warns, and names that material.
        """
        reasons: list[str] = []
        warnings: list[str] = []
        rules: list[str] = []
        danger = self.danger(thing)
        if danger is not None:
            reasons.append(f"{danger[0]}. Take it to {danger[1]}.")
            rules.append("danger")
        unsafe = project.unsafe_with
        if unsafe.materials or unsafe.properties:
            matched = self._match(thing, unsafe.materials, unsafe.properties, ())
            if matched is not None:
                rules.append("unsafe_with")
                if matched.is_sure:
                    reasons.append(unsafe.reason)
                else:
                    warnings.append(_not_if_made_of(matched.material_name, unsafe.reason))
        uses = set(project.uses)
        for rule, matched in self._rules_for(thing):
            if rule.uses and not uses & set(rule.uses):
                continue
            rules.append(rule.id)
            if rule.verdict == "warn":
                warnings.append(
                    rule.reason
                    if matched.is_sure
                    else f"If yours is made of {matched.material_name}: {rule.reason}"
                )
            elif not matched.is_sure:
                warnings.append(_not_if_made_of(matched.material_name, rule.reason))
            else:
                reasons.append(rule.reason)
        if not rules:
            return ALLOWED
        kind: VerdictKind = "forbidden" if reasons else "warned"
        return Verdict(kind, _once(reasons), _once(warnings), _once(rules))

    def verdicts(self, thing: Thing) -> Mapping[str, Verdict]:
        """Judge every project of the graph, by its id; remembered for the things asked last."""
        return self._verdicts_for(thing)

    def forbidden(self, thing: Thing) -> tuple[str, ...]:
        """List the ids of the projects that may not be made of a thing; remembered too."""
        return self._forbidden_for(thing)

    def _find_forbidden(self, thing: Thing) -> tuple[str, ...]:
        return tuple(name for name, found in self.verdicts(thing).items() if found.is_forbidden)

    def _judge_all(self, thing: Thing) -> Mapping[str, Verdict]:
        projects = self._knowledge.projects.values()
        return MappingProxyType({project.id: self.judge(thing, project) for project in projects})

    def _find_rules(self, thing: Thing) -> tuple[tuple[SafetyRuleRecord, _Match], ...]:
        matches = (
            (rule, self._match(thing, rule.materials, rule.properties, rule.items))
            for rule in self._knowledge.rules
        )
        return tuple((rule, matched) for rule, matched in matches if matched is not None)

    def _match(
        self,
        thing: Thing,
        materials: Iterable[str],
        properties: Iterable[str],
        items: Iterable[str],
    ) -> _Match | None:
        """Say if a rule's subject is met, and if only by a material that is not the likeliest."""
        wanted, traits = set(materials), set(properties)
        known = {thing.item} if thing.item is not None else set(thing.near[:1])
        if known & set(items) or set(thing.properties) & traits:
            return _Match(True, "")
        for place, name in enumerate(thing.materials):
            material = self._knowledge.materials[name]
            if name in wanted or traits & set(material.properties):
                return _Match(place == 0, material.name)
        return None


def _not_if_made_of(material: str, reason: str) -> str:
    return f"Not if yours is made of {material}: {reason}"


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
