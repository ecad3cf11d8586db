"""What an activity means for its opportunity, and what stays undone where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.kit import clock
from services.pipeline.activities import repository
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.activities.logs import batch, log, patch


@pytest.fixture(autouse=True)
async def _company(api: Api, travel: Callable[[str], None]) -> None:
    await deals.company(api)


def at(days: int) -> str:
    return clock.isoformat(clock.now() + timedelta(days=days))


async def renewal(api: Api, external_id: str = "R1", **fields: Any) -> Any:
    return await deals.deal(
        api, external_id, type="renewal", stage="pending_acceptance", arr_basis="1000.00", **fields
    )


async def test_the_first_activity_moves_a_renewal_on(api: Api) -> None:
    opportunity = await renewal(api)
    await log(api, opportunity, "meeting", scheduled_for=at(3))
    await log(api, opportunity, "note", subject="Prep w/ Ben")
    assert (await deals.get(api, opportunity))["version"] == 1
    await log(api, opportunity, outcome="no_answer")
    moved = await deals.get(api, opportunity)
    assert (moved["stage"], moved["version"]) == ("scoping", 2)
    await log(api, opportunity)
    assert (await deals.get(api, opportunity))["version"] == 2
    told = (await deals.history(api, opportunity))[-1]
    assert told["changes"]["stage"] == {"from": "pending_acceptance", "to": "scoping"}


async def test_a_planned_one_that_happened_moves_it_too(api: Api) -> None:
    opportunity = await renewal(api)
    planned = await log(api, opportunity, "meeting", scheduled_for=at(3))
    await patch(api, planned, state="done")
    assert (await deals.get(api, opportunity))["stage"] == "scoping"


async def test_only_renewals_at_stage_0_move(api: Api) -> None:
    fresh = await deals.deal(api, "N1", stage="pending_acceptance")
    later = await deals.deal(api, "R2", type="renewal", stage="discovery", arr_basis="1000.00")
    for opportunity in (fresh, later):
        await log(api, opportunity)
        assert (await deals.get(api, opportunity))["version"] == 1


@pytest.mark.parametrize("stage", ["discovery", "none"])
async def test_the_policy_says_where_to(api: Api, stage: str) -> None:
    policy = {"name": "ours", "settings": {"renewal.first_activity_stage": stage}}
    await api.call("POST", "/pipeline/v1/policies", json=policy)
    opportunity = await renewal(api)
    await log(api, opportunity)
    expected = "pending_acceptance" if stage == "none" else stage
    assert (await deals.get(api, opportunity))["stage"] == expected


async def test_the_last_word_on_the_buyer_is_the_opportunity_s(api: Api) -> None:
    opportunity = await deals.deal(api)
    first = await log(api, opportunity, buyer_stage="explores_options", occurred_at=at(-2))
    assert (await deals.get(api, opportunity))["buyer_stage"] == "explores_options"
    await log(api, opportunity, buyer_stage="recognises_need", occurred_at=at(-9))
    assert (await deals.get(api, opportunity))["buyer_stage"] == "explores_options"
    await log(api, opportunity, "meeting", buyer_stage="buys", scheduled_for=at(2))
    current = await deals.get(api, opportunity)
    assert (current["buyer_stage"], current["version"]) == ("explores_options", 2)
    await patch(api, first, buyer_stage="evaluates_solutions")
    current = await deals.get(api, opportunity)
    assert (current["buyer_stage"], current["version"]) == ("evaluates_solutions", 3)
    await patch(api, first, subject="Only this")
    assert (await deals.get(api, opportunity))["version"] == 3


async def test_correcting_a_word_does_not_bring_an_old_word_back(api: Api) -> None:
    opportunity = await deals.deal(api)
    first = await log(api, opportunity, buyer_stage="explores_options", occurred_at=at(-2))
    await deals.patch(api, opportunity, buyer_stage="buys")
    await patch(api, first, subject="A typo less")
    assert (await deals.get(api, opportunity))["buyer_stage"] == "buys"
    await patch(api, first, buyer_stage="evaluates_solutions")
    assert (await deals.get(api, opportunity))["buyer_stage"] == "evaluates_solutions"


async def test_the_last_word_stays_whoever_logs_at_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    opportunity = await deals.deal(api)
    plain = repository.latest_buyer_stages

    async def slow(*given: Any) -> Any:
        found = await plain(*given)
        await asyncio.sleep(0.3)
        return found

    monkeypatch.setattr(repository, "latest_buyer_stages", slow)
    for number in range(3):
        days = [-2 - 3 * number, -1 - 3 * number, -3 - 3 * number]
        await asyncio.gather(
            *(log(api, opportunity, buyer_stage=f"day {day}", occurred_at=at(day)) for day in days)
        )
        assert (await deals.get(api, opportunity))["buyer_stage"] == "day -1"


async def test_a_batch_makes_one_version_of_an_opportunity(api: Api) -> None:
    one, two = await renewal(api, "R1"), await renewal(api, "R2")
    results = await batch(
        api,
        *(
            {
                "external_id": f"a{number}",
                "kind": "call",
                "opportunity_external_id": "R1" if number % 2 else "R2",
                "occurred_at": at(-number),
                "buyer_stage": f"stage {number}",
            }
            for number in range(8)
        ),
    )
    assert {result["status"] for result in results} == {201}
    for opportunity, buyer_stage in ((one, "stage 1"), (two, "stage 0")):
        current = await deals.get(api, opportunity)
        assert (current["stage"], current["buyer_stage"]) == ("scoping", buyer_stage)
        assert current["version"] == 2


async def test_what_fails_leaves_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.pipeline import following

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("lost")

    opportunity = await renewal(api)
    monkeypatch.setattr(following, "recheck", broken)
    path = f"{deals.OPPORTUNITIES}/{opportunity['id']}/activities"
    answer = await api.request("POST", path, json={"kind": "call"})
    assert answer.status_code == 500
    assert (await deals.get(api, opportunity))["stage"] == "pending_acceptance"
    assert (await api.call("GET", path))["items"] == []


async def test_followers_look_again(api: Api) -> None:
    opportunity = await deals.deal(api)
    await log(api, opportunity)
    async with api.database().read(api.workspace_id) as session:
        asked = await session.fetch(
            "SELECT DISTINCT opportunity_id FROM pipeline.rechecks WHERE workspace_id = $1",
            api.workspace_id,
        )
    assert [str(row["opportunity_id"]) for row in asked] == [opportunity["id"]]
