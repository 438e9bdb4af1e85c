"""Make training data: `python -m engines.llm.fit.data FILE... --out DIR`.

Reads JSON, JSONL and CSV, brings every row to instruction form, leaves out what is not fit and says
why, splits by document, and adds light variations to what is trained on. Source of the prompt
forms: `engines.llm.fit.templates`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engines.llm.fit.augment import augment
from engines.llm.fit.checking import Checker
from engines.llm.fit.examples import Example, RowError, Turn, example_of, form_of
from engines.llm.fit.reading import read_rows
from engines.runtime.errors import InputError, ReleafError

log = logging.getLogger(__name__)

SPLITS = ("train", "dev", "test")
SHARES = (0.8, 0.1, 0.1)
MAX_TOKENS = 768
SUMMARY_FILE = "summary.json"
# The log names this many rows of each reason; the summary counts all of them.
MOST_NAMED = 20
OTHER_SIDE = "its document stands in another split"
# What is wrong with the columns is counted by its words, so that they are named at the end; a file
# of ever new faults must not fill the memory.
MOST_FAULTS, MAX_FAULT_CHARS, OTHER_FAULT = 30, 160, "other columns"


@dataclass(frozen=True)
class Summary:
    """What became of the rows.

    Attributes:
        kept: examples of each split, variations not counted.
        variations: added to the training split.
        forms: rows of each form.
        skipped: rows or examples left out, by reason.
        fingerprint: of the files and the options, so that the same work is not done twice.
    """

    kept: dict[str, int]
    variations: int
    forms: dict[str, int]
    skipped: dict[str, int]
    fingerprint: str

    def text(self) -> str:
        """Say it in lines for a person."""
        lines = [f"{split}: {count} examples" for split, count in self.kept.items()]
        lines.append(f"variations added to train: {self.variations}")
        lines += [f"left out, {why}: {n}" for why, n in sorted(self.skipped.items())]
        return "\n".join(lines)


def split_of(example: Example, *, seed: int = 0) -> str:
    """Return train, dev or test: the file's word where it gives one, else drawn by document.

    Without a document, what it is asked about or the first question of its chat takes its place.
    The draw is a hash, so that an example never changes its side when others are added.

    Raises:
        RowError: if the file's word is no split.
    """
    if example.split:
        if example.split not in SPLITS:
            raise RowError(f"its split {example.split} is none of {', '.join(SPLITS)}")
        return example.split
    digest = hashlib.blake2b(f"{seed}\n".encode() + _group(example), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    for split, share in zip(SPLITS, SHARES, strict=True):
        if place < share:
            return split
        place -= share
    return SPLITS[-1]


def _group(example: Example) -> bytes:
    """Return what examples that belong together have in common."""
    first = example.history[0].question if example.history else example.instruction
    text = example.document or " ".join((example.input or first).lower().split())
    return text.encode("utf-8", "replace")


def fit_examples(
    paths: Sequence[Path], checker: Checker, *, forms: Counter[str] | None = None
) -> Iterator[Example]:
    """Yield the examples of files that are fit; the others are logged and counted."""
    forms = Counter() if forms is None else forms
    named: Counter[str] = Counter()

    def leave_out(place: str, why: str, reason: str) -> None:
        named[reason] += 1
        if named[reason] <= MOST_NAMED:
            log.warning("%s is left out: %s", place, why)

    for path in paths:
        for place, row in read_rows(path):
            if isinstance(row, str):
                checker.skipped["no row"] += 1
                leave_out(place, row, "no row")
                continue
            try:
                forms[form_of(row)] += 1
                examples = example_of(row, source=place)
                for example in examples:
                    split_of(example)
            except RowError as error:
                fault = str(error)[:MAX_FAULT_CHARS]
                if fault not in checker.skipped and len(checker.skipped) >= MOST_FAULTS:
                    fault = OTHER_FAULT
                checker.skipped[fault] += 1
                leave_out(place, str(error)[:MAX_FAULT_CHARS], fault)
                continue
            for example in examples:
                reason = checker.reason(example)
                if reason is None:
                    yield example
                else:
                    leave_out(place, reason, reason)


def make(
    paths: Sequence[Path],
    out: Path,
    *,
    count_tokens: Callable[[str], int],
    max_tokens: int = MAX_TOKENS,
    variations: int = 1,
    seed: int = 0,
    is_dry_run: bool = False,
) -> Summary:
    """Write train.jsonl, dev.jsonl and test.jsonl into `out`, each in one step.

    Args:
        variations: light variations added for each training example.
        is_dry_run: only read and count.

    An example whose document the files put on another side too is left out.

    Raises:
        InputError: if a file can't be read or the folder not written, or nothing in the files is
            fit; it says why.
    """
    mark = _fingerprint(paths, max_tokens=max_tokens, variations=variations, seed=seed)
    done = read_summary(out)
    if done is not None and done.fingerprint == mark and not is_dry_run:
        log.info("%s is made from these files already", out)
        return done
    checker, forms = Checker(count_tokens, max_tokens=max_tokens), Counter[str]()
    kept: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    rng, added = random.Random(seed), 0
    sides: dict[bytes, str] = {}
    writer = _Writer(out, is_dry_run)
    with writer, tqdm(unit=" examples", desc="Reading", disable=None) as bar:
        for example in fit_examples(paths, checker, forms=forms):
            split = split_of(example, seed=seed)
            document = hashlib.blake2b(_group(example), digest_size=16).digest()
            if sides.setdefault(document, split) != split:
                checker.skipped[OTHER_SIDE] += 1
                if checker.skipped[OTHER_SIDE] <= MOST_NAMED:
                    log.warning("%s is left out: %s", example.source, OTHER_SIDE)
                continue
            kept[split] += 1
            writer.write(split, example)
            for _ in range(variations if split == "train" else 0):
                varied = augment(example, rng)
                if varied.instruction != example.instruction:
                    writer.write(split, varied)
                    added += 1
            bar.update()
        if not sum(kept.values()):
            why = ", ".join(f"{reason} ({n})" for reason, n in checker.skipped.most_common())
            raise InputError(
                f"No example in these files can be used: {why or 'they hold no rows'}.",
                "Mend the files by the reasons above.",
            )
        summary = Summary(dict(kept), added, dict(forms), dict(checker.skipped), mark)
        writer.finish(summary)
    return summary


class _Writer:
    """Write the splits under temporary names, and give them their names at the end."""

    def __init__(self, out: Path, is_dry_run: bool) -> None:
        self.out, self.is_dry_run = out, is_dry_run
        self.files: dict[str, Any] = {}

    def __enter__(self) -> _Writer:
        if self.is_dry_run:
            return self
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self.files = {
                split: (self.out / f"{split}.tmp").open("w", encoding="utf-8") for split in SPLITS
            }
        except OSError as error:
            raise InputError(
                f"{self.out} can't be written: {error.strerror}.", "Name another folder."
            ) from error
        return self

    def write(self, split: str, example: Example) -> None:
        if not self.is_dry_run:
            print(json.dumps(asdict(example), ensure_ascii=False), file=self.files[split])

    def finish(self, summary: Summary) -> None:
        if self.is_dry_run:
            return
        for file in self.files.values():
            file.close()
        # Killed from here on, the folder counts as not made, and never as made from other files.
        (self.out / SUMMARY_FILE).unlink(missing_ok=True)
        for split, file in self.files.items():
            os.replace(file.name, self.out / f"{split}.jsonl")
        temporary = self.out / "summary.tmp"
        temporary.write_text(json.dumps(asdict(summary), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, self.out / SUMMARY_FILE)

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()
            Path(file.name).unlink(missing_ok=True)


def read_examples(path: Path) -> list[Example]:
    """Read a split as `make` wrote it.

    Raises:
        InputError: if it is not there or not such a file.
    """
    try:
        # Not splitlines: some characters inside a text would count as its end.
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line]
        return [
            Example(**{**row, "history": tuple(Turn(**turn) for turn in row["history"])})
            for row in rows
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} can't be read as training data.", "Make it with engines.llm.fit.data."
        ) from error


def read_summary(folder: Path) -> Summary | None:
    """Return what was written into a folder, None if it is not whole."""
    try:
        summary = Summary(**json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return summary if all((folder / f"{split}.jsonl").is_file() for split in SPLITS) else None


def _fingerprint(paths: Sequence[Path], **options: object) -> str:
    files = [
        (path.name, path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else path.name
        for path in map(Path, paths)
    ]
    return hashlib.blake2b(repr((files, sorted(options.items()))).encode()).hexdigest()[:16]


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="JSON, JSONL or CSV")
    parser.add_argument("--out", type=Path, required=True, help="folder of the three splits")
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS)
    parser.add_argument("--variations", type=int, default=1, help="for each training example")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry-run", action="store_true", help="only read and count")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from engines.llm.fit.base import read_tokenizer

    try:
        tokenizer = read_tokenizer()
        summary = make(
            arguments.files,
            arguments.out,
            count_tokens=lambda text: len(tokenizer(text)["input_ids"]),
            max_tokens=arguments.max_tokens,
            variations=arguments.variations,
            seed=arguments.seed,
            is_dry_run=arguments.dry_run,
        )
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or arguments.out}: {error.strerror}", file=sys.stderr)
        return 2
    print(summary.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
