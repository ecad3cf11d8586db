"""How far a long command is, for the person who waits; kept off standard output."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

_INTERVAL_S = 0.5


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with how many there are so far. Silent where nobody looks."""
    is_watched = sys.stderr.isatty()
    shown_at = time.monotonic()

    def show(count: int) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if is_watched and now - shown_at >= _INTERVAL_S:
            shown_at = now
            print(f"\r{count:,} {what}", end="", file=sys.stderr, flush=True)

    yield show
    if is_watched:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
