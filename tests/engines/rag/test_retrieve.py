"""Searching through all stages, with the shipped encoder on the small set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.rag.chunking import Chunk
from engines.rag.fit.evaluate import read_beir
from engines.rag.fusion import reciprocal_rank_fusion, weighted_min_max
from engines.rag.neighbours import group_neighbours, join
from engines.rag.rerank import Reranker
from engines.rag.retrieve import Candidate, Fusion, RetrievalConfig, Retriever
from engines.rag.sparse import SparseIndex
from engines.rag.store import Filter
from engines.rag.store_faiss import FaissStore
from engines.rag.store_qdrant import QdrantStore
from tests.engines.rag.passages import (
    BEIR_SMALL,
    passage,
    real_encoder,
    save_small_cross_encoder,
)

BEIR = read_beir(BEIR_SMALL)
QUESTIONS = list(BEIR.queries.values())[:6]
# Every third passage is about one place.
CHUNKS = [
    passage(name, text, regions=("germany",) if row % 3 == 0 else ("all",))
    for row, (name, text) in enumerate(BEIR.corpus.items())
]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Return the vectors of the passages."""
    return real_encoder().encode_passages([chunk.search_text for chunk in CHUNKS])


@pytest.fixture(scope="module")
def store(vectors: np.ndarray) -> FaissStore:
    """Return a store of the passages."""
    filled = FaissStore(real_encoder().width)
    filled.add(CHUNKS, vectors)
    return filled


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    """Return a real cross-encoder that knows nothing, so that its order differs."""
    return Reranker(
        save_small_cross_encoder(tmp_path_factory.mktemp("cross_encoder")), device="cpu"
    )


