"""Policies through HTTP: versions, refusals, and what a dry run says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api

POLICIES = "/pipeline/v1/policies"


async def post(api: Api, settings: dict[str, Any], **body: Any) -> Any:
    return await api.call("POST", POLICIES, json={"settings": settings, **body})


async def test_a_workspace_begins_with_the_default(api: Api) -> None:
    page = await api.call("GET", POLICIES)
    (first,) = page["items"]
    assert (first["name"], first["version"], first["effective_from"]) == ("sop-2022", 1, None)
    assert first["is_in_force"]
    assert first["settings"]["coverage.band"] == ["2.5", "3.0"]


async def test_only_what_differs_is_named(api: Api) -> None:
    answer = await api.request(
        "POST",
        POLICIES,
        json={"settings": {"stage.category": {"proposal": "pipeline"}}, "name": "house"},
    )
    assert answer.status_code == 201
    second = answer.json()
    assert (second["version"], second["is_in_force"]) == (2, True)
    third = await post(api, {"stage.category": {"scoping": "best_case"}})
    assert third["name"] == "house"
    assert third["settings"]["stage.category"]["proposal"] == "pipeline"
    assert third["settings"]["stage.category"]["scoping"] == "best_case"
    assert third["changes"]["stage.category"]["from"]["scoping"] == "pipeline"
    back = await post(api, {"stage.category": None})
    assert back["settings"]["stage.category"]["proposal"] == "best_case"
    page = await api.call("GET", POLICIES, params={"limit": 3})
    assert [policy["version"] for policy in page["items"]] == [4, 3, 2]
    rest = await api.call("GET", POLICIES, params={"limit": 3, "cursor": page["next_cursor"]})
    assert [policy["version"] for policy in rest["items"]] == [1]


async def test_no_difference_makes_no_version(api: Api) -> None:
    answer = await api.request("POST", POLICIES, json={"settings": {"lost.reopen_days": 30}})
    assert answer.status_code == 200
    assert answer.json()["version"] == 1


async def test_the_work_is_in_the_outbox_when_it_is_due(api: Api) -> None:
    begin = clock.now() + timedelta(days=3)
    stored = await post(api, {"lost.reopen_days": 10}, effective_from=begin.isoformat())
    assert not stored["is_in_force"]
    assert stored["applied_at"] is None
    async with api.database().read(api.workspace_id) as session:
        row = await session.fetchrow(
            "SELECT kind, version, due_at FROM pipeline.outbox WHERE workspace_id = $1",
            api.workspace_id,
        )
    assert tuple(row) == ("policy", 2, begin)


async def test_a_scheduled_version_comes_into_force_unless_a_newer_one_is(
    api: Api, clock_at: Callable[[datetime], AbstractContextManager[None]]
) -> None:
    begin = clock.now() + timedelta(days=3)
    await post(api, {"lost.reopen_days": 10}, effective_from=begin.isoformat())

    async def version_at(instant: datetime) -> int:
        with clock_at(instant):
            version: int = (await api.call("GET", "/pipeline/v1/workspace"))["policy"]["version"]
        return version

    assert await version_at(begin - timedelta(seconds=1)) == 1
    assert await version_at(begin) == 2
    urgent = await post(api, {"lost.reopen_days": 20})
    assert urgent["supersedes"] == [2]
    assert urgent["changes"]["lost.reopen_days"] == {"from": 30, "to": 20}
    assert await version_at(begin) == 3


@pytest.mark.parametrize(
    ("settings", "pointer", "code"),
    [
        ({"coverage.bnd": 1}, "/settings/coverage.bnd", "unknown_setting"),
        ({"coverage.bnd": None}, "/settings/coverage.bnd", "unknown_setting"),
        ({"coverage.band": ["3", "2"]}, "/settings/coverage.band", "invalid_setting"),
        ({"segments": {"smb": [1, 99]}}, "/settings/segments", "invalid_setting"),
        (
            {"stage.category": {"closed_won": "omitted"}},
            "/settings/stage.category",
            "invalid_setting",
        ),
        ({"timezone": "UTC"}, "/settings/timezone", "setting_of_the_workspace"),
        ({"currency": "EUR"}, "/settings/currency", "setting_of_the_workspace"),
        (
            {"fiscal_year_start_month": 1},
            "/settings/fiscal_year_start_month",
            "setting_of_the_workspace",
        ),
    ],
)
async def test_names_the_setting(
    api: Api, settings: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await api.request("POST", POLICIES, json={"settings": settings})
    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert (problem["pointer"], problem["code"]) == (pointer, code)


async def test_an_unknown_setting_is_told_its_neighbour(api: Api) -> None:
    answer = await api.request("POST", POLICIES, json={"settings": {"coverage.bnd": 1}})
    assert "coverage.band" in answer.json()["errors"][0]["message"]


async def test_the_past_is_not_changed(api: Api) -> None:
    past = clock.now() - timedelta(seconds=1)
    answer = await api.request(
        "POST", POLICIES, json={"settings": {}, "effective_from": past.isoformat()}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/effective_from"


async def test_dry_run_says_what_would_move_and_stores_nothing(api: Api) -> None:
    base = "/pipeline/v1"
    await api.call("PUT", f"{base}/users/by-external-id/ana", json={"name": "Ana"})
    await api.call(
        "PUT", f"{base}/accounts/by-external-id/acme", json={"name": "Acme", "employees": 150}
    )
    common = {
        "owner_external_id": "ana",
        "type": "new_business",
        "currency": "USD",
        "term_months": 12,
        "close_date": "2026-07-31",
    }
    await api.call(
        "PUT",
        f"{base}/opportunities/by-external-id/o1",
        json={**common, "name": "One", "stage": "proposal", "amount": "100.00",
              "account_external_id": "acme"},
    )  # fmt: skip
    await api.call(
        "PUT",
        f"{base}/opportunities/by-external-id/o2",
        json={**common, "name": "Two", "stage": "scoping", "amount": "50.00"},
    )
    settings = {
        "stage.category": {"proposal": "commit"},
        "segments": {"smb": [1, 199], "mid_market": [200, 1999], "large": [2000, None]},
    }
    answer = await api.request(
        "POST", POLICIES, params={"dry_run": "true"}, json={"settings": settings}
    )
    assert answer.status_code == 200
    effects = answer.json()["effects"]
    assert (effects["opportunity_count"], effects["examined_count"]) == (1, 2)
    assert effects["is_complete"]
    assert effects["account_count"] == 1
    assert effects["figures"] == [
        {
            "fiscal_quarter": "FY27-Q2",
            "forecast_category": category,
            "opportunity_count_change": count,
            "net_arr_change": change,
        }
        for category, count, change in (("best_case", -1, "-100.00"), ("commit", 1, "100.00"))
    ]
    assert effects["segments"] == [{"from": "mid_market", "to": "smb", "opportunity_count": 1}]
    (moved,) = effects["opportunities"]
    assert moved["external_id"] == "o1"
    assert moved["forecast_category"] == {"from": "best_case", "to": "commit"}
    assert len((await api.call("GET", POLICIES))["items"]) == 1


@pytest.mark.parametrize("role", ["integration", "manager", "rep", "analyst"])
async def test_only_admins_and_sales_operations_decide(api: Api, role: str) -> None:
    async with await api.client_for(role) as client:
        answer = await client.request("POST", POLICIES, json={"settings": {}})
        assert answer.status_code == 403
        assert (await client.request("GET", POLICIES)).status_code == 200


async def test_another_workspace_keeps_its_own(api: Api, other_api: Api) -> None:
    await post(api, {"lost.reopen_days": 10})
    assert len((await other_api.call("GET", POLICIES))["items"]) == 1


async def test_accounts_are_segmented_anew_when_it_is_applied(api: Api) -> None:
    path = "/pipeline/v1/accounts/by-external-id/acme"
    await api.call("PUT", path, json={"name": "Acme", "employees": 150})
    await post(
        api, {"segments": {"smb": [1, 199], "mid_market": [200, 999], "large": [1000, None]}}
    )
    await api.settle()
    account = await api.call("PUT", path, json={})
    assert (account["segment"], account["version"]) == ("smb", 2)
    (latest, _) = (await api.call("GET", POLICIES))["items"]
    assert latest["applied_at"] is not None
