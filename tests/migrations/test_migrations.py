"""Migrations equal the models, go down and up again, and wait for each other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

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
