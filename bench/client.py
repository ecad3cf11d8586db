"""A keep-alive HTTP/1.1 client that costs little: on two cores a slow client would hide the server
behind itself, and make every ratio look better than it is. Loopback only, lengths always given.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import orjson

_LENGTH = b"content-length:"


class _Wire(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._head_end = -1
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    def send(self, data: bytes) -> asyncio.Future[tuple[int, bytes]]:
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._head_end < 0:
            self._head_end = self._buffer.find(b"\r\n\r\n")
            if self._head_end < 0:
                return
            head = bytes(self._buffer[: self._head_end]).lower()
            at = head.find(_LENGTH)
            self._length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        end = self._head_end + 4 + self._length
        if len(self._buffer) < end or self._answer is None:
            return
        status = int(self._buffer[9:12])
        body = bytes(self._buffer[self._head_end + 4 : end])
        del self._buffer[:end]
        self._head_end = -1
        if not self._answer.done():
            self._answer.set_result((status, body))


class Connection:
    """Requests to one address. The token may be changed between requests."""

    def __init__(self, address: str, token: str = "") -> None:
        parts = urlsplit(address)
        assert parts.hostname == "127.0.0.1", "loopback only"
        assert parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self._wire: _Wire | None = None
        self._common = b""
        self.use(token)

    def use(self, token: str) -> None:
        """From now on requests are made with this token."""
        bearer = f"authorization: Bearer {token}\r\n" if token else ""
        self._common = f"host: {self._host}:{self._port}\r\n{bearer}".encode()

    async def __aenter__(self) -> Connection:
        _, self._wire = await asyncio.get_running_loop().create_connection(
            _Wire, self._host, self._port
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.close()

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        assert self._wire is not None
        kind = b"content-type: application/json\r\n" if body else b""
        return await self._wire.send(
            f"{method} {path} HTTP/1.1\r\n".encode()
            + self._common
            + kind
            + f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )

    async def call(self, method: str, path: str, content: Any = None) -> Any:
        """The parsed answer of a request that must succeed."""
        body = b"" if content is None else orjson.dumps(content)
        status, answer = await self.send(method, path, body)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path} -> {status} {answer[:2000]!r}")
        return orjson.loads(answer) if answer else None
