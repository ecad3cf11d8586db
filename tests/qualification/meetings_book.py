"""What tests of meetings are about: people, an account, a deal, a lead, and meetings with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from tests.client import Api

MEETINGS = "/qualification/v1/meetings"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
SOON = "2026-06-18T15:00:00.000000Z"

Clock = Callable[[datetime], AbstractContextManager[None]]


async def make_user(api: Api, external_id: str, role: str = "rep", **fields: Any) -> None:
    await api.call(
        "PUT",
        f"/pipeline/v1/users/by-external-id/{external_id}",
        json={"name": external_id.title(), "role": role, **fields},
    )


async def make_account(api: Api, external_id: str = "acme", **fields: Any) -> None:
    await api.call(
        "PUT",
        f"/pipeline/v1/accounts/by-external-id/{external_id}",
        json={"name": external_id.title(), "employees": 500, **fields},
    )


async def make_deal(api: Api, owner: str = "ana", **fields: Any) -> Any:
    return await api.call(
        "POST",
        "/pipeline/v1/opportunities",
        json={
            "name": "Acme – Ultimate",
            "account_external_id": "acme",
            "owner_external_id": owner,
            "type": "new_business",
            "stage": "scoping",
            "amount": "40000.00",
            "currency": "USD",
            "close_date": "2026-08-31",
            **fields,
        },
    )


async def make_lead(api: Api, **fields: Any) -> Any:
    return await api.call("POST", "/qualification/v1/leads", json={"name": "Kim Larsen", **fields})


async def make_meeting(api: Api, **fields: Any) -> Any:
    about = {"account_external_id": "acme"}
    if {"lead_id", "opportunity_id"} & set(fields):
        about = {}
    stated = {"subject": "First call", "scheduled_at": SOON, **about, **fields}
    return await api.call("POST", MEETINGS, json=stated)


async def listed(api: Api, **params: Any) -> list[str]:
    page = await api.call("GET", MEETINGS, params=params)
    return [item["subject"] for item in page["items"]]


TESTED: dict[str, Any] = {
    "authority": {"buying_role": "evaluator", "directly_involved": True},
    "initiative": {"kind": "top_2_priority", "shown_by": ["modernisation"]},
    "fit": {
        "current_tools": ["Jenkins"],
        "use_case": "CI",
        "potential_seats": 80,
        "new_account_or_buying_group": True,
    },
}


async def convert(api: Api, lead: Any) -> str:
    """The id promised for the lead's opportunity, which is not open yet."""
    path = f"/qualification/v1/leads/{lead['id']}"
    day = datetime.now(UTC).date().isoformat()
    timing = {"iqm_date": day, "next_step_date": day}
    await api.call("POST", f"{path}/assessments", json={**TESTED, "timing": timing})
    answer = await api.call("POST", f"{path}/conversion")
    return str(answer["opportunity_id"])
