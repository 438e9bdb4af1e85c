from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.runtime.yaml_files import read_yaml


class Street(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    lamps: int


def written(folder: Path, text: str) -> Path:
    path = folder / "street.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_that_fits_becomes_the_model(tmp_path: Path) -> None:
    path = written(tmp_path, "name: Gänsemarkt\nlamps: 3\n")
    assert read_yaml(path, Street) == Street(name="Gänsemarkt", lamps=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "street.yaml is not valid YAML: "),
        ("name: a\nname: b\nlamps: 1", "street.yaml is not valid YAML: 'name' is written twice"),
        ("name: a", "street.yaml: lamps: is missing"),
        ("name: a\nlamps: 1\nlamp: 2", "street.yaml: lamp: is not a known field"),
        ("", "street.yaml: Input should be"),
    ],
    ids=["no YAML", "a key twice", "a key missing", "a key misspelt", "empty"],
)
def test_what_does_not_fit_is_named_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        read_yaml(written(tmp_path, text), Street)
    # pydantic's own error is a ValueError too, but not in words for a person.
    assert not isinstance(raised.value, ValidationError)
    assert str(raised.value).startswith(message)


def test_a_file_that_is_not_there_is_the_callers_to_know(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "none.yaml", Street)
