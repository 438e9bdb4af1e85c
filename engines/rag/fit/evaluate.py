"""Measure every way of searching on a set in BEIR layout.

`python -m engines.rag.fit.evaluate --beir FOLDER [--json FILE] [--split test]`

FOLDER holds corpus.jsonl ({"_id", "title", "text"} a line), queries.jsonl ({"_id", "text"}) and
qrels/<split>.tsv or qrels.tsv (query-id, corpus-id, score, below a line with these names). Whole
passages are ranked, title and text joined by a space, as in Thakur et al. 2021 (BEIR).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import numpy as np
from tqdm import tqdm

from engines.rag.chunking import Chunk
from engines.rag.metrics import ndcg, recall, reciprocal_rank
from engines.rag.rerank import Reranker
from engines.rag.retrieve import RetrievalConfig, Retriever
from engines.rag.sparse import tokenize
from engines.rag.store_faiss import FaissStore
from engines.runtime.errors import InputError, ReleafError
from engines.runtime.text_encoder import DenseEncoder
from engines.runtime.timing import LatencyWindow

LAYOUT = "A BEIR folder has corpus.jsonl, queries.jsonl and qrels/test.tsv or qrels.tsv."
UNSTEMMED = "bm25_no_stemming"
DEPTH = 100
WARMUP_QUERIES = 3

SYSTEMS: Mapping[str, RetrievalConfig] = {
    "bm25": RetrievalConfig(fusion="bm25"),
    UNSTEMMED: RetrievalConfig(fusion="bm25"),
    "dense": RetrievalConfig(fusion="dense"),
    "rrf": RetrievalConfig(fusion="rrf"),
    "weighted": RetrievalConfig(fusion="weighted"),
    "rrf+expansion": RetrievalConfig(fusion="rrf", is_expanded=True),
    "weighted+expansion": RetrievalConfig(fusion="weighted", is_expanded=True),
}


@dataclass(frozen=True)
class BeirSet:
    """Hold a set to measure on.

    Attributes:
        corpus: text by passage id, title first.
        queries: text by query id, only of those that are judged.
        relevance: grade by passage id by query id; a grade above 0 is relevant.
    """

    corpus: Mapping[str, str]
    queries: Mapping[str, str]
    relevance: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class SystemScore:
    """Hold the means over the queries, and the time that one query took."""

    ndcg_at_10: float
    recall_at_10: float
    recall_at_100: float
    mrr_at_10: float
    p50_ms: float
    p95_ms: float

    def as_json(self) -> dict[str, float]:
        """Return the numbers under the names they have in BEIR."""
        names = ("ndcg@10", "recall@10", "recall@100", "mrr", "p50_ms", "p95_ms")
        return dict(zip(names, asdict(self).values()))


def read_beir(folder: Path, split: str = "test") -> BeirSet:
    """Read a set in BEIR layout.

    Raises:
        InputError: if a file is missing, a line is broken (it names file and line), no passage is
            judged relevant, or a judged query is not there.
    """
    corpus = {
        name: f"{record.get('title') or ''} {record.get('text') or ''}".strip()
        for name, record in _read_records(folder / "corpus.jsonl").items()
    }
    texts = {
        name: str(record.get("text") or "")
        for name, record in _read_records(folder / "queries.jsonl").items()
    }
    path = folder / "qrels" / f"{split}.tsv"
    if not path.is_file():
        path = folder / "qrels.tsv"
    relevance = _read_relevance(path, split)
    for name in relevance:
        if name not in texts:
            raise InputError(
                f"{path.name} judges the query {name}, which queries.jsonl does not hold.",
                "Add the query, or take its lines out.",
            )
    return BeirSet(corpus, {name: texts[name] for name in relevance}, relevance)


def build_store(corpus: Mapping[str, str], encoder: DenseEncoder) -> tuple[FaissStore, FaissStore]:
    """Make whole passages searchable: one store with stemming and one without, same vectors."""
    chunks = [_whole(name, text) for name, text in corpus.items()]
    vectors = encoder.encode_passages(
        [chunk.search_text for chunk in chunks], is_progress_shown=sys.stderr.isatty()
    )
    stemmed = FaissStore(encoder.width)
    unstemmed = FaissStore(encoder.width, tokenizer=partial(tokenize, is_stemmed=False))
    for store in (stemmed, unstemmed):
        store.add(chunks, vectors)
    return stemmed, unstemmed


def measure(retriever: Retriever, data: BeirSet, *, name: str = "") -> SystemScore:
    """Search for every judged query, one after the other, and average.

    A passage with the query's own id is left out of its ranking, as BEIR does.
    """
    window = LatencyWindow(size=len(data.queries))
    # Words need no vector; any one keeps the encoder out of the time that BM25 takes.
    width = retriever.encoder.width
    vector = np.zeros(width, np.float32) if retriever.config.fusion == "bm25" else None
    for text in list(data.queries.values())[:WARMUP_QUERIES]:
        retriever.search(text, vector=vector)
    rankings: dict[str, list[str]] = {}
    for query, text in tqdm(data.queries.items(), desc=name, leave=False, disable=None):
        start_s = perf_counter()
        found = retriever.search(text, vector=vector)
        window.add((perf_counter() - start_s) * 1000.0)
        ranked = [candidate.chunk_id for candidate in found.candidates]
        rankings[query] = [passage for passage in ranked if passage != query][:DEPTH]
    judged = [(rankings[query], data.relevance[query]) for query in data.queries]
    return SystemScore(
        ndcg_at_10=fmean(ndcg(ranked, grades, 10) for ranked, grades in judged),
        recall_at_10=fmean(recall(ranked, grades, 10) for ranked, grades in judged),
        recall_at_100=fmean(recall(ranked, grades, DEPTH) for ranked, grades in judged),
        mrr_at_10=fmean(reciprocal_rank(ranked, grades, 10) for ranked, grades in judged),
        p50_ms=window.p50_ms or 0.0,
        p95_ms=window.p95_ms or 0.0,
    )


def evaluate(
    data: BeirSet, encoder: DenseEncoder, reranker: Reranker | None = None
) -> dict[str, SystemScore]:
    """Measure every system; where there is a reranker, the fusions with it too."""
    stemmed, unstemmed = build_store(data.corpus, encoder)
    scores = {}
    for name, config in SYSTEMS.items():
        store = unstemmed if name == UNSTEMMED else stemmed
        scores[name] = measure(Retriever(store, encoder, None, config), data, name=name)
    if reranker is not None:
        for name, config in SYSTEMS.items():
            if config.fusion in ("rrf", "weighted"):
                retriever = Retriever(stemmed, encoder, reranker, config)
                scores[f"{name}+rerank"] = measure(retriever, data, name=f"{name}+rerank")
    return scores


def table(scores: Mapping[str, SystemScore]) -> str:
    """Write the scores as a table for a terminal."""
    head = ("nDCG@10", "Recall@10", "Recall@100", "MRR@10", "p50 ms", "p95 ms")
    width = max(len(name) for name in ("system", *scores))
    lines = [f"{'system':<{width}}" + "".join(f"{column:>12}" for column in head)]
    for name, score in scores.items():
        *shares, p50_ms, p95_ms = asdict(score).values()
        cells = [f"{share:12.3f}" for share in shares] + [f"{p50_ms:12.1f}", f"{p95_ms:12.1f}"]
        lines.append(f"{name:<{width}}" + "".join(cells))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure from the shell.

    Returns:
        0, or 2 if a file or a model can't be used (said on stderr).
    """
    parser = argparse.ArgumentParser(
        prog="python -m engines.rag.fit.evaluate",
        description="Measure every way of searching on a set in BEIR layout.",
    )
    parser.add_argument("--beir", type=Path, required=True, metavar="FOLDER", help="the set")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    parser.add_argument("--split", default="test", help="file in qrels/ (default: test)")
    arguments = parser.parse_args(argv)
    try:
        data = read_beir(arguments.beir, arguments.split)
        # Here, not above: a broken file is said at once, models take seconds to load.
        from engines.runtime.device import choose_placement, limit_threads
        from engines.runtime.settings import load_settings
        from engines.runtime.text_encoder import open_encoder

        settings = load_settings()
        limit_threads(settings.cpu_threads)
        placement = choose_placement(settings)
        encoder = open_encoder(settings.embedding_model, settings, placement)
        reranker = _open_reranker(settings, placement)
        scores = evaluate(data, encoder, reranker)
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(data.queries)} queries, {len(data.corpus)} passages, {placement.reason}")
    print(table(scores))
    if arguments.json is not None:
        numbers = {name: score.as_json() for name, score in scores.items()}
        try:
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            print(f"{arguments.json} can't be written ({error.strerror}).", file=sys.stderr)
            return 2
    return 0


