"""What tests of touches and of response timers need: users, leads, touches, and a Wednesday."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.client import Api

BASE = "/qualification/v1"
LEADS = f"{BASE}/leads"
# A Wednesday, ten in the morning in Los Angeles.
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)
ClockAt = Callable[[datetime], AbstractContextManager[None]]


async def make_user(api: Api, external_id: str, role: str = "rep") -> str:
    user = await api.call(
        "PUT",
        f"/pipeline/v1/users/by-external-id/{external_id}",
        json={"name": external_id.title(), "role": role},
    )
    return user["id"]


async def make_lead(api: Api, **fields: Any) -> Any:
    return await api.call("POST", LEADS, json={"name": "Kim Larsen", **fields})


async def make_resource(api: Api, external_id: str, **fields: Any) -> Any:
    return await api.call(
        "PUT",
        f"{BASE}/resources/by-external-id/{external_id}",
        json={"title": external_id, **fields},
    )


async def touch(api: Api, lead: Any, **fields: Any) -> Any:
    body = {"channel": "email", "direction": "outbound", **fields}
    return await api.call("POST", f"{LEADS}/{lead['id']}/touches", json=body)


async def status_of(api: Api, lead: Any) -> tuple[str, str | None]:
    found = await api.call("GET", f"{LEADS}/{lead['id']}")
    return found["status"], found["status_reason"]


async def run_due(api: Api) -> None:
    """What the worker does, for every workspace there is."""
    from services.qualification.tasks import run_due

    await run_due(api.database())


async def waiting(api: Api) -> int:
    """Timers of silent sequences that are set."""
    async with api.database().read(api.workspace_id) as session:
        return await session.fetchval(
            "SELECT count(*) FROM qualification.timers WHERE workspace_id = $1 AND kind = $2",
            api.workspace_id,
            "sequence_silent",
        )


async def complete(api: Api, lead: Any, clock_at: ClockAt) -> None:
    """Eight touches over three channels, one a day."""
    channels = ["email", "phone", "social", "email", "phone", "social", "email", "phone"]
    for day, channel in enumerate(channels):
        with clock_at(NOW + timedelta(days=day)):
            answer = await touch(api, lead, channel=channel)
    assert answer["cadence"]["state"] == "complete"


async def merge(api: Api, survivor: Any, *others: Any, **more: Any) -> Any:
    body = {"lead_ids": [other["id"] for other in others], **more}
    return await api.call("POST", f"{LEADS}/{survivor['id']}/merge", json=body)


async def refused(api: Api, survivor: Any, *others: Any, **more: Any) -> Any:
    body = {"lead_ids": [other["id"] for other in others], **more}
    response = await api.request("POST", f"{LEADS}/{survivor['id']}/merge", json=body)
    assert not response.is_success, response.text
    return response


async def get(api: Api, lead: Any) -> Any:
    return await api.call("GET", f"{LEADS}/{lead['id']}")


async def signal(api: Api, lead: Any, name: str, **fields: Any) -> Any:
    return await api.call("POST", f"{LEADS}/{lead['id']}/signals", json={"name": name, **fields})
