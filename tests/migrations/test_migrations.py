"""Migrations equal the models, go down and up again, and wait for each other."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from migrations import layout
from tests import servers
from tests.docs.guide import ROOT


def _alembic(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=ROOT,
        env={**os.environ, "LEADLINE_DATABASE_URL": url, "LEADLINE_MIGRATE_DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def migrated_url(worker_name: str) -> Iterator[str]:
    name = f"leadline_migrations_{worker_name}_{os.getpid()}"
    yield servers.SERVERS.fresh_database(name)
    servers.SERVERS.drop_database(name)


def test_the_schema_is_what_the_models_say(migrated_url: str) -> None:
    answer = _alembic(migrated_url, "check")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_down_and_up_again(migrated_url: str) -> None:
    for words in (["downgrade", "base"], ["upgrade", "head"], ["check"]):
        answer = _alembic(migrated_url, *words)
        assert answer.returncode == 0, f"{words}: {answer.stdout + answer.stderr}"


def test_two_migrators_at_once(migrated_url: str) -> None:
    assert _alembic(migrated_url, "downgrade", "base").returncode == 0
    environment = {**os.environ, "LEADLINE_DATABASE_URL": migrated_url}
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for migrator in both:
        output, _ = migrator.communicate(timeout=60)
        assert migrator.returncode == 0, output


async def _make_owned_database(owner: str, name: str) -> None:
    """What whoever hires out Postgres hands over: one login, no superuser, that may create roles
    and owns the database. Other databases of this server made the group roles already, so the
    login gets what their creator would have."""
    connection = await asyncpg.connect(servers.SERVERS.database_url)
    try:
        await connection.execute(f"DROP ROLE IF EXISTS {owner}")
        await connection.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'x'")
        await connection.execute(f"CREATE DATABASE {name} OWNER {owner}")
        if connection.get_server_version() >= (16,):
            for role in layout.ROLES:
                await connection.execute(
                    f"GRANT {role} TO {owner} WITH ADMIN TRUE, SET FALSE, INHERIT FALSE"
                )
    finally:
        await connection.close()


async def _act_for_every_service(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for role in layout.ROLES:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL ROLE {role}")
    finally:
        await connection.close()


def test_an_owner_that_is_no_superuser_may_act_for_every_service(migrated_url: str) -> None:
    parts = urlsplit(migrated_url)
    name = f"{parts.path[1:]}_owned"
    owner = f"{name}_owner"
    netloc = f"{owner}:x@{parts.hostname}:{parts.port}"
    url = urlunsplit(parts._replace(netloc=netloc, path=f"/{name}"))
    try:
        asyncio.run(_make_owned_database(owner, name))
        answer = _alembic(url, "upgrade", "head")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        asyncio.run(_act_for_every_service(url))
    finally:
        servers.SERVERS.drop_database(name)
        asyncio.run(_drop_role(owner))


async def _drop_role(name: str) -> None:
    connection = await asyncpg.connect(servers.SERVERS.database_url)
    try:
        # What it was granted by itself and gave to nobody goes with it.
        await connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    finally:
        await connection.close()
