"""The rules of engagement that need no database: when it is next, and who gets the credit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.engagement.domain import (
    CADENCES,
    INFLUENCED,
    SOURCED,
    Credit,
    Deals,
    Figures,
    Named,
    credit,
    grouped,
    next_on,
    summed,
)
from services.qualification.engagement.kinds import ENTRY, GROWTH, KINDS, PARTNER_KINDS
from services.qualification.opportunities.repository import Standing

NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)
DAYS = st.dates(date(2020, 1, 1), date(2032, 12, 31))


@pytest.mark.parametrize(
    ("cadence", "today", "expected"),
    [
        ("once", date(2026, 1, 30), date(2026, 1, 31)),
        ("once", date(2026, 1, 31), date(2026, 1, 31)),
        ("once", date(2026, 2, 1), None),
        ("weekly", date(2026, 2, 1), date(2026, 2, 7)),
        ("weekly", date(2026, 2, 7), date(2026, 2, 7)),
        # The 31st is the last day of shorter months, and the 31st again after them.
        ("monthly", date(2026, 2, 1), date(2026, 2, 28)),
        ("monthly", date(2026, 3, 1), date(2026, 3, 31)),
        ("quarterly", date(2026, 2, 1), date(2026, 4, 30)),
        ("quarterly", date(2026, 5, 1), date(2026, 7, 31)),
        ("yearly", date(2026, 2, 1), date(2027, 1, 31)),
    ],
)
def test_the_next_day(cadence: str, today: date, expected: date | None) -> None:
    assert next_on(date(2026, 1, 31), None, cadence, "planned", today) == expected


@pytest.mark.parametrize("state", ["done", "cancelled"])
def test_what_is_over_is_never_next(state: str) -> None:
    assert next_on(date(2026, 1, 31), None, "weekly", state, date(2026, 1, 1)) is None


def test_a_series_ends() -> None:
    start, end = date(2026, 1, 5), date(2026, 1, 18)
    assert next_on(start, end, "weekly", "running", date(2026, 1, 12)) == date(2026, 1, 12)
    assert next_on(start, end, "weekly", "running", date(2026, 1, 13)) is None


@given(start=DAYS, today=DAYS, cadence=st.sampled_from(CADENCES))
def test_the_next_day_is_the_first_of_the_series(start: date, today: date, cadence: str) -> None:
    found = next_on(start, None, cadence, "planned", today)
    if found is None:
        assert cadence == "once"
        assert start < today
        return
    assert found >= max(start, today)
    # The day after it, another one is next; the day before it, it still was.
    if found > max(start, today):
        assert next_on(start, None, cadence, "planned", found - timedelta(days=1)) == found
    following = next_on(start, None, cadence, "planned", found + timedelta(days=1))
    longest = {"weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366}
    if cadence != "once":
        assert following is not None
        assert 0 < (following - found).days <= longest[cadence]


def _id(number: int) -> UUID:
    return UUID(int=number)


def test_a_named_source_goes_before_the_lead_and_that_before_help() -> None:
    deal = _id(1)
    helped = Named(deal, "workshop", INFLUENCED, NOON)
    source = Named(deal, "meetup", SOURCED, NOON)
    assert credit([helped], {}) == {deal: Credit("workshop", INFLUENCED)}
    assert credit([helped], {deal: "fair"}) == {deal: Credit("fair", SOURCED)}
    assert credit([helped, source], {deal: "fair"}) == {deal: Credit("meetup", SOURCED)}


def test_of_several_that_helped_the_first_named_counts() -> None:
    deal = _id(1)
    late = Named(deal, "a", INFLUENCED, NOON + timedelta(seconds=1))
    early = Named(deal, "b", INFLUENCED, NOON)
    assert credit([late, early], {}) == credit([early, late], {}) == {deal: Credit("b", INFLUENCED)}


def _standing(number: int, **stated: object) -> Standing:
    blank: dict[str, object] = {
        "id": _id(number), "external_id": None, "name": "x", "stage": "discovery",
        "forecast_category": "pipeline", "net_arr": Decimal("10.00"), "currency": "USD",
        "sales_accepted_date": None, "owner_id": _id(0), "sdr_id": None, "created_at": NOON,
    }  # fmt: skip
    return Standing(**(blank | stated))  # type: ignore[arg-type]


def test_what_deals_come_to() -> None:
    deals = Deals()
    for stated in (
        {"stage": "pending_acceptance", "forecast_category": "omitted"},
        {"stage": "scoping", "sales_accepted_date": NOON.date()},
        {"stage": "scoping", "forecast_category": "omitted"},
        {"stage": "proposal", "net_arr": Decimal("-5.00")},
        {"stage": "proposal", "currency": "EUR"},
        {"stage": "closed_won", "net_arr": Decimal("7.25"), "sales_accepted_date": NOON.date()},
        {"stage": "closed_lost"},
        {"stage": "unqualified"},
    ):
        deals.add(_standing(1, **stated), "USD")
    assert deals == Deals(
        opportunities=8, sales_accepted=2, pending=1, open=4, open_net_arr=Decimal("10.00"),
        won=1, won_net_arr=Decimal("7.25"), lost=1, set_aside=1, foreign_currency=1,
    )  # fmt: skip


STAGES = ("pending_acceptance", "discovery", "proposal", "closed_won", "closed_lost", "duplicate")
NAMES = ("fair", "meetup", "workshop", "unheard-of")


@given(
    deals=st.lists(
        st.tuples(st.sampled_from(STAGES), st.integers(-10_000, 10_000), st.sampled_from("UE")),
        max_size=12,
    ),
    named=st.lists(
        st.tuples(
            st.integers(0, 11), st.sampled_from(NAMES[:3]), st.sampled_from((SOURCED, INFLUENCED)),
            st.integers(0, 5),
        ),
        max_size=20,
        # As the database holds it: one source an opportunity, one row an activity.
        unique_by=(lambda n: (n[0], n[1]), lambda n: (n[0], n[2] if n[2] == SOURCED else n[1])),
    ),
    brought=st.dictionaries(st.integers(0, 11), st.sampled_from(NAMES), max_size=12),
)  # fmt: skip
def test_groups_add_up_to_the_total_whatever_they_are(
    deals: list[tuple[str, int, str]],
    named: list[tuple[int, str, str, int]],
    brought: dict[int, str],
) -> None:
    given_ = credit(
        [Named(_id(n), name, role, NOON + timedelta(days=days)) for n, name, role, days in named],
        {_id(n): name for n, name in brought.items()},
    )
    by_activity: dict[str, Figures] = {}
    whole = Deals()
    for number, (stage, cents, currency) in enumerate(deals):
        standing = _standing(
            number, stage=stage, net_arr=Decimal(cents) / 100,
            currency="USD" if currency == "U" else "EUR",
        )  # fmt: skip
        if standing.id in given_:
            activity, role = given_[standing.id]
            figures = by_activity.setdefault(activity, Figures.none())
            (figures.sourced if role == SOURCED else figures.influenced).add(standing, "USD")
            whole.add(standing, "USD")
    total = summed(by_activity.values())
    both = Deals()
    both += total.sourced
    both += total.influenced
    assert both == whole
    assert set(given_) == {_id(n) for n, *_ in named} | {_id(n) for n in brought}
    for group_of in ({}, {"fair": "k1", "meetup": "k1", "workshop": "k2"}, {n: n for n in NAMES}):
        assert summed(grouped(by_activity, group_of).values()) == total


def test_the_catalogue_is_whole() -> None:
    assert len(KINDS) == 11
    for kind in KINDS.values():
        assert kind.questions, kind.key
        assert kind.work_with, kind.key
        assert set(kind.serves) <= {ENTRY, GROWTH}, kind.key
        keys = [line.key for line in kind.questions]
        assert len(keys) == len(set(keys)), kind.key
        # Whoever is asked to sell with us is told what is in it for them.
        assert bool(kind.value_messages) == (kind.key in PARTNER_KINDS), kind.key
    assert KINDS["system_integrator"].roles == ("internal_champion",)
    assert KINDS["reseller"].roles == ("force_multiplier",)
    assert {line.key for line in KINDS["reseller"].value_messages} == {
        "thought_leadership", "speed_to_delivery", "revenue_stream",
    }  # fmt: skip
    assert {line.key for line in KINDS["cloud_provider"].value_messages} == {
        "cloud_adoption", "usage_growth",
    }  # fmt: skip
