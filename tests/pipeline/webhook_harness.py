"""The sending half of the worker and a clock that stands still, for tests of webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.forecast.figure_changes import figures_since
from services.kit import clock
from services.kit.outgoing import Outgoing
from services.kit.settings import get_settings
from services.pipeline.webhooks import queue
from services.pipeline.webhooks.delivery import Delivery
from tests.client import Api
from tests.pipeline.receiver import Receiver, receiving

WEBHOOKS = "/pipeline/v1/webhooks"
OPPORTUNITIES = "/pipeline/v1/opportunities"
EVENTS = ["opportunity.created", "opportunity.changed"]


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine may receive, as a company's own network may."""
    monkeypatch.setenv("LEADLINE_WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


class Clock:
    """Stands still until it is told how much later it is."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def standing() -> Iterator[Clock]:
    held = Clock()
    with clock.replaced(lambda: held.now):
        yield held


class Worker:
    """The sending half of the worker, one look at a time."""

    def __init__(self, api: Api, timeout_s: float = 5.0) -> None:
        self._api = api
        database = api.database()
        self.outgoing = Outgoing(allowed=["127.0.0.0/8"], timeout_s=timeout_s)
        self.delivery = Delivery(
            database, self.outgoing, partial(figures_since, database), concurrency=8
        )

    async def look(self) -> int:
        """Sends until nothing is due now; how many rounds that took."""
        rounds = 0
        while True:
            async with self._api.database().read(self._api.workspace_id) as session:
                due = await queue.webhooks_with_work(session, clock.now())
            if not due:
                return rounds
            for webhook_id in due:
                rounds += 1
                assert rounds < 500, "it never ends"
                await self.delivery.deliver(self._api.workspace_id, webhook_id)


@pytest.fixture
async def worker(api: Api) -> AsyncIterator[Worker]:
    made = Worker(api)
    yield made
    await made.outgoing.close()


async def subscribe(api: Api, receiver: Receiver, **fields: Any) -> Any:
    return await api.call(
        "POST", WEBHOOKS, json={"url": receiver.url, "event_types": EVENTS, **fields}
    )


async def deliveries(api: Api, hook: Any, query: str = "") -> list[Any]:
    answer = await api.call("GET", f"{WEBHOOKS}/{hook['id']}/deliveries?limit=200{query}")
    return answer["items"]


async def change(api: Api, opportunity: Any, amount: int) -> None:
    path = f"{OPPORTUNITIES}/{opportunity['id']}"
    await api.call("PATCH", path, json={"amount": f"{amount}.00"})