def _open_reranker(settings: Any, placement: Any) -> Reranker | None:
    """Open the reranker that the settings name, None if there is none here."""
    from engines.runtime.errors import WeightsMissingError
    from engines.runtime.weights import find_weights

    name = settings.reranker_model
    try:
        is_named = not Path(name).is_dir() and "/" not in name
        folder = find_weights(name, settings=settings).path.parent if is_named else name
        return Reranker(folder, device=placement.device)
    except WeightsMissingError:
        return None


def _read_records(path: Path) -> dict[str, dict[str, Any]]:
    """Read a JSONL file with an _id in every line; blank lines are passed over."""
    records: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise _broken(path, number, "is not valid JSON") from error
        if not isinstance(record, dict) or not isinstance(record.get("_id"), (str, int)):
            raise _broken(path, number, "is not a JSON object with an _id")
        name = str(record["_id"])
        if name in records:
            raise _broken(path, number, f"repeats the _id {name}")
        records[name] = record
    if not records:
        raise InputError(f"{path} is empty.", LAYOUT)
    return records


def _read_relevance(path: Path, split: str) -> dict[str, dict[str, int]]:
    """Read the judgements; queries for which nothing is relevant are left out."""
    relevance: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_lines(path), start=1):
        fields = line.split("\t")
        if not line.strip() or (number == 1 and fields[0].strip() == "query-id"):
            continue
        try:
            query, passage, grade = (field.strip() for field in fields)
            relevance.setdefault(query, {})[passage] = int(grade)
        except ValueError as error:
            reason = "is not query-id, corpus-id and a whole number, separated by tabs"
            raise _broken(path, number, reason) from error
    judged = {query: found for query, found in relevance.items() if max(found.values()) > 0}
    if not judged:
        raise InputError(f"{path} judges no passage relevant to any query.", LAYOUT)
    return judged


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing.", LAYOUT) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file in UTF-8.", LAYOUT) from error
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}).", LAYOUT) from error


def _broken(path: Path, number: int, reason: str) -> InputError:
    return InputError(f"Line {number} of {path} {reason}.", "Correct that line.")


def _whole(name: str, text: str) -> Chunk:
    """Make a passage of a whole text; what is searched is that text alone."""
    return Chunk(
        id=name,
        document_id=name,
        title="",
        heading="",
        text=text,
        sentences=(text,),
        doc_type="passage",
        regions=("all",),
        items=(),
        topics=(),
        order=0,
        token_count=0,
        is_upload=False,
    )


if __name__ == "__main__":
    sys.exit(main())
