"""The one source of the current time, so that tests can freeze it and faults can turn it back.

Nothing else in the services may ask the operating system what time it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_source: Callable[[], datetime] | None = None


def now() -> datetime:
    """The current instant, aware, in UTC, to the microsecond; not promised to be monotonic."""
    return _source() if _source is not None else datetime.now(UTC)


@contextmanager
def replaced(source: Callable[[], datetime]) -> Iterator[None]:
    """For tests: every `now()` in this process asks `source` until the block ends."""
    global _source
    previous, _source = _source, source
    try:
        yield
    finally:
        _source = previous


def isoformat(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z` and microseconds, the form every answer uses."""
    # Not strftime, which costs ten times as much and is called for every instant of an answer.
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