def expected_rankings(
    question: str, vectors: np.ndarray
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Rank by plain numpy and by the BM25 index alone."""
    cosines = vectors @ real_encoder().encode_queries([question])[0]
    dense = [(CHUNKS[row].id, float(cosines[row])) for row in np.argsort(-cosines)]
    found = SparseIndex([chunk.search_text for chunk in CHUNKS]).search(question, 100)
    return dense, [(CHUNKS[row].id, score) for row, score in found]


@pytest.mark.parametrize("fusion", ["dense", "bm25", "rrf", "weighted"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_order_is_that_of_the_stages_put_together_by_hand(
    store: FaissStore, vectors: np.ndarray, question: str, fusion: Fusion
) -> None:
    dense, sparse = expected_rankings(question, vectors)
    expected = {
        "dense": dense,
        "bm25": sparse,
        "rrf": reciprocal_rank_fusion([dense, sparse]),
        "weighted": weighted_min_max(dense, sparse),
    }[fusion]
    config = RetrievalConfig(fusion=fusion)
    found = Retriever(store, real_encoder(), None, config).search(question)
    scores = dict(expected)
    # By score, so that passages with almost the same one may swap.
    assert {candidate.chunk_id for candidate in found.candidates} == scores.keys()
    assert [scores[candidate.chunk_id] for candidate in found.candidates] == pytest.approx(
        [score for _, score in expected], abs=1e-5
    )
    assert [hit.chunk.id for hit in found.hits] == [c.chunk_id for c in found.candidates[:5]]
    for hit in found.hits:
        assert hit.score == pytest.approx(dict(dense)[hit.chunk.id], abs=1e-5)
        assert hit.fused == pytest.approx(scores[hit.chunk.id], abs=1e-5)
        assert hit.rerank is None


def test_candidates_say_their_ranks_in_every_stage(store: FaissStore, vectors: np.ndarray) -> None:
    question = QUESTIONS[3]
    dense, sparse = expected_rankings(question, vectors)
    found = Retriever(store, real_encoder()).search(question).candidates
    assert [candidate.fused_rank for candidate in found] == list(range(1, len(found) + 1))
    dense_ranks = {name: rank for rank, (name, _) in enumerate(dense, start=1)}
    sparse_ranks = {name: rank for rank, (name, _) in enumerate(sparse, start=1)}
    assert len(sparse_ranks) < len(found) == len(CHUNKS)
    for candidate in found:
        assert candidate.dense_rank == dense_ranks[candidate.chunk_id]
        assert candidate.bm25_rank == sparse_ranks.get(candidate.chunk_id)
        assert candidate.rerank_rank is None
        assert candidate.dense_score == pytest.approx(dict(dense)[candidate.chunk_id], abs=1e-5)
        assert candidate.title == store.get(candidate.chunk_id).title


def test_each_stage_hands_on_no_more_than_its_share(store: FaissStore) -> None:
    config = RetrievalConfig(stage_size=4, top=50)
    found = Retriever(store, real_encoder(), None, config).search(QUESTIONS[0])
    assert len([c for c in found.candidates if c.dense_rank is not None]) == 4
    assert len([c for c in found.candidates if c.bm25_rank is not None]) <= 4
    assert 4 <= len(found.candidates) == len(found.hits) <= 8
    # Found by words alone: its cosine is known all the same.
    assert all(candidate.dense_score is not None for candidate in found.candidates)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_reranker_orders_the_best_and_leaves_the_rest(
    store: FaissStore, reranker: Reranker, question: str
) -> None:
    config = RetrievalConfig(rerank_size=8)
    plain = Retriever(store, real_encoder(), None, config).search(question)
    found = Retriever(store, real_encoder(), reranker, config).search(question)
    first = [candidate.chunk_id for candidate in plain.candidates[:8]]
    scores = reranker.scores(question, [store.get(name).search_text for name in first])
    expected = [first[row] for row in np.argsort(-scores, kind="stable")]
    assert [candidate.chunk_id for candidate in found.candidates[:8]] == expected
    assert [candidate.rerank_rank for candidate in found.candidates[:9]] == [*range(1, 9), None]
    assert found.candidates[8:] == plain.candidates[8:]
    assert [hit.chunk.id for hit in found.hits] == expected[:5]
    assert [hit.rerank for hit in found.hits] == pytest.approx(sorted(scores, reverse=True)[:5])


@pytest.mark.parametrize(
    ("config", "is_reranked", "steps"),
    [
        pytest.param(
            RetrievalConfig(), False, ["encode", "dense", "bm25", "fusion"], id="both stages"
        ),
        pytest.param(
            RetrievalConfig(fusion="dense"), False, ["encode", "dense", "fusion"], id="dense"
        ),
        pytest.param(
            RetrievalConfig(is_expanded=True),
            True,
            ["encode", "dense", "bm25", "fusion", "expansion", "rerank"],
            id="everything",
        ),
    ],
)
def test_every_step_is_timed(
    store: FaissStore,
    reranker: Reranker,
    config: RetrievalConfig,
    is_reranked: bool,
    steps: list[str],
) -> None:
    retriever = Retriever(store, real_encoder(), reranker if is_reranked else None, config)
    timings = retriever.search(QUESTIONS[0]).timings
    assert [step.name for step in timings] == steps
    assert all(step.latency_ms > 0 for step in timings)


def test_a_vector_that_is_at_hand_is_not_computed_again(store: FaissStore) -> None:
    retriever = Retriever(store, real_encoder())
    vector = real_encoder().encode_queries([QUESTIONS[1]])[0]
    given = retriever.search(QUESTIONS[1], vector=vector)
    assert [step.name for step in given.timings] == ["dense", "bm25", "fusion"]
    assert given.candidates == retriever.search(QUESTIONS[1]).candidates


@pytest.mark.parametrize("question", ["", "  \n"])
def test_a_blank_question_finds_nothing(store: FaissStore, question: str) -> None:
    found = Retriever(store, real_encoder()).search(question)
    assert (found.hits, found.candidates, found.timings) == ((), (), ())


@pytest.mark.parametrize("question", ["🙂", "the of and", "Wo entsorge ich Altglas?", "x" * 10_000])
def test_odd_questions_are_searched_by_meaning_alone(store: FaissStore, question: str) -> None:
    found = Retriever(store, real_encoder()).search(question)
    assert len(found.hits) == 5
    assert all(candidate.bm25_rank is None for candidate in found.candidates)


def test_an_empty_store_has_no_hits() -> None:
    found = Retriever(FaissStore(real_encoder().width), real_encoder()).search("glass")
    assert (found.hits, found.candidates) == ((), ())


def test_a_filter_holds_in_both_stages(store: FaissStore) -> None:
    where = Filter(document_ids=tuple(chunk.document_id for chunk in CHUNKS[10:30]))
    found = Retriever(store, real_encoder()).search("glass bottles and oil", where=where)
    assert {c.chunk_id for c in found.candidates} == {chunk.id for chunk in CHUNKS[10:30]}
    abroad = Retriever(store, real_encoder()).search("glass", where=Filter(regions=("spain",)))
    assert {c.chunk_id for c in abroad.candidates} == {c.id for c in CHUNKS if "all" in c.regions}


@pytest.mark.parametrize("fusion", ["dense", "weighted"])
def test_expansion_searches_again_and_keeps_the_cosine_of_the_question(
    store: FaissStore, fusion: Fusion
) -> None:
    plain = Retriever(store, real_encoder(), None, RetrievalConfig(fusion=fusion))
    wide = Retriever(store, real_encoder(), None, RetrievalConfig(fusion=fusion, is_expanded=True))
    moved = 0
    for question in QUESTIONS:
        one, other = plain.search(question), wide.search(question)
        cosines = {c.chunk_id: c.dense_score for c in one.candidates}
        for candidate in other.candidates:
            assert candidate.dense_score == pytest.approx(cosines[candidate.chunk_id], abs=1e-5)
        moved += [c.chunk_id for c in one.candidates] != [c.chunk_id for c in other.candidates]
    assert moved


def ranks(candidates: tuple[Candidate, ...]) -> dict[str, tuple[int | None, ...]]:
    return {c.chunk_id: (c.dense_rank, c.bm25_rank, c.fused_rank) for c in candidates}


def test_a_second_store_is_ranked_together_with_the_first(
    store: FaissStore, vectors: np.ndarray
) -> None:
    own = [row for row in range(len(CHUNKS)) if row % 20 == 5]
    rest = [row for row in range(len(CHUNKS)) if row % 20 != 5]
    first, second = (FaissStore(real_encoder().width) for _ in range(2))
    first.add([CHUNKS[row] for row in rest], vectors[rest])
    second.add([CHUNKS[row] for row in own], vectors[own])
    config = RetrievalConfig(fusion="dense")
    for question in QUESTIONS:
        together = Retriever(first, real_encoder(), None, config).search(question, extra=second)
        whole = Retriever(store, real_encoder(), None, config).search(question)
        assert ranks(together.candidates) == ranks(whole.candidates)


@pytest.mark.parametrize("kind", ["faiss", "qdrant"])
def test_a_fact_that_only_the_second_store_holds_comes_first(store: FaissStore, kind: str) -> None:
    encoder = real_encoder()
    extra = FaissStore(encoder.width) if kind == "faiss" else QdrantStore(encoder.width)
    note = passage("upload/club-1234abcd", "Broken zorbel balls go into the orange crate")
    extra.add([note], encoder.encode_passages([note.search_text]))
    retriever = Retriever(store, encoder)
    found = retriever.search("Where do broken zorbel balls go?", extra=extra)
    assert found.hits[0].chunk == note
    assert found.candidates[0].bm25_rank == found.candidates[0].dense_rank == 1
    assert {hit.chunk.is_upload for hit in found.hits} == {True, False}
    assert len(retriever.search("Where do broken zorbel balls go?").candidates) == len(CHUNKS)


def test_another_store_may_hold_the_passages(store: FaissStore, vectors: np.ndarray) -> None:
    other = QdrantStore(real_encoder().width)
    other.add(CHUNKS, vectors)
    for question in QUESTIONS:
        one = Retriever(store, real_encoder()).search(question)
        two = Retriever(other, real_encoder()).search(question)
        assert [hit.chunk for hit in one.hits] == [hit.chunk for hit in two.hits]
        assert [h.fused for h in one.hits] == pytest.approx([h.fused for h in two.hits], abs=1e-4)


def section(*parts: str, heading: str = "Steps", first: int = 0) -> list[Chunk]:
    return [
        passage("guide/jar", text, order=first + row, heading=heading)
        for row, text in enumerate(parts)
    ]


def test_neighbours_that_are_found_both_become_one_hit() -> None:
    encoder = real_encoder()
    parts = section(
        "Rinse the zorbel jar. Take the zorbel lid off",
        "Take the zorbel lid off. Dry the zorbel jar",
        "Dry the zorbel jar. Bring the zorbel jar to the bank",
    )
    other = passage("guide/oil", "Engine oil goes back to the shop")
    store = FaissStore(encoder.width)
    chunks = [*parts, other]
    store.add(chunks, encoder.encode_passages([chunk.search_text for chunk in chunks]))
    found = Retriever(store, encoder, None, RetrievalConfig(top=2)).search("zorbel jar")
    assert [hit.chunk.document_id for hit in found.hits] == ["guide/jar", "guide/oil"]
    joined = found.hits[0]
    assert joined.chunk.id == found.candidates[0].chunk_id
    assert joined.chunk.text == (
        "Rinse the zorbel jar. Take the zorbel lid off. Dry the zorbel jar. "
        "Bring the zorbel jar to the bank."
    )
    assert joined.score == max(c.dense_score for c in found.candidates if c.dense_score)
    assert len(found.candidates) == 4


PARTS = section("A one. B two", "B two. C three", "C three. D four", "E five")


@pytest.mark.parametrize(
    ("chunks", "sentences"),
    [
        pytest.param([PARTS[0]], ["A one.", "B two."], id="one alone"),
        pytest.param(PARTS[:2], ["A one.", "B two.", "C three."], id="what both hold stands once"),
        pytest.param(PARTS[1::-1], ["A one.", "B two.", "C three."], id="the later ranks better"),
        pytest.param(
            [PARTS[1], PARTS[2], PARTS[0]],
            ["A one.", "B two.", "C three.", "D four."],
            id="three",
        ),
        pytest.param(PARTS[2:4], ["C three.", "D four.", "E five."], id="nothing in common"),
    ],
)
def test_neighbours_are_joined_in_their_order(chunks: list[Chunk], sentences: list[str]) -> None:
    joined = join(chunks)
    assert list(joined.sentences) == sentences
    assert joined.text.split() == " ".join(sentences).split()
    assert joined.id == chunks[0].id
    assert joined.order == min(chunk.order for chunk in chunks)


def test_list_items_keep_their_lines() -> None:
    first, second = section("Rinse it. Dry it", "Dry it. Bring it")
    lines = [
        Chunk(**{**vars(chunk), "text": "\n".join(f"- {s}" for s in chunk.sentences)})
        for chunk in (first, second)
    ]
    assert join(lines).text == "- Rinse it.\n- Dry it.\n- Bring it."


def test_only_neighbours_of_one_section_are_grouped() -> None:
    other = section("F six", heading="Where you live", first=4)
    strange = passage("guide/oil", "A one. B two", order=1, heading="Steps")
    chunks = {chunk.id: chunk for chunk in [*PARTS, *other, strange]}
    ids = [chunk.id for chunk in PARTS]
    order = [ids[0], strange.id, ids[2], other[0].id, ids[1], ids[3]]
    assert group_neighbours(order, chunks, 10) == [
        [ids[0], ids[2], ids[1], ids[3]],
        [strange.id],
        [other[0].id],
    ]
    assert group_neighbours(order, chunks, 2) == [[ids[0]], [strange.id]]
    assert group_neighbours([ids[0], ids[1], strange.id], chunks, 1) == [[ids[0], ids[1]]]


def test_a_search_with_a_reranker_from_a_folder_given_as_text(tmp_path: Path) -> None:
    folder = save_small_cross_encoder(tmp_path)
    assert Reranker(str(folder), device="cpu").scores("a", ["b", "c"]).shape == (2,)
