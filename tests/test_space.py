"""What a Hugging Face Space gets is all that the app needs, and nothing else."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.space import (
    REPO,
    assemble,
    dotted_names,
    project_files,
    size_text,
    space_environment,
    space_files,
)

# Like the package `spaces` of a ZeroGPU Space as far as the app could notice it: it can be
# imported, and writes down who uses it. It lends no GPU.
RECORDER = """
import os
def _note(what):
    with open(os.environ["SPACES_NOTES"], "a") as notes:
        notes.write(what + "\\n")
_note("imported")
def GPU(job=None, **options):
    _note("GPU")
    return job if job is not None else (lambda wrapped: wrapped)
"""
START = """
import importlib, app
from components import shell
for spec in shell.TABS:
    importlib.import_module(spec.module)
for name, module, class_name in app.ENGINES:
    assert importlib.util.find_spec(module) is not None, module
print(len(shell.page_head()), len(shell.TABS))
"""


@pytest.fixture(scope="module")
def names() -> list[str]:
    return space_files(project_files())


def test_a_space_gets_the_app_its_data_and_what_the_hub_reads(names: list[str]) -> None:
    for name in (
        "app.py", "README.md", "requirements.txt", "engines/waste/engine.py",
        "components/waste_tab.py", "engines/maxsight/sound_runner.py", "assets/web/app.js",
        "assets/rules/germany.yaml", "assets/knowledge/guide/paper.md", "assets/examples/shown.txt",
        "checkpoints/waste/model.safetensors", "checkpoints/maxsight-a/model.onnx",
        "engines/runtime/checkpoints.sha256",
    ):  # fmt: skip
        assert name in names, name


def test_a_space_gets_no_tests_training_drawing_or_notes(names: list[str]) -> None:
    unwanted = ("tests/", "docs/", "runs/", ".", "Makefile", "requirements-dev", "assets/llm/")
    assert [name for name in names if name.startswith(unwanted)] == []
    assert [name for name in names if "/fit/" in name or "/render/" in name] == []
    assert "engines/runtime/fit.py" not in names


def test_every_module_that_is_named_is_there(names: list[str]) -> None:
    modules = {name.removesuffix(".py").removesuffix("/__init__") for name in names}
    for name in names:
        if name.endswith(".py"):
            for dotted in dotted_names((REPO / name).read_text("utf-8")):
                path = dotted.replace(".", "/")
                assert path in modules or path.rpartition("/")[0] in modules, f"{name}: {dotted}"


def test_names_of_modules_are_found_in_imports_and_texts() -> None:
    source = "from engines.a import b\nimport engines.c.d\nimport os\nx = ('components.e', 'e.f')\n"
    assert dotted_names(source) == {"engines.a.b", "engines.c.d", "components.e"}
    assert isinstance(ast.parse(source), ast.Module)


def test_the_environment_is_a_spaces_and_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RELEAF_PROFILE", "HF_TOKEN", "PYTHONPATH", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "ours")
    environment = space_environment(tmp_path, 7861)
    assert "ours" not in environment.values()
    assert environment["SPACE_ID"]
    assert environment["RELEAF_PORT"] == "7861"
    assert environment["HOME"] == str(tmp_path)


def test_it_starts_from_its_own_folder_and_beside_the_package_spaces(tmp_path: Path) -> None:
    folder, extra, notes = (tmp_path / name for name in ("app", "extra", "notes.txt"))
    folder.mkdir()
    (extra / "spaces").mkdir(parents=True)
    (extra / "spaces" / "__init__.py").write_text(RECORDER)
    copied = assemble(folder)
    environment = space_environment(tmp_path, 7861)
    environment |= {"PYTHONPATH": str(extra), "SPACES_NOTES": str(notes)}
    environment["PATH"] = os.environ["PATH"]
    done = subprocess.run(
        [sys.executable, "-c", START], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    # The app asks for no lent GPU; libraries may look at the package.
    assert not notes.exists() or "GPU" not in notes.read_text()
    assert f"{len(copied)} files" in size_text(folder, copied)
    assert "Git LFS" in size_text(folder, copied)


def test_the_recording_package_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = tmp_path / "notes.txt"
    monkeypatch.setenv("SPACES_NOTES", str(notes))
    space: dict[str, object] = {}
    exec(RECORDER + "\n@GPU(duration=5)\ndef job():\n    return 7\nresult = job()\n", space)
    assert space["result"] == 7
    assert notes.read_text().split() == ["imported", "GPU"]
