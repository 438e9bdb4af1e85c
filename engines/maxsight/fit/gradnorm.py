"""Balance the parts of a loss by how fast each is learned (Chen et al. 2018, GradNorm)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

# Values of the reference design.
ALPHA, LEARNING_RATE = 1.5, 0.025
LOWEST, HIGHEST = 0.1, 10.0


class GradNorm:
    """Weights of the parts of a loss, moved so that all are learned at one pace.

    A part whose gradient on the shared parameters is smaller than it should be gains weight. What
    it should be is the mean of all, times (how much of its first loss is left, relative to the
    others)^alpha. The weights keep their mean of 1 and stay between 0.1 and 10.

    Args:
        names: the parts that are balanced.
        every: steps from one update to the next; each needs one backward pass per part as far as
            the shared parameters.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        alpha: float = ALPHA,
        learning_rate: float = LEARNING_RATE,
        every: int = 1,
    ) -> None:
        if not names or every < 1:
            raise ValueError("GradNorm needs at least one part, and a step of at least 1")
        self.names, self.alpha, self.learning_rate = tuple(names), alpha, learning_rate
        self.every, self.calls = every, 0
        self.weights = torch.ones(len(self.names), dtype=torch.float64)
        self.first: Tensor | None = None

    def weight_of(self, name: str) -> float:
        """Return the present weight of a part; 1 for one that is not balanced."""
        return float(self.weights[self.names.index(name)]) if name in self.names else 1.0

    def update(self, losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> None:
        """Move the weights after a forward pass; `losses` are scalars and keep their graph.

        Raises:
            FloatingPointError: if a gradient is not finite.
        """
        self.calls += 1
        if (self.calls - 1) % self.every:
            return
        norms = torch.stack([gradient_norm(losses[name], shared) for name in self.names])
        if not torch.isfinite(norms).all():
            raise FloatingPointError("a gradient of the loss is not finite")
        now = torch.tensor([float(losses[name].detach()) for name in self.names]).double()
        if self.first is None:
            # A part that starts at nothing is learned already.
            self.first = now.clamp(min=1e-6)
        self.weights = balanced(
            self.weights,
            norms=norms,
            left=now / self.first,
            alpha=self.alpha,
            learning_rate=self.learning_rate,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"weights": self.weights, "first": self.first, "calls": self.calls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.weights, self.first, self.calls = state["weights"], state["first"], state["calls"]


def gradient_norm(loss: Tensor, shared: Sequence[Tensor]) -> Tensor:
    """Return the length () of a loss's gradient on the shared parameters, float64."""
    if not loss.requires_grad:
        return torch.zeros((), dtype=torch.float64)
    gradients = torch.autograd.grad(loss, list(shared), retain_graph=True, allow_unused=True)
    squares = [g.double().pow(2).sum() for g in gradients if g is not None]
    return torch.stack(squares).sum().sqrt().cpu() if squares else torch.zeros(()).double()


def balanced(
    weights: Tensor, *, norms: Tensor, left: Tensor, alpha: float, learning_rate: float
) -> Tensor:
    """Return the weights (T,) after one step.

    Args:
        weights: before it, mean 1.
        norms: (T,) gradient of each part without its weight.
        left: (T,) share of each part's first loss that is left.

    The step goes down the gradient of sum |w·norm - mean(w·norm)·rate^alpha|, in which the target
    is held fixed. Norms are taken relative to their mean, so that the step does not depend on the
    scale of the loss.
    """
    weighted = weights * norms
    mean = weighted.mean()
    if mean <= 0:
        return weights
    rate = left / left.mean().clamp(min=1e-12)
    step = torch.sign(weighted - mean * rate.pow(alpha)) * norms / mean
    moved = (weights - learning_rate * step).clamp(LOWEST, HIGHEST)
    return (moved * len(moved) / moved.sum()).clamp(LOWEST, HIGHEST)
