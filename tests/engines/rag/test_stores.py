"""One contract for both stores, and what each has of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from qdrant_client import QdrantClient

from engines.rag.chunking import Chunk
from engines.rag.fit.evaluate import read_beir
from engines.rag.sparse import SparseIndex
from engines.rag.store import Filter, VectorStore
from engines.rag.store_faiss import FaissStore
from engines.rag.store_qdrant import QdrantStore
from engines.runtime.errors import EngineUnavailableError
from tests.engines.rag.passages import BEIR_SMALL, WIDTH, passage, unit_vectors

BEIR = read_beir(BEIR_SMALL)
QUESTIONS = list(BEIR.queries.values())
REGIONS = (("all",), ("germany",), ("france", "spain"))
DOC_TYPES = ("guide", "hazard")


def _chunks() -> list[Chunk]:
    """Three passages of each of twenty documents, of several places and kinds."""
    return [
        passage(
            f"doc_{row // 3:02}",
            text,
            order=row % 3,
            doc_type=DOC_TYPES[(row // 3) % 2],
            regions=REGIONS[(row // 3) % 3],
        )
        for row, text in enumerate(BEIR.corpus.values())
    ]


CHUNKS = _chunks()
VECTORS = unit_vectors(len(CHUNKS))
QUERY = unit_vectors(1, seed=7)[0]
FILTERS = [
    pytest.param(None, id="no filter"),
    pytest.param(Filter(), id="an empty filter"),
    pytest.param(Filter(regions=("germany",)), id="a place"),
    pytest.param(Filter(regions=("all",)), id="only what holds everywhere"),
    pytest.param(Filter(regions=("all", "spain", "germany")), id="places"),
    pytest.param(Filter(doc_types=("hazard",)), id="a kind"),
    pytest.param(Filter(document_ids=("doc_04", "doc_11", "nowhere")), id="documents"),
    pytest.param(Filter(regions=("france",), doc_types=("guide",)), id="place and kind"),
    pytest.param(Filter(doc_types=("poem",)), id="nothing left"),
]

Make = Callable[[], VectorStore]


@pytest.fixture(params=["faiss", "qdrant"])
def make(request: pytest.FixtureRequest) -> Make:
    """Return what makes an empty store of either kind, BM25 exact after every change."""
    if request.param == "faiss":
        return lambda: FaissStore(WIDTH)
    return lambda: QdrantStore(WIDTH, drift=0.0)


@pytest.fixture
def store(make: Make) -> VectorStore:
    """Return a store that holds all the passages."""
    filled = make()
    filled.add(CHUNKS, VECTORS)
    return filled


def by_score(scores: Sequence[float], rows: Sequence[int]) -> list[tuple[str, float]]:
    found = [(CHUNKS[row].id, float(scores[row])) for row in rows]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def allowed(where: Filter | None) -> list[int]:
    """Rows that a filter lets through, written out apart from the store's own test."""
    rows = []
    for row, chunk in enumerate(CHUNKS):
        if where is not None:
            near = {"all", *where.regions} & set(chunk.regions)
            if where.regions and not near:
                continue
            if where.doc_types and chunk.doc_type not in where.doc_types:
                continue
            if where.document_ids and chunk.document_id not in where.document_ids:
                continue
        rows.append(row)
    return rows


def assert_same(found: Sequence[tuple[str, float]], expected: Sequence[tuple[str, float]]) -> None:
    """Same scores in the same order; passages whose scores are equal to 5 digits may swap."""
    assert [score for _, score in found] == pytest.approx([s for _, s in expected], abs=1e-5)
    assert sorted((round(s, 4), name) for name, s in found) == sorted(
        (round(s, 4), name) for name, s in expected
    )


@pytest.mark.parametrize("where", FILTERS)
def test_dense_search_equals_brute_force(store: VectorStore, where: Filter | None) -> None:
    expected = by_score((VECTORS @ QUERY).tolist(), allowed(where))
    for k in (1, 7, 60, 200):
        assert_same(store.search_dense(QUERY, k, where), expected[:k])


@pytest.mark.parametrize("where", FILTERS)
def test_sparse_search_equals_bm25(store: VectorStore, where: Filter | None) -> None:
    index = SparseIndex([chunk.search_text for chunk in CHUNKS])
    for question in QUESTIONS:
        scores = index.scores(question)
        rows = [row for row in allowed(where) if scores[row] > 0]
        assert_same(store.search_sparse(question, 60, where), by_score(scores.tolist(), rows))
        assert len(store.search_sparse(question, 2, where)) == min(2, len(rows))


def test_a_word_asked_twice_counts_twice(store: VectorStore) -> None:
    once = dict(store.search_sparse("glass", 60))
    twice = dict(store.search_sparse("glass glass", 60))
    assert twice == pytest.approx({name: 2 * score for name, score in once.items()}, rel=1e-5)
    assert once


