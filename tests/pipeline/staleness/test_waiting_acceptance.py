"""Deals at stage 0: accepted in time or not, acted on afterwards, and meetings nobody came to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.client import Api
from tests.pipeline.deals import deal, move, patch
from tests.pipeline.staleness.clock_book import (
    PACIFIC,
    Clock,
    at_midnight,
    begin,
    day,
    log,
    shown,
    told,
)

MONDAY = datetime(2026, 6, 1, 9, 0, tzinfo=PACIFIC)
HOUR = timedelta(hours=1)


async def opened(api: Api, external_id: str = "O1", **fields: Any) -> Any:
    """Handed over by Zoe to Ana, who has not accepted it."""
    fields = {"stage": "pending_acceptance", "sdr_external_id": "zoe", **fields}
    return await deal(api, external_id, **fields)


async def report(api: Api, **params: Any) -> Any:
    return await api.call(
        "GET",
        "/pipeline/v1/clocks/acceptance",
        params={"from": "2026-06-01", "to": "2026-06-30", **params},
    )


def only(answer: Any) -> dict[str, Any]:
    names = ("met", "missed", "open", "declined")
    return {name: answer[name] for name in names}


async def acceptance(api: Api, opportunity: Any) -> Any:
    clocks = (await shown(api, opportunity))["clocks"]
    (found,) = [clock for clock in clocks if clock["kind"] == "acceptance"]
    return found


async def meets(api: Api, opportunity: Any, *, at: datetime) -> Any:
    return await api.call(
        "PUT",
        "/qualification/v1/meetings/by-external-id/M1",
        json={
            "kind": "iqm",
            "subject": "Qualification call",
            "opportunity_id": opportunity["id"],
            "scheduled_at": at.isoformat(),
        },
    )


class TestAcceptance:
    async def test_is_missed_after_48_hours(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, MONDAY, gates__mode="off")
        with clock_at(MONDAY):
            opportunity = await opened(api)
            await api.follow()
            assert only(await report(api)) == {"met": 0, "missed": 0, "open": 1, "declined": 0}
        with clock_at(MONDAY + 48 * HOUR - timedelta(seconds=1)):
            await api.follow()
            assert await told(api) == []
        for hours in (48, 49, 200):
            with clock_at(MONDAY + hours * HOUR):
                await api.follow()
                assert sorted(await told(api)) == [
                    ("acceptance_missed", name) for name in ("ana", "mia", "zoe")
                ]
                answer = await report(api)
                assert (answer["missed"], answer["still_open_past_deadline"]) == (1, 1)
        with clock_at(MONDAY + 210 * HOUR):
            assert (await move(api, opportunity, "discovery")).status_code == 200
            await api.follow()
            answer = await report(api)
            assert only(answer) == {"met": 0, "missed": 1, "open": 0, "declined": 0}
            assert (answer["still_open_past_deadline"], answer["median_hours"]) == (0, "210.00")
            clock = await acceptance(api, opportunity)
            assert (clock["state"], clock["outcome"], clock["minutes"]) == (
                "ended", "missed", 12600,
            )  # fmt: skip

    async def test_is_reported_by_period_and_person(
        self, api: Api, other_api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, MONDAY, gates__mode="off")
        with clock_at(MONDAY):
            deals = {
                name: await opened(api, name, owner_external_id=owner)
                for name, owner in [("a", "ana"), ("b", "ana"), ("c", "ben"), ("d", "ben")]
            }
        with clock_at(MONDAY + 10 * HOUR):
            await move(api, deals["a"], "discovery")
        with clock_at(MONDAY + 20 * HOUR):
            await move(api, deals["b"], "unqualified", reason="No budget")
        with clock_at(MONDAY + 50 * HOUR):
            await move(api, deals["c"], "discovery")
            await opened(api, "e")
            await api.follow()
            whole = await report(api)
            assert only(whole) == {"met": 1, "missed": 2, "open": 1, "declined": 1}
            assert (whole["met_rate"], whole["median_hours"]) == ("0.3333", "20.00")
            assert only(await report(api, user_id="ana")) == {
                "met": 1, "missed": 0, "open": 1, "declined": 1,
            }  # fmt: skip
            assert only(await report(api, to="2026-06-02"))["open"] == 0
            async with await api.client_for("rep", "ben") as ben:
                assert only(await report(ben)) == {
                    "met": 0, "missed": 2, "open": 0, "declined": 0,
                }  # fmt: skip
            assert only(await report(other_api))["met"] == 0
            csv = await api.request(
                "GET", "/pipeline/v1/clocks/acceptance?from=2026-06-01&to=2026-06-30&format=csv"
            )
            assert csv.text.splitlines()[0].startswith("from,to,user_id,met,missed")
            wrong = await api.request(
                "GET", "/pipeline/v1/clocks/acceptance?from=2026-06-30&to=2026-06-01"
            )
            assert wrong.status_code == 422

    async def test_counts_from_the_meeting(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, MONDAY)
        with clock_at(MONDAY):
            opportunity = await opened(api)
            planned = await log(
                api, opportunity, kind="meeting", subject="Qualification call", state="planned",
                scheduled_for=(MONDAY + 100 * HOUR).isoformat(),
            )  # fmt: skip
            await api.follow()
            assert (await acceptance(api, opportunity))["state"] == "paused"
        with clock_at(MONDAY + 99 * HOUR):
            await api.follow()
            assert await told(api) == []
        with clock_at(MONDAY + 101 * HOUR):
            path = f"/pipeline/v1/activities/{planned['id']}"
            await api.call("PATCH", path, json={"state": "done"})
            await api.follow()
            clock = await acceptance(api, opportunity)
            assert (clock["since"], clock["state"]) == ("meeting", "running")
        for hours, count in [(147, 0), (148, 3)]:
            with clock_at(MONDAY + hours * HOUR):
                await api.follow()
                assert len(await told(api)) == count

    async def test_counts_from_a_meeting_of_qualification_nobody_told_about(
        self, api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, MONDAY)
        with clock_at(MONDAY):
            opportunity = await opened(api)
            await api.call(
                "POST",
                "/qualification/v1/meetings",
                json={
                    "kind": "iqm",
                    "subject": "Qualification call",
                    "opportunity_id": opportunity["id"],
                    "scheduled_at": (MONDAY + 24 * HOUR).isoformat(),
                },
            )
            await api.follow()
        for hours, count in [(71, 0), (72, 3)]:
            with clock_at(MONDAY + hours * HOUR):
                await api.follow()
                assert len(await told(api)) == count, hours

    async def test_a_meeting_moved_forward_is_met_on_the_day_after_at_the_latest(
        self, api: Api, clock_at: Clock
    ) -> None:
        """Qualification tells nobody that a meeting was moved."""
        await begin(api, clock_at, MONDAY)
        with clock_at(MONDAY):
            opportunity = await opened(api)
            await meets(api, opportunity, at=day(20, MONDAY))
            await api.follow()
        with clock_at(day(1, MONDAY)):
            await meets(api, opportunity, at=day(2, MONDAY))
        for number in (2, 3, 4):
            with clock_at(day(number, MONDAY)):
                await api.follow()
        assert len(await told(api, "acceptance_missed")) == 3

    async def test_may_be_counted_in_business_hours(self, api: Api, clock_at: Clock) -> None:
        friday = MONDAY + timedelta(days=4)
        await begin(api, clock_at, MONDAY, accept__sla_business=True, accept__sla_hours=8)
        with clock_at(friday + 4 * HOUR):
            opportunity = await opened(api)
            await api.follow()
            clock = await acceptance(api, opportunity)
            deadline = datetime.fromisoformat(clock["deadline_at"]).astimezone(PACIFIC)
            assert deadline.date() == (friday + timedelta(days=3)).date()
        with clock_at(deadline - timedelta(seconds=1)):
            await api.follow()
            assert await told(api) == []
        with clock_at(deadline):
            await api.follow()
            assert len(await told(api)) == 3
            assert (await report(api))["counted_in"] == "business_hours"

    async def test_is_not_missed_at_once_where_it_is_told_late(
        self, api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, MONDAY)
        with clock_at(MONDAY):
            await opened(api, occurred_at="2026-01-01T00:00:00Z")
            await opened(api, "R1", type="renewal")
            await api.follow()
            assert await told(api) == []
        for hours, count in [(47, 0), (48, 3), (60, 3)]:
            with clock_at(MONDAY + hours * HOUR):
                await api.follow()
                assert len(await told(api)) == count


class TestAction:
    @pytest.mark.parametrize("is_acted", [False, True])
    async def test_follows_acceptance_within_60_days(
        self, api: Api, clock_at: Clock, is_acted: bool
    ) -> None:
        await begin(api, clock_at, MONDAY, autoclose__mode="off", gates__mode="off")
        with clock_at(MONDAY):
            opportunity = await opened(api)
        with clock_at(MONDAY + HOUR):
            await move(api, opportunity, "discovery")
            await api.follow()
        if is_acted:
            with clock_at(day(30, MONDAY)):
                await patch(api, opportunity, next_step="Call")
                await api.follow()
        for moment, count in [
            (at_midnight(60, MONDAY) - timedelta(seconds=1), 0),
            (at_midnight(60, MONDAY), 0 if is_acted else 3),
            (day(70, MONDAY), 0 if is_acted else 3),
        ]:
            with clock_at(moment):
                await api.follow()
                assert len(await told(api, "acceptance_not_acted")) == count


class TestNoShow:
    @pytest.mark.parametrize("is_rebooked", [False, True])
    async def test_is_planned_again_within_two_weeks(
        self, api: Api, clock_at: Clock, is_rebooked: bool
    ) -> None:
        await begin(api, clock_at, MONDAY)
        with clock_at(MONDAY):
            opportunity = await opened(api)
            await log(
                api, opportunity, kind="meeting", subject="Qualification call", state="no_show",
                occurred_at=(MONDAY - HOUR).isoformat(),
            )  # fmt: skip
            await api.follow()
            assert (await acceptance(api, opportunity))["state"] == "paused"
        with clock_at(day(14, MONDAY)):
            await api.follow()
            assert await told(api) == []
            if is_rebooked:
                await log(
                    api, opportunity, kind="meeting", subject="Qualification call",
                    state="planned", scheduled_for=day(20, MONDAY).isoformat(),
                )  # fmt: skip
        for moment in (at_midnight(15, MONDAY), day(16, MONDAY)):
            with clock_at(moment):
                await api.follow()
                found = await told(api, "no_show_not_rebooked")
                assert len(found) == (0 if is_rebooked else 3)
