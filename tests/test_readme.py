"""What the README says is so."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from tests.readme import README, REPO, with_blocks

TEXT = README.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code_and_the_card() -> None:
    assert with_blocks(TEXT) == TEXT, "run: python -m tests.readme"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make (\w[\w-]*)", TEXT))))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (REPO / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("module", sorted(set(re.findall(r"-m (engines[\w.]+)", TEXT))))
def test_every_command_in_the_readme_has_help(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    # In this process: a new one for each would import torch each time.
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage:")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_every_link_and_picture_is_there(link: str) -> None:
    assert (REPO / link).exists()


def test_every_file_in_the_picture_of_the_house_exists() -> None:
    picture = TEXT.split("## How it is built")[1].split("```")[1]
    folders = ("components", "engines", "assets", "tests")
    there = {path.name for folder in folders for path in (REPO / folder).rglob("*.py")}
    there |= {path.name for path in REPO.glob("*.py")}
    assert set(re.findall(r"\b(\w+\.py)\b", picture)) <= there


def test_a_space_finds_what_it_needs_in_the_front_matter() -> None:
    front = yaml.safe_load(TEXT.split("---")[1])
    assert front["sdk"] == "gradio"
    requirements = (REPO / "requirements.txt").read_text()
    assert f"gradio=={front['sdk_version']}" in requirements
    assert (REPO / front["app_file"]).exists()
    assert isinstance(front["python_version"], str)


def test_every_requirement_is_pinned() -> None:
    for file in Path(REPO).glob("requirements*.txt"):
        for line in file.read_text().splitlines():
            if line and not line.startswith(("#", "-c")):
                assert "==" in line, f"{file.name}: {line}"


def test_checkpoints_are_small_enough_and_have_a_card() -> None:
    # A ResNet-50 with its pyramid has 27 million weights of two bytes.
    limits = {"maxsight-a": 60_000_000, "llm-lora": 40_000_000}
    for folder in (REPO / "checkpoints").iterdir():
        assert (folder / "card.json").exists()
        (weights,) = folder.glob("*model.safetensors")
        size = weights.stat().st_size
        assert size <= limits.get(folder.name, 25_000_000)
