"""The servers and processes of a benchmark run: an embedded, durable Postgres and Valkey under a
home of their own, filled databases on it, and the product as real processes.

Everything here is started by this process, listens on 127.0.0.1 and is ended by process id.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import orjson

from services.cli.environment import is_ready
from services.kit import clock, processes
from services.kit.db import Database
from services.kit.embedded import EmbeddedServers, free_port
from services.workspace.keys.service import create_key

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 60.0
_STOP = ((signal.SIGTERM, 15.0),)

Fill = Callable[[str], Awaitable[object]]


def database_at(url: str, name: str) -> str:
    """The same server and user, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


class Servers:
    """Postgres and Valkey under `home`. A home that was named is kept, and what was filled in it
    is used again; a temporary one is removed."""

    def __init__(self, home: Path | None) -> None:
        self._temporary = home is None
        self.home = home or Path(tempfile.mkdtemp(prefix="leadline-bench-"))
        self.home.mkdir(parents=True, exist_ok=True)
        # Postgres does not run as root, and whoever it runs as must get to its data.
        self.home.chmod(0o711)
        (self.home / "logs").mkdir(exist_ok=True)
        self._embedded: EmbeddedServers | None = None

    def start(self, *, durable: bool) -> None:
        self._embedded = EmbeddedServers(self.home, durable=durable)
        self._embedded.start()

    def stop(self) -> None:
        if self._embedded is not None:
            self._embedded.stop()
            self._embedded = None

    def close(self) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def database_url(self) -> str:
        assert self._embedded is not None
        assert self._embedded.postgres is not None
        return self._embedded.postgres.url

    @property
    def redis_url(self) -> str:
        assert self._embedded is not None
        assert self._embedded.valkey is not None
        return self._embedded.valkey.url

    def prepare(self, wanted: dict[str, Fill]) -> dict[str, object]:
        """Makes and fills the databases that are not there, then starts the servers as an
        installation has them. What each filling told, by database."""
        self.start(durable=True)
        told = {name: asyncio.run(_told(self.database_url, name)) for name in wanted}
        missing = [name for name, known in told.items() if known is None]
        if missing:
            # Filling has nothing to lose in a crash; measuring is done on a durable server.
            self._set(wal_level="minimal", max_wal_senders="0")
            self.stop()
            self.start(durable=False)
            for name in missing:
                told[name] = asyncio.run(self._make(name, wanted[name]))
            self._set(wal_level=None, max_wal_senders=None)
            self.stop()
            os.sync()
            self.start(durable=True)
        return {name: database_at(self.database_url, name) for name in wanted} | {
            f"{name}/told": known for name, known in told.items()
        }

    def _set(self, **settings: str | None) -> None:
        """From the next start on; None is what an installation has."""
        for name, value in settings.items():
            change = f"RESET {name}" if value is None else f"SET {name} = {value}"
            asyncio.run(_execute(self.database_url, f"ALTER SYSTEM {change}"))

    async def _make(self, name: str, fill: Fill) -> object:
        url = database_at(self.database_url, name)
        await _execute(self.database_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await _execute(self.database_url, f'CREATE DATABASE "{name}"')
        await asyncio.to_thread(migrate, url)
        told = await fill(url)
        text = orjson.dumps(told, default=str).decode().replace("'", "")
        await _execute(self.database_url, f"COMMENT ON DATABASE \"{name}\" IS '{text}'")
        return told


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _told(url: str, name: str) -> object | None:
    """What was written down when the database was filled; None where it is not, or not wholly."""
    connection = await asyncpg.connect(url)
    try:
        text = await connection.fetchval(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1",
            name,
        )
    finally:
        await connection.close()
    return None if text is None else orjson.loads(text)


def database_name(
    label: str, size: int, seeds: Sequence[str] = ("seed.py", "stories.py", "volume.py")
) -> str:
    """Another schema, size or way of filling is another database."""
    sources = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    sources += [ROOT / "bench" / name for name in seeds]
    mark = zlib.crc32(b"".join(source.read_bytes() for source in sources))
    return f"bench_{label}_{size}_{mark:08x}"


def migrate(database_url: str) -> None:
    """As operators do it."""
    answer = subprocess.run(
        [sys.executable, "-m", "services.cli.main", "migrate"],
        env={**os.environ, "LEADLINE_DATABASE_URL": database_url},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise RuntimeError(f"migrate failed:\n{answer.stderr}")


@dataclass(frozen=True)
class Process:
    """One process of ours, and where it listens if it does."""

    name: str
    child: subprocess.Popen[bytes]
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.child.pid

    def cpu_seconds(self) -> float:
        """Processor time so far, in steps of ten milliseconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    name: str, command: Sequence[str], *, home: Path, environment: dict[str, str], port: int = 0
) -> Iterator[Process]:
    """A Python module as a process, ready when it answers on its port; ended at the end."""
    log = home / "logs" / f"{name}.log"
    log.unlink(missing_ok=True)
    child = processes.start(
        processes.command_of(
            [sys.executable, "-m", *command], death_signal=signal.SIGKILL, interruptible=False
        ),
        log=log,
        environment={**os.environ, **environment},
        directory=ROOT,
    )
    process = Process(name, child, port)
    try:
        if port and not processes.wait_until(
            lambda: child.poll() is not None or is_ready(process.address, "/healthz"),
            START_TIMEOUT_S,
        ):
            raise RuntimeError(f"{name} is not ready:\n{processes.last_lines(log)}")
        if child.poll() is not None:
            raise RuntimeError(f"{name} ended:\n{processes.last_lines(log)}")
        yield process
    finally:
        processes.stop(child, *_STOP)


class Product:
    """Leadline on one database: any of its processes, as containers run them."""

    def __init__(self, servers: Servers, database_url: str) -> None:
        self._servers = servers
        self.database_url = database_url
        self._environment = {
            "LEADLINE_DATABASE_URL": database_url,
            "LEADLINE_REDIS_URL": servers.redis_url,
            "LEADLINE_HOME": str(servers.home),
            # Every request is counted; none of ours is refused.
            "LEADLINE_RATE_LIMIT_PER_SECOND": "1000000",
            "LEADLINE_LOG_LEVEL": "warning",
        }

    def with_settings(self, settings: dict[str, str]) -> Product:
        """The same with further settings."""
        other = Product(self._servers, self.database_url)
        other._environment |= settings
        return other

    @contextmanager
    def serving(self, service: str = "gateway") -> Iterator[Process]:
        port = free_port()
        with running(
            service, ["services.cli.main", "serve", service, "--port", str(port)],
            home=self._servers.home, environment=self._environment, port=port,
        ) as process:  # fmt: skip
            yield process

    @contextmanager
    def working(self) -> Iterator[Process]:
        started_at = clock.now()
        with running(
            "worker", ["services.cli.main", "worker"],
            home=self._servers.home, environment=self._environment,
        ) as process:  # fmt: skip
            if not asyncio.run(self._has_begun(process, started_at)):
                log = self._servers.home / "logs" / "worker.log"
                raise RuntimeError(f"the worker does not begin:\n{processes.last_lines(log)}")
            yield process

    @contextmanager
    def floor(self) -> Iterator[Process]:
        """The bare endpoints, served by the same server with the same settings."""
        port = free_port()
        with running(
            "floor", ["bench.floors", str(port)],
            home=self._servers.home, environment=self._environment, port=port,
        ) as process:  # fmt: skip
            yield process

    async def _has_begun(self, worker: Process, started_at: datetime) -> bool:
        """It has no port to ask, but says in the database that it is alive."""
        connection = await asyncpg.connect(self.database_url)
        try:
            for _ in range(int(START_TIMEOUT_S / 0.1)):
                if worker.child.poll() is not None:
                    return False
                if await connection.fetchval(
                    "SELECT EXISTS (SELECT FROM forecast.workers WHERE started_at >= $1)",
                    started_at,
                ):
                    return True
                await asyncio.sleep(0.1)
            return False
        finally:
            await connection.close()

    async def make_key(self, workspace_id: UUID) -> str:
        """A token with the role of an integration that may do everything."""
        database = await Database.connect(
            self.database_url, role="leadline_worker", application_name="bench", pool_max=1
        )
        try:
            async with database.write(workspace_id) as session:
                _, token = await create_key(session, name="bench", roles=["admin"])
        finally:
            await database.close()
        return token
