"""The Required 7: each item, the deadline by everybody's own clock, and days gone by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.pipeline.hygiene.required7 import Ranking, deadline_of, rank_lacks
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, account, company, deal, put
from tests.pipeline.hygiene.world import HYGIENE, rest

At = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


async def day_of(api: Api, user: str, query: str = "") -> Any:
    told = await api.call("GET", f"{HYGIENE}/required-7?user_id={user}{query}")
    (day,) = told["items"]
    return day


class TestDeadline:
    @pytest.mark.parametrize(
        ("on", "timezone", "instant"),
        [
            (date(2026, 6, 17), "America/Los_Angeles", datetime(2026, 6, 18, 0, tzinfo=UTC)),
            (date(2026, 12, 17), "America/Los_Angeles", datetime(2026, 12, 18, 1, tzinfo=UTC)),
            # The day the clock is put forward, and the day before.
            (date(2026, 3, 28), "Europe/Berlin", datetime(2026, 3, 28, 16, tzinfo=UTC)),
            (date(2026, 3, 29), "Europe/Berlin", datetime(2026, 3, 29, 15, tzinfo=UTC)),
            (date(2026, 6, 17), "Asia/Kolkata", datetime(2026, 6, 17, 11, 30, tzinfo=UTC)),
        ],
    )
    def test_is_local(self, on: date, timezone: str, instant: datetime) -> None:
        assert deadline_of(on, "17:00", timezone) == instant


class TestRank:
    def test_the_best_organisation_counts(self) -> None:
        ana, ben = uuid4(), uuid4()
        good = Ranking(2027, ana, True, True)
        assert rank_lacks([Ranking(2026, ben, False, False), good], 2027, ana) == ()
        assert rank_lacks([good], 2028, ben) == ("not_this_fiscal_year", "not_by_owner")
        assert rank_lacks([], 2027, ana) == ("not_ranked",)


class TestItems:
    async def test_nothing_missing(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            day = await day_of(api, "ana")
            assert (day["status"], day["is_complete"]) == ("met", True)
            assert day["deadline"] == "2026-06-18T00:00:00.000000Z"

    async def test_each_item(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await account(api, "acme", owner_external_id="ana")
            one = await deal(api, stage="scoping", amount="20000.00", next_step="Call",
                             next_step_date="2026-06-10", close_date="2026-06-01")  # fmt: skip
            await api.call(
                "POST", f"{OPPORTUNITIES}/{one['id']}/activities",
                json={"kind": "call", "subject": "Call", "user_external_id": "ana"},
            )  # fmt: skip
            await rest(api)
            day = await day_of(api, "ana")
            assert day["status"] == "due"
            assert {name: count for name, count in day["missing"].items() if count != 1} == {}
            codes = {name: found[0]["codes"] for name, found in day["offences"].items()}
            assert codes == {
                "accounts_ranked": ["not_ranked"],
                "custom_deck": ["no_custom_deck"],
                "key_information": ["no_source"],
                "call_notes": ["no_notes"],
                "next_steps": ["next_step_overdue"],
                "command_plan": ["plan_incomplete"],
                "opportunities_up_to_date": ["close_date_past"],
            }
            assert day["offences"]["call_notes"][0]["fix"]["path"].startswith("/v1/activities/")

    async def test_a_deck_is_wanted_above_the_amount(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            one = await deal(api, amount="10000.00")
            await rest(api)
            assert (await day_of(api, "ana"))["custom_deck"] is True
            await put(api, "O1", amount="10000.01")
            assert (await day_of(api, "ana"))["custom_deck"] is False
            await api.call(
                "POST", f"{OPPORTUNITIES}/{one['id']}/activities",
                json={"kind": "documentation", "subject": "Deck", "user_external_id": "ana",
                      "details": {"url": "https://example.com/deck"}},
            )  # fmt: skip
            assert (await day_of(api, "ana"))["custom_deck"] is True

    async def test_a_ranked_account(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await account(api, "acme", owner_external_id="ana")
            await deal(api)
            territory = await api.call(
                "PUT", "/qualification/v1/territories/by-external-id/west",
                json={"name": "West", "segment": "mid_market", "owner_external_ids": ["ana"]},
            )  # fmt: skip
            organisation = await api.call(
                "PUT",
                f"/qualification/v1/territories/{territory['id']}/organisations/by-external-id/acme",
                json={"name": "Acme", "account_external_id": "acme"},
            )
            await rest(api)
            assert (await day_of(api, "ana"))["accounts_ranked"] is False
            async with await api.client_for("rep", "ana") as ana:
                await ana.call(
                    "PUT", f"/qualification/v1/organisations/{organisation['id']}/rank",
                    json={"rank": 1.5, "reason": "Grows", "sources": ["Their report"]},
                )  # fmt: skip
            assert (await day_of(api, "ana"))["accounts_ranked"] is True


class TestDays:
    async def test_late_stays_late(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api, close_date="2026-06-01", source_kind="inbound")
            await rest(api)
        with clock_at(datetime(2026, 6, 18, 1, tzinfo=UTC)):
            assert (await day_of(api, "ana", "&on=2026-06-17"))["status"] == "late"
            await put(api, "O1", close_date="2026-09-15")
            await rest(api)
            day = await day_of(api, "ana", "&on=2026-06-17")
            assert (day["status"], day["opportunities_up_to_date"]) == ("late", False)
            day = await day_of(api, "ana", "&on=2026-06-18")
            assert day["opportunities_up_to_date"] is True

    async def test_everybody_by_the_own_clock(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await api.call(
                "PUT", "/pipeline/v1/users/by-external-id/ben", json={"timezone": "Europe/Berlin"}
            )
            for name, owner in (("A1", "ana"), ("B1", "ben")):
                await deal(api, name, owner_external_id=owner, source_kind="inbound")
            await rest(api)
            told = await api.call("GET", f"{HYGIENE}/required-7?user_id=mia")
            # In Berlin it is 19:00.
            states = {item["user_external_id"]: item["status"] for item in told["items"]}
            assert states["ana"] == "due"
            assert (told["people"], told["on"]) == (3 if "mia" in states else 2, "2026-06-17")
            assert states["ben"] == "met"  # nothing was there yet at 17:00

    async def test_a_day_too_far(self, api: Api) -> None:
        for on in ("2020-01-01", "2060-01-01", "soon"):
            answer = await api.request("GET", f"{HYGIENE}/required-7?on={on}")
            assert answer.status_code == 422