@pytest.mark.parametrize("question", ["", "the of and", "zorbel", "🙂"])
def test_no_word_in_common_finds_nothing(store: VectorStore, question: str) -> None:
    assert store.search_sparse(question, 10) == []


def test_passages_come_back_as_they_were_added(store: VectorStore) -> None:
    assert store.chunks == tuple(CHUNKS)
    assert len(store) == len(CHUNKS)
    assert store.get(CHUNKS[5].id) == CHUNKS[5]
    wanted = [CHUNKS[9].id, CHUNKS[2].id, CHUNKS[30].id]
    assert store.get_many(wanted) == [CHUNKS[9], CHUNKS[2], CHUNKS[30]]
    assert store.get_many([]) == []


def test_similarities_are_cosines_in_the_order_asked_for(store: VectorStore) -> None:
    rows = [40, 3, 17]
    found = store.similarities(QUERY, [CHUNKS[row].id for row in rows])
    assert found == pytest.approx((VECTORS[rows] @ QUERY).tolist(), abs=1e-6)
    assert store.similarities(QUERY, []).shape == (0,)


def test_what_is_not_there_is_a_key_error(store: VectorStore) -> None:
    with pytest.raises(KeyError):
        store.get("nowhere#0")
    with pytest.raises(KeyError):
        store.get_many([CHUNKS[0].id, "nowhere#0"])
    with pytest.raises(KeyError):
        store.similarities(QUERY, ["nowhere#0"])


def test_a_removed_document_leaves_no_trace(make: Make, store: VectorStore) -> None:
    gone = CHUNKS[4].document_id
    never_there = make()
    kept = [row for row, chunk in enumerate(CHUNKS) if chunk.document_id != gone]
    never_there.add([CHUNKS[row] for row in kept], VECTORS[kept])
    store.search_sparse("glass", 5)
    assert store.remove(gone) == 3
    assert store.remove(gone) == 0
    assert len(store) == 57
    assert store.chunks == never_there.chunks
    with pytest.raises(KeyError):
        store.get(CHUNKS[4].id)
    with pytest.raises(KeyError):
        store.similarities(QUERY, [CHUNKS[4].id])
    assert_same(store.search_dense(QUERY, 60), never_there.search_dense(QUERY, 60))
    for question in QUESTIONS:
        # Words that only the removed passages held no longer count, nor does their length.
        assert_same(store.search_sparse(question, 60), never_there.search_sparse(question, 60))


def test_a_document_can_be_added_in_place_of_its_old_self(store: VectorStore) -> None:
    old = CHUNKS[:3]
    store.remove(old[0].document_id)
    new = replace(old[0], text="Zorbel balls go into the orange crate.")
    store.add([new], VECTORS[:1])
    assert store.search_sparse("zorbel", 5)[0][0] == new.id
    assert store.get(new.id) == new
    assert store.search_dense(VECTORS[0], 1)[0][0] == new.id


def test_passages_can_be_added_bit_by_bit(make: Make, store: VectorStore) -> None:
    slowly = make()
    for start in range(0, 60, 17):
        slowly.add(CHUNKS[start : start + 17], VECTORS[start : start + 17])
        slowly.search_sparse("glass", 1)
    assert slowly.chunks == store.chunks
    assert_same(slowly.search_dense(QUERY, 60), store.search_dense(QUERY, 60))
    for question in QUESTIONS:
        assert_same(slowly.search_sparse(question, 60), store.search_sparse(question, 60))


