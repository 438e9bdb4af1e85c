"""Answer a file of questions: `python -m engines.rag.ask --questions FILE --out FILE`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engines.llm.model import LanguageModel
from engines.rag.answers import Answer, Mode
from engines.rag.chat import Chat
from engines.rag.engine import RagEngine
from engines.rag.session import ChatSession
from engines.runtime.errors import InputError, ReleafError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings, load_settings


def build_pool(settings: Settings) -> EnginePool:
    """Build a pool with the two engines of the chat, loaded when first needed."""
    pool = EnginePool(settings, CpuLane.from_settings(settings))
    pool.register("rag", lambda: RagEngine(settings, pool.placement))
    pool.register("llm", lambda: LanguageModel(settings, pool.placement))
    return pool


def read_questions(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object a line, each with "id" and "question".

    Raises:
        InputError: if the file can't be read or a line is no such object; it says which.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read ({error}).", "Name a JSONL file.") from error
    questions = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"Line {number} of {path} is no JSON.", "Correct it.") from error
        if not isinstance(entry, dict) or not isinstance(entry.get("question"), str):
            raise InputError(f"Line {number} of {path} has no question.", 'Add "question".')
        questions.append(entry)
    return questions


def answer_one(chat: Chat, question: str, *, region: str, mode: Mode) -> Answer:
    """Answer one question without a history.

    Raises:
        ReleafError: if it can't be answered.
    """
    answer: Answer | None = None
    for delta in chat.answer(question, ChatSession(), region=region, mode=mode):
        answer = delta.answer
    if answer is None:
        raise ReleafError("The answer broke off.", "Try again.")
    return answer


def as_record(answer: Answer) -> dict[str, Any]:
    """Put an answer into plain values for JSON."""
    return {
        "answer": answer.text,
        "sentences": [asdict(sentence) for sentence in answer.sentences],
        "citations": [
            {"number": c.number, "document": c.document_id, "title": c.title, "passage": c.passage}
            for c in answer.citations
        ],
        "confidence": answer.confidence.level,
        "confidence_reason": answer.confidence.reason,
        "intent": answer.intent,
        "is_refusal": answer.is_refusal,
        "mode": answer.mode,
        "changed_sentences": answer.changed_sentences,
        "notice": answer.notice,
        "first_text_ms": round(answer.first_text_ms, 1),
        "latency_ms": round(answer.latency_ms, 1),
        "timings_ms": {t.name: round(t.latency_ms, 2) for t in answer.trace.timings},
    }


def answer_all(
    chat: Chat, questions: Sequence[dict[str, Any]], *, mode: Mode, region: str
) -> Iterator[dict[str, Any]]:
    """Answer questions one by one; a question that can't be used gives its error as a record."""
    for entry in questions:
        place = entry.get("region") or region
        place = "generic" if place == "all" else place
        record = {"id": entry.get("id", ""), "question": entry["question"]}
        try:
            answer = answer_one(chat, entry["question"], region=place, mode=mode)
            yield record | as_record(answer)
        except InputError as error:
            yield record | {"answer": str(error), "error": str(error), "is_refusal": True}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 if nothing could be done."""
    parser = argparse.ArgumentParser(prog="python -m engines.rag.ask", description=__doc__)
    parser.add_argument("--questions", type=Path, required=True, help='JSONL of {"id","question"}')
    parser.add_argument("--out", type=Path, required=True, help="JSONL of answers to write")
    parser.add_argument("--mode", choices=("quoted", "written"), default="quoted")
    parser.add_argument("--region", default="generic", help="place where a question names none")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings()
        questions = read_questions(arguments.questions)
        chat = Chat(build_pool(settings))
        with arguments.out.open("w", encoding="utf-8") as target:
            answers = answer_all(chat, questions, mode=arguments.mode, region=arguments.region)
            for record in tqdm(answers, total=len(questions), unit="question"):
                target.write(json.dumps(record, ensure_ascii=False) + "\n")
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{arguments.out} can't be written ({error.strerror}).", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
