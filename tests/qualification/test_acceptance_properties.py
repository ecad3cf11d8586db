"""What holds of the acceptance test whatever the evidence: the verdict table and its edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.qualification.acceptance.comparison import Compared, compare
from services.qualification.acceptance.domain import (
    BUYING_ROLES,
    CRITERIA,
    HOSTINGS,
    INITIATIVE_SIGNS,
    INITIATIVES,
    NEEDS,
    RESULTS,
    Evidence,
    Statement,
    assess,
    what_is_unmet,
)
from services.qualification.acceptance.evidence import Earlier, Known, from_json, gather, to_json
from services.workspace.policy import Policy

HELD = date(2026, 6, 17)
SEGMENTS = ("smb", "mid_market", "large", "public_sector", "unknown")
SOURCES = ("inbound", "outbound", "self_serve", "partner")
maybe = st.sampled_from([None, True, False])
counts = st.none() | st.integers(0, 2000)
days = st.none() | st.integers(-80, 80).map(lambda number: HELD + timedelta(days=number))
statements = st.dictionaries(
    st.sampled_from(CRITERIA),
    st.sampled_from(RESULTS).map(lambda result: Statement(result=result, evidence="Seen.")),
)
evidences = st.builds(
    Evidence,
    segment=st.sampled_from(SEGMENTS),
    segment_source=st.sampled_from(["stated", "employees", "opportunity"]),
    employees=counts,
    source_kind=st.none() | st.sampled_from(SOURCES),
    buying_role=st.none() | st.sampled_from(BUYING_ROLES),
    directly_involved=maybe,
    decision_maker_path=maybe,
    evaluators_known=maybe,
    initiative=st.none() | st.sampled_from(INITIATIVES),
    signs=st.lists(st.sampled_from(INITIATIVE_SIGNS), unique=True).map(tuple),
    identified_need=st.none() | st.sampled_from(NEEDS),
    current_tools=st.lists(st.sampled_from(["Jenkins", "SVN"]), unique=True).map(tuple),
    use_case=st.sampled_from([None, "CI"]),
    seats=counts,
    needs_seats=maybe,
    hosting=st.none() | st.sampled_from(HOSTINGS),
    future_seats=counts,
    total_seats=counts,
    iqm_date=days,
    next_step_date=days,
    statements=statements,
)
policies = st.builds(
    lambda most, is_required, segments: Policy.build(
        "own",
        2,
        {
            "sao.next_step_max_days": most,
            "sao.outbound_timing_required": is_required,
            "sao.small_box_segments": segments,
        },
    ),
    st.integers(0, 120),
    st.booleans(),
    st.lists(st.sampled_from(SEGMENTS[:4]), unique=True),
)


@given(evidences, policies)
def test_the_verdict_follows_from_the_four_results(evidence: Evidence, policy: Policy) -> None:
    answer = assess(evidence, policy)
    results = {name: finding.result for name, finding in answer.findings.items()}
    assert list(results) == list(CRITERIA)
    assert set(results.values()) <= set(RESULTS)
    is_hopeless = "fail" in (results["initiative"], results["fit"])
    if set(results.values()) == {"pass"}:
        expected = "accept"
    else:
        expected = "unqualify" if is_hopeless else "keep_pending"
    assert answer.verdict == expected
    others = {results[name] for name in CRITERIA if name != "timing"}
    assert answer.is_convertible == (others == {"pass"})
    assert answer.is_convertible or answer.verdict != "accept"


@given(evidences, policies)
def test_every_result_has_a_reason_and_a_source(evidence: Evidence, policy: Policy) -> None:
    answer = assess(evidence, policy)
    for name, finding in answer.findings.items():
        assert finding.reasons, name
        assert all(reason.code and reason.message for reason in finding.reasons)
        assert finding.source in ("computed", "stated")
        if finding.source == "stated":
            assert finding.result == evidence.statements[name].result
    unmet = {reason.code for reason in what_is_unmet("mql", True, answer)}
    failing = [name for name in CRITERIA[:3] if answer.findings[name].result != "pass"]
    assert bool(unmet) == bool(failing) == (not answer.is_convertible)
    for name in failing:
        assert {reason.code for reason in answer.findings[name].reasons} <= unmet


@given(evidences, policies)
def test_facts_decide_and_statements_speak_where_they_are_silent(
    evidence: Evidence, policy: Policy
) -> None:
    facts = assess(replace(evidence, statements={}), policy)
    answer = assess(evidence, policy)
    for name, finding in facts.findings.items():
        stated = evidence.statements.get(name, Statement()).result
        expected = finding.result if finding.result != "unknown" else stated or "unknown"
        assert answer.findings[name].result == expected


@given(evidences, policies, st.integers(-10, 200))
def test_timing_passes_on_both_ends_and_nowhere_beyond(
    evidence: Evidence, policy: Policy, after: int
) -> None:
    dated = replace(
        evidence, iqm_date=HELD, next_step_date=HELD + timedelta(days=after), statements={}
    )
    most = policy.number("sao.next_step_max_days")
    is_exempt = dated.source_kind == "outbound" and not policy.is_on("sao.outbound_timing_required")
    result = assess(dated, policy).findings["timing"].result
    assert result == ("pass" if is_exempt or 0 <= after <= most else "fail")


@given(evidences, st.lists(st.sampled_from(SEGMENTS), unique=True))
def test_a_small_box_needs_a_segment_of_the_policy_and_a_known_one(
    evidence: Evidence, segments: list[str]
) -> None:
    # Whatever a settings row may hold, also what is refused today.
    policy = Policy.build()
    policy = replace(policy, settings={**policy.settings, "sao.small_box_segments": segments})
    boxed = replace(evidence, initiative="small_box", source_kind="inbound", statements={})
    result = assess(boxed, policy).findings["initiative"].result
    if boxed.segment == "unknown":
        assert result == "unknown"
    else:
        assert result == ("pass" if boxed.segment in segments else "fail")


@given(evidences, policies)
def test_an_influencer_counts_only_when_directly_involved(
    evidence: Evidence, policy: Policy
) -> None:
    influencer = replace(evidence, buying_role="influencer", source_kind="inbound", statements={})
    for is_involved, expected in ((True, "pass"), (False, "fail"), (None, "unknown")):
        answer = assess(replace(influencer, directly_involved=is_involved), policy)
        assert answer.findings["authority"].result == expected
        if expected == "fail":
            assert answer.verdict != "accept"
            assert not answer.is_convertible


_RANK = {"fail": 0, "unknown": 1, "pass": 2}


@given(evidences, policies)
def test_the_outbound_form_only_ever_helps_outbound_work(
    evidence: Evidence, policy: Policy
) -> None:
    plain = replace(
        evidence,
        decision_maker_path=None,
        evaluators_known=None,
        identified_need=None,
        statements={},
    )
    helped = replace(
        plain, decision_maker_path=True, evaluators_known=True, identified_need="not_active"
    )
    before, after = assess(plain, policy).findings, assess(helped, policy).findings
    if evidence.source_kind != "outbound":
        assert before == after
        return
    assert after["authority"].result == after["initiative"].result == "pass"
    # Whatever of the form is said, it never takes away what the other form passes.
    said = assess(replace(evidence, statements={}), policy).findings
    for name in ("authority", "initiative"):
        assert before[name].result != "pass" or said[name].result == "pass"


@given(evidences, policies)
def test_what_is_asked_before_the_meeting_decides_nothing(
    evidence: Evidence, policy: Policy
) -> None:
    bare = replace(evidence, hosting=None, future_seats=None, total_seats=None)
    assert assess(bare, policy) == assess(evidence, policy)


def _stored(evidence: Evidence, policy: Policy, name: str = "T1") -> tuple[Earlier, Compared]:
    found = assess(evidence, policy)
    criteria: dict[str, Any] = {
        name: {
            "result": finding.result,
            "source": finding.source,
            "evidence": finding.evidence,
            "reasons": [reason._asdict() for reason in finding.reasons],
        }
        for name, finding in found.findings.items()
    }
    told = to_json(evidence)
    side = Compared(name, found.verdict, found.is_convertible, criteria, told, policy)
    return Earlier(id=name, evidence=told, criteria=criteria), side


@given(evidences, policies, policies)
def test_a_test_made_again_differs_only_by_its_policy(
    evidence: Evidence, policy: Policy, other: Policy
) -> None:
    stored, old = _stored(evidence, policy)
    again = from_json(stored)
    assert assess(again, policy) == assess(evidence, policy)
    _, new = _stored(again, other)
    compared = compare(old, new)
    assert compared["facts"] == []
    assert compared["verdict_changed"] == (old.verdict != new.verdict)
    if compared["criteria"]:
        assert compared["settings"]
    assert {item["criterion"] for item in compare(old, old)["criteria"]} == set()


@given(evidences, policies)
def test_what_is_carried_whole_is_what_was_known(evidence: Evidence, policy: Policy) -> None:
    stored, _ = _stored(evidence, policy)
    silent = Known(segment="unknown", segment_source="opportunity")
    again, carried = gather({}, silent, stored)
    assert to_json(again) == to_json(
        evidence
        if evidence.segment != "unknown"
        else replace(evidence, segment_source="opportunity", employees=None)
    )
    assert set(carried.values()) <= {"T1"}
    known = {
        name
        for name in CRITERIA
        if any(value not in (None, []) for value in stored.evidence[name].values())
        or name in evidence.statements
    }
    assert {name for name in carried if name in CRITERIA} == known


@given(evidences, policies, st.sampled_from(CRITERIA))
def test_what_is_said_anew_is_not_carried(
    evidence: Evidence, policy: Policy, criterion: str
) -> None:
    stored, _ = _stored(evidence, policy)
    silent = Known(segment="unknown", segment_source="opportunity")
    stated = {criterion: {"result": "fail", "evidence": "Heard today."}}
    again, carried = gather(stated, silent, stored)
    assert criterion not in carried
    assert again.statements[criterion] == Statement(result="fail", evidence="Heard today.")
    if criterion in ("authority", "initiative"):
        assert all(value in (None, []) for value in to_json(again)[criterion].values())
