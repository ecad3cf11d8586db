"""The acceptance test as a table: which evidence gives which result, verdict and reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.qualification.acceptance.domain import (
    Evidence,
    Reason,
    Statement,
    assess,
    what_is_unmet,
)
from services.workspace.policy import SOP_2022, Policy

HELD = date(2026, 6, 17)
GOOD = Evidence(
    segment="mid_market",
    buying_role="evaluator",
    directly_involved=True,
    initiative="top_2_priority",
    signs=("business_problem",),
    current_tools=("Jenkins",),
    use_case="CI",
    seats=120,
    needs_seats=True,
    iqm_date=HELD,
    next_step_date=HELD + timedelta(days=60),
)


def result_of(criterion: str, policy: Policy = SOP_2022, **changes: Any) -> tuple[str, list[str]]:
    finding = assess(replace(GOOD, **changes), policy).findings[criterion]
    return finding.result, [reason.code for reason in finding.reasons]


def test_accepts_what_passes_everything() -> None:
    answer = assess(GOOD, SOP_2022)
    assert answer.verdict == "accept"
    assert answer.is_convertible
    assert [name for name, _ in answer.reasons] == ["authority", "initiative", "fit", "timing"]


def test_knows_nothing_without_evidence() -> None:
    answer = assess(Evidence(segment="unknown"), SOP_2022)
    assert {finding.result for finding in answer.findings.values()} == {"unknown"}
    assert answer.verdict == "keep_pending"
    assert not answer.is_convertible


@pytest.mark.parametrize(
    ("role", "involved", "expected", "code"),
    [
        ("evaluator", True, "pass", "directly_involved"),
        ("decision_maker", None, "pass", "directly_involved"),
        ("technical_buyer", None, "pass", "directly_involved"),
        ("influencer", True, "pass", "directly_involved"),
        ("influencer", False, "fail", "influencer_not_involved"),
        ("influencer", None, "unknown", "involvement_unknown"),
        ("decision_maker", False, "fail", "contact_not_involved"),
        ("none", True, "fail", "no_buying_role"),
        (None, True, "unknown", "buying_role_unknown"),
        (None, False, "fail", "contact_not_involved"),
    ],
)
def test_authority(role: str | None, involved: bool | None, expected: str, code: str) -> None:
    assert result_of("authority", buying_role=role, directly_involved=involved) == (
        expected,
        [code],
    )


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("smb", "pass"),
        ("mid_market", "pass"),
        ("large", "fail"),
        ("public_sector", "fail"),
        ("unknown", "unknown"),
    ],
)
def test_small_box_is_commercial_only(segment: str, expected: str) -> None:
    result, _ = result_of("initiative", initiative="small_box", segment=segment)
    assert result == expected


def test_a_policy_may_allow_the_small_box_elsewhere() -> None:
    policy = Policy.build("own", 2, {"sao.small_box_segments": ["large"]})
    assert result_of("initiative", policy, initiative="small_box", segment="large")[0] == "pass"
    assert result_of("initiative", policy, initiative="small_box", segment="smb")[0] == "fail"


def test_a_priority_has_to_show() -> None:
    assert result_of("initiative", signs=()) == ("unknown", ["priority_not_shown"])
    assert result_of("initiative", initiative="none") == ("fail", ["no_initiative"])


def test_fit_needs_seats_only_of_a_new_account_or_group() -> None:
    assert result_of("fit", seats=None) == ("unknown", ["seats_unknown"])
    assert result_of("fit", seats=None, needs_seats=None) == ("unknown", ["seats_unknown"])
    assert result_of("fit", seats=None, needs_seats=False)[0] == "pass"
    assert result_of("fit", seats=0)[0] == "fail"
    assert result_of("fit", current_tools=(), use_case=None) == (
        "unknown",
        ["tools_unknown", "use_case_unknown"],
    )


@pytest.mark.parametrize(
    ("days", "expected", "code"),
    [
        (-1, "fail", "next_step_before_meeting"),
        (0, "pass", "next_step_in_time"),
        (60, "pass", "next_step_in_time"),
        (61, "fail", "next_step_too_late"),
    ],
)
def test_timing_includes_both_ends(days: int, expected: str, code: str) -> None:
    following = HELD + timedelta(days=days)
    assert result_of("timing", next_step_date=following) == (expected, [code])


def test_timing_of_outbound_is_the_policys_choice() -> None:
    late = {"source_kind": "outbound", "next_step_date": HELD + timedelta(days=90)}
    assert result_of("timing", **late)[0] == "fail"
    lenient = Policy.build("own", 2, {"sao.outbound_timing_required": False})
    assert result_of("timing", lenient, **late) == ("pass", ["timing_not_required"])
    assert result_of("timing", lenient, **{**late, "source_kind": "inbound"})[0] == "fail"


def test_timing_alone_keeps_pending_and_converts() -> None:
    for following in (HELD + timedelta(days=61), None):
        answer = assess(replace(GOOD, next_step_date=following), SOP_2022)
        assert answer.verdict == "keep_pending"
        assert answer.is_convertible


def test_verdicts() -> None:
    def verdict(**changes: Any) -> tuple[str, bool]:
        answer = assess(replace(GOOD, **changes), SOP_2022)
        return answer.verdict, answer.is_convertible

    # Another contact cures Authority; nothing cures a deal nobody wants.
    assert verdict(buying_role="influencer", directly_involved=False) == ("keep_pending", False)
    assert verdict(initiative="none") == ("unqualify", False)
    assert verdict(seats=0) == ("unqualify", False)
    assert verdict(use_case=None) == ("keep_pending", False)


def test_a_statement_speaks_where_facts_are_silent() -> None:
    stated = {"fit": Statement(result="pass", evidence="They showed us their toolchain.")}
    finding = assess(replace(GOOD, current_tools=(), statements=stated), SOP_2022).findings["fit"]
    assert (finding.result, finding.source) == ("pass", "stated")
    assert finding.evidence == "They showed us their toolchain."


def test_facts_beat_a_statement_and_say_so() -> None:
    late = HELD + timedelta(days=61)
    stated = {"timing": Statement(result="pass", evidence="He said soon.")}
    finding = assess(replace(GOOD, next_step_date=late, statements=stated), SOP_2022).findings[
        "timing"
    ]
    assert (finding.result, finding.source) == ("fail", "computed")
    assert [reason.code for reason in finding.reasons] == [
        "next_step_too_late",
        "statement_contradicts_facts",
    ]


def test_everything_unmet_is_named_at_once() -> None:
    failing = assess(replace(GOOD, initiative="none", use_case=None), SOP_2022)
    codes = [reason.code for reason in what_is_unmet("recycle", False, failing)]
    assert codes == ["lead_put_aside", "owner_missing", "no_initiative", "use_case_unknown"]
    assert what_is_unmet("mql", True, None) == [
        Reason("not_assessed", "The lead has not been through the test yet.")
    ]
    assert what_is_unmet("mql", True, assess(GOOD, SOP_2022)) == []
