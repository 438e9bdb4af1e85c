"""Check weights by SHA-256 before they are read: the packaged ones, the project's own, downloads.

`python -m engines.runtime.weights_hashes` lists the project's checkpoints anew, after training;
with `--check` it only says which of them differ from the list.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from engines.runtime.errors import WeightsCorruptError
from engines.runtime.settings import REPO_ROOT

log = logging.getLogger(__name__)

# As sha256sum writes and reads it: `sha256sum -c engines/runtime/checkpoints.sha256`.
LIST_FILE = Path(__file__).with_name("checkpoints.sha256")
LIST_COMMAND = "python -m engines.runtime.weights_hashes"
# What is read as numbers; a card is text, which its reader checks field by field.
WEIGHTS_SUFFIXES = frozenset([".safetensors", ".onnx"])
LISTED_NAMES = frozenset(["wording.json"])
REMEMBERED_FILE = "weights_hashes.json"

_CHUNK_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_BLOB = re.compile(r"[0-9a-f]{64}")
# A file that has these as they were is taken to be as it was. Setting the time of the last change
# back does not help an intruder: that moves st_ctime_ns.
_State = tuple[int, int, int, int]
_remembered: dict[str, tuple[_State, str]] = {}
_lock = threading.Lock()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits. Raises OSError if it can't be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_file(path: Path, sha256: str, *, cache_dir: Path, do: str) -> None:
    """Refuse a file that is not the one expected.

    It is read once; what it was is remembered in cache_dir until size, times or inode change.

    Args:
        path: the file.
        sha256: what it must be, 64 hex digits.
        cache_dir: folder of what can be made again; where it can't be written to, files are read
            again by the next process.
        do: what a person can do about a wrong file, one sentence.

    Raises:
        WeightsCorruptError: if it is another file, or can't be read.
    """
    try:
        found = _remembered_sha256(path, cache_dir)
    except OSError as error:
        raise _refused(path, f"it can't be read ({error.strerror or 'unknown reason'})", do) from (
            error
        )
    if found != sha256:
        raise _refused(path, "it is damaged or was changed, since its SHA-256 is another", do)


def check_checkpoint(folder: Path, *, cache_dir: Path) -> None:
    """Refuse a checkpoint of the project with a file that is not the listed one.

    A folder that the list does not name, such as one elsewhere, is somebody's own and passes.

    Raises:
        WeightsCorruptError: if a listed file in it is another one, or the list can't be read.
    """
    inside = folder.resolve()
    for path, sha256 in listed().items():
        if inside in path.parents and path.is_file():
            check_file(
                path,
                sha256,
                cache_dir=cache_dir,
                do=f"Restore it with git; if you trained it yourself, run: {LIST_COMMAND}",
            )


def check_download(path: Path, *, cache_dir: Path) -> None:
    """Refuse a file of the Hub's cache that is not what the Hub called it.

    The cache names each large file by the SHA-256 that the Hub gave for it and links to it; a
    small file has another name there, and passes.

    Raises:
        WeightsCorruptError: if it is another file.
    """
    blob = path.resolve()
    if blob != path and _BLOB.fullmatch(blob.name):
        do = f"Delete {blob} and start again; it is then downloaded anew."
        check_file(blob, blob.name, cache_dir=cache_dir, do=do)


def listed(list_file: Path = LIST_FILE) -> Mapping[Path, str]:
    """Read which files the project's checkpoints are made of: absolute path -> SHA-256.

    Raises:
        WeightsCorruptError: if the list is missing, or is none.
    """
    do = "Restore it with git."
    try:
        lines = list_file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(list_file, "it can't be read", do) from error
    found = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None or ".." in Path(match[2]).parts or Path(match[2]).is_absolute():
            raise _refused(list_file, f"a line of it is no SHA-256 and file: {line[:80]!r}", do)
        found[(REPO_ROOT / match[2]).resolve()] = match[1]
    return found


def weights_in(folder: Path) -> tuple[Path, ...]:
    """List the files of all checkpoints in a folder that hold numbers, sorted."""
    return tuple(
        sorted(
            path
            for path in folder.glob("*/*")
            if path.suffix in WEIGHTS_SUFFIXES or path.name in LISTED_NAMES
        )
    )


def list_text(paths: Iterable[Path]) -> str:
    """Write a list of files of the project, a line each. Raises OSError if one can't be read."""
    return "".join(
        f"{sha256_of(path)}  {path.relative_to(REPO_ROOT).as_posix()}\n" for path in paths
    )


def main(arguments: list[str] | None = None) -> int:
    """List the checkpoints anew, or check them; return the exit status."""
    parser = argparse.ArgumentParser(prog=LIST_COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="say what differs, write nothing")
    options = parser.parse_args(arguments)
    text = list_text(weights_in(REPO_ROOT / "checkpoints"))
    if not options.check:
        LIST_FILE.write_text(text, "utf-8")
        print(f"{LIST_FILE.relative_to(REPO_ROOT)} lists {text.count(chr(10))} files.")
        return 0
    were = set(LIST_FILE.read_text("utf-8").splitlines())
    names = {line.partition("  ")[2] for line in were ^ set(text.splitlines())}
    for name in sorted(names):
        print(f"{name} differs from the list")
    return 1 if names else 0


def _remembered_sha256(path: Path, cache_dir: Path) -> str:
    key, status = str(path.resolve()), path.stat()
    state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    with _lock:
        if key not in _remembered:
            for name, held in _read(cache_dir / REMEMBERED_FILE).items():
                _remembered.setdefault(name, held)
        known = _remembered.get(key)
        if known is not None and known[0] == state:
            return known[1]
        found = sha256_of(path)
        _remembered[key] = (state, found)
        _write(cache_dir / REMEMBERED_FILE, key)
        return found


def _read(path: Path) -> dict[str, tuple[_State, str]]:
    """Read what was remembered; whatever is wrong with it, the weights are then read again."""
    try:
        held = json.loads(path.read_text("utf-8"))
        return {
            str(key): ((int(size), int(changed), int(moved), int(inode)), str(found))
            for key, (size, changed, moved, inode, found) in held.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(path: Path, key: str) -> None:
    """Add one file to what is remembered; another process may have added others meanwhile."""
    held = {name: [*state, found] for name, (state, found) in _read(path).items()}
    state, found = _remembered[key]
    held[key] = [*state, found]
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(held), "utf-8")
        temporary.replace(path)
    except OSError as error:
        log.info("could not remember the SHA-256 of %s: %s", key, error)


def _refused(path: Path, reason: str, do: str) -> WeightsCorruptError:
    return WeightsCorruptError(f"The file {path.parent.name}/{path.name} is refused: {reason}.", do)


if __name__ == "__main__":
    sys.exit(main())
