"""GradNorm: parts of a loss that are learned slowly gain weight."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engines.maxsight.fit.gradnorm import (
    HIGHEST,
    LOWEST,
    GradNorm,
    balanced,
    gradient_norm,
)


def step(weights: list[float], norms: list[float], left: list[float], alpha: float = 1.5) -> Tensor:
    return balanced(
        torch.tensor(weights).double(),
        norms=torch.tensor(norms).double(),
        left=torch.tensor(left).double(),
        alpha=alpha,
        learning_rate=0.025,
    )


def test_a_part_with_a_small_gradient_gains_and_one_with_a_large_loses() -> None:
    small, large = step([1, 1], norms=[1, 3], left=[1, 1]).tolist()
    assert small > 1 > large


def test_of_equal_gradients_the_part_that_is_learned_slower_gains() -> None:
    slow, fast = step([1, 1], norms=[2, 2], left=[0.9, 0.3]).tolist()
    assert slow > 1 > fast


def test_without_alpha_the_pace_does_not_matter() -> None:
    assert step([1, 1], norms=[2, 2], left=[0.9, 0.3], alpha=0).tolist() == [1, 1]


def test_the_scale_of_the_loss_does_not_matter() -> None:
    first = step([1.2, 0.8], norms=[1, 3], left=[0.5, 0.7])
    assert torch.allclose(first, step([1.2, 0.8], norms=[100, 300], left=[0.5, 0.7]))


@given(
    st.lists(
        st.tuples(st.floats(0.1, 10), st.floats(0, 1e4), st.floats(0, 10)), min_size=1, max_size=6
    )
)
def test_weights_stay_in_their_range(parts: list[tuple[float, float, float]]) -> None:
    moved = step(*(list(column) for column in zip(*parts, strict=True)))
    assert torch.isfinite(moved).all()
    assert ((moved >= LOWEST) & (moved <= HIGHEST)).all()


def test_repeated_steps_bring_the_gradients_together() -> None:
    weights, norms = [1.0, 1.0, 1.0], [1.0, 2.0, 4.0]
    for _ in range(300):
        weights = step(weights, norms, [1, 1, 1]).tolist()
    weighted = [w * n for w, n in zip(weights, norms, strict=True)]
    assert max(weighted) / min(weighted) < 1.2
    assert sum(weights) == pytest.approx(3)


def test_the_gradient_norm_is_that_of_the_shared_parameters_alone() -> None:
    shared, own = nn.Linear(3, 2, bias=False), nn.Linear(2, 1, bias=False)
    loss = own(shared(torch.ones(1, 3))).sum()
    expected = torch.autograd.grad(loss, shared.weight, retain_graph=True)[0].norm()
    assert float(gradient_norm(loss, [shared.weight])) == pytest.approx(float(expected))
    assert float(gradient_norm(torch.ones(()), [shared.weight])) == 0


def test_it_learns_both_of_two_tasks_whose_scales_differ_a_hundredfold() -> None:
    torch.manual_seed(0)
    shared = nn.Linear(4, 4)
    inputs, wanted = torch.randn(64, 4), torch.randn(64, 4)

    def losses() -> dict[str, Tensor]:
        made = shared(inputs)
        return {
            "large": 100 * (made[:, :2] - wanted[:, :2]).pow(2).mean(),
            "small": (made[:, 2:] - wanted[:, 2:]).pow(2).mean(),
        }

    balance = GradNorm(("large", "small"))
    for _ in range(80):
        balance.update(losses(), list(shared.parameters()))
    assert balance.weight_of("small") > 1.5 > 0.5 > balance.weight_of("large")
    assert balance.weight_of("another") == 1.0


def test_a_resumed_one_goes_on_as_if_it_had_not_stopped() -> None:
    layer = nn.Linear(2, 2)

    def losses(step: int) -> dict[str, Tensor]:
        made = layer(torch.full((1, 2), 1.0 + step))
        return {"a": made[0, 0].pow(2), "b": 5 * made[0, 1].pow(2)}

    whole, first, second = (GradNorm(("a", "b"), every=2) for _ in range(3))
    for number in range(6):
        whole.update(losses(number), list(layer.parameters()))
    for number in range(3):
        first.update(losses(number), list(layer.parameters()))
    second.load_state_dict(first.state_dict())
    for number in range(3, 6):
        second.update(losses(number), list(layer.parameters()))
    assert torch.equal(whole.weights, second.weights)


def test_a_gradient_that_is_no_number_stops_the_run() -> None:
    layer = nn.Linear(1, 1)
    loss = layer(torch.tensor([[float("nan")]])).sum()
    with pytest.raises(FloatingPointError, match="not finite"):
        GradNorm(("a",)).update({"a": loss}, list(layer.parameters()))


def test_it_needs_parts_and_a_step() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        GradNorm(())
