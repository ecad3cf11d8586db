"""The product as operators run it: own durable servers, a gateway and workers as real processes.

For tests that kill things. Everything started here is ended here, by pid.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import redis

from services.kit.embedded import EmbeddedServers, free_port

_PATIENCE_S = 60.0


class Product:
    """Servers, one gateway, any number of workers, and an admin key of one empty workspace."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="leadline-faults-"))
        self.servers = EmbeddedServers(self.home, durable=True)
        self.port = free_port()
        self.gateway: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.http: httpx.Client | None = None

    def __enter__(self) -> Self:
        try:
            self.servers.start()
            assert self.servers.postgres is not None
            assert self.servers.valkey is not None
            self.environment = {
                **os.environ,
                "LEADLINE_HOME": str(self.home),
                "LEADLINE_DATABASE_URL": self.servers.postgres.url,
                "LEADLINE_REDIS_URL": self.servers.valkey.url,
                "LEADLINE_RATE_LIMIT_PER_SECOND": "1000000",
                "LEADLINE_HTTP_PORT": str(self.port),
            }
            self._command("migrate")
            created = self._command("workspace", "create", "Faults", "--slug", "faults", "--json")
            self.workspace_id = created["id"]
            key = self._command("key", "create", "--role", "admin", "--json")
            self.token = next(v for v in key.values() if str(v).startswith("llk_"))
            self._start_gateway()
            self.http = httpx.Client(
                base_url=f"http://127.0.0.1:{self.port}",
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=30,
            )
            self._wait_for(lambda: self.http.get("/healthz").status_code == 200)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.http is not None:
            self.http.close()
        for process in [*self.workers, *([self.gateway] if self.gateway else [])]:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.servers.stop(hard=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def _start_gateway(self) -> None:
        self.gateway = self._process("serve", "gateway", "--port", str(self.port))

    def kill_gateway(self) -> None:
        """SIGKILL, at whatever it is doing; another one takes its place, and `call` waits for it."""
        assert self.gateway is not None
        self.gateway.kill()
        self.gateway.wait()
        self._start_gateway()

    def start_worker(self) -> subprocess.Popen[bytes]:
        worker = self._process("worker")
        self.workers.append(worker)
        return worker

    def kill_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGKILL, at whatever it is doing."""
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def wipe_redis(self) -> None:
        with redis.Redis.from_url(self.servers.valkey.url) as client:
            client.flushall()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Repeated until it is answered: what a careful client does when the answer got lost."""
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                response = self.http.request(method, path, **options)
                if response.is_success:
                    return response.json()
                if response.status_code not in (503, 500):
                    raise AssertionError(f"{method} {path}: {response.status_code} {response.text}")
                reason = response.text
            except httpx.TransportError as error:
                reason = repr(error)
            assert time.monotonic() < end, f"{method} {path} is never answered: {reason}"
            time.sleep(0.05)

    def settled(self, quarter: str, **query: Any) -> dict[str, Any]:
        """The forecast once nothing is pending."""
        end = time.monotonic() + _PATIENCE_S
        while True:
            answer = self.call("GET", f"/forecast/v1/forecasts/{quarter}", params=query)
            if answer["freshness"]["pending_events"] == 0:
                return answer
            assert time.monotonic() < end, f"still pending: {answer['freshness']}"
            time.sleep(0.05)

    def audit(self) -> dict[str, Any]:
        """`leadline audit`, as JSON."""
        return self._command("audit", "--json", may_fail=True)

    def _command(self, *words: str, may_fail: bool = False) -> dict[str, Any]:
        answer = subprocess.run(
            [sys.executable, "-m", "services.cli.main", *words],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert may_fail or answer.returncode == 0, answer.stderr
        lines = answer.stdout.strip().splitlines()
        return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}

    def _process(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{words[-1]}-{len(self.workers)}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "services.cli.main", *words],
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    @staticmethod
    def _wait_for(condition: Any) -> None:
        end = time.monotonic() + _PATIENCE_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                if condition():
                    return
            assert time.monotonic() < end
            time.sleep(0.1)
