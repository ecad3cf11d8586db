"""Fixtures: a migrated database a test process, the gateway in process, a workspace per test.

A test gets a workspace of its own instead of a transaction that is rolled back: requests commit as
in production, and tenancy is what keeps tests apart.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

import pytest
from hypothesis import HealthCheck, settings

from services.kit import clock
from tests import servers
from tests.client import Api, Stack

settings.register_profile(
    "leadline",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("leadline")


def pytest_configure(config: pytest.Config) -> None:
    workers = getattr(config.option, "numprocesses", None)
    servers.start_for_workers(workers, is_worker=hasattr(config, "workerinput"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        servers.SERVERS.stop()


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    return getattr(request.config, "workerinput", {}).get("workerid", "main")


@pytest.fixture(scope="session")
def database_url(worker_name: str) -> Iterator[str]:
    """A clone of the migrated template, for this test process."""
    name = f"leadline_test_{worker_name}_{os.getpid()}"
    yield servers.SERVERS.fresh_database(name)
    servers.SERVERS.drop_database(name)


@pytest.fixture(scope="session")
def redis_url(worker_name: str) -> str:
    return servers.SERVERS.redis_database_url(worker_name)


@pytest.fixture(scope="session")
async def stack(database_url: str, redis_url: str) -> AsyncIterator[Stack]:
    """The gateway application with its three services started, and the worker's database."""
    async with Stack.started(database_url, redis_url) as started:
        yield started


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    """A client with an admin key of a fresh workspace (February fiscal year, USD)."""
    async with await stack.new_workspace() as client:
        yield client


@pytest.fixture
async def other_api(stack: Stack) -> AsyncIterator[Api]:
    """A second workspace, for what must not be seen from the first."""
    async with await stack.new_workspace() as client:
        yield client


@pytest.fixture
def clock_at() -> Callable[[datetime], AbstractContextManager[None]]:
    """`with clock_at(instant):` freezes the product's clock."""
    return lambda instant: clock.replaced(lambda: instant)
