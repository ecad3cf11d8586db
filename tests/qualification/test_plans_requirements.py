"""What a plan must hold and when it is stale, without a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.evidence.domain import elements_from_json
from services.qualification.plans import domain
from services.qualification.plans.sections import EMPTY, OVERVIEW_FIELDS
from services.workspace.policy import SOP_2022, Policy
from services.workspace.policy_qualification import ELEMENTS
from tests.qualification.plan_strategies import merged, statements

NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Deal:
    name: str = "Acme"
    stage: str = "scoping"
    segment: str = "mid_market"
    amount: Decimal | None = Decimal("0.00")
    net_arr: Decimal = Decimal("0.00")
    created_at: datetime = NOW - timedelta(days=400)


def required(deal: Deal, stage: int | None, policy: Policy = SOP_2022) -> dict[str, set[str]]:
    found = domain.required_sections(deal, stage, policy)
    return {section: {rule.code for rule in rules} for section, rules in found.items()}


class TestRequirements:
    @pytest.mark.parametrize(
        ("segment", "threshold"), [("smb", 10000), ("mid_market", 20000), ("large", 50000)]
    )
    def test_everything_from_net_arr(self, segment: str, threshold: int) -> None:
        below = Deal(segment=segment, net_arr=Decimal(threshold) - Decimal("0.01"))
        above = Deal(segment=segment, net_arr=Decimal(threshold))
        assert required(below, 1) == {}
        assert set(required(above, 1)) == {"overview", "meddppicc", "close_plan"}

    @pytest.mark.parametrize(("segment", "threshold"), [("smb", 5000), ("mid_market", 10000)])
    def test_overview_and_close_plan_from_the_amount(self, segment: str, threshold: int) -> None:
        below = Deal(segment=segment, amount=Decimal(threshold) - Decimal("0.01"))
        above = Deal(segment=segment, amount=Decimal(threshold))
        assert required(below, 1) == {}
        assert required(above, 1) == {"overview": {"amount"}, "close_plan": {"amount"}}

    def test_the_overview_of_every_deal_from_a_stage(self) -> None:
        for segment in ("large", "unknown", "public_sector"):
            deal = Deal(segment=segment)
            assert required(deal, 1) == {}
            assert required(deal, 2) == {"overview": {"every_deal_from_stage"}}
            assert required(deal, None) == {}

    def test_an_unknown_segment_needs_the_overview_only(self) -> None:
        deal = Deal(segment="unknown", net_arr=Decimal(10**9), amount=Decimal(10**9))
        assert set(required(deal, 5)) == {"overview"}

    def test_every_rule_is_named(self) -> None:
        deal = Deal(net_arr=Decimal(20000), amount=Decimal(20000))
        assert required(deal, 2) == {
            "overview": {"every_deal_from_stage", "net_arr", "amount"},
            "meddppicc": {"net_arr"},
            "close_plan": {"net_arr", "amount"},
        }

    def test_a_deal_its_channel_manages_needs_nothing(self) -> None:
        for name in ("Acme (Channel-Managed)", "CHANNEL-MANAGED Acme"):
            assert required(Deal(name=name, net_arr=Decimal(10**6)), 5) == {}
        assert required(Deal(name="Channel Managed"), 2) != {}

    def test_an_unsized_deal_passes_no_threshold(self) -> None:
        assert required(Deal(amount=None), 1) == {}

    @given(
        st.sampled_from(["smb", "mid_market", "large", "public_sector", "unknown"]),
        st.integers(0, 100_000),
        st.integers(0, 100_000),
        st.integers(0, 7),
    )
    def test_more_of_anything_never_asks_for_less(
        self, segment: str, net: int, amount: int, stage: int
    ) -> None:
        small = Deal(segment=segment, net_arr=Decimal(net), amount=Decimal(amount))
        large = Deal(segment=segment, net_arr=Decimal(net + 1000), amount=Decimal(amount + 1000))
        assert set(required(small, stage)) <= set(required(large, stage))
        assert set(required(small, stage)) <= set(required(small, stage + 1))

    @given(statements, st.sets(st.sampled_from(ELEMENTS)))
    def test_met_is_nothing_missing(self, stated: Any, known: set[str]) -> None:
        plan = merged(EMPTY, stated)
        stored = {name: {"score": 1, "evidence": "x"} for name in known}
        elements = elements_from_json(stored)
        missing = domain.missing_of(plan, elements)
        found = domain.requirements(Deal(net_arr=Decimal(10**6)), 3, missing, SOP_2022)
        assert [each.section for each in found] == ["overview", "meddppicc", "close_plan"]
        overview, evidence, close_plan = found
        assert set(overview.missing) == {
            name for name in OVERVIEW_FIELDS if plan["overview"][name] is None
        }
        assert set(evidence.missing) == set(ELEMENTS) - known
        assert close_plan.is_met is bool(plan["close_plan"]["steps"])
        counts = domain.measures(plan, stored)
        assert overview.is_met is (counts["overview_filled"] == len(OVERVIEW_FIELDS))
        assert evidence.is_met is (counts["elements_filled"] == len(ELEMENTS))
        assert close_plan.is_met is (counts["step_count"] > 0)


def stale(deal: Deal, **facts: Any) -> domain.Staleness:
    known = {"touched_at": None, "met_at": None, "is_required": True, "now": NOW, **facts}
    return domain.staleness(deal, policy=SOP_2022, **known)


def codes(found: domain.Staleness) -> list[str]:
    return [reason.code for reason in found.reasons]


class TestStaleness:
    @pytest.mark.parametrize(
        ("stage", "days"),
        [("discovery", 30), ("technical_evaluation", 30), ("proposal", 7), ("closing", 7)],
    )
    def test_by_days(self, stage: str, days: int) -> None:
        touched_at = NOW - timedelta(days=days)
        found = stale(Deal(stage=stage), touched_at=touched_at)
        assert found.since == NOW
        assert codes(found) == ["not_touched_for_days"]
        just = touched_at + timedelta(microseconds=1)
        assert not stale(Deal(stage=stage), touched_at=just).is_stale

    def test_by_a_meeting(self) -> None:
        touched_at = NOW - timedelta(days=2)
        met_at = NOW - timedelta(days=1)
        found = stale(Deal(), touched_at=touched_at, met_at=met_at)
        assert (found.since, codes(found)) == (met_at, ["not_touched_since_meeting"])
        assert not stale(Deal(), touched_at=met_at, met_at=met_at).is_stale
        assert not stale(Deal(), touched_at=met_at, met_at=touched_at).is_stale
        # A meeting that is yet to come makes nothing late.
        assert not stale(Deal(), touched_at=met_at, met_at=NOW + timedelta(hours=1)).is_stale

    def test_both_reasons_and_the_earlier_day(self) -> None:
        found = stale(Deal(), touched_at=NOW - timedelta(days=40), met_at=NOW - timedelta(days=20))
        assert found.since == NOW - timedelta(days=20)
        assert codes(found) == ["not_touched_since_meeting", "not_touched_for_days"]

    def test_one_nobody_began(self) -> None:
        old = Deal(created_at=NOW - timedelta(days=30))
        assert stale(old).since == NOW
        assert not stale(old, is_required=False).is_stale
        assert not stale(Deal(created_at=NOW - timedelta(days=29))).is_stale
        met = stale(Deal(created_at=NOW), met_at=NOW)
        assert codes(met) == ["not_touched_since_meeting"]

    def test_what_never_is(self) -> None:
        long_ago = NOW - timedelta(days=400)
        for deal in (Deal(stage="closed_won"), Deal(name="Channel-Managed Acme")):
            assert not stale(deal, touched_at=long_ago, met_at=NOW).is_stale
