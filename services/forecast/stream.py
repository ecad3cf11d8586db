"""The figures as server-sent events: sent at once, and again whenever they change.

Every event is a whole answer, so a client that missed some has lost nothing. A stream holds no
transaction and no connection while it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from services.forecast import repository, service
from services.forecast.errors import TooManyStreamsError
from services.forecast.question import Question
from services.forecast.service import Answer
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Database, is_transient
from services.kit.logging import get_logger
from services.kit.settings import StreamSettings

log = get_logger(__name__)

MEDIA_TYPE: Final = "text/event-stream"
_HEARTBEAT: Final = b": still here\n\n"
# Of no interest to a reader of figures when nothing else is different.
_MOMENT: Final = ("as_of", "freshness")


class Streams:
    """How many streams this process serves."""

    def __init__(self) -> None:
        self._open = 0

    def check_room(self, limit: int) -> None:
        """Raises TooManyStreamsError where there is no place left."""
        if self._open >= limit:
            raise TooManyStreamsError(limit)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Taken by the stream itself, since one whose client is gone may never begin."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


STREAMS: Final = Streams()


async def events(
    database: Database,
    principal: Principal,
    question: Question,
    settings: StreamSettings,
    seen: int | None,
) -> AsyncIterator[bytes]:
    """Frames of server-sent events. `seen` is the last sequence the client knows: nothing is sent
    again before there is a newer one."""
    with STREAMS.place():
        try:
            async for frame in _frames(database, principal, question, settings, seen):
                yield frame
        except Exception as error:
            if not is_transient(error):
                raise
            # The client comes back by itself, and by then the database may have too.
            log.warning("stream_ended", error=repr(error))


async def _frames(
    database: Database,
    principal: Principal,
    question: Question,
    settings: StreamSettings,
    seen: int | None,
) -> AsyncIterator[bytes]:
    now = asyncio.get_running_loop().time
    ends_at, said_at = now() + settings.stream_length_s, now()
    said: dict[str, Any] | None = None
    while True:
        answer = await _newer(database, principal, question, seen)
        if answer is not None:
            seen = answer.sequence
            figures = _figures(answer)
            if figures != said:
                said, said_at = figures, now()
                yield _frame(answer)
        if now() - said_at >= settings.stream_heartbeat_s:
            said_at = now()
            yield _HEARTBEAT
        if now() >= ends_at:
            return
        await asyncio.sleep(settings.stream_poll_s)


async def _newer(
    database: Database, principal: Principal, question: Question, seen: int | None
) -> Answer | None:
    """The answer, where the ledger is not where the client last saw it."""
    async with database.read(principal.workspace_id) as session:
        if seen is not None:
            standing = await repository.read_standing(session, clock.now())
            if standing.batch.sequence == seen:
                return None
        return await service.read_forecast(session, principal, question)


def _figures(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.content.items() if name not in _MOMENT}


def _frame(answer: Answer) -> bytes:
    return b"id: %d\nevent: figures\ndata: %s\n\n" % (answer.sequence, answer.body)
