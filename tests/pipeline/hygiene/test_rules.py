"""The rules by themselves: what each finds, and that none answers otherwise before it said it might."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from services.pipeline.hygiene.catalogue import RULE, RULES, rules_on
from services.pipeline.hygiene.domain import Cycle, Facts, Moment, Plan, add_months, judge
from services.pipeline.hygiene.looking import from_json, to_json, windows
from services.pipeline.opportunities.stages import STAGES
from services.pipeline.summary.cycles import Cycle as Told
from services.pipeline.summary.cycles import CycleTimes
from services.workspace.fiscal import calendar_for
from services.workspace.policy import SOP_2022, Policy
from services.workspace.policy_hygiene import HYGIENE_RULES

SOME = UUID("01970000-0000-7000-8000-000000000001")
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
LOS_ANGELES = calendar_for(2, "America/Los_Angeles")


def facts(**fields: Any) -> Facts:
    """A deal nothing is wrong with on that day."""
    fine: dict[str, Any] = {
        "id": SOME, "owner_id": SOME, "account_id": SOME, "type": "new_business",
        "stage": "technical_evaluation", "segment": "mid_market", "forecast_category": "best_case",
        "amount": Decimal(1000), "net_arr": Decimal(1000), "close_date": date(2026, 7, 15),
        "close_quarter": 20272, "next_step": "Call", "next_step_date": date(2026, 6, 20),
        "next_step_at": NOW, "stage_entered_at": NOW, "opened_on": date(2026, 6, 1),
        "created_at": NOW, "contacts": 1, "champions": ("Pat", "Sam"), "reviewed_at": NOW,
        "last_activity_at": NOW,
        "cycle": Cycle(days=Decimal(180), basis="policy", deals=0),
    }  # fmt: skip
    return Facts(**{**fine, **fields})


def found(at: datetime = NOW, settings: dict[str, Any] | None = None, **fields: Any) -> set[str]:
    policy = SOP_2022 if settings is None else Policy.build("ours", 2, settings)
    moment = Moment(at, LOS_ANGELES, policy)
    return set(judge(facts(**fields), moment, rules_on(policy))[0])


RENEWAL = {"type": "renewal", "arr_basis": Decimal(900), "subscription_id": SOME}
DAY = timedelta(days=1)


class TestEachRule:
    def test_nothing_is_wrong_with_a_good_deal(self) -> None:
        assert found() == set()

    def test_a_policy_can_name_every_rule(self) -> None:
        assert tuple(RULE) == HYGIENE_RULES

    @pytest.mark.parametrize(
        ("rule", "fields"),
        [
            ("amount_missing_or_zero", {"amount": None}),
            ("amount_missing_or_zero", {"amount": Decimal(0)}),
            ("close_date_missing", {"close_date": None, "close_quarter": 0}),
            ("close_date_past", {"close_date": date(2026, 6, 16)}),
            ("close_date_far", {"close_date": date(2027, 3, 18)}),
            ("close_date_convention", {"close_date": date(2026, 6, 30)}),
            ("next_step_missing", {"next_step": None}),
            ("next_step_overdue", {"next_step_date": date(2026, 6, 16)}),
            ("next_step_stale", {"next_step_at": NOW - 8 * DAY}),
            ("pushed", {"push_count": 1}),
            ("risky", {"push_count": 1}),
            ("risky", {"net_arr": Decimal("100000.01")}),
            ("risky", {"stage_entered_at": NOW - 30 * DAY}),
            ("month2_category", {"forecast_category": "pipeline"}),
            ("pipeline_category_this_quarter", {"forecast_category": "pipeline"}),
            ("not_reviewed", {"reviewed_at": NOW - 8 * DAY}),
            ("contact_missing", {"contacts": 0}),
            ("single_champion", {"champions": ("Pat",)}),
            ("older_than_cycle", {"cycle": Cycle(days=Decimal("15.5"), basis="s", deals=9)}),
            ("owner_inactive", {"is_owner_active": False}),
            ("gate_findings_open", {"gate_codes": ("amount_positive",), "gate_at": NOW}),
            ("plan_incomplete", {"plan": Plan(missing=("overview.why_now",))}),
            ("plan_stale", {"plan": Plan(stale_since=NOW, stale_codes=("x",))}),
            ("stage_or_type_wrong", {"type": "add_on"}),
            ("stage_or_type_wrong", {**RENEWAL, "subscription_id": None}),
            ("stage_or_type_wrong", {**RENEWAL, "arr_basis": Decimal(0)}),
            ("renewal_unsized", {**RENEWAL, "amount": None}),
            ("contraction_uncategorised", {**RENEWAL, "expected_renewed_arr": Decimal(800)}),
            ("contraction_uncategorised", {**RENEWAL, "net_arr": Decimal(-1)}),
        ],
    )  # fmt: skip
    def test_it_is_found(self, rule: str, fields: dict[str, Any]) -> None:
        assert rule in found(**fields)
        assert rule not in found(**{**fields, "stage": "closed_lost"})
        assert rule not in found(settings={"hygiene.rules_off": [rule]}, **fields)

    @pytest.mark.parametrize(
        ("rule", "fields"),
        [
            ("close_date_past", {"close_date": date(2026, 6, 17)}),
            ("close_date_far", {"close_date": date(2027, 3, 17)}),
            ("close_date_convention", {"close_date": date(2026, 6, 30), "segment": "large"}),
            (
                "close_date_convention",
                {"close_date": date(2026, 6, 30), "stage": "awaiting_signature"},
            ),
            ("next_step_overdue", {"next_step_date": date(2026, 6, 17)}),
            ("next_step_stale", {"next_step_at": NOW - 7 * DAY}),
            ("risky", {"net_arr": Decimal(100000)}),
            ("risky", {"stage_entered_at": NOW - 29 * DAY}),
            ("older_than_cycle", {"cycle": Cycle(days=Decimal(16), basis="s", deals=9)}),
            ("not_reviewed", {"reviewed_at": NOW - 7 * DAY}),
            ("contact_missing", {"contacts": 0, "stage": "pending_acceptance"}),
            ("month2_category", {"forecast_category": "pipeline", "close_date": date(2026, 8, 1)}),
            ("amount_missing_or_zero", {**RENEWAL, "amount": None}),
            ("stage_or_type_wrong", {"type": "add_on", "is_customer": True}),
            ("renewal_unsized", {**RENEWAL, "amount": None, "is_net_arr_stated": True}),
            (
                "contraction_uncategorised",
                {**RENEWAL, "net_arr": Decimal(-1), "renewal_loss_category": "commit"},
            ),
        ],
    )
    def test_it_is_fine(self, rule: str, fields: dict[str, Any]) -> None:
        assert rule not in found(**fields)

    def test_the_worked_example_flags_a_pipeline_deal_of_this_quarter(self) -> None:
        broken = found(stage="scoping", forecast_category="pipeline", close_date=date(2026, 7, 31))
        assert {"pipeline_category_this_quarter", "month2_category"} <= broken

    def test_the_second_month_begins_on_its_first_day_in_the_companys_zone(self) -> None:
        fields = {"forecast_category": "pipeline", "close_date": date(2026, 7, 31)}
        begins = datetime(2026, 6, 1, 7, tzinfo=UTC)
        assert "month2_category" in found(begins, **fields)
        assert "month2_category" not in found(begins - timedelta(microseconds=1), **fields)

    def test_stage_0_is_quiet_while_a_next_step_is_to_come(self) -> None:
        zero = {"stage": "pending_acceptance", "stage_entered_at": NOW - 8 * DAY}
        assert "stage0_stale" in found(**{**zero, "next_step_date": date(2026, 6, 16)})
        assert "stage0_stale" in found(**{**zero, "next_step_date": None})
        assert "stage0_stale" not in found(**{**zero, "next_step_date": date(2026, 6, 17)})
        zero["stage_entered_at"] = NOW - 7 * DAY
        assert "stage0_stale" not in found(**{**zero, "next_step_date": None})

    def test_silence_in_early_stages_ends_with_an_activity(self) -> None:
        quiet = {"stage": "discovery", "stage_entered_at": NOW - 20 * DAY}
        assert "early_stage_silent" in found(**quiet, last_activity_at=NOW - 8 * DAY)
        assert "early_stage_silent" not in found(**quiet, last_activity_at=NOW - 7 * DAY)

    def test_nobody_is_given_up_without_a_mail(self) -> None:
        lost = {"stage": "closed_lost", "lost_reason": "No response", "last_activity_at": None}
        assert "breakup_mail_missing" in found(**lost)
        assert "breakup_mail_missing" not in found(**lost, break_up_mail_at=NOW)
        assert "breakup_mail_missing" not in found(**{**lost, "lost_reason": "price"})
        # Once it can no longer be reopened nobody is asked for it.
        assert "breakup_mail_missing" not in found(NOW + 31 * DAY, **lost)
        silent = NOW - 21 * DAY
        stalled = {"stage": "discovery", "stage_entered_at": silent, "next_step_at": silent}
        assert "breakup_mail_missing" in found(**stalled, last_activity_at=silent)
        assert "breakup_mail_missing" not in found(**stalled, last_activity_at=silent + DAY)

    def test_won_shortly_before_it_starts(self) -> None:
        won = {"stage": "closed_won", "close_date": date(2026, 6, 16)}
        assert "closed_won_close_to_start" in found(**won, quote_start_date=date(2026, 7, 1))
        assert "closed_won_close_to_start" not in found(**won, quote_start_date=date(2026, 7, 2))

    def test_severity_is_the_policys(self) -> None:
        policy = Policy.build("ours", 2, {"hygiene.severity": {"pushed": "error"}})
        wrong, _ = judge(facts(push_count=1), Moment(NOW, LOS_ANGELES, policy), RULES)
        assert wrong["pushed"].severity == "error"

    def test_every_message_can_be_told(self) -> None:
        """Each placeholder is in the evidence; found by the cases above, so by some at least."""
        moment = Moment(NOW, LOS_ANGELES, SOP_2022)
        for fields in ({}, RENEWAL, {"push_count": 9, "next_step_date": date(2026, 1, 1)}):
            for name, each in judge(facts(**fields), moment, RULES)[0].items():
                assert RULE[name].told(each.evidence)


_days = st.dates(date(2026, 1, 1), date(2027, 6, 1))
_instants = st.integers(0, 334 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
_maybe = st.none()
_facts = st.builds(
    facts,
    type=st.sampled_from(["new_business", "add_on", "renewal"]),
    stage=st.sampled_from([stage.key for stage in STAGES]),
    segment=st.sampled_from(["smb", "mid_market", "large", "unknown"]),
    forecast_category=st.sampled_from(["omitted", "pipeline", "best_case", "commit"]),
    amount=_maybe | st.sampled_from([Decimal(0), Decimal(5), Decimal(200_000)]),
    net_arr=st.sampled_from([Decimal(-5), Decimal(0), Decimal(200_000)]),
    arr_basis=st.sampled_from([Decimal(0), Decimal(50)]),
    close_date=_maybe | _days,
    next_step=_maybe | st.just("Call"),
    next_step_date=_maybe | _days,
    next_step_at=_maybe | _instants,
    push_count=st.integers(0, 2),
    stage_entered_at=_instants,
    opened_on=_days,
    created_at=_instants,
    quote_start_date=_maybe | _days,
    lost_reason=_maybe | st.sampled_from(["no_response", "price"]),
    contacts=st.integers(0, 1),
    last_activity_at=_maybe | _instants,
    reviewed_at=_maybe | _instants,
    cycle=st.builds(
        Cycle, days=st.sampled_from([Decimal(10), Decimal("90.5")]), basis=st.just("policy"),
        deals=st.just(0),
    ),
)  # fmt: skip
_zones = st.sampled_from(
    ["America/Los_Angeles", "UTC", "Asia/Kolkata", "Africa/Cairo", "America/Santiago"]
)


class TestWhenItCanChange:
    @limits(max_examples=400)
    @given(_facts, _instants, _zones, st.floats(0, 1))
    def test_nothing_changes_before(
        self, some: Facts, now: datetime, zone: str, part: float
    ) -> None:
        """Cairo and Santiago put the clock forward at midnight, so days begin at one o'clock."""
        calendar = calendar_for(2, zone)
        wrong, again = judge(some, Moment(now, calendar, SOP_2022), RULES)
        assert again is None or again > now
        end = now + timedelta(days=1200) if again is None else again - timedelta(microseconds=1)
        later = now + (end - now) * part
        for instant in (later, end):
            then, _ = judge(some, Moment(instant, calendar, SOP_2022), RULES)
            assert {name: each.evidence for name, each in then.items()} == {
                name: each.evidence for name, each in wrong.items()
            }


