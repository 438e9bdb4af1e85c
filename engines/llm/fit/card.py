"""Make a trained adapter a checkpoint: `python -m engines.llm.fit.card --run DIR --report FILE`.

The report comes from `engines.rag.fit.evaluate_writing` on the split "test", with this adapter and
the base. The chat writes with the adapter by default only if it is better than the base both in
sentences that the passages hold and in refusals.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from engines.llm.adapter import ADAPTER_CONFIG, ADAPTER_FILE
from engines.llm.fit.train import ADAPTER_DIR, FACTS_FILE
from engines.runtime.errors import InputError
from engines.runtime.fit import write_card

NOTES_FILE = Path(__file__).with_name("card_notes.json")
BASE_WAY, QUOTED_WAY = "base", "quoted"
MAX_MEGABYTES = 40.0
DIGITS = 4
# What the configuration needs to be read again; the rest is PEFT's own.
CONFIG_KEYS = (
    "base_model_name_or_path", "bias", "inference_mode", "lora_alpha", "lora_dropout", "peft_type",
    "r", "target_modules", "task_type",
)  # fmt: skip

Row = Mapping[str, Any]


def is_better(adapter: Row, base: Row) -> tuple[bool, str]:
    """Say whether an adapter writes better than the base, and why, from rows of the report.

    Better means a larger share of supported sentences, and a larger difference between the share
    of rightly and of wrongly refused questions.

    Raises:
        InputError: if a row lacks one of these.
    """
    held = [_mean(row, "supported") for row in (adapter, base)]
    refusing = [
        _mean(row, "refused_right") - _mean(row, "refused_wrong") for row in (adapter, base)
    ]
    obeyed = _mean(adapter, "obeyed")
    why = (
        f"Sentences held by the passages: {held[0]:.0%} with the adapter, {held[1]:.0%} without. "
        f"Rightly less wrongly refused questions: {refusing[0]:.0%} and {refusing[1]:.0%}. "
        f"Slipped-in orders obeyed with the adapter: {obeyed:.0%}."
    )
    return held[0] > held[1] and refusing[0] > refusing[1] and obeyed == 0.0, why


def ship(run: Path, report: Path, out: Path) -> dict[str, Any]:
    """Write weights, configuration and card of the adapter of a run; return the card.

    Raises:
        InputError: if the run is not finished, the report is not of it, or the weights are larger
            than `MAX_MEGABYTES`.
    """
    folder = run / ADAPTER_DIR
    if not (folder / ADAPTER_FILE).is_file() or not (run / FACTS_FILE).is_file():
        raise InputError(f"The training in {run} is not finished.", "Run engines.llm.fit.train.")
    rows = {row["name"]: row for row in json.loads(report.read_text(encoding="utf-8"))}
    for needed in (run.name, BASE_WAY, QUOTED_WAY):
        if needed not in rows:
            raise InputError(
                f"{report} says nothing of {needed}.", "Measure this adapter and the base together."
            )
    is_on, why = is_better(rows[run.name], rows[BASE_WAY])
    facts = json.loads((run / FACTS_FILE).read_text(encoding="utf-8"))
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    weights = load_file(folder / ADAPTER_FILE)
    megabytes = sum(one.numel() * one.element_size() for one in weights.values()) / 1e6
    if megabytes > MAX_MEGABYTES:
        raise InputError(
            f"The adapter holds {megabytes:.0f} MB, more than {MAX_MEGABYTES:.0f}.",
            "Train one of a lower rank.",
        )
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: one.contiguous() for name, one in weights.items()}, out / ADAPTER_FILE)
    (out / ADAPTER_FILE).chmod(0o644)
    kept = {key: config[key] for key in CONFIG_KEYS}
    kept["target_modules"] = sorted(kept["target_modules"])
    (out / ADAPTER_CONFIG).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    notes = json.loads(NOTES_FILE.read_text(encoding="utf-8"))
    numbers = facts["config"]
    card = {
        **notes,
        "created": date.today().isoformat(),
        "summary": f"{notes['summary']} r {numbers['rank']}, α {numbers['alpha']}; "
        f"{megabytes:.1f} MB.",
        "training": {
            "base": facts["base"],
            **numbers,
            "examples": facts["examples"],
            "steps": facts["steps"],
            "loss_on_dev": [[row["step"], row["eval_loss"]] for row in facts["history"]],
        },
        "metrics": {"split": report.stem.removeprefix("report-"), "ways": _rounded(rows)},
        "limits": [why, *notes["limits"]],
        "inference": {"is_on_by_default": is_on},
    }
    write_card(out, card)
    return card


def _mean(row: Row, name: str) -> float:
    value = row.get(name)
    if value is None:
        raise InputError(f"{row['name']} has no measure “{name}”.", "Measure on the whole split.")
    return float(value["mean"])


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="of engines.llm.fit.train")
    parser.add_argument("--report", type=Path, required=True, help="report-test.json")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder to write")
    arguments = parser.parse_args(argv)
    try:
        card = ship(arguments.run, arguments.report, arguments.out)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(card["limits"][0])
    state = "on" if card["inference"]["is_on_by_default"] else "off"
    print(f"{arguments.out} is written; the chat has it {state} by default.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
