"""The numbers of a LoRA training, and what they are for PEFT and the trainer."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engines.llm.fit.templates import Template

if TYPE_CHECKING:
    from transformers import TrainingArguments

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class TrainConfig:
    """Numbers of a LoRA training; the defaults are those of the model that comes with the app.

    Attributes:
        rank, alpha, dropout: of LoRA.
        batch_size: examples that make one step; `micro_batch` of them are computed at once.
        evals_per_epoch: times an epoch that the loss on held-out examples is measured and a
            checkpoint is kept.
        patience: such measurements without a better loss before the training ends.
        is_4bit: whether the base is held in NF4 (CUDA with bitsandbytes only).
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    epochs: float = 4.0
    batch_size: int = 16
    micro_batch: int = 8
    learning_rate: float = 3e-4
    min_learning_rate: float = 1e-6
    warmup_share: float = 0.05
    clip_norm: float = 1.0
    weight_decay: float = 0.01
    evals_per_epoch: int = 2
    patience: int = 4
    seed: int = 0
    template: Template = "own"
    is_checkpointing: bool = False
    is_4bit: bool = False

    @classmethod
    def for_large(cls, *, is_4bit: bool) -> TrainConfig:
        """Return the numbers of the reference design for an 8-billion-parameter model."""
        return cls(rank=64, alpha=128, micro_batch=4, is_checkpointing=True, is_4bit=is_4bit)


def with_lora(network: Any, config: TrainConfig, *, base_name: str) -> Any:
    """Return the network with LoRA on `TARGETS`, in which nothing else is trained."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if config.is_4bit:
        network = prepare_model_for_kbit_training(
            network, use_gradient_checkpointing=config.is_checkpointing
        )
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=list(TARGETS),
        task_type="CAUSAL_LM",
        base_model_name_or_path=base_name,
    )
    lora_network = get_peft_model(network, lora)
    # PEFT writes the folder that the base was read from, which says nothing elsewhere.
    lora_network.peft_config["default"].base_model_name_or_path = base_name
    return lora_network


def arguments_of(config: TrainConfig, run_dir: Path, *, examples: int) -> TrainingArguments:
    """Translate the numbers into the trainer's."""
    from transformers import TrainingArguments

    steps = max(1, examples // config.batch_size)
    every = max(1, steps // config.evals_per_epoch)
    has_cuda = torch.cuda.is_available()
    # TensorBoard reads the folder of a run; the trainer takes it from the environment.
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(run_dir / "logs"))
    return TrainingArguments(
        output_dir=str(run_dir),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.micro_batch,
        per_device_eval_batch_size=config.micro_batch,
        gradient_accumulation_steps=max(1, config.batch_size // config.micro_batch),
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr": config.min_learning_rate},
        warmup_steps=config.warmup_share,
        max_grad_norm=config.clip_norm,
        weight_decay=config.weight_decay,
        optim="adamw_torch",
        bf16=True,
        use_cpu=not has_cuda and not torch.backends.mps.is_available(),
        gradient_checkpointing=config.is_checkpointing,
        # Grouping by length would pad less, but a resumed run would see another order.
        train_sampling_strategy="random",
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=max(1, every // 4),
        report_to=reports(),
        dataloader_pin_memory=has_cuda,
        remove_unused_columns=False,
        seed=config.seed,
        data_seed=config.seed,
    )


def reports() -> list[str]:
    """Return where the numbers of a run go: TensorBoard, and W&B where its key is set."""
    found = ["tensorboard"] if importlib.util.find_spec("tensorboard") else []
    if os.environ.get("WANDB_API_KEY") and importlib.util.find_spec("wandb"):
        found.append("wandb")
    return found
