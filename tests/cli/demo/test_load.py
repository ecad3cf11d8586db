"""The demo through a real gateway and a real worker: taken whole, adding up, and repeatable."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.cli.demo import seed
from services.cli.demo.client import Client
from services.cli.demo.plan import Plan
from services.kit import clock
from services.kit.embedded import free_port
from services.workspace.fiscal import calendar_for
from tests.client import Api, Stack

SCALE = 0.12
DYING_CALLS = (2, 4, 5, 10, 40, 200)


class KilledError(BaseException):
    """The process dies here."""


@pytest.fixture(scope="module")
def base_url(stack: Stack, redis_url: str) -> Iterator[str]:
    """A gateway and a worker of their own, as `leadline up` starts them."""
    port = free_port()
    environment = {
        **os.environ,
        "LEADLINE_DATABASE_URL": stack.database_url,
        "LEADLINE_REDIS_URL": redis_url,
        "LEADLINE_HTTP_PORT": str(port),
    }
    command = [sys.executable, "-m", "services.cli.main"]
    processes = [
        subprocess.Popen([*command, *arguments], env=environment, stderr=subprocess.DEVNULL)
        for arguments in (["serve", "gateway"], ["worker"])
    ]
    base = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 60
    while not _answers(base):
        assert time.monotonic() < end
        time.sleep(0.1)
    yield base
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(20)


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
async def fresh(stack: Stack) -> AsyncIterator[Api]:
    async with await stack.new_workspace() as client:
        yield client


async def load(base_url: str, api: Api, **options: Any) -> Plan:
    return await asyncio.to_thread(seed, base_url, api.token, scale=SCALE, **options)


async def sequence_of(api: Api) -> int:
    async with api.database().read(api.workspace_id) as session:
        return int(
            await session.fetchval(
                "SELECT last_sequence FROM forecast.cursors WHERE workspace_id = $1",
                api.workspace_id,
            )
        )


async def versions_of(api: Api) -> dict[str, int]:
    async with api.database().read(api.workspace_id) as session:
        rows = await session.fetch(
            "SELECT external_id, version FROM pipeline.opportunities"
            " WHERE workspace_id = $1 AND external_id IS NOT NULL",
            api.workspace_id,
        )
    return {row["external_id"]: row["version"] for row in rows}


async def qualification_of(api: Api) -> dict[str, Any]:
    """What lists of leads, meetings and plans say."""
    names = (
        "leads",
        "meetings",
        "moments",
        "response-timers",
        "command-plans",
        "territories",
        "engagement-activities",
    )
    found = {}
    for name in names:
        answer = await api.call("GET", f"/qualification/v1/{name}", params={"limit": 200})
        found[name] = answer["items"]
    return found


async def audit(api: Api) -> Any:
    asked = await api.call("POST", "/forecast/v1/audits")
    while True:
        found = await api.call("GET", f"/forecast/v1/audits/{asked['id']}")
        if found["status"] in ("done", "failed"):
            return found
        await asyncio.sleep(0.1)


@pytest.mark.timeout(180)
async def test_is_taken_whole_adds_up_and_repeats(base_url: str, fresh: Api) -> None:
    plan = await load(base_url, fresh)
    assert await versions_of(fresh) == {deal.external_id: len(deal.steps) for deal in plan.deals}
    calendar = calendar_for(2, "America/Los_Angeles")
    quarter = calendar.quarter_of(plan.today).label
    figures = await fresh.call("GET", f"/forecast/v1/forecasts/{quarter}")
    assert figures["freshness"]["pending_events"] == 0
    assert float(figures["coverage"]["open_pipeline"]) > 0
    head = plan.organisation.head.external_id
    quota = next(q for q in plan.quotas if (q.period, q.user) == (quarter, head))
    assert figures["quota"] == f"{quota.amount}.00"
    found = await audit(fresh)
    assert (found["equal"], found["differences"]) == (True, [])
    page = await fresh.call("GET", "/qualification/v1/leads", params={"status": "qualified"})
    assert {lead["conversion"]["state"] for lead in page["items"]} == {"opened"}

    known = await qualification_of(fresh)
    assert len(known["meetings"]) == len(plan.meetings)
    assert {"held", "planned"} <= {meeting["state"] for meeting in known["meetings"]}
    assert {lead["status"] for lead in known["leads"]} >= {"inquiry", "mql", "qualified"}
    assert any(one["percent"] > 0 for one in known["command-plans"])
    assert known["response-timers"]
    assert known["moments"]

    before = await sequence_of(fresh)
    await load(base_url, fresh)
    assert await sequence_of(fresh) == before
    assert await qualification_of(fresh) == known
    again = await fresh.call("GET", f"/forecast/v1/forecasts/{quarter}")
    assert again == figures


@pytest.mark.timeout(180)
async def test_a_killed_load_is_finished_as_it_was_begun(
    base_url: str, fresh: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count(1)
    send = Client.call

    def dying(self: Client, method: str, path: str, **options: Any) -> Any:
        if method != "GET" and next(calls) in DYING_CALLS:
            raise KilledError
        return send(self, method, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Client, "call", dying)
        for _ in DYING_CALLS:
            with pytest.raises(KilledError):
                await load(base_url, fresh)
    # A day has passed: what was begun yesterday stays yesterday's company.
    tomorrow = clock.now() + timedelta(days=1)
    with clock.replaced(lambda: tomorrow):
        plan = await load(base_url, fresh)
    assert await versions_of(fresh) == {deal.external_id: len(deal.steps) for deal in plan.deals}
    page = await fresh.call("GET", "/pipeline/v1/users", params={"limit": 200})
    assert len(page["items"]) == len(plan.organisation.people)
    assert plan.today < calendar_for(2, "America/Los_Angeles").local_date(tomorrow)
    assert (await audit(fresh))["equal"] is True
