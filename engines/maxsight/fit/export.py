"""Export a trained Stage A: fp16 safetensors, and an int8 graph for ONNX Runtime.

`python -m engines.maxsight.fit.export --run DIR --data DIR --out checkpoints/maxsight-a`

Static quantisation, one scale per output channel of a weight, ranges of the activations from real
training photos. The first and the last layers can stay in float. With `--numbers` the int8 graph is
measured against the fp32 graph on val.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.torch import load_file, save_file
from torch import Tensor

from engines.maxsight.classes import Vocabulary, vocabulary
from engines.maxsight.fit.looking import compare_on_val
from engines.maxsight.fit.pack import Frame, load_frames
from engines.maxsight.frames import Pixels, letterbox, to_rgb
from engines.maxsight.stage_a import StageA, StageAOutput
from engines.maxsight.stage_a_network import (
    INPUT_NAME,
    OUTPUT_NAMES,
    SIZE_NAMES,
    OnnxNetwork,
    load_stage_a,
)
from engines.maxsight.stage_a_runner import GRAPH_FILE
from engines.runtime.fit import mean_weights
from engines.runtime.weights import WEIGHTS_FILE

BEST_FILE = "best.safetensors"
OPSET = 17
# Layers by the beginning of their name. The first sees the raw picture; the last ones' outputs are
# scores and box sides, where a step of 1/256 of the range is coarse.
FIRST_LAYERS = ("backbone.stem_conv",)
LAST_LAYERS = (
    "detection.class_out", "detection.objectness_out", "detection.sides_out",
    "detection.zone_out", "frame.",
)  # fmt: skip
# What is quantised: the convolutions, and what follows them without mixing scales. Not Concat: the
# last ones join outputs of the three grids, whose ranges differ.
QUANTISED_OPS = ("Conv", "Relu", "MaxPool", "Resize")
# The sums of the residual blocks: a little faster, and their rounding adds up from block to block.
SUM_OPS = ("Add",)
DEFAULT_PHOTOS = 200


@dataclass(frozen=True)
class Exported:
    """What an export wrote, in megabytes (10^6 bytes), and how the int8 graph follows float.

    Attributes:
        weights_mb: the fp16 safetensors.
        float_graph_mb: the fp32 graph, which is not kept.
        graph_mb: the int8 graph.
        correlations: output -> Pearson's correlation of int8 with fp32 over the photos.
    """

    weights_mb: float
    float_graph_mb: float
    graph_mb: float
    correlations: dict[str, float]


def save_half(model: StageA, path: Path) -> None:
    """Write the weights: matrices in float16, everything one-dimensional as it is.

    Running variances can exceed what float16 holds, and are small next to the matrices.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(
        {
            name: (value.half() if value.ndim > 1 else value).contiguous()
            for name, value in model.state_dict().items()
        },
        temporary,
    )
    os.replace(temporary, path)


def write_float_graph(model: StageA, path: Path) -> None:
    """Write the network as an fp32 ONNX graph with the input (1, 3, height, width)."""
    example = torch.zeros(1, 3, 96, 128)
    with warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter needs a package more and writes the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model, (example,), str(path), input_names=[INPUT_NAME],
            output_names=list(OUTPUT_NAMES), opset_version=OPSET, dynamo=False,
            dynamic_axes={INPUT_NAME: dict(enumerate(SIZE_NAMES, start=2))},
        )  # fmt: skip


class _Photos(CalibrationDataReader):
    """Hand the photos to ONNX Runtime's calibration, one at a time."""

    def __init__(self, canvases: Iterable[Pixels]) -> None:
        self._canvases: Iterator[Pixels] = iter(canvases)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next input, or None after the last."""
        canvas = next(self._canvases, None)
        if canvas is None:
            return None
        return {INPUT_NAME: canvas.transpose(2, 0, 1)[None].astype(np.float32)}


def quantise(
    float_graph: Path,
    out: Path,
    canvases: Sequence[Pixels],
    *,
    ops: Sequence[str] = QUANTISED_OPS,
    in_float: Sequence[str] = (),
) -> None:
    """Quantise a graph of `write_float_graph` to int8.

    Args:
        canvases: (H, W, 3) uint8 RGB each, to learn the activations' ranges from.
        ops: ONNX operators to quantise.
        in_float: beginnings of the names of layers that stay in float, such as `FIRST_LAYERS`.

    Raises:
        ValueError: if there is no photo, or a layer of `in_float` is not in the graph.
    """
    if not canvases:
        raise ValueError("the ranges of the activations cannot be learnt without a photo")
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(float_graph, prepared, skip_symbolic_shape=True)
        quantised = Path(folder) / "int8.onnx"
        quantize_static(
            prepared,
            quantised,
            _Photos(canvases),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(ops),
            nodes_to_exclude=_nodes_of(prepared, in_float),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_suffix(".tmp")
        shutil.copyfile(quantised, temporary)
        os.replace(temporary, out)


def compare(
    first: OnnxNetwork, second: OnnxNetwork, canvases: Sequence[Pixels]
) -> dict[str, float]:
    """Correlate the outputs of two graphs over photos: output -> Pearson's r."""
    pairs = [(first(canvas), second(canvas)) for canvas in canvases]
    return {
        name: _correlation(
            np.concatenate([_flat(one, name) for one, _ in pairs]),
            np.concatenate([_flat(other, name) for _, other in pairs]),
        )
        for name in OUTPUT_NAMES
    }


