"""Server-sent events: answers sent at once and again whenever there is something newer.

Owns how a stream lives: places, rhythm, heartbeats, end. What is looked at and what a frame holds
is the caller's. A stream holds no transaction and no connection while it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Final, TypeAlias

from fastapi.responses import StreamingResponse

from services.kit.db import is_transient
from services.kit.errors import UnavailableError
from services.kit.logging import get_logger
from services.kit.settings import StreamSettings

log = get_logger(__name__)

MEDIA_TYPE: Final = "text/event-stream"
_HEARTBEAT: Final = b": still here\n\n"

Look: TypeAlias = Callable[[], Awaitable[Sequence[bytes] | None]]
"""The frames there are to send since the last look; None ends the stream."""
Pause: TypeAlias = Callable[[float], Awaitable[object]]
"""Waits that many seconds at most, less where it knows that something happened."""


class TooManyStreamsError(UnavailableError):
    """503: this process has no place for another stream."""

    code = "too_many_streams"

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are {limit} streams open already; close one, or try again.")


class Streams:
    """The streams this process serves."""

    def __init__(self) -> None:
        self._open: set[asyncio.Event] = set()
        self._are_ended = False

    def check_room(self, limit: int) -> None:
        """Raises TooManyStreamsError where there is no place left."""
        if len(self._open) >= limit:
            raise TooManyStreamsError(limit)

    @contextmanager
    def place(self) -> Iterator[asyncio.Event]:
        """Taken by the stream itself, since one whose client is gone may never begin. The event is
        set when the stream has to end."""
        ending = asyncio.Event()
        if self._are_ended:
            ending.set()
        self._open.add(ending)
        try:
            yield ending
        finally:
            self._open.discard(ending)

    def end(self) -> None:
        """The process is about to stop: a stream would keep it from that. Its client comes back by
        itself, to whoever serves then. Call it in the loop the streams run in."""
        self._are_ended = True
        for ending in self._open:
            ending.set()


STREAMS: Final = Streams()


async def stream(
    look: Look, settings: StreamSettings, pause: Pause = asyncio.sleep
) -> AsyncGenerator[bytes]:
    """What `look` finds, look after look, until the stream has lasted long enough or `look` says
    so. Every client comes back by itself, so a transient fault just ends it."""
    with STREAMS.place() as ending:
        try:
            async with aclosing(_frames(look, settings, pause, ending)) as frames:
                async for each in frames:
                    yield each
        except Exception as error:
            if not is_transient(error):
                raise
            # The client comes back by itself, and by then the database may have too.
            log.warning("stream_ended", error=repr(error))


async def _frames(
    look: Look, settings: StreamSettings, pause: Pause, ending: asyncio.Event
) -> AsyncGenerator[bytes]:
    now = asyncio.get_running_loop().time
    ends_at, said_at = now() + settings.stream_length_s, now()
    while True:
        frames = await look()
        if frames is None:
            return
        for each in frames:
            said_at = now()
            yield each
        if now() - said_at >= settings.stream_heartbeat_s:
            said_at = now()
            yield _HEARTBEAT
        if now() >= ends_at or ending.is_set():
            return
        await _either(pause(settings.stream_poll_s), ending.wait())


async def _either(*waits: Awaitable[object]) -> None:
    """Until one of them is over; the others are given up."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


def frame(id_: int, event: str, data: bytes) -> bytes:
    """One event; `data` is JSON on one line."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (id_, event.encode(), data)


def last_seen(header: str | None) -> int | None:
    """The number a client that comes back names in Last-Event-ID; None where it names none."""
    if header is None or not (header.isascii() and header.isdecimal()) or len(header) > 18:
        return None
    return int(header)


def stream_answer(frames: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that carries a stream, kept out of caches and of proxies' buffers."""
    return StreamingResponse(
        frames,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
