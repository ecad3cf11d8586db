"""Stale deals: warned about, closed or not, reset by progress; each exactly once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.client import Api
from tests.pipeline.deals import account, deal, findings, get, history, move, patch, try_patch
from tests.pipeline.staleness.clock_book import (
    START,
    Clock,
    at_midnight,
    begin,
    day,
    log,
    make_progress,
    shown,
    small,
    told,
)


class TestWarning:
    async def test_comes_once_to_owner_and_manager(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at)
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        with clock_at(at_midnight(7) - timedelta(seconds=1)):
            await api.follow()
            assert await told(api) == []
        for moment in (at_midnight(7), day(7), day(8), day(14)):
            with clock_at(moment):
                await api.follow()
                assert sorted(await told(api)) == [
                    ("stale_warning", "ana"),
                    ("stale_warning", "mia"),
                ]
        assert [rule for _, rule in await findings(api, opportunity)].count("stale_warning") == 1
        (notice, _) = (await api.call("GET", "/pipeline/v1/notices"))["items"]
        assert notice["opportunity_external_id"] == "O1"
        assert notice["details"]["closes_on"] == "2026-06-16"
        assert "2026-06-16" in notice["message"]

    async def test_in_mode_warn_nothing_is_closed(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at)
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        for number in (7, 14, 15, 16, 60):
            with clock_at(day(number)):
                await api.follow()
        with clock_at(day(61)):
            assert [kind for kind, _ in await told(api)] == ["stale_warning"] * 2 + [
                "stale_would_close"
            ] * 2
            assert (await get(api, opportunity))["stage"] == "discovery"

    async def test_mode_off_says_nothing(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, autoclose__mode="off")
        with clock_at(START):
            opportunity = await small(api)
        with clock_at(day(100)):
            await api.follow()
            assert await told(api) == []
            clocks = await shown(api, opportunity)
        assert (clocks["clocks"], clocks["not_stale_because"]) == ([], "off")


class TestClosing:
    async def test_on_day_15_and_not_on_day_14(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, autoclose__mode="close", notices__marketing_users=["zoe"])
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        for moment in (day(7), day(14), at_midnight(15) - timedelta(seconds=1)):
            with clock_at(moment):
                await api.follow()
                assert (await get(api, opportunity))["stage"] == "discovery"
        for moment in (at_midnight(15), day(15), day(30)):
            with clock_at(moment):
                await api.follow()
                closed = await get(api, opportunity)
                assert closed["stage"] == "closed_lost"
                assert closed["lost_reason"] == "no_progression_auto_close"
                assert (await told(api, "stale_auto_closed")) == [
                    ("stale_auto_closed", name) for name in ("ana", "mia", "zoe")
                ]
        versions = await history(api, opportunity)
        assert [(each["kind"], each["actor"]) for each in versions[1:]] == [
            ("transitioned", "system")
        ]
        with clock_at(day(31)):
            answer = await move(api, opportunity, "discovery", reason="It came back")
            assert answer.status_code == 409
            assert "auto_closed_stays_closed" in answer.text
            async with await api.client_for("rep", "ana") as ana:
                answer = await try_patch(ana, opportunity, lost_reason="other")
                assert (answer.status_code, answer.json()["code"]) == (409, "opportunity_closed")

    @pytest.mark.parametrize(
        "progress",
        [
            {"next_step": "Call them"},
            {"next_step_date": "2026-07-01"},
            {"stage": "scoping"},
            "activity",
            "plan",
        ],
    )
    async def test_progress_on_day_14_begins_anew(
        self, api: Api, clock_at: Clock, progress: Any
    ) -> None:
        await begin(api, clock_at, autoclose__mode="close", gates__mode="off")
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        with clock_at(day(13)):
            await api.follow()
        with clock_at(day(14)):
            await make_progress(api, opportunity, progress)
        for number, stage in [(15, False), (20, False), (28, False), (29, True)]:
            with clock_at(day(number)):
                await api.follow()
                is_closed = (await get(api, opportunity))["stage"] == "closed_lost"
                assert is_closed is stage, number
        assert [kind for kind, _ in await told(api)] == ["stale_warning"] * 4 + [
            "stale_auto_closed"
        ] * 2

    async def test_what_is_no_progress_resets_nothing(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, autoclose__mode="close")
        with clock_at(START):
            opportunity = await small(api)
            await api.follow()
        with clock_at(day(10)):
            await patch(api, opportunity, amount="7000.00", close_date="2027-02-01")
            await patch(api, opportunity, owner_external_id="ben")
            planned = {"kind": "call", "state": "planned", "scheduled_for": day(40).isoformat()}
            await log(api, opportunity, **planned)
            await api.follow()
        with clock_at(day(15)):
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "closed_lost"
        assert await told(api) == [
            ("stale_warning", "ben"),
            ("stale_warning", "mia"),
            ("stale_auto_closed", "ben"),
            ("stale_auto_closed", "mia"),
        ]


class TestWhich:
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"stage": "pending_acceptance"}, "stage"),
            ({"stage": "technical_evaluation"}, "stage"),
            ({"type": "add_on"}, "type"),
            ({"account_external_id": "nobody-counted"}, "segment"),
            ({"stage": "closed_lost", "lost_reason": "other"}, "closed"),
        ],
    )
    async def test_have_no_clock(self, api: Api, clock_at: Clock, fields: Any, reason: str) -> None:
        await begin(api, clock_at, autoclose__mode="close")
        with clock_at(START):
            await account(api, "nobody-counted", name="Nobody counted")
            opportunity = await small(api)
            opportunity = await deal(api, "O1", **{"account_external_id": "tiny", **fields})
            await api.follow()
        with clock_at(day(40)):
            await api.follow()
            clocks = await shown(api, opportunity)
        assert clocks["not_stale_because"] == reason
        assert "stale" not in {clock["kind"] for clock in clocks["clocks"]}
        assert {kind for kind, _ in await told(api)} <= {"acceptance_missed"}

    @pytest.mark.parametrize(
        ("employees", "warn", "close"), [(20, 7, 15), (500, 21, 45), (5000, 45, 90)]
    )
    async def test_run_by_segment(
        self, api: Api, clock_at: Clock, employees: int, warn: int, close: int
    ) -> None:
        await begin(api, clock_at, autoclose__mode="close")
        with clock_at(START):
            await account(api, "acme", employees=employees)
            opportunity = await deal(api)
            (clock,) = (await shown(api, opportunity))["clocks"]
        assert [(step["name"], step["on"]) for step in clock["steps"]] == [
            ("warn", (START.date() + timedelta(days=warn)).isoformat()),
            ("close", (START.date() + timedelta(days=close)).isoformat()),
        ]
        for number, stage in [
            (warn, "discovery"),
            (close - 1, "discovery"),
            (close, "closed_lost"),
        ]:
            with clock_at(day(number)):
                await api.follow()
                assert (await get(api, opportunity))["stage"] == stage

    async def test_begin_when_a_record_was_told_and_not_when_it_happened(
        self, api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, autoclose__mode="close")
        with clock_at(START):
            opportunity = await small(api, occurred_at="2025-01-01T00:00:00Z")
            await api.follow()
            assert await told(api) == []
        with clock_at(day(5)):
            await small(api, stage="scoping", occurred_at="2025-02-01T00:00:00Z")
            await api.follow()
        with clock_at(day(19)):
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "scoping"
            assert [kind for kind, _ in await told(api)] == ["stale_warning"] * 2
        with clock_at(day(20)):
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "closed_lost"
