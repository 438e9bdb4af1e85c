"""Make torchvision's pure-Python part importable beside any build of PyTorch."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import threading
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

_lock = threading.Lock()
_is_done = False
# A torch Library takes its operators with it when it is collected, so it must outlive the import.
_library: torch.library.Library | None = None


def ensure_torchvision() -> None:
    """Declare torchvision's missing operators if its compiled extension does not load.

    PyPI's torchvision is built against CUDA. Beside a CPU build of PyTorch its extension does not
    load, and `import torchvision` stops with "operator torchvision::nms does not exist", although
    transforms and models, which are plain Python, would work. With the two schemas declared they
    do; `torchvision.ops.nms` itself still has no kernel and says so when called.

    Does nothing where the extension loads or torchvision is absent or already imported. Call it
    before the first import of torchvision or timm. Safe to call often and from several threads.
    """
    global _is_done, _library
    with _lock:
        if _is_done:
            return
        # The question is answered by loading the extension alone, not by trying the import: a
        # failed import leaves half-initialised submodules behind in sys.modules.
        if "torchvision" not in sys.modules and _is_installed() and not _does_extension_load():
            missing = [name for name in _SCHEMAS if not hasattr(torch.ops.torchvision, name)]
            if missing:
                _library = torch.library.Library("torchvision", "FRAGMENT")
                for name in missing:
                    _library.define(_SCHEMAS[name])
        _is_done = True


def _is_installed() -> bool:
    return importlib.util.find_spec("torchvision") is not None


def _does_extension_load() -> bool:
    """Load torchvision's compiled operators, as its own import would do first."""
    spec = importlib.util.find_spec("torchvision")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = Path(folder) / f"_C{suffix}"
            if path.exists():
                try:
                    torch.ops.load_library(str(path))
                except (ImportError, OSError):
                    return False
                return True
    return False
