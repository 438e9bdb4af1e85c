"""LoRA training: what is trained, that it learns, and that a killed run resumes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engines.llm.fit import train as training
from engines.llm.fit.examples import Example
from engines.llm.fit.lora import TARGETS, TrainConfig, arguments_of, reports, with_lora
from engines.llm.fit.templates import answer_collator, collator
from engines.llm.fit.train import Encoded, plan, train, whole_checkpoints
from engines.runtime.errors import InputError
from tests.engines.llm.conftest import network_of

SMALL = TrainConfig(
    rank=4, alpha=8, dropout=0.0, epochs=2, batch_size=4, micro_batch=4, evals_per_epoch=2
)
NAME = "small-chat"


def examples(count: int) -> list[Example]:
    return [
        Example(f"Where does thing {n} go?", "", f"Thing {n} goes in bin {n % 3}. [1]")
        for n in range(count)
    ]


def read_small(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return network, AutoTokenizer.from_pretrained(folder)


def train_small(folder: Path, run_dir: Path, config: TrainConfig = SMALL) -> dict[str, Any]:
    network, tokenizer = read_small(folder)
    train(
        network,
        tokenizer,
        NAME,
        train_examples=examples(16),
        dev_examples=examples(4),
        config=config,
        run_dir=run_dir,
    )
    facts: dict[str, Any] = json.loads((run_dir / training.FACTS_FILE).read_text())
    return facts


@pytest.fixture(scope="module", autouse=True)
def no_logs_elsewhere() -> Any:
    """Keep the folder of one run's logs out of the next test's environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSORBOARD_LOGGING_DIR", "")
        patch.delenv("TENSORBOARD_LOGGING_DIR")
        yield


def test_lora_stands_on_all_seven_projections_and_nothing_else_is_trained(
    small_folder: Path,
) -> None:
    network, _ = read_small(small_folder)
    lora = with_lora(network, SMALL, base_name=NAME)
    trained = [name for name, p in lora.named_parameters() if p.requires_grad]
    assert {target for target in TARGETS for name in trained if target in name} == set(TARGETS)
    assert all("lora_" in name for name in trained)
    assert len(trained) == 2 * len(TARGETS) * network.config.num_hidden_layers


def test_a_killed_run_goes_on_to_the_same_loss(small_folder: Path, tmp_path: Path) -> None:
    whole = train_small(small_folder, tmp_path / "whole")
    assert whole["steps"] == 8
    assert whole["best_dev_loss"] < whole["history"][0]["eval_loss"]

    # A run that was killed after its second checkpoint: the rest is not there.
    first = replace(SMALL, epochs=2)
    killed = tmp_path / "killed"
    train_small(small_folder, killed, first)
    for folder in whole_checkpoints(killed)[1:]:
        shutil.rmtree(folder)
    (kept,) = whole_checkpoints(killed)
    assert int(kept.name.rpartition("-")[2]) < 8
    shutil.rmtree(killed / training.ADAPTER_DIR)
    resumed = train_small(small_folder, killed, first)
    assert resumed["steps"] == 8
    assert resumed["history"][-1]["eval_loss"] == pytest.approx(
        whole["history"][-1]["eval_loss"], rel=1e-4
    )
    one, other = (
        load_file(tmp_path / run / training.ADAPTER_DIR / "adapter_model.safetensors")
        for run in ("whole", "killed")
    )
    for name, value in one.items():
        assert torch.allclose(value, other[name], atol=1e-5), name


