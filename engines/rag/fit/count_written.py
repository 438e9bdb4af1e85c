"""Count what “Written” shows: `python -m engines.rag.fit.count_written QUESTIONS.jsonl --out DIR`.

Whole answers, as a person gets them: found, written by the language model, checked. What the model
wrote and the check kept is counted apart from what was replaced by the documents' own words.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from engines.rag.answers import Answer
from engines.rag.ask import build_pool
from engines.rag.chat import Chat
from engines.rag.session import ChatSession
from engines.runtime.settings import load_settings


@dataclass(frozen=True)
class Counts:
    """Answers and sentences over many questions.

    Attributes:
        questions, answered: how many there were; how many were not refused.
        changed: answers in which the check replaced or dropped a sentence.
        shown: sentences shown. own: those of them that the model worded itself.
        first_text_ms: median time to the first words of an answer.
    """

    questions: int
    answered: int
    changed: int
    shown: int
    own: int
    first_text_ms: float


def counts_of(answers: Sequence[Answer]) -> Counts:
    """Sum up finished answers.

    Raises:
        ValueError: if none of them answers.
    """
    given = [answer for answer in answers if not answer.is_refusal]
    if not given:
        raise ValueError("no question was answered")
    sentences = [sentence for answer in given for sentence in answer.sentences]
    return Counts(
        questions=len(answers),
        answered=len(given),
        changed=sum(answer.changed_sentences > 0 for answer in given),
        shown=len(sentences),
        own=sum(not sentence.is_quotation for sentence in sentences),
        first_text_ms=round(statistics.median(answer.first_text_ms for answer in given), 1),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="JSON lines with a field “question”")
    parser.add_argument("--every", type=int, default=4, help="ask each n-th of them")
    parser.add_argument("--out", type=Path, required=True, help="folder of answers and counts")
    arguments = parser.parse_args(argv)
    lines = arguments.questions.read_text(encoding="utf-8").splitlines()[:: arguments.every]
    pool = build_pool(load_settings())
    chat = Chat(pool)
    for name in ("rag", "llm"):
        pool.get(name)
    arguments.out.mkdir(parents=True, exist_ok=True)
    answers: list[Answer] = []
    with (arguments.out / "answers.jsonl").open("w", encoding="utf-8") as file:
        for line in tqdm(lines, unit="question"):
            question = json.loads(line)["question"]
            *_, last = chat.answer(question, ChatSession(), mode="written")
            answer = last.answer
            assert answer is not None  # the last delta holds it
            answers.append(answer)
            shown = [asdict(sentence) for sentence in answer.sentences]
            file.write(json.dumps({"question": question, "sentences": shown}) + "\n")
    counts = asdict(counts_of(answers))
    (arguments.out / "counts.json").write_text(json.dumps(counts, indent=2) + "\n")
    print(json.dumps(counts, indent=2))


if __name__ == "__main__":
    main()
