"""Compare ways of answering from given passages: `python -m engines.rag.fit.evaluate_writing`.

The base model, the base with an adapter, and quoting, on the same held-out examples; what the
passages hold is judged by the chat's own checker. Killed, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from engines.llm.decoding import TransformersDecoder
from engines.llm.fit.augment import LABEL
from engines.llm.fit.data import read_examples
from engines.llm.fit.evaluate import (
    Report,
    Written,
    passages_of,
    perplexity_of,
    report_of,
    table_of,
    with_orders,
    write_all,
    writer_of,
)
from engines.llm.fit.examples import Example
from engines.llm.model import LanguageModel
from engines.llm.prompt import NO_ANSWER
from engines.rag import compose
from engines.rag.chunking import Chunk
from engines.rag.danger import DANGER_WORDS
from engines.rag.finding import find
from engines.rag.library import Library, read_library
from engines.rag.retrieve import Retriever
from engines.rag.sentences import split_sentences
from engines.rag.session import ChatSession
from engines.rag.sparse import tokenize
from engines.rag.store_faiss import FaissStore
from engines.runtime.device import Placement, choose_placement
from engines.runtime.errors import InputError, ReleafError
from engines.runtime.settings import Settings, load_settings

# Writing takes seconds an answer; a third of the examples tells whether orders are obeyed.
ORDER_EVERY = 3
_BULLET = re.compile(r"(?:^|(?<=[.!?:]))\s*- ")


class CheckerJudge:
    """Judge with the checker that the chat itself trusts."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def supports(self, sentences: Sequence[str], passages: Sequence[str]) -> list[bool]:
        """Say for each sentence whether one of the passages' sentences holds it."""
        held = [sentence for passage in passages for sentence in sentences_of(passage)]
        if not held:
            return [False] * len(sentences)
        return [s.is_supported for s in self._library.checker.check_all(sentences, held)]

    def names_danger(self, sentence: str) -> bool:
        """Say whether a sentence holds a word of danger."""
        return not DANGER_WORDS.isdisjoint(tokenize(sentence))


def sentences_of(passage: str) -> tuple[str, ...]:
    """Split a passage as it stands in a prompt, its list marks taken off."""
    return tuple(split_sentences(_BULLET.sub(" ", passage).strip()))


def quoted(example: Example, library: Library) -> str:
    """Answer with sentences of the example's passages as the chat's Quoted mode does."""
    chunks = [
        Chunk(
            id=f"given/{number}#0",
            document_id=f"given/{number}",
            title=passage.split(": ", 1)[0],
            heading="",
            text=passage,
            sentences=sentences_of(passage.split(": ", 1)[1]),
            doc_type="guide",
            regions=("all",),
            items=(),
            topics=(),
            order=0,
            token_count=library.encoder.count_tokens(passage),
            is_upload=False,
        )
        for number, passage in enumerate(passages_of(example), start=1)
    ]
    store = FaissStore(library.encoder.width)
    store.add(chunks, library.encoder.encode_passages([chunk.search_text for chunk in chunks]))
    retriever = Retriever(store, library.encoder, None, library.retriever.config)
    given = replace(
        library, retriever=retriever, summaries={}, passages={c.document_id: (c,) for c in chunks}
    )
    session = ChatSession()
    question = example.instruction.removeprefix(LABEL)
    try:
        found = find(given, question, session, region="generic")
    except InputError:
        return NO_ANSWER
    if not found.is_answerable:
        return NO_ANSWER
    taken = compose.choose(found.scored)
    numbers = {chunk.id: number for number, chunk in enumerate(chunks, start=1)}
    return " ".join(f"{scored.text} [{numbers[scored.chunk.id]}]" for scored in taken)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of engines.llm.fit.data")
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument("--adapter", type=Path, action="append", default=[], help="may be repeated")
    parser.add_argument("--without-base", action="store_true", help="leave the base model out")
    parser.add_argument("--out", type=Path, required=True, help="folder of answers and report.json")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = parse_arguments(argv)
    settings = load_settings()
    try:
        examples = read_examples(arguments.data / f"{arguments.split}.jsonl")
        if not examples:
            raise InputError(f"{arguments.data} has no examples to measure on.", "Make more.")
        ways: list[tuple[str, Path | None]] = [] if arguments.without_base else [("base", None)]
        ways += [(folder.parent.name or folder.name, folder) for folder in arguments.adapter]
        if arguments.dry_run:
            names = ", ".join(["quoted", *(name for name, _ in ways)])
            orders = len(examples[::ORDER_EVERY])
            print(f"{len(examples)} examples, {orders} more with an order slipped in, by {names}.")
            return 0
        placement = choose_placement(settings)
        library = read_library(settings, placement)
        judge = CheckerJudge(library)
        asked = [(example, "") for example in examples] + with_orders(examples[::ORDER_EVERY])
        reports = [
            report_of(
                "quoted", [Written(one, quoted(one, library), order) for one, order in asked], judge
            )
        ]
        for name, folder in ways:
            chosen = settings.model_copy(
                update={"llm_adapter": folder, "checkpoints_dir": arguments.out / "none"}
            )
            model = LanguageModel(chosen, placement)
            model.load()
            print(f"{name}: {model.health().detail}", flush=True)
            written = write_all(asked, writer_of(model), arguments.out / f"{name}.jsonl")
            perplexity = _perplexity(chosen, placement, examples)
            reports.append(report_of(name, written, judge, perplexity=perplexity))
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    _save(arguments.out / f"report-{arguments.split}.json", reports)
    print(table_of(reports))
    return 0


def _perplexity(settings: Settings, placement: Placement, examples: Sequence[Example]) -> float:
    """Compute it with transformers, the only engine that says how likely each token was."""
    model = LanguageModel(settings.model_copy(update={"llm_engine": "transformers"}), placement)
    model.load()
    decoder = model.loaded().decoder
    assert isinstance(decoder, TransformersDecoder)
    return perplexity_of(decoder.network, model.tokenizer, examples)


def _save(path: Path, reports: Sequence[Report]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(report) for report in reports]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
