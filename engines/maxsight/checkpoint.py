"""What reading the cards and files of MaxSight's two trained networks shares."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from engines.runtime.errors import EngineUnavailableError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.weights import WeightsSource, find_weights


def is_number(value: Any) -> TypeGuard[float]:
    """Say whether a value of a card is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def find_network(checkpoint: str, settings: Settings, *, cannot: str) -> WeightsSource:
    """Find the weights of a folder of checkpoints/; `cannot` is what is impossible without them.

    Raises:
        EngineUnavailableError: if they are missing.
    """
    try:
        return find_weights(checkpoint, settings=settings)
    except WeightsMissingError as error:
        raise EngineUnavailableError(
            f"MaxSight cannot {cannot}: its trained network is not in checkpoints/{checkpoint}.",
            "Restore the folder with git, or train the network again.",
        ) from error
