"""What every training run shares, on Hugging Face Accelerate.

Seeding, AdamW, warm-up and cosine to a floor, gradient clipping, moving average of the weights,
early stopping that restores the best ones, bf16 autocast, resume after a kill at any moment, and
the model card. Several GPUs or machines are `accelerate launch`, not code of ours.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, skip_first_batches
from accelerate.utils import set_seed
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from engines.runtime.depthwise import depthwise_in_float32

# (index of the sample, seed of its random augmentation). Drawn by the run, so that a sample is the
# same whichever worker loads it and whether or not the run was interrupted before.
SampleKey = tuple[int, int]


@dataclass(frozen=True)
class FitConfig:
    """Numbers of a training run. Learning rates are per step of the optimiser, not per GPU."""

    run_dir: Path
    epochs: int
    batch_size: int
    learning_rate: float = 3e-4
    min_learning_rate: float = 1e-6
    weight_decay: float = 0.05
    warmup_epochs: float = 3.0
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    patience: int = 5
    seed: int = 0
    num_workers: int = 0
    mixed_precision: str = "bf16"
    save_every_s: float = 120.0
    is_cpu_only: bool = False


@dataclass(frozen=True)
class FitResult:
    """How a run ended; `history` has one dict of numbers per epoch."""

    best_epoch: int
    best_score: float
    epochs_done: int
    seconds: float
    history: tuple[dict[str, float], ...]


@dataclass
class _Progress:
    """Where the run is; saved with the weights so that a resumed run goes on from there."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = -math.inf
    seconds: float = 0.0
    epoch_loss_sum: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def warmup_cosine(step: int, *, warmup_steps: int, total_steps: int, floor: float) -> float:
    """Return the factor on the learning rate at this step: linear warm-up, then cosine to `floor`.

    `floor` is the last factor (minimum over maximum learning rate), in [0, 1].
    Source: Loshchilov & Hutter 2017 (SGDR), without restarts.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    span = max(1, total_steps - warmup_steps)
    progress = min(1.0, (step - warmup_steps) / span)
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trainable parameters: matrices decay, biases and normalisation scales don't."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


def mean_weights(networks: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Average the weights of networks of one shape; counters are the first one's.

    The mean of networks that were trained from the same weights does better than each of them.
    Source: Wortsman et al. 2022, Model soups.
    """
    return {
        name: torch.stack([weights[name] for weights in networks]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in networks[0].items()
    }


def mix_weights(
    start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Mix two sets of weights of one shape: share 0 is all `start`, 1 all `end`.

    Between the weights that a training began with and those it came to lie networks that do better
    on photos or sounds of another kind. Source: Wortsman et al. 2022, Robust fine-tuning of
    zero-shot models.
    """
    return {
        name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
        for name, value in end.items()
    }


class Run:
    """One resumable training run.

    Args:
        model: trained in place; after `fit` it holds the best averaged weights.
        loss_of: (model, batch) -> scalar loss.
        dataset: maps a SampleKey to a sample.
        keys_of: epoch -> the SampleKeys of that epoch, the same at every call.
        evaluate: model -> metrics; "score" decides what is best (higher is better).
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        loss_of: Callable[[nn.Module, Any], Tensor],
        dataset: Dataset[Any],
        keys_of: Callable[[int], Sequence[SampleKey]],
        evaluate: Callable[[nn.Module], Mapping[str, float]],
        config: FitConfig,
        collate: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        self.config = config
        self.dataset, self.keys_of, self.collate = dataset, keys_of, collate
        self.loss_of, self.evaluate = loss_of, evaluate
        set_seed(config.seed)
        self.accelerator = Accelerator(
            mixed_precision=config.mixed_precision, cpu=config.is_cpu_only
        )
        self.plain_model = model
        if self.accelerator.device.type == "cpu":
            depthwise_in_float32(model)
        self.average = AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
        ).to(self.accelerator.device)
        optimizer = torch.optim.AdamW(
            decay_groups(model, config.weight_decay), lr=config.learning_rate
        )
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        shared = config.batch_size * self.accelerator.num_processes
        self.steps_per_epoch = len(keys_of(0)) // shared
        if self.steps_per_epoch == 0:
            raise ValueError(f"an epoch of {len(keys_of(0))} samples holds no batch of {shared}")
        self.schedule = LambdaLR(
            self.optimizer.optimizer,
            lambda step: warmup_cosine(
                step,
                warmup_steps=max(1, round(config.warmup_epochs * self.steps_per_epoch)),
                total_steps=config.epochs * self.steps_per_epoch,
                floor=config.min_learning_rate / config.learning_rate,
            ),
        )
        self.progress = _Progress()
        self.accelerator.register_for_checkpointing(self.schedule, self.average, self.progress)
        self.config.run_dir.mkdir(parents=True, exist_ok=True)

    def fit(self) -> FitResult:
        """Train until the last epoch or until patience ends, from where an earlier run stopped.

        Raises:
            FloatingPointError: if the loss is not finite; the last saved state stays.
        """
        self._resume()
        progress, config = self.progress, self.config
        while progress.epoch < config.epochs and not self._is_patience_over():
            self._train_epoch()
            with torch.no_grad():
                metrics = dict(self.evaluate(self.average.module))
            score = float(metrics["score"])
            loss = progress.epoch_loss_sum / self.steps_per_epoch
            progress.history.append({"epoch": progress.epoch, "loss": loss, **metrics})
            if score > progress.best_score:
                progress.best_score, progress.best_epoch = score, progress.epoch
                self._save_best()
            self._log(progress.history[-1])
            progress.epoch, progress.batch, progress.epoch_loss_sum = progress.epoch + 1, 0, 0.0
            self._save_state()
        self.plain_model.load_state_dict(load_file(self._best_path))
        return FitResult(
            progress.best_epoch,
            progress.best_score,
            progress.epoch,
            progress.seconds,
            tuple(progress.history),
        )

    def _train_epoch(self) -> None:
        config, progress = self.config, self.progress
        loader = self._loader(progress.epoch)
        if progress.batch:
            loader = skip_first_batches(loader, progress.batch)
        self.model.train()
        last_save_s = time.monotonic()
        last_step_s = time.monotonic()
        for batch in loader:
            # A seed per step makes dropout the same in a resumed run without saving generators.
            torch.manual_seed(
                config.seed * 1_000_003 + progress.step * 97 + self.accelerator.process_index
            )
            loss = self.loss_of(self.model, batch)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"loss is {loss.item()} at step {progress.step}")
            self.accelerator.backward(loss)
            self.accelerator.clip_grad_norm_(self.model.parameters(), config.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.schedule.step()
            self.average.update_parameters(self.accelerator.unwrap_model(self.model))
            progress.epoch_loss_sum += loss.item()
            progress.batch += 1
            progress.step += 1
            now_s = time.monotonic()
            progress.seconds += now_s - last_step_s
            last_step_s = now_s
            if now_s - last_save_s > config.save_every_s:
                self._save_state()
                last_save_s = time.monotonic()

    def _loader(self, epoch: int) -> Any:
        loader: DataLoader[Any] = DataLoader(
            self.dataset,
            batch_size=self.config.batch_size,
            sampler=list(self.keys_of(epoch)),
            num_workers=self.config.num_workers,
            collate_fn=self.collate,
            drop_last=True,
        )
        return self.accelerator.prepare(loader)

    def _is_patience_over(self) -> bool:
        progress = self.progress
        waited = progress.epoch - 1 - progress.best_epoch
        return progress.best_epoch >= 0 and waited >= self.config.patience

    @property
    def _best_path(self) -> Path:
        return self.config.run_dir / "best.safetensors"

    def _save_best(self) -> None:
        if self.accelerator.is_main_process:
            temporary = self._best_path.with_suffix(".tmp")
            tensors = {k: v.contiguous() for k, v in self.average.module.state_dict().items()}
            save_file(tensors, temporary)
            os.replace(temporary, self._best_path)
        self.accelerator.wait_for_everyone()

    def _save_state(self) -> None:
        """Write a new state folder, then rename it: a kill leaves the state before it whole."""
        target = self.config.run_dir / f"state-{self.progress.step:08d}"
        temporary = self.config.run_dir / "state.tmp"
        if self.accelerator.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(temporary))
        if self.accelerator.is_main_process:
            shutil.rmtree(target, ignore_errors=True)
            os.rename(temporary, target)
            for old in self._states()[:-1]:
                shutil.rmtree(old, ignore_errors=True)
        self.accelerator.wait_for_everyone()

    def _states(self) -> list[Path]:
        return sorted(self.config.run_dir.glob("state-*"))

    def _resume(self) -> None:
        states = self._states()
        if states:
            self.accelerator.load_state(str(states[-1]))
            self.accelerator.print(f"resumed from {states[-1].name}")

    def _log(self, numbers: Mapping[str, float]) -> None:
        if self.accelerator.is_main_process:
            with (self.config.run_dir / "log.jsonl").open("a") as log:
                log.write(json.dumps(dict(numbers)) + "\n")
            text = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
            self.accelerator.print(text, flush=True)


CARD_FIELDS = (
    "name", "version", "created", "summary", "command", "data", "licence", "metrics", "limits",
)  # fmt: skip


def write_card(folder: Path, card: Mapping[str, Any]) -> Path:
    """Write `card.json` of a checkpoint folder in one step and return its path.

    Raises:
        ValueError: if one of `CARD_FIELDS` is missing.
    """
    missing = [name for name in CARD_FIELDS if name not in card]
    if missing:
        raise ValueError(f"the model card lacks {', '.join(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "card.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    os.replace(temporary, path)
    return path
