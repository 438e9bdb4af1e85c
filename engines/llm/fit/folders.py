"""Put a folder of files in place as a whole, with a record of what was checked about it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from engines.runtime.errors import StorageError

RECORD_FILE = "export.json"
# Room for the small files beside the weights.
_MARGIN_BYTES = 32 * 1024 * 1024


@contextlib.contextmanager
def replacing(folder: Path, *, needed_bytes: int = 0) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of `folder` only if nothing fails.

    Raises:
        StorageError: if the disk has too little room, or writing fails. What was in `folder`
            before is still there then.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    old = folder.with_name(f".{folder.name}.old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if old.is_dir() and not folder.is_dir():
            old.rename(folder)  # a run was killed between the two renames below
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        free_bytes = shutil.disk_usage(folder.parent).free
        if free_bytes < needed_bytes + _MARGIN_BYTES:
            raise StorageError(
                f"{folder} needs {(needed_bytes + _MARGIN_BYTES) / 1e6:.0f} MB, and "
                f"{free_bytes / 1e6:.0f} MB are free.",
                "Make room on the disk, or name another folder with --out.",
            )
        unfinished.mkdir()
        yield unfinished
        if folder.is_dir():
            folder.rename(old)
        unfinished.rename(folder)
    except (OSError, SafetensorError) as error:
        # safetensors reports a full disk with an error of its own.
        raise StorageError(
            f"{folder} could not be written: {error}",
            "Make room on the disk, or name another folder with --out; the files that were there "
            "before are as they were.",
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write what was checked, with size and SHA-256 of every file in the folder."""
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECORD_FILE
    }
    text = json.dumps({**record, "files": files}, indent=2, ensure_ascii=False)
    (folder / RECORD_FILE).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the record if its files are as they were written and it holds all of `wanted`."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        is_whole = all(
            (folder / name).stat().st_size == file["bytes"]
            and _sha256(folder / name) == file["sha256"]
            for name, file in record["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return record if is_whole and wanted.items() <= record.items() else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
