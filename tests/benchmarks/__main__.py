"""Measure speed and memory and print a table of ratios: `make bench`.

Every ratio compares two things measured in turn in one run, so that a slow or busy machine slows
both. Each part runs in a process of its own, as the app is: teams of threads left from another part
would slow it. The run is added to docs/benchmarks.json and docs/benchmarks.md. The exit status is 1
if a bound is missed or a part fails.

`python -m tests.benchmarks PART` measures one part and prints its rows as JSON;
`python -m tests.benchmarks llm [FOLDER]` compares engines for the language model.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import psutil

from engines.runtime.device import keep_freed_memory
from tests.benchmarks.record import PAGE_FILE, machine_facts, save, stolen_share
from tests.benchmarks.table import REPO, Measured, Row, text_table

# Part -> module and function; the function returns the rows.
PARTS = {
    "start": "tests.benchmarks.start:start_rows",
    "waste": "tests.benchmarks.waste:waste_rows",
    "search": "tests.benchmarks.chat:size_rows",
    "retrieval": "tests.benchmarks.retrieval:retrieval_rows",
    "chat": "tests.benchmarks.chat:chat_rows",
    "plain-llm": "tests.benchmarks.plain_llm:plain_llm_rows",
    "upcycle": "tests.benchmarks.upcycle:upcycle_rows",
    "upcycle-cosine": "tests.benchmarks.upcycle_cosine:cosine_rows",
    "journey": "tests.benchmarks.journey:journey_rows",
    "conditions": "tests.benchmarks.conditions:condition_rows",
    "maxsight": "tests.benchmarks.maxsight:maxsight_rows",
    "full-frame": "tests.benchmarks.full_frame:full_frame_rows",
    "training-step": "tests.benchmarks.training_step:training_rows",
}
NEED_CHECKPOINT = ("maxsight", "full-frame")


def rows_of(part: str) -> list[Measured]:
    """Measure one part in this process, whose memory is managed as the app's."""
    keep_freed_memory()
    module, _, function = PARTS[part].partition(":")
    measured: list[Measured] = getattr(importlib.import_module(module), function)()
    return measured


def rows_of_process(part: str) -> list[Row]:
    """Measure one part in a process of its own.

    Raises:
        subprocess.CalledProcessError: if it fails; what it said is on stderr.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", part],
        cwd=REPO, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return [Row(*measured) for measured in json.loads(done.stdout.splitlines()[-1])]


def main(arguments: list[str]) -> int:
    """Measure one part, or everything, which is then saved."""
    if arguments[:1] == ["llm"]:
        from tests.benchmarks.llm_serving import serving_main

        return serving_main(arguments[1:])
    if arguments:
        part = arguments[0]
        if part not in PARTS:
            sys.exit(f"There is no part {part}. Choose from: {', '.join(PARTS)}, llm.")
        if part in NEED_CHECKPOINT:
            from tests.benchmarks.maxsight import has_checkpoint

            if not has_checkpoint():
                sys.exit("checkpoints/maxsight-a is missing. Train it first: make train-maxsight")
        print(json.dumps(rows_of(part)))
        return 0
    facts = machine_facts()
    times_before = psutil.cpu_times()
    rows: list[Row] = []
    failed: list[str] = []
    for part in PARTS:
        print(f"measuring {part}", file=sys.stderr, flush=True)
        try:
            rows += rows_of_process(part)
        except subprocess.CalledProcessError:
            failed.append(part)
    facts["stolen_share"] = stolen_share(times_before, psutil.cpu_times())
    print(f"{facts['cores']} cores of {facts['cpu']}, commit {facts['commit']}\n")
    print(text_table(rows))
    save(rows, facts, failed=failed)
    print(f"\nSaved; the trend is in {PAGE_FILE.relative_to(REPO)}.")
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return 0 if not failed and all(row.is_kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
