"""Parameters of a statement that is put together of parts: each is numbered where it is first
named, so that no part has to know the others. The first one is always the workspace."""

from __future__ import annotations

from typing import Any


class Parameters:
    """`$2` and on; a part that names the same parameter again gets the same place."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, str] = {}

    def given(self, name: str, value: Any, kind: str) -> str:
        """Where the statement has the value, as that type of Postgres."""
        if name not in self._places:
            self.values.append(value)
            self._places[name] = f"${len(self.values) + 1}::{kind}"
        return self._places[name]
