"""Take away the source files that torch_geometric writes for its layers."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def remove_generated_files() -> int:
    """Delete what torch_geometric wrote in the temporary folder and has imported by now.

    For every kind of layer it writes a module there, at every start, and leaves it for good
    (`torch_geometric.template.module_from_template`, 2.8). Once imported, nothing reads it again.

    Returns:
        How many modules that were.
    """
    folder = Path(tempfile.gettempdir()).resolve()
    removed = 0
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if not name.startswith("torch_geometric.") or source is None:
            continue
        if Path(source).resolve().parent != folder or not Path(source).exists():
            continue
        Path(source).unlink(missing_ok=True)
        cached = getattr(module, "__cached__", None)
        if cached is not None:
            Path(cached).unlink(missing_ok=True)
        removed += 1
    return removed
