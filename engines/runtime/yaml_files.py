"""Read the project's YAML files strictly, and say in words what does not fit."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError


class StrictLoader(yaml.SafeLoader):
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
        return super().construct_mapping(node, deep)


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
