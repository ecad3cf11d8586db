"""Sending what is missing: batches, many single calls at once, and waiting for the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from services.cli.demo.client import Client, DemoError
from services.cli.demo.plan import Plan

T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""What is being loaded, how much of it is in, and how much there is."""

BATCH: Final = 500
AT_ONCE: Final = 4
_SETTLE_PATIENCE_S: Final = 300.0


class Sender:
    """One run of a part of the load: it looks at what is there and sends the rest."""

    def __init__(self, client: Client, plan: Plan, progress: Progress) -> None:
        self._client = client
        self._plan = plan
        self._progress = progress

    def _known(self, path: str, **params: Any) -> dict[str, dict[str, Any]]:
        return {item["external_id"]: item for item in self._client.listed(path, **params)}

    def _missing(self, what: str, path: str, items: Sequence[dict[str, Any]]) -> None:
        known = self._known(path)
        self._send(what, path, [item for item in items if item["external_id"] not in known])

    def _send(self, what: str, path: str, items: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(items), BATCH):
            self._client.batch(f"{path}/batch", items[start : start + BATCH])
            self._progress(what, min(len(items), start + BATCH), len(items))

    def _each(self, what: str, items: Iterable[T], send: Callable[[T], object]) -> None:
        """One call or a few an item, several items at once."""
        waiting = list(items)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done, _ in enumerate(pool.map(send, waiting), start=1):
                self._progress(what, done, len(waiting))


def wait(left: Callable[[], int], what: str) -> None:
    """Until nothing is left; raises DemoError where that takes too long."""
    end = time.monotonic() + _SETTLE_PATIENCE_S
    while (number := left()) > 0:
        if time.monotonic() > end:
            raise DemoError(f"{number} {what}; is the worker running?")
        time.sleep(0.2)
