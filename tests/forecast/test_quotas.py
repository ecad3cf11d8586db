"""Quotas: set, kept, listed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from services.kit import clock
from services.kit.ids import new_id
from tests.client import Api


async def add_user(api: Api, external_id: str) -> str:
    """A user's row, without what follows from it."""
    user_id = new_id()
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            """
            INSERT INTO workspace.users (workspace_id, id, external_id, name, role, plan_type,
                active, version, created_at, updated_at)
            VALUES ($1, $2, $3, $3, 'rep', 'net', true, 1, $4, $4)
            """,
            api.workspace_id,
            user_id,
            external_id,
            clock.now(),
        )
    return str(user_id)


async def outbox_count(api: Api) -> Any:
    async with api.database().read(api.workspace_id) as session:
        return await session.fetchval(
            "SELECT count(*) FROM pipeline.outbox WHERE workspace_id = $1 AND kind = 'quota'",
            api.workspace_id,
        )


async def test_the_same_amount_again_is_no_new_row(api: Api) -> None:
    ana = await add_user(api, "ana")
    first = await api.call("PUT", f"/forecast/v1/quotas/FY27-Q2/{ana}", json={"amount": 400000})
    again = await api.call("PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": "400000.00"})

    assert first == again
    assert first["amount"] == "400000.00"
    assert first["sequence"] is None
    assert await outbox_count(api) == 1


async def test_the_newest_amount_is_listed_at_once(api: Api) -> None:
    await add_user(api, "ana")
    for amount in ("1.00", "2.00"):
        await api.call("PUT", "/forecast/v1/quotas/FY27/ana", json={"amount": amount})

    page = await api.call("GET", "/forecast/v1/quotas", params={"period": "FY27"})
    assert [(item["user_external_id"], item["amount"]) for item in page["items"]] == [
        ("ana", "2.00")
    ]


async def test_pages_hold_every_quota_once(api: Api) -> None:
    for name in ("ana", "ben", "eve"):
        await add_user(api, name)
        for period in ("FY27-Q1", "FY27-Q2"):
            await api.call("PUT", f"/forecast/v1/quotas/{period}/{name}", json={"amount": "5"})

    seen, cursor = [], None
    while True:
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = await api.call("GET", "/forecast/v1/quotas", params=params)
        seen += [(item["period"], item["user_external_id"]) for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize("period", ["2027", "FY27-Q5", "FY27-", "FY7", "FY27-Q2x"])
async def test_other_periods_are_refused(api: Api, period: str) -> None:
    await add_user(api, "ana")
    response = await api.request(
        "PUT", f"/forecast/v1/quotas/{period}/ana", json={"amount": "1.00"}
    )
    assert response.status_code == 422
    assert response.json()["code"] == "invalid_period"


@pytest.mark.parametrize("amount", ["-1.00", 1.5, "1.005", None, "x"])
async def test_only_amounts_of_zero_or_more(api: Api, amount: object) -> None:
    await add_user(api, "ana")
    response = await api.request("PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": amount})
    assert response.status_code == 422


async def test_quotas_are_set_by_operations_and_read_by_their_owner(api: Api) -> None:
    for name in ("ana", "ben"):
        await add_user(api, name)
        await api.call("PUT", f"/forecast/v1/quotas/FY27-Q2/{name}", json={"amount": "9.00"})
    async with await api.client_for("rep", "ana") as ana:
        own = await ana.call("GET", "/forecast/v1/quotas")
        other = await ana.request("GET", "/forecast/v1/quotas", params={"user_id": "ben"})
        set_own = await ana.request(
            "PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": "1.00"}
        )
    assert [item["user_external_id"] for item in own["items"]] == ["ana"]
    assert other.status_code == 403
    assert set_own.status_code == 403


async def test_another_workspace_sees_none_of_it(api: Api, other_api: Api) -> None:
    ana = await add_user(api, "ana")
    await api.call("PUT", f"/forecast/v1/quotas/FY27-Q2/{ana}", json={"amount": "9.00"})

    assert (await other_api.call("GET", "/forecast/v1/quotas"))["items"] == []
    for user in (ana, uuid.uuid4()):
        response = await other_api.request(
            "PUT", f"/forecast/v1/quotas/FY27-Q2/{user}", json={"amount": "9.00"}
        )
        assert response.status_code == 404


async def test_quotas_as_csv(api: Api) -> None:
    await add_user(api, "ana")
    await api.call("PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": "9.00"})
    response = await api.request("GET", "/forecast/v1/quotas", params={"format": "csv"})

    header, line = response.text.strip().splitlines()
    assert header.split(",")[:4] == ["period", "user_id", "user_external_id", "amount"]
    assert ",ana,9.00,USD," in line
