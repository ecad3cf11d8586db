"""Stale deals where days, policies or segments change on the way; and how clocks are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.client import Api
from tests.pipeline.deals import account, deal, get, patch
from tests.pipeline.staleness.clock_book import (
    START,
    Clock,
    at_midnight,
    begin,
    day,
    make_progress,
    policy,
    shown,
    small,
    told,
)


class TestDays:
    @pytest.mark.parametrize(
        ("zone", "start"),
        [
            ("America/Los_Angeles", datetime(2026, 3, 1, 23, 30, tzinfo=UTC)),
            ("America/Los_Angeles", datetime(2026, 10, 25, 23, 30, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 3, 22, 0, 0, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2026, 10, 18, 0, 30, tzinfo=UTC)),
            ("Asia/Tokyo", datetime(2028, 2, 22, 12, 0, tzinfo=UTC)),
            ("America/Los_Angeles", datetime(2027, 2, 22, 12, 0, tzinfo=UTC)),
        ],
    )
    async def test_are_the_companys_across_clock_changes(
        self, stack: Any, clock_at: Clock, zone: str, start: datetime
    ) -> None:
        local = start.replace(tzinfo=ZoneInfo(zone))
        async with await stack.new_workspace(timezone=zone) as api:
            await begin(api, clock_at, local, autoclose__mode="close")
            with clock_at(local):
                opportunity = await small(api)
                await api.follow()
            for number, before, after in [
                (7, [], ["stale_warning"] * 2),
                (15, ["stale_warning"] * 2, ["stale_warning"] * 2 + ["stale_auto_closed"] * 2),
            ]:
                # In UTC: an hour of the wall may be missing or come twice.
                turn = at_midnight(number, local).astimezone(UTC)
                for moment, kinds in [
                    (turn - timedelta(microseconds=1), before),
                    (turn, after),
                ]:
                    with clock_at(moment):
                        await api.follow()
                        assert [kind for kind, _ in await told(api)] == kinds, moment
            assert (await get(api, opportunity))["stage"] == "closed_lost"


class TestChanges:
    async def test_a_policy_may_change_on_the_way(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at)
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        with clock_at(day(7)):
            await api.follow()
        with clock_at(day(8)):
            # Longer: neither warned again, nor closed by the old one.
            await policy(api, autoclose__mode="close", autoclose={"smb": [10, 20]})
            await api.follow()
        for number in (10, 15, 19):
            with clock_at(day(number)):
                await api.follow()
                assert (await get(api, opportunity))["stage"] == "discovery"
        assert [kind for kind, _ in await told(api)] == ["stale_warning"] * 2
        with clock_at(day(19)):
            await policy(api, autoclose={"smb": [3, 5]})
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "closed_lost"
        assert (await told(api))[2:] == [("stale_auto_closed", "ana"), ("stale_auto_closed", "mia")]

    async def test_nobody_is_closed_on_without_having_been_warned(
        self, api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, autoclose__mode="off")
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        with clock_at(day(50)):
            await policy(api, autoclose__mode="close", autoclose__notice_days=3)
            await api.follow()
        for number, stage in [(52, "discovery"), (53, "closed_lost")]:
            with clock_at(day(number)):
                await api.follow()
                assert (await get(api, opportunity))["stage"] == stage
        assert [kind for kind, _ in await told(api)] == ["stale_warning"] * 2 + [
            "stale_auto_closed"
        ] * 2

    async def test_the_segment_may_change_on_the_way(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, autoclose__mode="close")
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        with clock_at(day(14)):
            await api.follow()
            await account(api, "tiny", employees=500)
            await api.follow()
        with clock_at(day(44)):
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "discovery"
        with clock_at(day(45)):
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "closed_lost"
        assert [kind for kind, _ in await told(api)] == ["stale_warning"] * 2 + [
            "stale_auto_closed"
        ] * 2

    async def test_the_worker_may_be_away_for_a_week(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, autoclose__mode="close")
        with clock_at(START):
            first = await small(api, "O1")
            await api.follow()
        with clock_at(day(6)):
            second = await small(api, "O2")
        with clock_at(day(8)):
            await patch(api, second, next_step="Call")
        with clock_at(day(14)):
            await api.follow()
            assert sorted(await told(api)) == [("stale_warning", "ana"), ("stale_warning", "mia")]
        with clock_at(day(16)):
            await api.follow()
            assert (await get(api, first))["stage"] == "closed_lost"
            assert (await get(api, second))["stage"] == "discovery"
        kinds = [kind for kind, _ in await told(api)]
        assert kinds.count("stale_auto_closed") == 2
        assert kinds.count("stale_warning") == 4


class TestShown:
    async def test_tells_what_the_clock_is_measured_from(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at)
        with clock_at(START):
            opportunity = await small(api)
        with clock_at(day(2)):
            await patch(api, opportunity, next_step="Call")
            (clock,) = (await shown(api, opportunity))["clocks"]
            assert (clock["since"], clock["kind"], clock["state"]) == (
                "next_step", "stale", "running",
            )  # fmt: skip
            assert clock["started_at"].startswith("2026-06-03T17:00")
            assert [step["on"] for step in clock["steps"]] == ["2026-06-10", "2026-06-18"]
        with clock_at(day(9)):
            await api.follow()
            (clock,) = (await shown(api, opportunity))["clocks"]
            assert clock["steps"][0]["done_at"] is not None
            assert clock["state"] == "warned"

    async def test_lists_what_is_due_soon(self, api: Api, other_api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at)
        with clock_at(START):
            await small(api, "O1")
            await deal(api, "O2")
            await small(api, "O3", owner_external_id="ben")
            await api.follow()

        async def due(client: Api, **params: Any) -> list[tuple[str, str, str]]:
            page = await client.call("GET", "/pipeline/v1/clocks", params=params)
            return [
                (item["opportunity_external_id"], item["step"], item["on"])
                for item in page["items"]
            ]

        with clock_at(day(1)):
            soon = [("O1", "warn", "2026-06-08"), ("O3", "warn", "2026-06-08")]
            assert await due(api, within_days=7) == soon
            assert await due(api, within_days=5) == []
            assert len(await due(api, within_days=30)) == 3
            assert await due(api, within_days=30, kind="renewal") == []
            assert await due(api, within_days=7, user_id="ben") == soon[1:]
            async with await api.client_for("rep", "ana") as ana:
                assert await due(ana, within_days=7) == soon[:1]
                assert await due(ana, within_days=7, user_id="ben") == []
            async with await api.client_for("manager", "mia") as mia:
                assert await due(mia, within_days=7) == soon
            assert await due(other_api, within_days=30) == []
            first = await api.call("GET", "/pipeline/v1/clocks?within_days=30&limit=1")
            rest = await api.call(
                "GET", "/pipeline/v1/clocks",
                params={"within_days": 30, "cursor": first["next_cursor"]},
            )  # fmt: skip
            assert [item["opportunity_external_id"] for item in first["items"] + rest["items"]] == [
                "O1", "O3", "O2",
            ]  # fmt: skip
            csv = await api.request("GET", "/pipeline/v1/clocks?within_days=30&format=csv")
            assert len(csv.text.splitlines()) == 4

    async def test_hides_what_is_out_of_reach(
        self, api: Api, other_api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at)
        opportunity = await small(api)
        path = f"/pipeline/v1/opportunities/{opportunity['id']}/clocks"
        async with await api.client_for("rep", "ben") as ben:
            for client in (ben, other_api):
                answer = await client.request("GET", path)
                assert (answer.status_code, answer.json()["code"]) == (
                    404, "opportunity_not_found",
                )  # fmt: skip


async def test_a_plan_written_moves_a_deal_down_the_list(api: Api, clock_at: Clock) -> None:
    """Plans are qualification's, which rings for nobody; progress they are all the same."""

    async def listed() -> list[str]:
        page = await api.call("GET", "/pipeline/v1/clocks?within_days=30")
        return [item["opportunity_external_id"] for item in page["items"]]

    await begin(api, clock_at)
    with clock_at(START):
        first = await small(api, "O1")
        await api.follow()
    with clock_at(day(1)):
        await small(api, "O2")
        await api.follow()
        assert await listed() == ["O1", "O2"]
    with clock_at(day(3)):
        await api.follow()
        await make_progress(api, first, "plan")
    with clock_at(day(3) + timedelta(seconds=30)):
        await api.follow()
        assert await listed() == ["O2", "O1"]
