"""Finishing a run: the mix of two networks and the heads fitted anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from engines.waste.fit.finish import OTHER, blend, fit_head, log_likelihood
from engines.waste.model import waste_logit


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (1.0, 5.0), (0.25, 2.0)])
def test_a_mix_lies_between_its_two_networks(share: float, expected: float) -> None:
    start, end = nn.Linear(2, 2), nn.Linear(2, 2)
    nn.init.constant_(start.weight, 1.0)
    nn.init.constant_(end.weight, 5.0)
    mixed = blend(start, end, share)
    torch.testing.assert_close(mixed["weight"], torch.full((2, 2), expected))


def clusters(labels: np.ndarray, width: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (OTHER + 1, width))
    return (centres[labels] + rng.normal(0, 0.5, (len(labels), width))).astype(np.float32)


def test_a_fitted_item_head_knows_the_items_and_what_is_none_of_them() -> None:
    labels = np.repeat(np.arange(OTHER + 1), 12)
    inputs = clusters(labels)
    head = nn.Linear(inputs.shape[1], OTHER)
    fit_head(head, inputs, labels, 1.0)
    with torch.no_grad():
        logits = head(torch.from_numpy(inputs))
    is_item = labels != OTHER
    assert (logits.argmax(1).numpy()[is_item] == labels[is_item]).mean() > 0.99
    odds = waste_logit(logits).numpy()
    assert ((odds > 0) == is_item).mean() > 0.99
    assert log_likelihood(head, inputs[is_item], labels[is_item]) > -0.1


def test_a_class_without_photos_never_wins() -> None:
    labels = np.repeat([0, 2], 20)
    inputs = clusters(labels)
    head = nn.Linear(inputs.shape[1], 3)
    fit_head(head, inputs, labels, 1.0)
    with torch.no_grad():
        assert 1 not in head(torch.from_numpy(inputs)).argmax(1).tolist()
