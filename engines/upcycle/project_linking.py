"""Tie free text that names a project to the graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.runtime.kept_vectors import PassageEncoder
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.linking import NEAR_ITEMS, SHARE, Near, checked, vote_weights, votes
from engines.upcycle.naming import Names
from engines.upcycle.schema import ProjectRecord, UnsafeWith
from engines.upcycle.words import content

# Chosen on the texts of tests/engines/upcycle/data/texts.jsonl marked "dev".
PROJECT_LIKENESS = 0.55


@dataclass(frozen=True)
class ProjectLink:
    """What a text that names a project was taken for.

    Attributes:
        project: a record for the rules; the known one, or a new one put together from its likes.
        is_known: whether it is a project of the graph.
        near: known projects that it is like, best first. vector: (E,).
    """

    text: str
    project: ProjectRecord
    near: tuple[Near, ...]
    is_known: bool
    vector: NDArray[np.float32]


class ProjectLinker:
    """Find what the name of a project means in the graph.

    Args:
        knowledge: the facts. names: knows the words for uses. encoder: embeds the names.
        text_vectors: of names and summaries of the projects sorted by id, (P, E), normalised.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        names: Names,
        encoder: PassageEncoder,
        text_vectors: NDArray[np.float32],
    ) -> None:
        self._knowledge, self._words, self._encoder = knowledge, names, encoder
        self._ids = sorted(knowledge.projects)
        projects = [knowledge.projects[name] for name in self._ids]
        self._names = {content(project.name): project.id for project in projects}
        self._name_vectors = encoder.encode_passages([project.name for project in projects])
        self._text_vectors = text_vectors

    def link(self, text: str) -> ProjectLink:
        """Tie the name or the id of a project to the graph.

        Raises:
            InputError: if the text is empty or too long.
        """
        text = checked(text, "a project, such as: plant pot")
        vector = self._encoder.encode_passages([text])[0]
        likeness = np.maximum(self._name_vectors @ vector, self._text_vectors @ vector)
        order = np.argsort(-likeness)[:NEAR_ITEMS]
        near = tuple(Near(self._ids[i], float(likeness[i])) for i in order)
        known = text if text in self._knowledge.projects else self._names.get(content(text))
        if known is not None:
            return ProjectLink(text, self._knowledge.projects[known], near, True, vector)
        return ProjectLink(text, self._new_project(text, near), near, False, vector)

    def _new_project(self, text: str, near: tuple[Near, ...]) -> ProjectRecord:
        records = [self._knowledge.projects[n.id] for n in near]
        weights = vote_weights(near)
        needed = votes([dict.fromkeys(r.requires, 1.0) for r in records], weights)
        used = votes([dict.fromkeys(r.uses, 1.0) for r in records], weights)
        spoken = self._words.uses_in(text)
        # Where the text names a use, that is what it is for; else what its likes are for.
        is_close = near[0].likeness >= PROJECT_LIKENESS
        uses = spoken or tuple(u for u, vote in used.items() if is_close and vote >= SHARE)
        best = records[0]
        requires = tuple(sorted(needed, key=lambda p: -needed[p])[:4])
        return best.model_copy(
            update={
                "id": "new",
                "name": text,
                "summary": text,
                "requires": requires,
                "uses": uses,
                "unsafe_with": best.unsafe_with if is_close else UnsafeWith(),
            }
        )
