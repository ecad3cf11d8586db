"""How long it takes from an event until its webhook is with a receiver, while others are written."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime
from typing import Any

import orjson

from bench import load
from bench.client import Connection
from bench.latency import target_in
from bench.results import Result, percentile
from bench.run import BIG, Run, wait
from services.kit.embedded import free_port

RATE = 50
P99_MS = 1000
_ARRIVAL_S = 30
_ALLOWED = {"LEADLINE_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}


def webhooks(run: Run) -> list[Result]:
    """Writes at a steady rate; one webhook that wants every change; a receiver on loopback."""
    name = f"webhooks, {RATE} events/s"
    product = run.product("small").with_settings(_ALLOWED)
    with product.serving() as gateway, product.working() as worker, Receiver() as receiver:
        target = wait(target_in(run, "small", gateway.address, BIG, writes=100))
        wait(_register(gateway.address, target["token"], receiver.address))
        order = {
            "kind": "paced", "address": gateway.address, "targets": [target], "rate": RATE,
            "connections": 8, "poll_pause_s": 0.1, "probe_pause_s": 5,
        }  # fmt: skip
        load.run(order | {"seconds": 3})
        receiver.settle()
        receiver.forget()
        used = worker.cpu_seconds()
        told = load.run(order | {"seconds": run.sizes.idle_s, "first_number": 500_000})
        receiver.settle()
        busy = (worker.cpu_seconds() - used) / told["seconds"]
    waits = receiver.milliseconds()
    low, high = min(waits), max(waits)
    expected = told["writes"] + len(told["shown"])
    return [
        Result(name, "event to receiver, p50", percentile(waits, 50), low, high, "ms",
               detail=f"{told['rate']:.0f} writes/s reached; worker {busy:.0%} of a core"),
        Result(name, "event to receiver, p99", percentile(waits, 99), low, high, "ms",
               at_most=P99_MS, detail=f"{len(waits)} events"),
        Result(name, "events that did not arrive", expected - len(waits), 0, expected, at_most=0,
               detail=f"{receiver.repeated} came twice"),
    ]  # fmt: skip


async def _register(address: str, token: str, receiver: str) -> None:
    async with Connection(address, token) as connection:
        await connection.call(
            "POST",
            "/pipeline/v1/webhooks",
            {"url": receiver, "event_types": ["opportunity.changed"]},
        )


class Receiver:
    """Takes webhooks and says 204. In a thread, so that it is there while load is made; what came
    is read afterwards."""

    def __init__(self) -> None:
        self._port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._came: list[tuple[float, bytes]] = []
        self.repeated = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    def __enter__(self) -> Receiver:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", self._port))
        self._ready.set()
        self._loop.run_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
                body = await reader.readexactly(int(length))
                self._came.append((time.time(), body))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def settle(self) -> None:
        """Until nothing has come for a second."""
        ends = time.monotonic() + _ARRIVAL_S
        seen = -1
        while seen != len(self._came) and time.monotonic() < ends:
            seen = len(self._came)
            time.sleep(1.5)

    def forget(self) -> None:
        self._came.clear()

    def milliseconds(self) -> list[float]:
        """From the moment a change was recorded until it was here, each change once."""
        found: dict[tuple[Any, Any], float] = {}
        for arrived, body in self._came:
            change = orjson.loads(body)["data"]
            recorded = datetime.fromisoformat(change["recorded_at"]).timestamp()
            key = (change["subject_id"], change["version"])
            self.repeated += key in found
            found.setdefault(key, 1000 * (arrived - recorded))
        return list(found.values())
