"""Chance with a seed: the same seed and name give the same throws on every machine and version.

Each person, account and deal throws its own dice, so that a larger company begins like a smaller
one. Pure.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Throws for one thing; `name` tells it from every other thing of the seed."""

    def __init__(self, seed: int, name: str) -> None:
        # Text seeds are hashed by random itself, the same way everywhere.
        self._random = random.Random(f"{seed}/{name}")  # noqa: S311 nothing secret is drawn

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def whole(self, low: int, high: int) -> int:
        """Both ends included."""
        return self._random.randint(low, high)

    def one_of(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def weighted(self, weights: Mapping[str, float]) -> str:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def around(self, median: float, spread: float) -> float:
        """Lognormal: most values near the median, a few far above it."""
        return median * math.exp(self._random.gauss(0.0, spread))

    def count(self, mean: float) -> int:
        """Poisson: how often something happens that happens `mean` times on average."""
        limit, product, times = math.exp(-mean), self._random.random(), 0
        while product > limit:
            product *= self._random.random()
            times += 1
        return times