@pytest.mark.parametrize(
    ("chunks", "vectors"),
    [
        pytest.param(CHUNKS[:2], VECTORS[:1], id="too few vectors"),
        pytest.param(CHUNKS[:1], VECTORS[0], id="not a matrix"),
        pytest.param(CHUNKS[:1], VECTORS[:1, :5], id="another width"),
        pytest.param([CHUNKS[0], CHUNKS[0]], VECTORS[:2], id="twice at once"),
        pytest.param([CHUNKS[1], CHUNKS[20]], VECTORS[:2], id="there already"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_added(
    make: Make, chunks: list[Chunk], vectors: np.ndarray
) -> None:
    store = make()
    store.add(CHUNKS[20:22], VECTORS[20:22])
    with pytest.raises(ValueError):
        store.add(chunks, vectors)
    assert store.chunks == tuple(CHUNKS[20:22])
    assert [name for name, _ in store.search_dense(VECTORS[1], 9)].count(CHUNKS[1].id) == 0


def test_an_empty_store_finds_nothing(make: Make) -> None:
    store = make()
    store.add([], np.zeros((0, WIDTH), np.float32))
    assert len(store) == 0
    assert store.chunks == ()
    assert store.search_dense(QUERY, 5) == []
    assert store.search_sparse("glass", 5) == []
    assert store.remove("nowhere") == 0


def test_nothing_is_wanted_and_nothing_found(store: VectorStore) -> None:
    assert store.search_dense(QUERY, 0) == []
    assert store.search_sparse("glass", 0) == []


def test_a_vector_of_another_width_is_refused(store: VectorStore) -> None:
    with pytest.raises(ValueError, match="shape"):
        store.search_dense(QUERY[:5], 3)


def test_words_are_weighed_by_the_other_store_where_that_is_asked_for(
    make: Make, store: VectorStore
) -> None:
    small = make()
    texts = ["Glass lids in zorbel wood", "Plum lids in plum wood", "Zorbel lids in zorbel wood"]
    small.add([passage(f"own_{row}", text) for row, text in enumerate(texts)], VECTORS[:3])
    # Here "glass" is rarer than "zorbel"; among all passages it is the other way round.
    assert small.search_sparse("glass zorbel", 3)[0][0] == "own_0#0"
    own = dict(small.search_sparse("glass", 3))
    shared = dict(small.search_sparse("glass", 3, statistics=store.statistics))
    assert own.keys() == shared.keys() == {"own_0#0"}
    assert store.statistics.idf("zorbel") > store.statistics.idf("glass")
    assert shared["own_0#0"] > own["own_0#0"]


def test_many_threads_may_search_while_documents_come_and_go(store: VectorStore) -> None:
    def work(number: int) -> None:
        mine = [passage(f"own_{number}", f"Glass jar number {number}")]
        store.add(mine, unit_vectors(1, seed=number))
        assert store.search_sparse("glass jar", 100)
        assert store.search_dense(QUERY, 5, Filter(doc_types=("guide",)))
        assert store.remove(f"own_{number}") == 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(24)))
    assert store.chunks == tuple(CHUNKS)


def test_both_stores_rank_alike() -> None:
    one, other = FaissStore(WIDTH), QdrantStore(WIDTH)
    for store in (one, other):
        store.add(CHUNKS, VECTORS)
    for question in QUESTIONS:
        assert_same(other.search_sparse(question, 60), one.search_sparse(question, 60))
    assert_same(other.search_dense(QUERY, 60), one.search_dense(QUERY, 60))


def test_faiss_scores_of_a_small_store_equal_those_of_the_large_one_it_is_weighed_by() -> None:
    large, small = FaissStore(WIDTH), FaissStore(WIDTH)
    large.add(CHUNKS, VECTORS)
    small.add(CHUNKS[6:9], VECTORS[6:9])
    ids = {chunk.id for chunk in CHUNKS[6:9]}
    for question in QUESTIONS:
        found = dict(small.search_sparse(question, 9, statistics=large.statistics))
        everything = dict(large.search_sparse(question, 60))
        assert found == pytest.approx({n: s for n, s in everything.items() if n in ids})


def test_qdrant_opens_a_collection_that_is_there() -> None:
    client = QdrantClient(location=":memory:")
    first = QdrantStore(WIDTH, client=client, drift=0.0)
    first.add(CHUNKS[:40], VECTORS[:40])
    first.remove(CHUNKS[0].document_id)
    again = QdrantStore(WIDTH, client=client, drift=0.0)
    assert len(again) == len(first) == 37
    assert again.chunks == first.chunks
    for question in QUESTIONS:
        assert_same(again.search_sparse(question, 40), first.search_sparse(question, 40))
    again.add(CHUNKS[:3], VECTORS[:3])
    assert again.chunks == (*CHUNKS[3:40], *CHUNKS[:3])


def test_qdrant_refuses_a_collection_of_another_width() -> None:
    client = QdrantClient(location=":memory:")
    QdrantStore(WIDTH, client=client)
    with pytest.raises(ValueError, match="24 numbers, not 25"):
        QdrantStore(WIDTH + 1, client=client)


def test_qdrant_writes_its_weights_again_only_when_lengths_have_drifted() -> None:
    exact, lazy = QdrantStore(WIDTH, drift=0.0), QdrantStore(WIDTH, drift=10.0)
    for store in (exact, lazy):
        store.add(CHUNKS[:30], VECTORS[:30])
    assert_same(lazy.search_sparse("glass", 30), exact.search_sparse("glass", 30))
    long_text = " ".join(chunk.text for chunk in CHUNKS)
    for store in (exact, lazy):
        store.add([passage("long", long_text)], VECTORS[30:31])
    old, new = (dict(store.search_sparse("glass", 40)) for store in (lazy, exact))
    assert old.keys() == new.keys()
    # Against a greater mean every other text is shorter, and counts for more.
    others = [name for name in new if name != "long#0"]
    assert others
    assert all(new[name] > old[name] for name in others)


def test_a_qdrant_server_that_does_not_answer_is_said_in_words() -> None:
    with pytest.raises(EngineUnavailableError, match=r"127\.0\.0\.1:9 .* Start it"):
        QdrantStore(WIDTH, location="http://127.0.0.1:9")
