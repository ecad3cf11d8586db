"""Renewals told of before, on and after their date, lost past their window, or left more time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.forecast.audits.service import audit
from tests.client import Api
from tests.pipeline.deals import deal, get, history, move, patch
from tests.pipeline.staleness.clock_book import PACIFIC, Clock, begin, policy, shown, told

DATE = datetime(2026, 7, 15, 9, 0, tzinfo=PACIFIC)


def around(days: int) -> datetime:
    """So many days from the renewal date."""
    return DATE + timedelta(days=days)


async def renewal(api: Api, external_id: str = "R1", **fields: Any) -> Any:
    return await deal(
        api,
        external_id,
        **{
            "type": "renewal",
            "stage": "scoping",
            "amount": "100000.00",
            "arr_basis": "100000.00",
            "close_date": "2026-07-15",
            "renewal_date": "2026-07-15",
            **fields,
        },
    )


async def steps(api: Api, opportunity: Any) -> list[tuple[str, int | None, str]]:
    clocks = (await shown(api, opportunity))["clocks"]
    (found,) = [clock for clock in clocks if clock["kind"] == "renewal"]
    return [(step["name"], step["offset_days"], step["on"]) for step in found["steps"]]


class TestNotices:
    async def test_come_before_on_and_after_the_date(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, around(-60))
        with clock_at(around(-60)):
            opportunity = await renewal(api)
            await api.follow()
            assert await steps(api, opportunity) == [
                ("notice", -15, "2026-06-30"),
                ("notice", 0, "2026-07-15"),
                ("notice", 30, "2026-08-14"),
                ("would_close", None, "2026-08-15"),
            ]
        for days, count in [
            (-16, 0),
            (-15, 1),
            (-1, 1),
            (0, 2),
            (29, 2),
            (30, 3),
            (31, 4),
            (90, 4),
        ]:
            with clock_at(around(days)):
                await api.follow()
                kinds = [kind for kind, who in await told(api) if who == "ana"]
                assert len(kinds) == count, days
        assert kinds == ["renewal_due"] * 3 + ["renewal_would_close"]
        with clock_at(around(91)):
            assert (await get(api, opportunity))["stage"] == "scoping"

    async def test_go_by_the_subscription_where_no_date_is_told(
        self, api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, around(-60))
        with clock_at(around(-60)):
            path = "/pipeline/v1/subscriptions/by-external-id/S1"
            ends = {"account_external_id": "acme", "start_date": "2025-07-16", "arr": "100000.00"}
            await api.call("PUT", path, json={**ends, "end_date": "2026-07-15"})
            opportunity = await renewal(api, renewal_date=None, subscription_external_id="S1")
            assert (await steps(api, opportunity))[1] == ("notice", 0, "2026-07-15")
            await api.call("PUT", path, json={"end_date": "2026-08-15"})
            assert (await steps(api, opportunity))[1] == ("notice", 0, "2026-08-15")
        with clock_at(around(0)):
            await api.follow()
            assert [kind for kind, who in await told(api, "renewal_due") if who == "ana"] == []

    async def test_leave_alone_what_is_told_late(self, api: Api, clock_at: Clock) -> None:
        """An import of old renewals has its whole window before it."""
        await begin(api, clock_at, around(100), renewal__autolose="close")
        with clock_at(around(100)):
            opportunity = await renewal(api, occurred_at="2026-01-01T00:00:00Z")
            await api.follow()
            assert await told(api) == []
            assert [(name, day) for name, _, day in await steps(api, opportunity)] == [
                ("notice", "2026-11-22"),
                ("close", "2026-11-23"),
            ]

    @pytest.mark.parametrize(
        "fields",
        [
            {"type": "new_business"},
            {"category": "credit"},
            {"stage": "closed_won"},
            {"renewal_date": None},
        ],
    )
    async def test_are_of_open_renewals(self, api: Api, clock_at: Clock, fields: Any) -> None:
        await begin(api, clock_at, around(-60), autoclose__mode="off", renewal__autolose="close")
        with clock_at(around(-60)):
            await renewal(api, **fields)
        for days in (0, 31, 40):
            with clock_at(around(days)):
                await api.follow()
                assert await told(api) == []

    async def test_tell_of_who_is_said_to_churn_and_is_not_lost(
        self, api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, around(-60))
        with clock_at(around(-60)):
            await renewal(api, renewal_loss_category="commit")
            await renewal(api, "R2", renewal_loss_category="commit", expected_renewed_arr="5000.00")
        for days, count in [(0, 0), (1, 1), (2, 1)]:
            with clock_at(around(days)):
                await api.follow()
                assert (
                    await told(api, "renewal_will_churn")
                    == [
                        ("renewal_will_churn", "ana"),
                        ("renewal_will_churn", "mia"),
                    ]
                    * count
                )


class TestLosing:
    async def test_is_booked_at_its_basis_on_the_day_after_the_window(
        self, api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, around(-60), renewal__autolose="close")
        with clock_at(around(-60)):
            opportunity = await renewal(api)
            await api.follow()
        for days in (-15, 0, 30):
            with clock_at(around(days)):
                await api.follow()
        with clock_at(around(31)):
            await api.follow()
            lost = await get(api, opportunity)
            assert (lost["stage"], lost["net_arr"]) == ("closed_lost", "-100000.00")
            # The renewal date's month is locked: the loss belongs to the quarter it is closed in.
            assert (lost["close_date"], lost["close_fiscal_quarter"]) == ("2026-08-15", "FY27-Q3")
            assert lost["lost_reason"] == "no_progression_auto_close"
            await api.follow()
            assert (await move(api, opportunity, "scoping", reason="Back")).status_code == 409
            report = await audit(api.database(), api.workspace_id)
            assert report.differences == []
        kinds = [kind for kind, who in await told(api) if who == "ana"]
        assert kinds == ["renewal_due"] * 3 + ["renewal_auto_closed"]
        assert len([e for e in await history(api, opportunity) if e["actor"] == "system"]) == 1

    async def test_does_not_meet_what_is_won_within_it(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, around(-60), renewal__autolose="close", gates__mode="off")
        with clock_at(around(-60)):
            opportunity = await renewal(api)
        with clock_at(around(30)):
            answer = await move(api, opportunity, "closed_won")
            assert answer.status_code == 200, answer.text
        with clock_at(around(40)):
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "closed_won"

    async def test_waits_for_a_week_without_a_worker(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, around(-60), renewal__autolose="close")
        with clock_at(around(-60)):
            opportunity = await renewal(api)
            await api.follow()
        with clock_at(around(27)):
            await api.follow()
        with clock_at(around(34)):
            await api.follow()
            kinds = [kind for kind, who in await told(api) if who == "ana"]
            assert kinds == ["renewal_due"] * 3 + ["renewal_auto_closed"]
            assert (await get(api, opportunity))["stage"] == "closed_lost"


class TestExceptions:
    async def test_stop_the_clock_to_the_end_of_a_day(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, around(-60), renewal__autolose="close")
        with clock_at(around(-60)):
            opportunity = await renewal(api)
            await api.follow()
        with clock_at(around(20)):
            await api.follow()
            mia = await api.client_for("manager", "mia")
            granted = await grant(mia, opportunity, new_date="2026-09-30")
            assert granted.status_code == 201, granted.text
            clocks = (await shown(api, opportunity))["clocks"]
            (clock,) = [each for each in clocks if each["kind"] == "renewal"]
            assert (clock["state"], clock["paused_until"]) == ("paused", "2026-09-30")
            assert await steps(api, opportunity) == [
                ("notice", -15, "2026-06-30"),
                ("notice", 0, "2026-07-15"),
                ("close", None, "2026-10-01"),
            ]
        last = datetime(2026, 9, 30, 23, 59, tzinfo=PACIFIC)
        for moment in (around(30), around(31), last):
            with clock_at(moment):
                await api.follow()
                assert (await get(api, opportunity))["stage"] == "scoping"
        with clock_at(last + timedelta(minutes=1)):
            await api.follow()
            assert (await get(api, opportunity))["stage"] == "closed_lost"
        kinds = [kind for kind, who in await told(api) if who == "ana"]
        assert kinds == ["renewal_due"] * 2 + ["renewal_auto_closed"]
        path = f"/pipeline/v1/opportunities/{opportunity['id']}/renewal-exceptions"
        (kept,) = (await api.call("GET", path))["items"]
        assert (kept["reason"], kept["new_date"]) == ("Legal review", "2026-09-30")

    async def test_are_a_managers_and_of_open_renewals(
        self, api: Api, other_api: Api, clock_at: Clock
    ) -> None:
        await begin(api, clock_at, around(-60))
        with clock_at(around(-60)):
            opportunity = await renewal(api)
            plain = await deal(api, "O1")
            clients = {
                "rep": await api.client_for("rep", "ana"),
                "analyst": await api.client_for("analyst"),
                "other": other_api,
                "own": await api.client_for("manager", "mia"),
                "foreign": await api.client_for("manager", "zoe"),
            }
            for name, status in [
                ("rep", 403), ("analyst", 403), ("other", 404), ("foreign", 404), ("own", 201),
            ]:  # fmt: skip
                answer = await grant(clients[name], opportunity, new_date="2026-09-30")
                assert answer.status_code == status, (name, answer.text)
            answer = await grant(api, plain, new_date="2026-09-30")
            assert (answer.status_code, answer.json()["code"]) == (409, "no_open_renewal")
            today = around(-60).date().isoformat()
            answer = await grant(api, opportunity, new_date=today)
            assert answer.status_code == 422

    async def test_begin_the_last_word_anew_in_mode_warn(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, around(-60))
        with clock_at(around(-60)):
            opportunity = await renewal(api)
        with clock_at(around(31)):
            await api.follow()
            assert len(await told(api, "renewal_would_close")) == 2
            await grant(api, opportunity, new_date="2026-09-30")
        with clock_at(around(90)):
            await api.follow()
            assert len(await told(api, "renewal_would_close")) == 4

    async def test_a_new_date_is_a_new_clock(self, api: Api, clock_at: Clock) -> None:
        await begin(api, clock_at, around(-60))
        with clock_at(around(-60)):
            opportunity = await renewal(api)
        with clock_at(around(0)):
            await api.follow()
            await patch(api, opportunity, renewal_date="2026-12-31")
            await policy(api, renewal__notice_days=[-60, 0])
            await api.follow()
            assert [(name, day) for name, _, day in await steps(api, opportunity)] == [
                ("notice", "2026-11-01"),
                ("notice", "2026-12-31"),
                ("would_close", "2027-01-31"),
            ]
            assert len(await told(api, "renewal_due")) == 4


async def grant(api: Api, opportunity: Any, new_date: str) -> Any:
    return await api.request(
        "POST",
        f"/pipeline/v1/opportunities/{opportunity['id']}/renewal-exception",
        json={"reason": "Legal review", "impact": "Two months late", "new_date": new_date},
    )
