"""The tests' client: HTTP into the gateway application, in process, with a real key."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from services.kit.db import Database
from services.kit.settings import get_settings

_numbers = itertools.count(1)


class Stack:
    """The started application and the worker's own connection pool."""

    def __init__(self, app: Any, worker: Database, database_url: str) -> None:
        self.app = app
        self.worker = worker
        self.database_url = database_url

    @classmethod
    @asynccontextmanager
    async def started(cls, database_url: str, redis_url: str) -> AsyncIterator[Stack]:
        os.environ["LEADLINE_DATABASE_URL"] = database_url
        os.environ["LEADLINE_REDIS_URL"] = redis_url
        os.environ["LEADLINE_RATE_LIMIT_PER_SECOND"] = "1000000"
        get_settings.cache_clear()
        from services.gateway import app

        worker = await Database.connect(
            database_url, role="leadline_worker", application_name="tests", pool_max=6
        )
        async with app.router.lifespan_context(app):
            yield cls(app, worker, database_url)
        await worker.close()

    async def new_workspace(self, **options: Any) -> Api:
        """A client with an admin key of a new workspace; `options` as for `create_workspace`."""
        from services.workspace.workspaces.service import create_workspace

        number = next(_numbers)
        workspace = await create_workspace(
            self.worker,
            **{"name": "Test", "slug": f"test-{os.getpid()}-{number}", **options},
        )
        return await Api.open(self, workspace.id, ["admin"])


class Api:
    """One key's view of one workspace."""

    def __init__(self, stack: Stack, workspace_id: UUID, token: str) -> None:
        self.stack = stack
        self.workspace_id = workspace_id
        self.token = token
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(stack.app, raise_app_exceptions=False),
            base_url="http://leadline.test",
            headers={"Authorization": f"Bearer {token}"},
        )

    @classmethod
    async def open(
        cls, stack: Stack, workspace_id: UUID, roles: list[str], user: str | None = None
    ) -> Api:
        from services.workspace.keys.service import create_key

        async with stack.worker.write(workspace_id) as session:
            _, token = await create_key(session, name="test", roles=roles, user_external_id=user)
        return cls(stack, workspace_id, token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    async def client_for(
        self, role: str, user_external_id: str | None = None, *more_roles: str
    ) -> Api:
        """Another key of the same workspace."""
        return await Api.open(self.stack, self.workspace_id, [role, *more_roles], user_external_id)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.http.request(method, path, **options)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """The parsed answer of a request that must succeed."""
        response = await self.http.request(method, path, **options)
        assert response.is_success, f"{method} {path} -> {response.status_code} {response.text}"
        return response.json() if response.content else None

    async def settle(self) -> None:
        """Runs the worker's posting in this process until nothing is due."""
        from services.forecast.tasks import settle

        await settle(self.stack.worker, self.workspace_id)

    async def follow(self) -> None:
        """Settles, then lets pipeline's followers and due timers work, until nothing is left."""
        from services.pipeline import tasks

        await self.settle()
        while True:
            done = await tasks.follow(self.stack.worker, self.workspace_id)
            done += await tasks.run_due(self.stack.worker, self.workspace_id)
            await self.settle()
            if not done:
                return

    def database(self) -> Database:
        """The worker's database, for looking at rows."""
        return self.stack.worker
