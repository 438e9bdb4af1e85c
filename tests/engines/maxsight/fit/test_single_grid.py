"""The reference design's head: the shape of its answers, where its cells lie, that it learns."""

from __future__ import annotations

import torch

from engines.maxsight.decode import cell_grid
from engines.maxsight.fit.data import Batch
from engines.maxsight.fit.losses import LossWeights, losses_of
from engines.maxsight.fit.single_grid import STRIDE, SingleGridStageA
from engines.maxsight.stage_a import StageAOutput
from tests.engines.maxsight.fit.test_targets import BOX, CLASSES, SIDE, batch_of

GRID = SIDE // STRIDE


def test_one_row_per_cell_of_the_middle_grid() -> None:
    torch.manual_seed(0)
    model = SingleGridStageA(CLASSES).eval()
    with torch.inference_mode():
        output = model(torch.rand(2, 3, SIDE, SIDE) * 255)
    cells = GRID * GRID
    assert [tuple(part.shape) for part in output] == [
        (2, cells, CLASSES), (2, cells), (2, cells, 4), (2, cells, 3), (2, 4), (2, 1),
    ]  # fmt: skip
    centres, strides = cell_grid(SIDE, SIDE, model.strides)
    assert len(centres) == cells
    assert strides.unique().tolist() == [STRIDE]
    assert centres[1].tolist() == [1.5 * STRIDE, 0.5 * STRIDE]


def test_what_is_known_is_read_at_its_own_cells() -> None:
    torch.manual_seed(0)
    cells = GRID * GRID
    shapes = [(cells, CLASSES), (cells,), (cells, 4), (cells, 3), (4,), (1,)]
    output = StageAOutput(*(torch.randn(1, *shape).requires_grad_() for shape in shapes))
    batch = batch_of({"box": BOX})
    is_own = cell_grid(SIDE, SIDE)[1] == STRIDE
    elsewhere = batch.known.clone()
    elsewhere[:, ~is_own] = 0
    unseen = batch._replace(known=torch.zeros_like(batch.known))

    def loss(of: Batch) -> float:
        return losses_of(output, of, torch.ones(3), (STRIDE,)).classes.item()

    assert loss(batch._replace(known=elsewhere)) == loss(batch)
    assert loss(unseen) < loss(batch)


def test_its_loss_falls() -> None:
    torch.manual_seed(0)
    model = SingleGridStageA(CLASSES).train()
    batch = batch_of({"box": BOX, "class_index": 1, "zone": 2})
    batch = batch._replace(pixels=torch.rand(1, 3, SIDE, SIDE) * 255)
    head = torch.optim.AdamW(model.detection.parameters(), lr=3e-3)
    found = []
    for _ in range(8):
        parts = losses_of(model(batch.pixels), batch, torch.ones(3), model.strides)
        loss = parts.total(LossWeights(urgency=0.0, uncertainty=0.0))
        head.zero_grad()
        loss.backward()
        head.step()
        found.append(float(loss.detach()))
    assert min(found[-2:]) < 0.8 * found[0]
