"""The list of plans: what it finds is what the plans themselves say."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.qualification.plans.service import note_meeting
from services.workspace.policy_qualification import ELEMENTS
from tests.client import Api
from tests.pipeline import deals
from tests.qualification.plan_helpers import (
    BASE,
    OVERVIEW,
    STEP,
    element,
    paths,
    policy,
    scoping,
)

START = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
ClockAt = Callable[[datetime], AbstractContextManager[None]]
PLANS = f"{BASE}/command-plans"


async def names(api: Api, **query: Any) -> list[str]:
    page = await api.call("GET", PLANS, params={"limit": 200, **query})
    return [each["opportunity_external_id"] for each in page["items"]]


async def plant(api: Api, seed: int) -> list[Any]:
    """Deals of every size, stage and state of their plans."""
    pick = random.Random(seed)
    made = []
    for number, employees in enumerate((50, 500, 5000, None)):
        await deals.account(api, f"account{number}", name="A", employees=employees)
    for number in range(40):
        name = pick.choice(["Acme", "Acme", "Acme", "Channel-Managed Acme"])
        fields = {
            "name": f"{name} {number}",
            "stage": pick.choice(["discovery", "scoping", "proposal", "proposal", "negotiating"]),
            "account_external_id": f"account{pick.randrange(4)}",
            "amount": pick.choice([None, "1000.00", "6000.00", "30000.00", "90000.00"]),
            "owner_external_id": pick.choice(["ana", "ben", "zoe"]),
        }
        with_clock = START - timedelta(days=pick.choice([0, 5, 8, 40]))
        made.append((await deals.deal(api, f"O{number}", **fields), with_clock))
    return made


async def test_finds_what_the_plans_say(api: Api, clock_at: ClockAt) -> None:
    pick = random.Random(7)
    with clock_at(START - timedelta(days=35)):
        await deals.company(api)
        made = await plant(api, 7)
    for deal, written_at in made:
        meddppicc, plan = paths(deal)
        with clock_at(written_at):
            part = pick.randrange(5)
            if part >= 1:
                overview = dict(list(OVERVIEW.items())[: pick.choice([5, 6])])
                steps = pick.choice([[], [STEP]])
                body = {"overview": overview, "close_plan": {"steps": steps}}
                await api.call("PUT", plan, json=body)
            if part >= 3:
                known = {name: element(1) for name in ELEMENTS[: pick.choice([8, 9])]}
                await api.call("PUT", meddppicc, json={"elements": known})
        if pick.random() < 0.3:
            met_at = START - timedelta(days=pick.choice([-1, 1, 6, 10]))
            async with api.database().write(api.workspace_id) as session:
                await note_meeting(session, UUID(deal["id"]), met_at)
    with clock_at(START):
        truth = {deal["external_id"]: await api.call("GET", paths(deal)[1]) for deal, _ in made}
        order = list(truth)
        for stale in (None, True, False):
            for incomplete in (None, True, False):
                expected = [
                    name
                    for name in order
                    if stale in (None, truth[name]["staleness"]["is_stale"])
                    and incomplete in (None, not truth[name]["is_complete"])
                ]
                asked = {"stale": stale, "incomplete": incomplete}
                found = await names(
                    api, **{key: value for key, value in asked.items() if value is not None}
                )
                assert found == expected, asked
        # Enough of each for this to mean something.
        assert 5 < len(await names(api, stale=True)) < 35
        assert 5 < len(await names(api, incomplete=True)) < 35
        page = await api.call("GET", PLANS, params={"limit": 200})
        for item in page["items"]:
            plan = truth[item["opportunity_external_id"]]
            assert item["version"] == plan["version"]
            assert item["is_stale"] is plan["staleness"]["is_stale"]
            assert item["stale_since"] == plan["staleness"]["since"]
            assert item["is_complete"] is plan["is_complete"]
            assert item["percent"] == plan["meddppicc"]["percent"]
            assert item["gaps"] == plan["meddppicc"]["gaps"]
            assert item["required_sections"] == [each["section"] for each in plan["requirements"]]


async def test_goes_by_the_policy_in_force(api: Api) -> None:
    await scoping(api)
    assert await names(api, incomplete=True) == ["O1"]
    await policy(api, plan__full={}, commercial__overview_amount={}, plan__overview_from_stage=3)
    assert await names(api, incomplete=True) == []
    await policy(api, plan__full={"mid_market": "120000.00"})
    assert await names(api, incomplete=True) == ["O1"]
    await policy(api, plan__full={"mid_market": 120001}, plan__overview_from_stage=3,
                 commercial__overview_amount={"smb": 0})  # fmt: skip
    assert await names(api, incomplete=True) == []


async def test_shows_open_deals_in_sight(api: Api, other_api: Api) -> None:
    await scoping(api, sdr_external_id="zoe")
    await deals.deal(api, "O2", owner_external_id="ben", amount="50000.00")
    await deals.deal(api, "O3", owner_external_id="zoe")
    await deals.deal(api, "O4", stage="closed_won")
    assert await names(api) == ["O1", "O2", "O3"]
    assert await names(api, min_net_arr="50000.01") == ["O1", "O3"]
    assert await names(api, user_id="mia") == ["O1", "O2"]
    seen = {
        ("rep", "ana"): ["O1"],
        ("manager", "mia"): ["O1", "O2"],
        ("sdr", "zoe"): ["O1", "O3"],
        ("rep", "zoe"): ["O3"],
        ("analyst", None): ["O1", "O2", "O3"],
    }
    for (role, user), expected in seen.items():
        async with await api.client_for(role, user) as client:
            assert await names(client) == expected, role
    async with await api.client_for("manager", "mia") as mia:
        assert await names(mia, user_id="ben") == ["O2"]
        refused = await mia.request("GET", PLANS, params={"user_id": "zoe"})
        assert (refused.status_code, refused.json()["code"]) == (403, "out_of_reach")
    unknown = await api.request("GET", PLANS, params={"user_id": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "user_unknown")
    assert await names(other_api) == []


async def test_pages_and_csv(api: Api) -> None:
    await scoping(api)
    for number in range(2, 6):
        await deals.deal(api, f"O{number}")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.call("GET", PLANS, params={"limit": 2, "incomplete": "true", **cursor})
        seen += [each["opportunity_external_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["O1", "O2", "O3", "O4", "O5"]
    lines = (await api.request("GET", PLANS, params={"format": "csv"})).text.splitlines()
    assert lines[0].startswith("opportunity_id,opportunity_external_id,name")
    assert len(lines) == 6
    refused = await api.request("GET", PLANS, params={"stale": "perhaps"})
    assert refused.status_code == 422
