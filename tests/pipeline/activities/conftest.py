"""A clock that tests of activities set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from services.kit import clock


@pytest.fixture
def travel() -> Iterator[Callable[[str], None]]:
    """`travel("2026-06-20T17:00:00Z")` freezes the product's clock there."""
    now = [datetime.fromisoformat("2026-06-17T17:00:00Z")]

    def to(instant: str) -> None:
        now[0] = datetime.fromisoformat(instant)

    with clock.replaced(lambda: now[0]):
        yield to
