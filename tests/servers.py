"""The test suite's own Postgres and Valkey, one pair for a whole run.

Started by whoever comes first: the pytest controller when tests run in parallel (its workers find
the addresses in the environment), else the first test that asks. A template database is migrated
once and cloned for each worker. An outside pair can be given with LEADLINE_TEST_DATABASE_URL and
LEADLINE_TEST_REDIS_URL.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from services.kit.embedded import EmbeddedServers

DATABASE_VARIABLE = "LEADLINE_TEST_DATABASE_URL"
REDIS_VARIABLE = "LEADLINE_TEST_REDIS_URL"
TEMPLATE = "leadline_template"
_TEMPLATE_LOCK = 7_465_737


class Servers:
    """Addresses of the pair; starts it when nobody gave any."""

    def __init__(self) -> None:
        self._embedded: EmbeddedServers | None = None
        self._home: Path | None = None

    @property
    def database_url(self) -> str:
        self.start()
        return os.environ[DATABASE_VARIABLE]

    @property
    def redis_url(self) -> str:
        self.start()
        return os.environ[REDIS_VARIABLE]

    def start(self) -> None:
        if DATABASE_VARIABLE in os.environ and REDIS_VARIABLE in os.environ:
            return
        self._home = Path(tempfile.mkdtemp(prefix="leadline-tests-"))
        self._embedded = EmbeddedServers(self._home, durable=False)
        self._embedded.start()
        assert self._embedded.postgres is not None
        assert self._embedded.valkey is not None
        os.environ[DATABASE_VARIABLE] = self._embedded.postgres.url
        os.environ[REDIS_VARIABLE] = self._embedded.valkey.url

    def stop(self) -> None:
        """Only what this process started."""
        if self._embedded is None or self._home is None:
            return
        self._embedded.stop(hard=True)
        self._embedded = None
        del os.environ[DATABASE_VARIABLE], os.environ[REDIS_VARIABLE]
        shutil.rmtree(self._home, ignore_errors=True)

    def redis_database_url(self, worker: str) -> str:
        """A numbered Redis database for each worker, so that a flush stays with its own."""
        number = int(worker.removeprefix("gw") or 0) % 15 + 1 if worker.startswith("gw") else 0
        return self.redis_url.rsplit("/", 1)[0] + f"/{number}"

    def fresh_database(self, name: str) -> str:
        """The address of a new clone of the migrated template; an old one of that name goes."""
        return asyncio.run(self._clone(name))

    def drop_database(self, name: str) -> None:
        asyncio.run(_execute(self.database_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    async def _clone(self, name: str) -> str:
        connection = await asyncpg.connect(self.database_url)
        try:
            # The first one in makes the template; the others wait here for it. A clone needs
            # the template to itself as well.
            await connection.execute("SELECT pg_advisory_lock($1)", _TEMPLATE_LOCK)
            made = await connection.fetchval(
                "SELECT true FROM pg_database WHERE datname = $1", TEMPLATE
            )
            if not made:
                await self._make_template(connection)
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')
        finally:
            await connection.close()
        return database_at(self.database_url, name)

    async def _make_template(self, connection: asyncpg.Connection) -> None:
        """Under another name first: a template that exists is a template that is whole."""
        partial = f"{TEMPLATE}_new"
        await connection.execute(f"DROP DATABASE IF EXISTS {partial} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {partial}")
        migrate(database_at(self.database_url, partial))
        await connection.execute(f"ALTER DATABASE {partial} RENAME TO {TEMPLATE}")


def migrate(database_url: str) -> None:
    """As operators do it: with the command, in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", "services.cli.main", "migrate"],
        env={**os.environ, "LEADLINE_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def database_at(url: str, name: str) -> str:
    """The same server and user, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


SERVERS = Servers()


def start_for_workers(number_of_workers: int | None, *, is_worker: bool) -> None:
    """From `pytest_configure`: workers inherit the controller's environment."""
    if number_of_workers and not is_worker:
        SERVERS.start()