def export(
    weights: Path,
    canvases: Sequence[Pixels],
    out: Path,
    *,
    words: Vocabulary,
    ops: Sequence[str] = QUANTISED_OPS,
    in_float: Sequence[str] = (*FIRST_LAYERS, *LAST_LAYERS),
    compared: int = 16,
    float_graph: Path | None = None,
) -> Exported:
    """Write `model.safetensors` and `model.onnx` into the folder `out`.

    Both come from the weights as rounded to float16, so that they are the same network.

    Args:
        weights: best.safetensors of a run.
        canvases: (H, W, 3) uint8 RGB, training photos as the network gets them.
        compared: how many of them the two graphs are compared on.
        float_graph: where to keep the fp32 graph; None throws it away.
    """
    save_half(load_stage_a(weights, classes=len(words.trained)), out / WEIGHTS_FILE)
    model = load_stage_a(out / WEIGHTS_FILE, classes=len(words.trained))
    with tempfile.TemporaryDirectory() as folder:
        full = float_graph or Path(folder) / "float.onnx"
        write_float_graph(model, full)
        quantise(full, out / GRAPH_FILE, canvases, ops=ops, in_float=in_float)
        threads = torch.get_num_threads()
        in_fp32 = OnnxNetwork(full, threads=threads)
        in_int8 = OnnxNetwork(out / GRAPH_FILE, threads=threads)
        return Exported(
            weights_mb=_megabytes(out / WEIGHTS_FILE),
            float_graph_mb=_megabytes(full),
            graph_mb=_megabytes(out / GRAPH_FILE),
            correlations=compare(in_fp32, in_int8, canvases[:compared]),
        )


def draw_canvases(frames: Sequence[Frame], count: int, *, side: int, seed: int) -> list[Pixels]:
    """Read so many photos, drawn at random, as the network gets them."""
    drawn = np.random.default_rng(seed).permutation(len(frames))[:count]
    canvases = []
    for index in drawn:
        path = frames[index].path
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError(f"{path} is no picture")
        canvases.append(letterbox(to_rgb(np.ascontiguousarray(bgr[:, :, ::-1])), side)[0])
    return canvases


def _nodes_of(graph: Path, layers: Sequence[str]) -> list[str]:
    """Name the graph's nodes of these layers: "detection.class_out" is /detection/class_out...

    A layer that is used at each scale has the nodes class_out, class_out_1 and class_out_2.
    """
    names = [node.name for node in onnx.load(graph, load_external_data=False).graph.node]
    found: list[str] = []
    for layer in layers:
        own = [name for name in names if name.startswith("/" + layer.replace(".", "/"))]
        if not own:
            raise ValueError(f"the graph has no layer {layer}")
        found += own
    return found


def _flat(output: StageAOutput, name: str) -> NDArray[np.float64]:
    flat: NDArray[np.float64] = getattr(output, name).double().numpy().reshape(-1)
    return flat


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def average(folders: Sequence[Path]) -> dict[str, Tensor]:
    """Average the weights of runs and checkpoints, in float32.

    Args:
        folders: each with the best weights of a run, or else with those of a checkpoint.
    """
    networks = []
    for folder in folders:
        best = folder / BEST_FILE
        weights = load_file(best if best.is_file() else folder / WEIGHTS_FILE)
        networks.append({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
    return mean_weights(networks)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run",
        type=Path,
        nargs="+",
        required=True,
        help="runs, or checkpoints; several are averaged",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the detection pack")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--side", type=int, default=384, help="pixels of the longer side")
    parser.add_argument("--photos", type=int, default=DEFAULT_PHOTOS, help="to learn ranges from")
    parser.add_argument("--quantise-first", action="store_true", help="the stem in int8, too")
    parser.add_argument("--quantise-last", action="store_true", help="the outputs in int8, too")
    parser.add_argument("--quantise-sums", action="store_true", help="the blocks' sums in int8")
    parser.add_argument(
        "--in-float", nargs="*", default=[], help="more layers, such as backbone.stage1"
    )
    parser.add_argument("--float-graph", type=Path, help="keep the fp32 graph here")
    parser.add_argument("--numbers", type=Path, help="measure int8 on val, write JSON here")
    parser.add_argument("--val-photos", type=int, help="only so many of val")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    words = vocabulary()
    in_float = (
        *(() if arguments.quantise_first else FIRST_LAYERS),
        *(() if arguments.quantise_last else LAST_LAYERS),
        *arguments.in_float,
    )
    canvases = draw_canvases(
        load_frames(arguments.data, "train", words),
        arguments.photos,
        side=arguments.side,
        seed=arguments.seed,
    )
    numbers: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        full = arguments.float_graph or Path(folder) / "float.onnx"
        weights = Path(folder) / BEST_FILE
        save_file(average(arguments.run), weights)
        done = export(
            weights,
            canvases,
            arguments.out,
            words=words,
            ops=(*QUANTISED_OPS, *(SUM_OPS if arguments.quantise_sums else ())),
            in_float=in_float,
            float_graph=full,
        )
        if arguments.numbers:
            val = load_frames(arguments.data, "val", words)
            drawn = np.random.default_rng(arguments.seed).permutation(len(val))
            chosen = [val[index] for index in sorted(drawn[: arguments.val_photos])]
            graphs = full, arguments.out / GRAPH_FILE
            numbers = compare_on_val(*graphs, chosen, words=words, side=arguments.side)
            arguments.numbers.parent.mkdir(parents=True, exist_ok=True)
            arguments.numbers.write_text(json.dumps(asdict(done) | numbers, indent=1))
    print(f"{WEIGHTS_FILE} {done.weights_mb:.1f} MB, fp32 graph {done.float_graph_mb:.1f} MB")
    print(f"{GRAPH_FILE} {done.graph_mb:.1f} MB; int8 with fp32, correlation of")
    for name, value in done.correlations.items():
        print(f"  {name:20} {value:.4f}")
    for name, value in numbers.items():
        print(f"{name} {value:.4g}")


if __name__ == "__main__":
    main()
