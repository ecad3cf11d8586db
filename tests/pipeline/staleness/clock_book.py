"""Deals whose clocks run, and what people were told, for the tests of staleness."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.pipeline.staleness.sentences import KIND
from tests.client import Api
from tests.pipeline.deals import account, company, deal, patch

PACIFIC = ZoneInfo("America/Los_Angeles")
START = datetime(2026, 6, 1, 10, 0, tzinfo=PACIFIC)
Clock = Callable[[datetime], AbstractContextManager[None]]


def day(number: int, start: datetime = START) -> datetime:
    """So many days after, at the same time of day."""
    return start + timedelta(days=number)


def at_midnight(number: int, start: datetime = START) -> datetime:
    """When day `number` begins, on the wall of the zone, and not an hour earlier or later."""
    first = start.date() + timedelta(days=number)
    return datetime(first.year, first.month, first.day, tzinfo=start.tzinfo)


async def policy(api: Api, **settings: Any) -> None:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    await api.call("POST", "/pipeline/v1/policies", json={"settings": named})


async def small(api: Api, external_id: str = "O1", **fields: Any) -> Any:
    """An SMB deal: warned about on day 7, closed on day 15."""
    await account(api, "tiny", name="Tiny", employees=20)
    return await deal(api, external_id, account_external_id="tiny", **fields)


async def told(api: Api, kind: str | None = None) -> list[tuple[str, str]]:
    """Kind and person of every notice of a clock, the oldest first."""
    params = {"limit": 200} | ({"kind": kind} if kind else {})
    page = await api.call("GET", "/pipeline/v1/notices", params=params)
    of_clocks = set(KIND.values())
    return [
        (item["kind"], item["user_external_id"])
        for item in reversed(page["items"])
        if item["kind"] in of_clocks
    ]


async def begin(api: Api, clock_at: Clock, start: datetime = START, **settings: Any) -> None:
    with clock_at(start - timedelta(hours=1)):
        await company(api)
        if settings:
            await policy(api, **settings)
        await api.follow()


async def shown(api: Api, opportunity: Any) -> Any:
    return await api.call("GET", f"/pipeline/v1/opportunities/{opportunity['id']}/clocks")


async def log(api: Api, opportunity: Any, **fields: Any) -> Any:
    path = f"/pipeline/v1/opportunities/{opportunity['id']}/activities"
    return await api.call("POST", path, json=fields)


async def make_progress(api: Api, opportunity: Any, progress: Any) -> None:
    if progress == "activity":
        await log(api, opportunity, kind="call", state="done")
    elif progress == "plan":
        path = f"/qualification/v1/opportunities/{opportunity['id']}/command-plan"
        await api.call("PUT", path, json={"overview": {"why_now": "They grow"}})
    else:
        await patch(api, opportunity, **progress)
