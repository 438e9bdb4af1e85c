from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engines.runtime import weights, weights_hashes
from engines.runtime.errors import WeightsCorruptError
from engines.runtime.settings import REPO_ROOT, Settings
from engines.runtime.weights import PACKAGED_WEIGHTS, find_weights
from engines.runtime.weights_hashes import (
    REMEMBERED_FILE,
    check_checkpoint,
    check_download,
    check_file,
    list_text,
    listed,
    sha256_of,
    weights_in,
)

# SHA-256 of "abc", from FIPS 180-4's examples.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
CHECKPOINTS = REPO_ROOT / "checkpoints"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "weights.bin"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def forget() -> None:
    """Begin as a new process does."""
    weights_hashes._remembered.clear()


def check(path: Path, cache: Path, sha256: str = ABC) -> None:
    check_file(path, sha256, cache_dir=cache, do="Install it again.")


def test_the_hash_is_that_of_the_standard(file: Path) -> None:
    assert sha256_of(file) == ABC


def test_a_right_file_passes_and_a_wrong_one_is_refused_in_words(file: Path, cache: Path) -> None:
    check(file, cache)
    with pytest.raises(WeightsCorruptError, match=r"model/weights\.bin is refused") as caught:
        check(file, cache, ABC[::-1])
    assert caught.value.do == "Install it again."


