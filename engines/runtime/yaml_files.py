"""Read the project's YAML files strictly, and say in words what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


# libyaml's parser is ten times as fast; PyYAML has it built in on most machines.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StrictLoader(_SafeLoader):
    """Read plain YAML, but refuse a key written twice, which SafeLoader would drop in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; raises yaml.constructor.ConstructorError for a repeated key."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key.value}' is written twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_yaml(path: Path, model: type[M]) -> M:
    """Read a YAML file (UTF-8) as a model.

    Raises:
        ValueError: if it is no YAML or does not fit; the message names the file and says where.
        OSError: if it cannot be read.
    """
    try:
        return model.model_validate(yaml.load(path.read_text("utf-8"), Loader=StrictLoader))
    except ValidationError as error:
        raise ValueError(f"{path.name}: {in_words(error)}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not valid YAML: {error}") from error


def in_words(error: ValidationError) -> str:
    """Say each field that does not fit and why, joined by semicolons."""
    sentences = []
    for detail in error.errors():
        field = ".".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "is not a known field"
        elif detail["type"] == "missing":
            message = "is missing"
        sentences.append(f"{field}: {message}" if field else message)
    return "; ".join(sentences)
