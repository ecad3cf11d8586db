"""The life cycle: its rules, one account and the report through HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import clock
from services.pipeline.customers.domain import Term
from services.pipeline.customers.life_cycle.domain import (
    LOST,
    PHASES,
    RENEWAL_DEAL,
    SALE,
    WAITING,
    WON,
    Deal,
    Place,
    Subscribed,
    borders,
    place,
)
from services.pipeline.opportunities.domain import months_after
from services.workspace.policy import SOP_2022
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.customers.harness import (
    PIPELINE,
    SUBSCRIPTIONS,
    account,
    customer,
    subscribe,
)

NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
TODAY = date(2026, 6, 17)
KNOWN = date(2020, 1, 1)
DAY = timedelta(days=1)
REPORT = f"{PIPELINE}/customers/life-cycle"


def bought(
    start: date, months: int = 12, onboarded_on: date | None = date(1999, 1, 1)
) -> Subscribed:
    term = Term(start, months_after(start, months) - DAY)
    return Subscribed(term=term, recorded_on=start - 9 * DAY, onboarded_on=onboarded_on)


def at(day: date, *subscriptions: Subscribed, **found: Deal) -> Place:
    return place(subscriptions, found, known_since=KNOWN, today=day, policy=SOP_2022)


class TestRules:
    @given(st.dates(date(2015, 1, 1), date(2040, 1, 1)))
    def test_a_year_of_a_customer(self, start: date) -> None:
        one = bought(start)
        end = one.term.end
        for day, phase, since in (
            (start - DAY, "fulfil", start - 9 * DAY),
            (start, "fulfil", start),
            (one.term.left(9), "fulfil", start),
            (one.term.left(9) + DAY, "support", one.term.left(9) + DAY),
            (one.term.left(3), "support", one.term.left(9) + DAY),
            (one.term.left(3) + DAY, "renew", one.term.left(3) + DAY),
            (end, "renew", one.term.left(3) + DAY),
            (end + DAY, "engage", end + DAY),
        ):
            found = at(day, one)
            assert (found.phase, found.since) == (phase, since)

    def test_onboarding_that_is_open_is_fulfilment(self) -> None:
        start = date(2026, 1, 1)
        assert at(date(2026, 6, 1), bought(start, onboarded_on=None)).phase == "fulfil"
        done = at(date(2026, 6, 1), bought(start, onboarded_on=date(2026, 5, 9)))
        assert (done.phase, done.since) == ("support", date(2026, 5, 9))

    @pytest.mark.parametrize(
        ("kinds", "phase", "record"),
        [
            ((), "engage", "account"),
            ((WAITING,), "engage", "opportunity"),
            ((LOST, WAITING), "engage", "opportunity"),
            ((SALE, LOST), "transact", "opportunity"),
            ((WON,), "fulfil", "opportunity"),
            ((WON, SALE), "fulfil", "opportunity"),
            ((RENEWAL_DEAL, SALE, WON), "renew", "opportunity"),
        ],
    )
    def test_deals_of_an_account_without_a_subscription(
        self, kinds: tuple[str, ...], phase: str, record: str
    ) -> None:
        found = at(TODAY, **dict.fromkeys(kinds, Deal(TODAY)))
        assert (found.phase, found.record) == (phase, record)

    def test_a_sale_beside_a_subscription_changes_nothing(self) -> None:
        one = bought(date(2026, 1, 1))
        assert at(TODAY, one, **{SALE: Deal(TODAY)}).phase == "support"
        ended = bought(date(2024, 1, 1))
        assert at(TODAY, ended, **{SALE: Deal(TODAY)}).phase == "transact"

    @given(
        st.lists(st.integers(-900, 900), max_size=4),
        st.sets(st.sampled_from([RENEWAL_DEAL, SALE, WAITING, LOST, WON])),
    )
    def test_there_is_always_one_phase_since_a_day_that_came(
        self, offsets: list[int], kinds: set[str]
    ) -> None:
        subscriptions = [bought(TODAY + timedelta(days=offset)) for offset in offsets]
        # What begins later was recorded by today.
        told = [each for each in subscriptions if each.recorded_on <= TODAY]
        found = at(TODAY, *told, **dict.fromkeys(kinds, Deal(TODAY)))
        assert found.phase in PHASES
        assert found.since <= TODAY

    @given(
        st.dates(date(2015, 1, 1), date(2040, 1, 1)),
        st.integers(1, 60),
        st.integers(-40, 2000),
        st.booleans(),
    )
    def test_borders_say_what_places_say(
        self, start: date, months: int, offset: int, is_onboarded: bool
    ) -> None:
        one = bought(start, months, date(1999, 1, 1) if is_onboarded else None)
        today = start + timedelta(days=offset)
        renews_before, implements_from, implements_until = borders(today, SOP_2022)
        start, end = one.term
        if end < today:
            phase = "engage"
        elif start > today:
            phase = "fulfil"
        elif end < renews_before:
            phase = "renew"
        elif start >= implements_from and end >= implements_until:
            phase = "fulfil"
        else:
            phase = "support" if is_onboarded else "fulfil"
        assert at(today, one).phase == phase


@pytest.fixture
def frozen() -> Iterator[None]:
    with clock.replaced(lambda: NOW):
        yield


async def life_cycle(api: Api, external_id: str) -> Any:
    found = await account(api, external_id)
    return await api.call("GET", f"{PIPELINE}/accounts/{found['id']}/life-cycle")


async def sums(api: Api, query: str = "") -> dict[str, tuple[int, str]]:
    told = await api.call("GET", REPORT + query)
    return {each["phase"]: (each["accounts"], each["arr"]) for each in told["phases"]}


@pytest.mark.usefixtures("frozen")
class TestThroughTheDoor:
    async def deal(self, api: Api, name: str, **fields: Any) -> Any:
        body = {
            "name": name, "owner_external_id": "ana", "account_external_id": name,
            "type": "new_business", "stage": "discovery", "close_date": "2026-09-30", **fields,
        }  # fmt: skip
        return await deals.put(api, f"deal-{name}", **body)

    async def test_each_phase_and_the_report_agree(self, api: Api) -> None:
        await customer(api)
        phases = {
            "acme": "engage", "stage0": "engage", "lost": "engage", "sale": "transact",
            "won": "fulfil", "again": "fulfil", "begun": "fulfil", "used": "support", "ending": "renew",
            "worked": "renew",
        }  # fmt: skip
        for name in phases:
            await account(api, name, name=name, owner_external_id="ana")
        await self.deal(api, "stage0", stage="pending_acceptance")
        await self.deal(api, "lost", stage="closed_lost", lost_reason="price")
        opened = await self.deal(api, "sale")
        await self.deal(api, "won", stage="closed_won")
        await self.deal(api, "again", stage="closed_won")
        await deals.put(api, "more", name="More", owner_external_id="ana", stage="discovery",
                        account_external_id="again", type="add_on", close_date="2026-09-30")  # fmt: skip
        terms = {
            "begun": ("2026-06-01", "2027-05-31"), "used": ("2026-01-01", "2026-12-31"),
            "ending": ("2025-08-01", "2026-07-31"), "worked": ("2026-01-01", "2026-12-31"),
        }  # fmt: skip
        for name, (start, end) in terms.items():
            await subscribe(api, name, account_external_id=name, start_date=start, end_date=end)
        done = [
            {"name": step["name"], "done": True}
            for step in SOP_2022.settings["customers.onboarding_steps"]
        ]
        for name in ("used", "worked"):
            one = (await api.call("GET", f"{SUBSCRIPTIONS}?external_id={name}"))["items"][0]
            path = f"{SUBSCRIPTIONS}/{one['id']}/onboarding"
            await api.request("PUT", path, json={"steps": done})
        await self.deal(api, "worked", type="renewal", subscription_external_id="worked")
        told = {name: await life_cycle(api, name) for name in phases}
        assert {name: each["phase"] for name, each in told.items()} == phases
        assert told["sale"]["because"]["id"] == opened["id"]
        assert told["worked"]["because"]["external_id"] == "deal-worked"
        assert told["ending"]["since"] == "2026-05-02"
        assert told["ending"]["because"]["external_id"] == "ending"
        assert told["acme"]["because"]["kind"] == "account"
        assert await sums(api) == {
            "engage": (3, "0.00"), "transact": (1, "0.00"), "fulfil": (3, "100000.00"),
            "support": (1, "100000.00"), "renew": (2, "200000.00"),
        }  # fmt: skip
        assert (await sums(api, "?user_id=mia"))["renew"] == (2, "200000.00")
        assert sum(count for count, _ in (await sums(api, "?user_id=zoe")).values()) == 0
        text = (await api.request("GET", f"{REPORT}?format=csv")).text
        assert text.splitlines()[:2] == ["phase,accounts,arr", "engage,3,0.00"]

    async def test_who_may(self, api: Api, other_api: Api) -> None:
        await customer(api)
        found = await account(api, "acme")
        path = f"{PIPELINE}/accounts/{found['id']}/life-cycle"
        ben = await api.client_for("rep", "ben")
        assert (await ben.request("GET", path)).status_code == 200
        assert (await other_api.request("GET", path)).status_code == 404
        assert (await other_api.call("GET", REPORT))["accounts"] == 0
        assert (await api.request("GET", f"{REPORT}?user_id=nobody")).status_code == 422
