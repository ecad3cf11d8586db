"""A receiver of webhooks on a free port of this machine: it answers what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Received:
    """One request as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`answer` says the status of each request, 0 to hang up; `delay_s` how long that takes."""

    url: str = ""
    answer: Callable[[Received], int] = lambda _: 204
    delay_s: float = 0.0
    requests: list[Received] = field(default_factory=list)

    @property
    def accepted(self) -> list[Received]:
        return [request for request in self.requests if 200 <= self.answer(request) < 300]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value for name, value in (x.split(": ", 1) for x in head[1:] if x)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            request = Received(headers, body)
            self.requests.append(request)
            status = self.answer(request)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if status:
                location = "Location: http://127.0.0.1:1/\r\n" if 300 <= status < 400 else ""
                writer.write(
                    f"HTTP/1.1 {status} X\r\n{location}Content-Length: 3\r\n"
                    "Connection: close\r\n\r\nbad".encode()
                    if status != 204
                    else b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n"
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
