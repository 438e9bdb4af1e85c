"""Measuring on the small set: equal to rank_bm25, numpy and scikit-learn put together by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from rank_bm25 import BM25Okapi
from sklearn.metrics import ndcg_score

from engines.rag.fit.evaluate import SYSTEMS, SystemScore, evaluate, main, read_beir, table
from engines.rag.rerank import Reranker
from engines.rag.sparse import tokenize
from engines.runtime.errors import InputError
from tests.engines.rag.passages import BEIR_SMALL, real_encoder, save_small_cross_encoder

KEYS = ["ndcg@10", "recall@10", "recall@100", "mrr", "p50_ms", "p95_ms"]
FUSIONS = ["rrf", "weighted", "rrf+expansion", "weighted+expansion"]


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SystemScore]:
    """Return the scores of every system, reranked by a cross-encoder that knows nothing."""
    folder = save_small_cross_encoder(tmp_path_factory.mktemp("cross_encoder"))
    reranker = Reranker(folder, device="cpu")
    return evaluate(read_beir(BEIR_SMALL), real_encoder(), reranker)


def by_hand(scored: np.ndarray) -> dict[str, float]:
    """Average the metrics of a matrix of scores (queries, passages) without our own code."""
    data = read_beir(BEIR_SMALL)
    passages = list(data.corpus)
    gains = np.array(
        [[2 ** data.relevance[q].get(p, 0) - 1 for p in passages] for q in data.queries]
    )
    order = np.argsort(-scored, axis=1, kind="stable")
    is_relevant = np.take_along_axis(gains > 0, order, axis=1)
    is_found = np.take_along_axis(scored > 0, order, axis=1)
    hits = is_relevant & is_found
    reciprocal = [1 / (1 + int(row.argmax())) if row.any() else 0.0 for row in hits[:, :10]]
    # Places that nothing was found for stay empty: worthless passages fill them for scikit-learn.
    # It breaks ties in its own way, so it is given places instead of scores.
    places = np.where(scored > 0, len(passages) - order.argsort(axis=1), 0.0)
    filler = np.zeros((len(gains), 10))
    filled = np.hstack([gains, filler]), np.hstack([places, filler + 0.5])
    return {
        "ndcg@10": float(ndcg_score(*filled, k=10, ignore_ties=True)),
        "recall@10": float((hits[:, :10].sum(1) / is_relevant.sum(1)).mean()),
        "recall@100": float((hits.sum(1) / is_relevant.sum(1)).mean()),
        "mrr": float(np.mean(reciprocal)),
    }


def bm25_by_hand(*, is_stemmed: bool) -> dict[str, float]:
    data = read_beir(BEIR_SMALL)
    texts = [tokenize(text, is_stemmed=is_stemmed) for text in data.corpus.values()]
    reference = BM25Okapi(texts, k1=1.5, b=0.75)
    return by_hand(
        np.array(
            [
                reference.get_scores(tokenize(text, is_stemmed=is_stemmed))
                for text in data.queries.values()
            ]
        )
    )


@pytest.mark.parametrize(("name", "is_stemmed"), [("bm25", True), ("bm25_no_stemming", False)])
def test_bm25_scores_as_rank_bm25_does(
    scores: dict[str, SystemScore], name: str, is_stemmed: bool
) -> None:
    expected = bm25_by_hand(is_stemmed=is_stemmed)
    found = scores[name].as_json()
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-6)


def test_dense_scores_as_brute_force_does(scores: dict[str, SystemScore]) -> None:
    data, encoder = read_beir(BEIR_SMALL), real_encoder()
    queries = encoder.encode_queries(list(data.queries.values()))
    passages = encoder.encode_passages(list(data.corpus.values()))
    # 1 more keeps the order and makes all scores positive, as `by_hand` wants what was found.
    expected = by_hand(1 + queries.astype(np.float64) @ passages.T.astype(np.float64))
    found = scores["dense"].as_json()
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-6)


def test_every_system_is_measured(scores: dict[str, SystemScore]) -> None:
    assert list(scores) == [*SYSTEMS, *(f"{name}+rerank" for name in FUSIONS)]
    for score in scores.values():
        numbers = score.as_json()
        assert list(numbers) == KEYS
        assert all(0 <= numbers[key] <= 1 for key in KEYS[:4])
        assert numbers["recall@10"] <= numbers["recall@100"]
        assert 0 < numbers["p50_ms"] <= numbers["p95_ms"]


def test_a_reranker_that_knows_nothing_makes_the_order_worse(
    scores: dict[str, SystemScore],
) -> None:
    # It orders the best ten anew: what is among them stays, where they stand does not.
    for name in FUSIONS:
        assert scores[f"{name}+rerank"].recall_at_10 == scores[name].recall_at_10
        assert scores[f"{name}+rerank"].ndcg_at_10 < scores[name].ndcg_at_10


def test_the_table_shows_every_number(scores: dict[str, SystemScore]) -> None:
    lines = table(scores).split("\n")
    head = "system nDCG@10 Recall@10 Recall@100 MRR@10 p50 ms p95 ms"
    assert lines[0].split() == head.split()
    assert len({len(line) for line in lines}) == 1
    for line, (name, score) in zip(lines[1:], scores.items()):
        shown = line.split()
        assert shown[0] == name
        assert float(shown[1]) == pytest.approx(score.ndcg_at_10, abs=6e-4)
        assert float(shown[6]) == pytest.approx(score.p95_ms, abs=0.06)


def test_the_command_prints_a_table_and_writes_the_same_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "scores.json"
    assert main(["--beir", str(BEIR_SMALL), "--json", str(out)]) == 0
    numbers = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert "20 queries, 60 passages" in printed
    assert set(SYSTEMS) <= numbers.keys()
    for name, found in numbers.items():
        assert list(found) == KEYS
        row = next(line for line in printed.split("\n") if line.split()[:1] == [name])
        assert float(row.split()[1]) == pytest.approx(found["ndcg@10"], abs=6e-4)


def test_the_set_is_read_as_it_stands() -> None:
    data = read_beir(BEIR_SMALL)
    assert (len(data.corpus), len(data.queries)) == (60, 20)
    assert data.corpus["p33"].startswith("Aluminium cans Making a drink can from recycled")
    assert data.relevance["q03"] == {"p07": 2, "p09": 1}
    assert all(name in data.corpus for found in data.relevance.values() for name in found)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the small set that a test may break."""
    return Path(shutil.copytree(BEIR_SMALL, tmp_path / "set"))


