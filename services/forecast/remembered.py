"""What a process keeps of answers that can never change, so as not to ask for them again.

Only for values that follow from a state of the ledger that is named in full by their key: nothing
here is ever invalidated.
"""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """The most recently used values, up to a number of them."""

    __slots__ = ("_limit", "_values")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        value = self._values.pop(key, None)
        if value is not None:
            # Dicts keep their order, so this makes it the most recent.
            self._values[key] = value
        return value

    def put(self, key: K, value: V) -> None:
        self._values[key] = value
        if len(self._values) > self._limit:
            del self._values[next(iter(self._values))]
