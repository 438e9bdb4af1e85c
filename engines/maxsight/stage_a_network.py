"""Run Stage A's network: the int8 graph in ONNX Runtime, or the weights in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.nn.utils import convert_conv2d_weight_memory_format

from engines.maxsight.frames import Pixels
from engines.maxsight.stage_a import StageA, StageAOutput
from engines.runtime.device import Placement
from engines.runtime.errors import WeightsCorruptError
from engines.runtime.weights import load_tensors

INPUT_NAME = "pixels"
OUTPUT_NAMES = StageAOutput._fields

# The graph's names for the height and the width of what it takes.
SIZE_NAMES = ("height", "width")
# A canvas (H, W, 3) uint8 RGB in, sides multiples of 32; a batch of one on the CPU out.
Network = Callable[[Pixels], StageAOutput]


class OnnxNetwork:
    """Stage A as an ONNX graph on the CPU.

    Args:
        path: the graph. Its input is (1, 3, height, width) float32, RGB in [0, 255].
        threads: CPU threads; they sleep between frames instead of spinning.

    Raises:
        WeightsCorruptError: if it is damaged or not a Stage A.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for pool in ("intra_op", "inter_op"):
            options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own kinds share no public base class
            raise _corrupt(path, "it is damaged or not a graph that can be run") from error
        inputs = [(one.name, tuple(one.shape)) for one in self.session.get_inputs()]
        outputs = tuple(one.name for one in self.session.get_outputs())
        if inputs != [(INPUT_NAME, (1, 3, *SIZE_NAMES))] or outputs != OUTPUT_NAMES:
            raise _corrupt(path, "it is not a Stage A for frames of any size")

    def __call__(self, canvas: Pixels) -> StageAOutput:
        """Look at one canvas."""
        batch = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=np.float32)
        found = self.session.run(list(OUTPUT_NAMES), {INPUT_NAME: batch})
        return StageAOutput(*(torch.from_numpy(part) for part in found))


class EagerNetwork:
    """Stage A as a PyTorch module on any device.

    Args:
        path: safetensors of a `StageA` with `classes` classes.
        placement: where and in which precision; weights stay float32, autocast does the rest.

    Raises:
        WeightsMissingError: if there is no such file.
        WeightsCorruptError: if it is damaged or of another network.
    """

    def __init__(self, path: Path, *, classes: int, placement: Placement) -> None:
        self.placement = placement
        self.model = load_stage_a(path, classes=classes).to(placement.device)
        convert_conv2d_weight_memory_format(self.model, torch.channels_last)

    @torch.inference_mode()
    def __call__(self, canvas: Pixels) -> StageAOutput:
        """Look at one canvas."""
        device, dtype = self.placement.device, self.placement.dtype
        batch = torch.from_numpy(canvas).to(device).permute(2, 0, 1)[None].float()
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            output = self.model(batch)
        return StageAOutput(*(part.float().cpu() for part in output))


def load_stage_a(path: Path, *, classes: int) -> StageA:
    """Read a trained network onto the CPU, float32, ready to look.

    Raises:
        WeightsMissingError: if there is no such file.
        WeightsCorruptError: if it is damaged or of another network.
    """
    model = StageA(classes)
    try:
        model.load_state_dict(load_tensors(path))
    except RuntimeError as error:
        raise _corrupt(path, f"it is not a Stage A of {classes} classes") from error
    return model.eval().requires_grad_(False)


def _corrupt(path: Path, reason: str) -> WeightsCorruptError:
    return WeightsCorruptError(
        f"The file {path.parent.name}/{path.name} cannot be used: {reason}.",
        "Restore it with git, or export the trained network again.",
    )