def test_judgements_may_lie_beside_the_other_files(copy: Path) -> None:
    (copy / "qrels" / "test.tsv").rename(copy / "qrels.tsv")
    assert read_beir(copy) == read_beir(BEIR_SMALL)


def test_another_split_has_its_own_file(copy: Path) -> None:
    (copy / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq05\tp10\t1\n")
    assert read_beir(copy, "dev").relevance == {"q05": {"p10": 1}}


def test_queries_that_nothing_answers_are_left_out(copy: Path) -> None:
    with (copy / "qrels" / "test.tsv").open("a") as target:
        target.write("q99\tp01\t0\n")
    assert "q99" not in read_beir(copy).queries


def test_a_passage_with_the_querys_own_id_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "a", "title": "", "text": "glass jars"}\n{"_id": "b", "text": "old jars"}\n'
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "a", "text": "glass jars"}\n')
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\na\tb\t1\n")
    found = evaluate(read_beir(tmp_path), real_encoder())
    assert {score.mrr_at_10 for score in found.values()} == {1.0}
    assert list(found) == list(SYSTEMS)


def append(name: str, line: str) -> object:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as target:
            target.write(line)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda f: (f / "corpus.jsonl").unlink(), "corpus.jsonl is missing", id="no corpus"
        ),
        pytest.param(
            lambda f: (f / "queries.jsonl").unlink(), "queries.jsonl is missing", id="no queries"
        ),
        pytest.param(
            lambda f: (f / "qrels" / "test.tsv").unlink(), "qrels.tsv is missing", id="no qrels"
        ),
        pytest.param(
            append("corpus.jsonl", '{"_id": "x", "tex'),
            "Line 61 of .*corpus.jsonl is not valid JSON",
            id="broken line",
        ),
        pytest.param(
            append("corpus.jsonl", '\n["x"]\n'),
            "Line 62 of .*corpus.jsonl is not a JSON object with an _id",
            id="not an object",
        ),
        pytest.param(
            append("queries.jsonl", '{"text": "glass?"}\n'),
            "Line 21 of .*queries.jsonl is not a JSON object with an _id",
            id="no id",
        ),
        pytest.param(
            append("corpus.jsonl", '{"_id": "p07"}\n'), "Line 61 .* repeats the _id p07", id="twice"
        ),
        pytest.param(
            lambda f: (f / "corpus.jsonl").write_text("\n"), "is empty", id="empty corpus"
        ),
        pytest.param(
            lambda f: (f / "corpus.jsonl").write_bytes(b"\xff\xfe\x00"), "UTF-8", id="no text"
        ),
        pytest.param(
            lambda f: (f / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n"),
            "judges no passage relevant",
            id="only a header",
        ),
        pytest.param(
            lambda f: (f / "qrels" / "test.tsv").write_text("q01\tp01\t0\n"),
            "judges no passage relevant",
            id="nothing relevant",
        ),
        pytest.param(
            append("qrels/test.tsv", "q01 p01 1\n"), "Line 30 .* separated by tabs", id="no tabs"
        ),
        pytest.param(
            append("qrels/test.tsv", "q01\tp01\tmuch\n"), "Line 30 .* whole number", id="no number"
        ),
        pytest.param(
            append("qrels/test.tsv", "q99\tp01\t1\n"),
            "judges the query q99",
            id="a query that is not there",
        ),
    ],
)
def test_a_broken_set_is_said_in_words(
    copy: Path, change: object, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copy)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read_beir(copy)
    assert main(["--beir", str(copy)]) == 2
    assert capsys.readouterr().err.strip()
