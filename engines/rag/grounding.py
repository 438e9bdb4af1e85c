"""Check that a sentence says no more than the passages do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.rag.claims import (
    Claims,
    Clause,
    claims_of,
    is_bin_held,
    opposites_of,
    plain,
)
from engines.rag.quantities import is_held

Floats = NDArray[np.float32]
Encode = Callable[[list[str]], NDArray[Any]]

# Cosine below which two sentences are not taken to say the same.
DEFAULT_THRESHOLD = 0.72
# Share of a sentence's content words that its best passage sentences must hold together.
DEFAULT_MIN_COVERAGE = 0.5
# Share of a clause's content words that its own passage sentence may lack.
DEFAULT_MAX_NEW_SHARE = 0.25
MAX_EVIDENCE = 3
# How much the share of common words counts beside the cosine in choosing a quotation.
QUOTE_COVERAGE_WEIGHT = 0.2


@dataclass(frozen=True)
class Support:
    """Whether passages support a sentence.

    Attributes:
        best_index: the passage sentence that supports it, else the best one to quote instead; -1
            where there are none.
        similarity: cosine with the most similar passage sentence.
        reason: why, one sentence.
        best_sentence: the passage sentence at best_index, word for word.
    """

    is_supported: bool
    best_index: int
    similarity: float
    reason: str
    best_sentence: str = ""


@dataclass(frozen=True)
class Quotation:
    """The passage sentence that says most of what another sentence says.

    Attributes:
        similarity: cosine of the two.
    """

    index: int
    text: str
    similarity: float


class GroundingChecker:
    """Compare sentences with passage sentences: meaning, words, numbers, places, bins, denials.

    A sentence is supported if it means about the same as a passage sentence (cosine), has enough
    of its words, and if each of its clauses rests on one of the best three passage sentences,
    which has its numbers with their units, places, bins and things, and denies what it denies.

    Args:
        encode: turns N sentences into vectors (N, width).
        threshold: least cosine with the best passage sentence.
        min_coverage: least share of content words that the best three hold together.
        max_new_share: largest share of a clause's content words that its passage sentence lacks.
    """

    def __init__(
        self,
        encode: Encode,
        *,
        threshold: float = DEFAULT_THRESHOLD,
        min_coverage: float = DEFAULT_MIN_COVERAGE,
        max_new_share: float = DEFAULT_MAX_NEW_SHARE,
    ) -> None:
        self._encode = encode
        self.threshold, self.min_coverage = threshold, min_coverage
        self.max_new_share = max_new_share

    def check(self, sentence: str, passage_sentences: Sequence[str]) -> Support:
        """Say whether the passage sentences support a sentence."""
        return self.check_all([sentence], passage_sentences)[0]

    def check_all(
        self, sentences: Sequence[str], passage_sentences: Sequence[str]
    ) -> tuple[Support, ...]:
        """Check several sentences; each passage sentence is encoded once."""
        if not passage_sentences:
            return tuple(
                Support(False, -1, 0.0, "There is no passage to compare it with.")
                for _ in sentences
            )
        cosines = self._cosines(sentences, passage_sentences)
        return tuple(
            self._check(sentence, row, passage_sentences)
            for sentence, row in zip(sentences, cosines, strict=True)
        )

    def quote_for(self, sentence: str, passage_sentences: Sequence[str]) -> Quotation | None:
        """Return the passage sentence that says most of a sentence, None if there are none."""
        if not passage_sentences:
            return None
        row = self._cosines([sentence], passage_sentences)[0]
        index = _best_quotation(sentence, row, passage_sentences)
        return Quotation(index, passage_sentences[index], float(row[index]))

    def _cosines(self, sentences: Sequence[str], passage_sentences: Sequence[str]) -> Floats:
        if not sentences:
            return np.zeros((0, len(passage_sentences)), dtype=np.float32)
        unique = list(dict.fromkeys(passage_sentences))
        rows = {text: row for row, text in enumerate(unique)}
        held = _unit(self._encode(unique))[[rows[text] for text in passage_sentences]]
        asked = _unit(self._encode([plain(sentence) for sentence in sentences]))
        cosines: Floats = asked @ held.T
        return cosines

    def _check(self, sentence: str, cosines: Floats, passage_sentences: Sequence[str]) -> Support:
        similarity = float(cosines.max())
        said = _comparable(sentence)
        for index, passage_sentence in enumerate(passage_sentences):
            if said and said == _comparable(passage_sentence):
                return Support(True, index, 1.0, "It stands in the passages.", passage_sentence)

        def unsupported(reason: str) -> Support:
            index = _best_quotation(sentence, cosines, passage_sentences)
            return Support(False, index, similarity, reason, passage_sentences[index])

        claims = claims_of(sentence)
        if not claims.words:
            return unsupported("It says nothing that can be checked.")
        if plain(sentence).endswith("?"):
            return unsupported("It is a question.")
        if similarity < self.threshold:
            return unsupported("No passage says anything close enough to it.")
        order = [int(index) for index in np.argsort(-cosines, kind="stable")[:MAX_EVIDENCE]]
        evidence = {index: _with_context(passage_sentences, index) for index in order}
        held = frozenset().union(*(part.words for part, _ in evidence.values()))
        if len(claims.words & held) < self.min_coverage * len(claims.words):
            return unsupported("Most of its words are in none of the passages.")
        used: list[int] = []
        for clause in claims.clauses:
            reasons = []
            for index, (part, context) in evidence.items():
                reason = clause_problem(claims, clause, part, context, self.max_new_share)
                if reason is None:
                    used.append(index)
                    break
                reasons.append(reason)
            else:
                return unsupported(reasons[0])
        vocabulary = frozenset().union(*(evidence[i][0].vocabulary for i in used))
        missing = claims.names - vocabulary
        if missing:
            return unsupported("A name in it is in none of the passages.")
        best = max(used, key=lambda index: float(cosines[index]))
        return Support(True, best, similarity, "A passage says the same.", passage_sentences[best])


def problem(
    sentence: str, passage_sentence: str, *, max_new_share: float = DEFAULT_MAX_NEW_SHARE
) -> str | None:
    """Say what in a sentence one passage sentence does not hold, None if it holds all of it.

    Compares words, numbers, places, bins and denials, without any model.
    """
    if _comparable(sentence) == _comparable(passage_sentence):
        return None
    claims, evidence = claims_of(sentence), claims_of(passage_sentence)
    for clause in claims.clauses:
        reason = clause_problem(claims, clause, evidence, evidence, max_new_share)
        if reason is not None:
            return reason
    if claims.names - evidence.vocabulary:
        return "A name in it is in none of the passages."
    return None


def clause_problem(
    claims: Claims, clause: Clause, evidence: Claims, context: Claims, max_new_share: float
) -> str | None:
    """Say why one passage sentence does not support a clause, None if it does.

    Args:
        claims: the whole sentence of the clause.
        evidence: the passage sentence.
        context: the passage sentence before it where it leans on that one, else the same.
    """
    places_differ = claims.places - evidence.places or (evidence.places and not claims.places)
    if places_differ:
        return "The passage speaks of another place."
    if len(evidence.places) > 1 and (clause.numbers or clause.bins):
        # "999 in the UK, 911 in North America": which belongs to which is not to be guessed.
        return "The passage speaks of several places."
    if any(not is_held(number, evidence.numbers) for number in clause.numbers):
        return "A number in it is not in the passage."
    things = evidence.things | context.things
    about = claims.things
    if clause.things - things or (about and not about & things):
        return "The passage is about something else."
    closest = _closest(clause, evidence)
    if any(not is_bin_held(bin_, clause.is_denied, closest) for bin_ in clause.bins):
        return "The passage names another bin or says the opposite about this one."
    words = evidence.words | context.words
    if any(opposites_of(word) & words and word not in words for word in clause.words):
        return "The passage says the opposite."
    # A bin that is held was compared with what may be said instead of it.
    new = {word for word in clause.words - words if not word.startswith("bin_")}
    if len(new) > max_new_share * len(clause.words):
        return "It says more than the passage."
    if not _denies_the_same(clause, evidence):
        return "The passage says the opposite."
    if claims.has_absolute and not evidence.has_absolute:
        return "It says for all what the passage says for some."
    is_destination = bool(clause.bins) and not clause.is_denied
    is_limited = evidence.has_condition if is_destination else evidence.has_hard_condition
    if is_limited and not claims.has_condition:
        return "It leaves out a condition of the passage."
    return None


def highlight_spans(passage: str, sentences: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Find sentences in a passage, whatever the white space and list marks between words.

    Returns:
        (start, end) character spans in order, without overlaps.
    """
    spans: list[tuple[int, int]] = []
    for sentence in sentences:
        words = plain_words(sentence)
        if words:
            pattern = r"\s+(?:[-*•]\s+)?".join(map(re.escape, words))
            spans.extend(match.span() for match in re.finditer(pattern, passage))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def plain_words(sentence: str) -> list[str]:
    """Split a sentence at white space, without the mark of a list."""
    words = sentence.split()
    return words[1:] if words and re.fullmatch(r"[-*•]|\d{1,2}[.)]", words[0]) else words


