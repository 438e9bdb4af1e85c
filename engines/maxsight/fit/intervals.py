"""How sure a measured share or mean is: 95 % intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

CONFIDENCE = 0.95
BOOTSTRAP_DRAWS = 1000


def share(hits: int, count: int) -> list[float] | None:
    """Return [hits / count, low, high]; None if nothing was counted.

    The exact interval of Clopper and Pearson (1934): it holds for few counts and for none.

    Raises:
        ValueError: if there are fewer than 0 or more than `count` hits.
    """
    if not 0 <= hits <= count:
        raise ValueError(f"{hits} of {count} is no share")
    if count == 0:
        return None
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, count - hits + 1))
    high = 1.0 if hits == count else float(beta.ppf(1 - tail, hits + 1, count - hits))
    return [hits / count, low, high]


def draw_photos(count: int, *, seed: int = 0, draws: int = BOOTSTRAP_DRAWS) -> NDArray[np.int64]:
    """Return how often each photo is in each resample, (draws, count); rows sum to `count`."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=draws)


def around(once: float, draws: NDArray[np.float64]) -> list[float]:
    """Return [value of all photos, low, high] with the values of resamples; NaN draws are left out.

    Raises:
        ValueError: if no draw has a value.
    """
    known = draws[~np.isnan(draws)]
    if len(known) == 0:
        raise ValueError("no resample has a value")
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    return [once, float(low), float(high)]