class TestMonths:
    @given(_days, st.integers(0, 30))
    def test_a_shorter_month_ends_earlier(self, day: date, count: int) -> None:
        on = add_months(day, count)
        assert (on.year * 12 + on.month) - (day.year * 12 + day.month) == count
        assert on.day == day.day or (on + timedelta(days=1)).day == 1


def _cycle(days: int) -> Told:
    return Told(Decimal(days), "segment", 20)


_cycles = st.builds(
    CycleTimes,
    default=st.integers(1, 60).map(_cycle),
    by_segment=st.dictionaries(st.sampled_from(["smb", "large"]), st.integers(1, 60).map(_cycle)),
    by_group=st.dictionaries(
        st.tuples(st.sampled_from(["smb", "large"]), st.sampled_from(["growth", "new_connected"])),
        st.integers(1, 60).map(_cycle),
    ),
)


class TestWindows:
    @given(_cycles, _cycles, st.integers(0, 40), st.integers(0, 3))
    def test_whatever_flips_is_in_one(
        self, old: CycleTimes, new: CycleTimes, age: int, passed: int
    ) -> None:
        then = date(2026, 6, 17)
        now = then + timedelta(days=passed)
        opened_on = then - timedelta(days=age)
        spans = windows(old, then, new, now)
        for segment in ("smb", "large", "unknown"):
            for kind in ("growth", "new_connected", "ps_other"):
                was = (then - opened_on).days > int(old.of(segment, kind).days)
                is_now = (now - opened_on).days > int(new.of(segment, kind).days)
                if was != is_now:
                    assert any(low <= opened_on <= high for low, high in spans)

    @given(_cycles)
    def test_kept_as_json(self, cycles: CycleTimes) -> None:
        assert from_json(to_json(cycles)) == cycles
