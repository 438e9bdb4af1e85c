"""Put together what a Hugging Face Space needs, start it as a Space does, look at every tab.

`make space`, or `python -m tests.space --help`. The virtual environment gets requirements.txt
alone, which takes minutes. The weights of the chat come from the Hub on a Space; where it can't be
reached, the tabs that need them have to say so, and the others have to work.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

REPO = Path(__file__).resolve().parents[1]
PYTHON_ROOTS = ("app.py", "components", "engines")
# What a Space reads itself.
SPACE_FILES = ("README.md", "requirements.txt")
DATA_FOLDERS = ("assets/", "checkpoints/", "components/", "engines/")
# Data that only training and the drawing of the examples read.
NOT_READ = ("assets/llm/", "assets/examples/render")
LARGE_BYTES = 10_000_000
START_LIMIT_S = 180.0
_DOTTED = re.compile(r"(?:components|engines)(?:\.\w+)+")


def project_files() -> list[str]:
    """List what is, or would be, in the repository: tracked files and new ones not ignored."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPO, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(name for name in set(done.stdout.splitlines()) if (REPO / name).is_file())


def space_files(files: Iterable[str]) -> list[str]:
    """Choose what a Space needs: the modules that app.py leads to, and the data they read."""
    files = list(files)
    modules = {name for name in files if name.endswith(".py") and name.startswith(PYTHON_ROOTS)}
    needed = _reachable("app.py", modules)
    for name in files:
        is_data = name.startswith(DATA_FOLDERS) and not name.endswith((".py", ".pyi"))
        is_read = is_data and not name.startswith(NOT_READ) and "/fit/" not in name
        if name in SPACE_FILES or is_read:
            needed.add(name)
    return sorted(needed)


def _reachable(start: str, modules: set[str]) -> set[str]:
    """Follow imports, and dotted names of modules in texts, which are imported when needed."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for dotted in dotted_names((REPO / name).read_text("utf-8")):
            waiting.extend(_files_of(dotted, modules))
    return found


def dotted_names(source: str) -> set[str]:
    """Return the dotted names of modules of the project that a module names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return {name for name in names if _DOTTED.fullmatch(name)}


def _files_of(dotted: str, modules: set[str]) -> list[str]:
    """Return the files that are run when a module, or a name in it, is imported."""
    parts = dotted.split(".")
    paths = [
        path
        for end in range(1, len(parts) + 1)
        for path in (f"{'/'.join(parts[:end])}.py", f"{'/'.join(parts[:end])}/__init__.py")
    ]
    return [path for path in paths if path in modules]


def assemble(target: Path) -> list[str]:
    """Copy what a Space needs into an empty folder; return the names."""
    names = space_files(project_files())
    for name in names:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / name, path)
    return names


def size_text(folder: Path, names: Iterable[str]) -> str:
    """Say how large a Space is, by its folders, and which files its repository keeps apart."""
    sizes = {name: (folder / name).stat().st_size for name in names}
    by_folder: Counter[str] = Counter()
    for name, size in sizes.items():
        by_folder[PurePosixPath(name).parts[0]] += size
    lines = [f"{len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB"]
    lines += [f"  {name}: {size / 1e6:.1f} MB" for name, size in by_folder.most_common()]
    large = [name for name, size in sizes.items() if size > LARGE_BYTES]
    if large:
        lines.append(f"Over 10 MB, so the Hub wants them by Git LFS or Xet: {', '.join(large)}")
    return "\n".join(lines)


def make_venv(folder: Path, requirements: Path) -> Path:
    """Make a virtual environment with the requirements alone; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--requirement", str(requirements)],
        check=True,
    )  # fmt: skip
    return python


def space_environment(home: Path, port: int) -> dict[str, str]:
    """Set the environment as a Space does: its own home, its id, and none of our settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RELEAF_", "GRADIO_", "HF_", "PYTHON", "VIRTUAL_ENV"))
    }
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "SPACE_ID": "dry/run",
        "SYSTEM": "spaces",
        "RELEAF_PORT": str(port),
        # A Space without a network fails soon instead of late.
        "HF_HUB_ETAG_TIMEOUT": "5",
        "HF_HUB_DOWNLOAD_TIMEOUT": "20",
    }


def main(arguments: list[str] | None = None) -> int:
    """Assemble, start and look; return 0 if every tab did what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="only print files and size")
    parser.add_argument("--python", type=Path, help="take this Python instead of a clean venv")
    parser.add_argument("--shots", type=Path, help="folder for a screenshot of each tab")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="space-") as temporary:
        home, folder = Path(temporary), Path(temporary) / "app"
        folder.mkdir()
        names = assemble(folder)
        print(size_text(folder, names), flush=True)
        if options.list:
            print("\n".join(names))
            return 0
        began = time.monotonic()
        python = options.python
        if python is None:
            python = make_venv(home / "venv", folder / "requirements.txt")
            took_s = time.monotonic() - began
            packages = sum(p.stat().st_size for p in (home / "venv").rglob("*") if p.is_file())
            print(f"Virtual environment: {packages / 1e9:.2f} GB in {took_s:.0f} s", flush=True)
        # Here: the browser's driver is of no use for the list alone.
        from tests.space_visit import visit

        return visit(folder, python.absolute(), home, options.shots)


if __name__ == "__main__":
    sys.exit(main())
