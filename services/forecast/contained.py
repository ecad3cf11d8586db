"""The worker's one place where any exception is held back instead of ending the process.

One bad event must not stop the events behind it, and one bad job must not stop the others. Whoever
uses this must look at `error` and record it; nothing may be swallowed.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Contained:
    """`with Contained() as attempt:` ends the block at an exception and keeps it in
    `attempt.error`. Cancellation and process exits pass through."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False