def _closest(clause: Clause, evidence: Claims) -> list[Clause]:
    """Return the clauses of the evidence that share most words with a clause, bins left out.

    What such a clause takes out ("not in the recycling") comes with it.
    """
    words = {word for word in clause.words if not word.startswith("bin_")}
    groups: list[list[Clause]] = []
    for other in evidence.clauses:
        if other.is_exclusion and groups:
            groups[-1].append(other)
        else:
            groups.append([other])
    common = [max(len(words & other.words) for other in group) for group in groups]
    most = max(common, default=0)
    return [
        other
        for group, count in zip(groups, common, strict=True)
        if count == most
        for other in group
    ]


def _denies_the_same(clause: Clause, evidence: Claims) -> bool:
    """Whether the part of the evidence that is closest to a clause says no where it says no.

    What the evidence takes out ("without its lid") may not stand in a clause that says yes.
    """
    if not clause.is_denied:
        parts = evidence.clauses
        affirmed = frozenset().union(*(part.words for part in parts if not part.is_denied))
        excluded = frozenset().union(*(part.words for part in parts if part.is_exclusion))
        if clause.words & (excluded - affirmed):
            return False
    common = [len(clause.words & other.words) for other in evidence.clauses]
    most = max(common, default=0)
    if most == 0:
        return True
    return any(
        other.is_denied == clause.is_denied
        for other, count in zip(evidence.clauses, common, strict=True)
        if count == most
    )


def _with_context(passage_sentences: Sequence[str], index: int) -> tuple[Claims, Claims]:
    claims = claims_of(passage_sentences[index])
    if claims.has_pronoun and index > 0:
        return claims, claims_of(passage_sentences[index - 1])
    return claims, claims


def _best_quotation(sentence: str, cosines: Floats, passage_sentences: Sequence[str]) -> int:
    words = claims_of(sentence).words
    coverage = np.array(
        [len(words & claims_of(text).words) / max(1, len(words)) for text in passage_sentences]
    )
    return int(np.argmax(cosines + QUOTE_COVERAGE_WEIGHT * coverage))


def _comparable(sentence: str) -> str:
    return plain(sentence).lower().rstrip(".!?: ")


def _unit(vectors: NDArray[Any]) -> Floats:
    vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
