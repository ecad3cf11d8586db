"""The running totals of stored leads equal their signals added up, whatever happened to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.kit import clock
from services.qualification import tasks
from services.qualification.signals.service import rescore
from services.workspace.policy_qualification import SIGNAL_POINTS_DEFAULT
from tests.client import Api
from tests.qualification.test_signals_batch import counted

V1 = "/qualification/v1"
LEADS = f"{V1}/leads"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
Clock = Callable[[datetime], AbstractContextManager[None]]
_NAMES = sorted(SIGNAL_POINTS_DEFAULT)
_STATUSES = ["recycle", "mql", "accepted", "qualifying", "disqualified", "raw", "pql"]
_EMAILS = ["a@acme.example", "b@gmail.com", None]


def _one_thing(dice: random.Random, now: datetime) -> tuple[str, dict[str, Any]]:
    """A signal, or something else that a lead's record is told."""
    number = dice.randrange(4)
    if dice.random() < 0.6:
        then = now - timedelta(days=dice.randrange(90))
        told: dict[str, Any] = {"name": dice.choice(_NAMES), "value": dice.randrange(10)}
        return "signal", {
            "lead_external_id": f"L-{number}",
            "occurred_at": clock.isoformat(then),
            **told,
        }
    changes: list[dict[str, Any]] = [
        {"status": dice.choice(_STATUSES)},
        {"email": dice.choice(_EMAILS)},
        {"title": dice.choice(["CTO", "Student", None])},
        {"unsubscribed": dice.random() < 0.5},
        {"score": dice.choice([None, None, 30, 120])},
    ]
    return "record", {"external_id": f"L-{number}", **dice.choice(changes)}


@pytest.mark.parametrize("seed", range(4))
async def test_added_up_anew_nothing_changes(api: Api, clock_at: Clock, seed: int) -> None:
    dice = random.Random(seed)
    now = NOW
    with clock_at(now):
        items = [{"external_id": f"L-{number}", "name": "Kim"} for number in range(4)]
        await api.call("POST", f"{LEADS}/batch", json={"items": items})
    for _ in range(40):
        now += timedelta(hours=dice.randrange(400))
        with clock_at(now):
            await tasks.run_due(api.database())
            kind, item = _one_thing(dice, now)
            path = f"{V1}/signals/batch" if kind == "signal" else f"{LEADS}/batch"
            answer = await api.call("POST", path, json={"items": [item]})
            assert answer["results"][0]["status"] in (200, 201)
    with clock_at(now):
        before = (await api.call("GET", LEADS))["items"]
        async with api.database().write(api.workspace_id) as session:
            await rescore(session, [UUID(lead["id"]) for lead in before])
        assert (await api.call("GET", LEADS))["items"] == before
    assert any(lead["behaviour_points"] for lead in before)


async def test_what_was_lost_is_found_again(api: Api) -> None:
    lead = await api.call("POST", LEADS, json={"name": "Kim"})
    path = f"{LEADS}/{lead['id']}"
    await api.call("POST", f"{path}/signals", json={"name": "event_high"})
    right = await api.call("GET", path)
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            "UPDATE qualification.leads SET behaviour_points = 3, score = 3, last_signal_at = NULL"
            " WHERE workspace_id = $1",
            api.workspace_id,
        )
        await session.execute(
            "DELETE FROM qualification.timers WHERE workspace_id = $1", api.workspace_id
        )
        await rescore(session, [UUID(lead["id"])])
    found = await api.call("GET", path)
    assert found | {"version": 2, "updated_at": right["updated_at"]} == right
    async with api.database().read(api.workspace_id) as session:
        kinds = await session.fetch(
            "SELECT kind FROM qualification.timers WHERE workspace_id = $1", api.workspace_id
        )
    assert [row["kind"] for row in kinds] == ["lead_silence"]


async def test_a_batch_of_leads_takes_as_many_statements_as_a_few(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = {"name": "Sid", "role": "sdr"}
    await api.call("PUT", "/pipeline/v1/users/by-external-id/sid", json=user)
    changes: list[dict[str, Any]] = [
        {"name": "Kim", "email": "kim@acme.example", "status": "mql"},
        {"sdr_external_id": "sid", "status": "accepted"},
        {"status": "recycle", "status_reason": "timing"},
        {"score": 150, "tools": ["Jira"]},
    ]
    for change in changes:
        counts = []
        for count in (5, 250):
            items = [{"external_id": f"{count}-{n}", **change} for n in range(count)]
            with counted(monkeypatch) as statements:
                answer = await api.call("POST", f"{LEADS}/batch", json={"items": items})
            assert all(result["status"] in (200, 201) for result in answer["results"])
            counts.append(len(statements))
        # The first one may also read what a process remembers.
        assert counts[1] <= counts[0], change
