"""The three networks that text is found and read with: their files, checked, and their start."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.runtime.errors import (
    EngineUnavailableError,
    WeightsCorruptError,
    WeightsMissingError,
)

PACKAGE = "rapidocr"
# Channels, height and least width at which a line is read. The package's 320 makes short words take
# twice as long; of 142 drawn lines 120 were right with either.
SHORTEST_LINE = [3, 48, 160]
INSTALL_COMMAND = "pip install -r requirements.txt"


@dataclass(frozen=True)
class ModelFile:
    """One network of the package: its part, file and SHA-256, as RapidOCR 3.10 lists it."""

    part: str
    file: str
    sha256: str


MODELS = (
    ModelFile(
        "Det",
        "PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    ModelFile(
        "Cls",
        "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    ModelFile(
        "Rec",
        "PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
)


def start_networks(models_dir: Path | None, *, find_side_px: int, lines_at_once: int) -> Any:
    """Check the files and start RapidOCR with them, all three networks at once.

    Args:
        models_dir: folder of the files; None takes the installed package's.
        find_side_px: longer side at which text is looked for.
        lines_at_once: lines that are read together.

    Raises:
        WeightsMissingError: if the package or a file of it is not installed.
        WeightsCorruptError: if a file is not the one that was tested.
        EngineUnavailableError: if the package cannot be started.
    """
    paths = _checked_files(models_dir or package_models())
    params: dict[str, Any] = {
        "Global.log_level": "error",
        "Global.text_score": 0.0,
        # One thread: a pool of several would spin between frames on the cores of Stage A.
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "Det.limit_type": "max",
        "Det.limit_side_len": find_side_px,
        "Rec.rec_batch_num": lines_at_once,
        "Rec.rec_img_shape": SHORTEST_LINE,
    }
    # With a path of its own no part ever asks the Internet for its file.
    params |= {f"{part}.model_path": str(path) for part, path in paths.items()}
    try:
        return _started(params)
    except Exception as error:  # of the package, ONNX Runtime or what they are built on
        raise EngineUnavailableError(
            "MaxSight cannot read text: the package rapidocr does not start.",
            f"Install it again: {INSTALL_COMMAND}.",
        ) from error


def package_models() -> Path:
    """Return the folder of the installed package's networks.

    Raises:
        WeightsMissingError: if it is not installed.
    """
    # find_spec does not run the package, which imports much.
    spec = importlib.util.find_spec(PACKAGE)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        return Path(root) / "models"
    raise _missing("the package rapidocr is not installed")


def _checked_files(folder: Path) -> dict[str, Path]:
    """Return the files by part, once each has its checksum."""
    for model in MODELS:
        path = folder / model.file
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise _missing(f"its file {model.file} is missing") from error
        if digest != model.sha256:
            raise WeightsCorruptError(
                f"MaxSight cannot read text: its file {model.file} is damaged or another version.",
                f"Run: pip uninstall {PACKAGE}, then {INSTALL_COMMAND}.",
            )
    return {model.part: folder / model.file for model in MODELS}


def _missing(reason: str) -> WeightsMissingError:
    return WeightsMissingError(f"MaxSight cannot read text: {reason}.", f"Run: {INSTALL_COMMAND}.")


def _started(params: dict[str, Any]) -> Any:
    """Start the package's three networks, which it would else load at their first use."""
    from rapidocr import RapidOCR
    from rapidocr.main import RapidOCRError

    engine = RapidOCR(params=params)
    blank = np.full((64, 128, 3), 255, np.uint8)
    engine.cls_and_rotate([blank])
    engine.recognize_txt([blank])
    with contextlib.suppress(RapidOCRError):  # as it holds no text
        engine.detect_and_crop(blank, {})
    return engine