def test_a_file_is_read_once_and_not_by_the_next_process_either(
    file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(file, cache)
    monkeypatch.setattr(weights_hashes, "sha256_of", lambda path: pytest.fail("it was read again"))
    check(file, cache)
    forget()
    check(file, cache)


@pytest.mark.parametrize("is_same_time", [False, True], ids=["later", "with its time set back"])
def test_a_changed_file_is_noticed(file: Path, cache: Path, is_same_time: bool) -> None:
    check(file, cache)
    before = file.stat()
    file.write_bytes(b"abd")
    if is_same_time:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        with pytest.raises(WeightsCorruptError, match="damaged or was changed"):
            check(file, cache)
        forget()


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": ["x", 1, 1, 1, "y"]}', "\0"])
def test_a_broken_memory_only_costs_time(file: Path, cache: Path, text: str) -> None:
    cache.mkdir()
    (cache / REMEMBERED_FILE).write_text(text)
    forget()
    check(file, cache)
    held = json.loads((cache / REMEMBERED_FILE).read_text())
    assert held[str(file)][-1] == ABC


def test_a_cache_folder_that_cannot_be_made_only_costs_time(file: Path) -> None:
    forget()
    check(file, file)  # no folder but a file
    check(file, file)


def test_two_files_are_both_remembered(file: Path, cache: Path) -> None:
    other = file.with_name("other.bin")
    other.write_bytes(b"abc")
    for path in (file, other):
        check(path, cache)
        forget()
    assert set(json.loads((cache / REMEMBERED_FILE).read_text())) == {str(file), str(other)}


def test_a_file_that_is_gone_is_refused_in_words(file: Path, cache: Path) -> None:
    file.unlink()
    with pytest.raises(WeightsCorruptError, match="can't be read"):
        check(file, cache)


def test_every_weight_of_the_shipped_checkpoints_is_listed_with_its_hash() -> None:
    text = list_text(weights_in(CHECKPOINTS))
    held = weights_hashes.LIST_FILE.read_text()
    assert held == text, f"run: {weights_hashes.LIST_COMMAND}"
    folders = {path.parent for path in listed()}
    assert folders == {path for path in CHECKPOINTS.iterdir() if path.is_dir()}
    for folder in folders:  # nothing else of a checkpoint is read, but its card
        others = {path.name for path in folder.iterdir()} - {path.name for path in listed()}
        assert others <= {"card.json", "adapter_config.json", "README.md"}, folder.name


def test_the_list_tells_which_files_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = weights_hashes.LIST_FILE.read_text()
    (tmp_path / "list").write_text(held.replace("checkpoints/waste/", "checkpoints/glass/"))
    monkeypatch.setattr(weights_hashes, "LIST_FILE", tmp_path / "list")
    assert weights_hashes.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "checkpoints/waste/model.safetensors differs" in said
    assert "checkpoints/intent" not in said
    monkeypatch.undo()
    assert weights_hashes.main(["--check"]) == 0


@pytest.mark.parametrize(
    "line", ["abc  a", f"{ABC}  ../a", f"{ABC}  /etc/passwd", f"{ABC} a", ABC, "\0"]
)
def test_a_list_that_is_none_is_a_sentence(tmp_path: Path, line: str) -> None:
    (tmp_path / "list").write_text(line)
    with pytest.raises(WeightsCorruptError, match="no SHA-256 and file"):
        listed(tmp_path / "list")
    with pytest.raises(WeightsCorruptError, match="can't be read"):
        listed(tmp_path / "none")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Copy a checkpoint and its line into a project of its own."""
    folder = Path(shutil.copytree(CHECKPOINTS / "intent", tmp_path / "checkpoints" / "intent"))
    name = "checkpoints/intent/model.safetensors"
    (tmp_path / "list").write_text(f"{sha256_of(folder / 'model.safetensors')}  {name}\n")
    monkeypatch.setattr(weights_hashes, "REPO_ROOT", tmp_path)
    whole_list = listed
    monkeypatch.setattr(weights_hashes, "listed", lambda: whole_list(tmp_path / "list"))
    return Settings(checkpoints_dir=tmp_path / "checkpoints", cache_dir=tmp_path / "cache")


def test_a_changed_checkpoint_is_refused_and_says_what_to_do(project: Settings) -> None:
    path = find_weights("intent", settings=project).path
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsCorruptError, match="its SHA-256 is another") as caught:
        find_weights("intent", settings=project)
    assert "Restore it with git" in caught.value.do
    assert weights_hashes.LIST_COMMAND in caught.value.do


def test_somebodys_own_checkpoint_passes(project: Settings, tmp_path: Path) -> None:
    own = tmp_path / "elsewhere" / "intent"
    own.mkdir(parents=True)
    (own / "model.safetensors").write_bytes(b"abc")
    check_checkpoint(own, cache_dir=project.cache_dir)


def test_a_changed_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    known = PACKAGED_WEIGHTS["smollm2_135m_instruct"]
    settings = Settings(checkpoints_dir=tmp_path, cache_dir=tmp_path / "cache", model_dirs=())
    monkeypatch.setattr(weights, "_find_in_package", lambda _: file)
    with pytest.raises(WeightsCorruptError, match="is refused") as caught:
        find_weights(known.name, settings=settings)
    assert known.pip_name in caught.value.do
    right = replace(known, sha256={file.name: ABC})
    monkeypatch.setitem(PACKAGED_WEIGHTS, known.name, right)
    assert find_weights(known.name, settings=settings).path == file
    file.with_name("tokenizer.json").write_text("{}")
    also = replace(known, sha256={file.name: ABC, "tokenizer.json": ABC})
    monkeypatch.setitem(PACKAGED_WEIGHTS, known.name, also)
    with pytest.raises(WeightsCorruptError, match=r"tokenizer\.json is refused"):
        find_weights(known.name, settings=settings)


@pytest.mark.parametrize("name", sorted(PACKAGED_WEIGHTS))
def test_every_installed_package_holds_the_files_that_were_tested(
    name: str, tmp_path: Path
) -> None:
    assert PACKAGED_WEIGHTS[name].sha256
    settings = Settings(checkpoints_dir=tmp_path, model_dirs=(), is_hub_allowed=False)
    source = find_weights(name, settings=settings)
    assert source.origin == "package"
    assert source.path.name in PACKAGED_WEIGHTS[name].sha256
    for beside in PACKAGED_WEIGHTS[name].sha256:
        assert (source.path.parent / beside).is_file()


@pytest.mark.parametrize("content", [b"abc", b"abd"], ids=["right", "wrong"])
def test_a_download_is_what_the_hub_called_it(tmp_path: Path, content: bytes) -> None:
    # The layout in which huggingface_hub keeps what it downloaded.
    blob = tmp_path / "blobs" / ABC
    link = tmp_path / "snapshots" / "1" / "model.safetensors"
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    blob.write_bytes(content)
    link.symlink_to(blob)
    if content == b"abc":
        check_download(link, cache_dir=tmp_path / "cache")
        return
    with pytest.raises(WeightsCorruptError, match="refused") as caught:
        check_download(link, cache_dir=tmp_path / "cache")
    assert "downloaded anew" in caught.value.do
