"""Teach the language model with LoRA: `python -m engines.llm.fit.train --data DIR --run DIR`.

The data comes from `engines.llm.fit.data`. Killed at any moment, the same command goes on from the
last whole checkpoint. LoRA: Hu et al. 2021; 4-bit base on CUDA (QLoRA): Dettmers et al. 2023.
Several GPUs: `accelerate launch -m engines.llm.fit.train ...`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engines.llm.fit.base import pad_token_of, read_base, trainable_share
from engines.llm.fit.data import read_examples
from engines.llm.fit.examples import Example
from engines.llm.fit.lora import TrainConfig, arguments_of, with_lora
from engines.llm.fit.templates import TEMPLATES, Template, answer_collator, encode
from engines.runtime.errors import InputError, ReleafError
from engines.runtime.settings import load_settings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Trainer

ADAPTER_DIR, FACTS_FILE = "adapter", "training.json"
# What a whole checkpoint of the trainer holds; the last of them is written last.
CHECKPOINT_FILES = ("adapter_model.safetensors", "optimizer.pt", "trainer_state.json")


class Encoded(torch.utils.data.Dataset[dict[str, Any]]):
    """Examples as token ids; encoded once, since they are few."""

    def __init__(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, template: Template
    ) -> None:
        encoded = [encode(example, tokenizer, template) for example in examples]
        self.rows = [
            {
                "input_ids": one.input_ids,
                "attention_mask": [1] * len(one.input_ids),
                "labels": one.labels,
            }
            for one in encoded
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]


def whole_checkpoints(run_dir: Path) -> list[Path]:
    """Return the checkpoints of a run that were written to their end, oldest first."""
    found = [
        folder
        for folder in run_dir.glob("checkpoint-*")
        if all((folder / name).is_file() for name in CHECKPOINT_FILES)
    ]
    return sorted(found, key=lambda folder: int(folder.name.rpartition("-")[2]))


def trainer_of(
    network: Any,
    tokenizer: PreTrainedTokenizerBase,
    train_rows: Encoded,
    dev_rows: Encoded,
    config: TrainConfig,
    run_dir: Path,
) -> Trainer:
    """Build the trainer: AdamW, cosine, clipping, early stopping, best weights restored."""
    from transformers import EarlyStoppingCallback, Trainer

    return Trainer(
        model=network,
        args=arguments_of(config, run_dir, examples=len(train_rows)),
        train_dataset=train_rows,
        eval_dataset=dev_rows,
        data_collator=answer_collator(tokenizer),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=config.patience)],
    )


def train(
    network: Any,
    tokenizer: PreTrainedTokenizerBase,
    base_name: str,
    *,
    train_examples: Sequence[Example],
    dev_examples: Sequence[Example],
    config: TrainConfig,
    run_dir: Path,
) -> Path:
    """Train an adapter, from the last whole checkpoint where there is one; return its folder.

    When memory runs out, the examples computed at once are halved, and twice as many such parts
    make a step; a line says so.

    Raises:
        OSError: if the disk is full; the last whole checkpoint stays and is gone on from.
    """
    from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
    from transformers import set_seed

    # LoRA's first weights are random as well.
    set_seed(config.seed)
    run_dir.mkdir(parents=True, exist_ok=True)
    pad_token_of(tokenizer)
    rows = Encoded(train_examples, tokenizer, config.template)
    dev_rows = Encoded(dev_examples, tokenizer, config.template)
    lora = with_lora(network, config, base_name=base_name)
    while True:
        trainer = trainer_of(lora, tokenizer, rows, dev_rows, config, run_dir)
        done = whole_checkpoints(run_dir)
        try:
            trainer.train(resume_from_checkpoint=str(done[-1]) if done else None)
            break
        except Exception as error:
            if not should_reduce_batch_size(error) or config.micro_batch == 1:
                raise
            config = replace(config, micro_batch=config.micro_batch // 2)
            print(f"Memory ran out; now {config.micro_batch} examples at once.", flush=True)
            clear_device_cache(garbage_collection=True)
    target = run_dir / ADAPTER_DIR
    trainer.save_model(str(target))
    facts = {
        "base": base_name,
        "config": asdict(config),
        "examples": {"train": len(rows), "dev": len(dev_rows)},
        "best_dev_loss": trainer.state.best_metric,
        "steps": trainer.state.global_step,
        "history": [
            {key: row[key] for key in ("epoch", "step", "eval_loss")}
            for row in trainer.state.log_history
            if "eval_loss" in row
        ],
    }
    (run_dir / FACTS_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return target


def read_for_training(config: TrainConfig) -> tuple[Any, PreTrainedTokenizerBase, str]:
    """Read the base that the settings name; in 4 bits where the numbers say so.

    Raises:
        InputError: if 4 bits are wanted without CUDA and bitsandbytes.
        ReleafError: if the model can't be read.
    """
    settings = load_settings()
    if not config.is_4bit:
        return read_base(settings)
    if not (torch.cuda.is_available() and importlib.util.find_spec("bitsandbytes")):
        raise InputError(
            "A base in 4 bits needs CUDA and the package bitsandbytes.", "Leave --4bit out."
        )
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    network = AutoModelForCausalLM.from_pretrained(
        settings.llm_model, quantization_config=quantization, device_map={"": 0}
    )
    return network, AutoTokenizer.from_pretrained(settings.llm_model), settings.llm_model


def plan(
    network: Any, tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], c: TrainConfig
) -> str:
    """Say in lines what a training would do, with the first example as the model sees it."""
    trained, whole = trainable_share(network)
    first = encode(examples[0], tokenizer, c.template)
    steps = max(1, len(examples) // c.batch_size)
    answer = [label for label in first.labels if label >= 0]
    return "\n".join(
        [
            f"{trained:,} of {whole:,} parameters are trained ({100 * trained / whole:.2f} %).",
            f"{len(examples)} examples, {steps} steps an epoch, {c.epochs:g} epochs.",
            "The first example:",
            str(tokenizer.decode(first.input_ids)),
            "What is learned of it:",
            str(tokenizer.decode(answer)),
        ]
    )


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of engines.llm.fit.data")
    parser.add_argument("--run", type=Path, required=True, help="kept to resume")
    parser.add_argument("--rank", type=int, help="of LoRA; alpha is twice as much")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--micro-batch", type=int, help="examples computed at once")
    parser.add_argument(
        "--evals-per-epoch", type=int, help="how often the loss on dev is measured and all is kept"
    )
    parser.add_argument("--template", choices=TEMPLATES, default="own")
    parser.add_argument("--large", action="store_true", help="numbers for an 8B model")
    parser.add_argument("--4bit", dest="is_4bit", action="store_true", help="base in NF4, on CUDA")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    return parser.parse_args(argv)


def config_of(arguments: argparse.Namespace) -> TrainConfig:
    """Put the numbers of the command line over the defaults."""
    large = TrainConfig.for_large(is_4bit=arguments.is_4bit)
    config = large if arguments.large or arguments.is_4bit else TrainConfig()
    given = {
        "epochs": arguments.epochs,
        "learning_rate": arguments.learning_rate,
        "micro_batch": arguments.micro_batch,
        "evals_per_epoch": arguments.evals_per_epoch,
        "rank": arguments.rank,
        "alpha": 2 * arguments.rank if arguments.rank else None,
    }
    config = replace(config, **{name: value for name, value in given.items() if value is not None})
    return replace(config, template=arguments.template, seed=arguments.seed)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = parse_arguments(argv)
    config = config_of(arguments)
    try:
        splits = [read_examples(arguments.data / f"{split}.jsonl") for split in ("train", "dev")]
        if not all(splits):
            raise InputError(
                f"There are no examples for training or none for measuring in {arguments.data}.",
                "Add more documents, and make the data again.",
            )
        network, tokenizer, name = read_for_training(config)
        if arguments.dry_run:
            print(plan(with_lora(network, config, base_name=name), tokenizer, splits[0], config))
            return 0
        folder = train(
            network,
            tokenizer,
            name,
            train_examples=splits[0],
            dev_examples=splits[1],
            config=config,
            run_dir=arguments.run,
        )
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        kept = whole_checkpoints(arguments.run)
        state = f"{kept[-1].name} is whole" if kept else "nothing was kept yet"
        print(f"A file could not be written: {error}. Make room; {state}.", file=sys.stderr)
        return 1
    print(f"The adapter is in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