def test_logits_of_the_answers_alone_teach_the_same(small_folder: Path) -> None:
    network, tokenizer = read_small(small_folder)
    lora = with_lora(network, SMALL, base_name=NAME).eval()
    for name, parameter in lora.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(0))
    short = Example("Where?", "", "In the bin for paper, flat and dry. [1]")
    long = Example("Where does a very large thing of many parts go here? " * 6, "", "Away. [2]")
    rows = Encoded([short, long, *examples(2)], tokenizer, "own").rows
    whole, answers = collator(tokenizer)(rows), answer_collator(tokenizer)(rows)
    assert answers["logits_to_keep"] == answers["labels"].shape[1] < whole["labels"].shape[1] / 2
    assert lora(**answers).logits.shape[1] == answers["logits_to_keep"]
    losses, gradients = [], []
    for batch in (whole, answers):
        lora.zero_grad()
        loss = lora(**batch).loss
        loss.backward()
        losses.append(float(loss))
        gradients.append([p.grad.clone() for p in lora.parameters() if p.requires_grad])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for one, other in zip(*gradients):
        assert torch.allclose(one, other, atol=1e-5)


def test_half_a_checkpoint_is_not_gone_on_from(tmp_path: Path) -> None:
    for number, names in ((4, training.CHECKPOINT_FILES), (8, training.CHECKPOINT_FILES[:1])):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    assert [folder.name for folder in whole_checkpoints(tmp_path)] == ["checkpoint-4"]


def test_when_memory_runs_out_half_as_many_are_computed_at_once_and_a_line_says_so(
    small_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real, tried = training.trainer_of, []

    def scarce(*args: Any) -> Any:
        config, trainer = args[4], real(*args)
        tried.append(trainer.args)
        if config.micro_batch > 1:

            def fail(**_: Any) -> None:
                raise RuntimeError("CUDA out of memory.")

            trainer.train = fail
        return trainer

    monkeypatch.setattr(training, "trainer_of", scarce)
    train_small(small_folder, tmp_path / "run", replace(SMALL, epochs=1))
    assert [a.per_device_train_batch_size for a in tried] == [4, 2, 1]
    assert [a.gradient_accumulation_steps for a in tried] == [1, 2, 4]
    said = capsys.readouterr().out
    assert "Memory ran out; now 2 examples at once." in said and "now 1 examples" in said


def test_the_numbers_reach_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    given = arguments_of(TrainConfig(), tmp_path, examples=160)
    assert (given.learning_rate, given.max_grad_norm) == (3e-4, 1.0)
    assert given.lr_scheduler_kwargs == {"min_lr": 1e-6}
    assert given.per_device_train_batch_size * given.gradient_accumulation_steps == 16
    assert (given.eval_steps, given.save_steps) == (5, 5)
    assert given.load_best_model_at_end and given.bf16
    assert "wandb" not in reports()
    large = TrainConfig.for_large(is_4bit=True)
    assert (large.rank, large.alpha, large.is_checkpointing) == (64, 128, True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_a_base_in_4_bits_is_refused_without_cuda() -> None:
    with pytest.raises(InputError, match="CUDA"):
        training.read_for_training(TrainConfig.for_large(is_4bit=True))


def test_the_plan_shows_what_is_learned_of_an_example(small_folder: Path) -> None:
    network, tokenizer = read_small(small_folder)
    said = plan(with_lora(network, SMALL, base_name=NAME), tokenizer, examples(8), SMALL)
    assert "8 examples, 2 steps an epoch" in said
    assert said.splitlines()[-1].startswith("Thing 0 goes in bin 0. [1]")


def test_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert training.main(["--data", str(tmp_path), "--run", str(tmp_path / "run")]) == 2
    assert "engines.llm.fit.data" in capsys.readouterr().err


@pytest.mark.slow
def test_the_model_of_the_app_learns_from_a_few_steps(llm: Any, tmp_path: Path) -> None:
    import copy

    network = copy.deepcopy(network_of(llm))
    # The engine froze it for writing.
    config = replace(SMALL, epochs=3, batch_size=2, micro_batch=2, learning_rate=2e-3)
    folder = train(
        network,
        llm.tokenizer,
        "smollm2",
        train_examples=examples(4),
        dev_examples=examples(2),
        config=config,
        run_dir=tmp_path,
    )
    facts = json.loads((tmp_path / training.FACTS_FILE).read_text())
    assert facts["best_dev_loss"] < 0.8 * facts["history"][0]["eval_loss"]
    assert (
        json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
        == "smollm2"
    )
