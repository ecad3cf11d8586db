"""The acceptance test: whether a lead becomes an opportunity a salesperson works on.

Pure: no database, no clock. Four criteria (Authority, Initiative, Fit, Timing) are each pass, fail or
unknown. What the facts decide is computed; where they leave a criterion open, a statement with
evidence decides it. What was found by outbound work has a second form of Authority and Initiative:
either form may pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple, TypeAlias

from services.workspace.policy import Policy

PASS: Final = "pass"  # noqa: S105 a result, not a secret
FAIL: Final = "fail"
UNKNOWN: Final = "unknown"
RESULTS: Final = (PASS, FAIL, UNKNOWN)

CRITERIA: Final = ("authority", "initiative", "fit", "timing")

ACCEPT: Final = "accept"
KEEP_PENDING: Final = "keep_pending"
UNQUALIFY: Final = "unqualify"
VERDICTS: Final = (ACCEPT, KEEP_PENDING, UNQUALIFY)

CONVERSION_STATES: Final = ("requested", "opened", "failed")
"""Asked for; open in pipeline; refused by pipeline, with the reason."""

BUYING_ROLES: Final = ("evaluator", "decision_maker", "technical_buyer", "influencer", "none")
INITIATIVES: Final = ("small_box", "top_2_priority", "none")
INITIATIVE_SIGNS: Final = ("business_problem", "strategic_direction", "modernisation")
NEEDS: Final = ("active", "not_active", "none")
HOSTINGS: Final = ("saas", "self_hosted")

SETTINGS_USED: Final = (
    "sao.next_step_max_days",
    "sao.outbound_timing_required",
    "sao.small_box_segments",
    "segments",
)
"""The settings of a policy that can change a result; `segments` where the segment is derived."""

# Another contact or another date can cure these; nothing cures a deal nobody wants or needs.
_CURABLE: Final = frozenset({"authority", "timing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a person says about one criterion, with what makes them say it."""

    result: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything known when the test is made; None is not known.

    `signs` are what shows a top-2 priority. `needs_seats`: a new account or buying group, whose
    first opportunity must have a size. `decision_maker_path`, `evaluators_known` and
    `identified_need` are the outbound form. Hosting, future and total seats are asked for before
    the meeting and decide nothing. `employees` are kept where the segment follows from them.
    """

    segment: str
    segment_source: str | None = None
    employees: int | None = None
    source_kind: str | None = None
    buying_role: str | None = None
    directly_involved: bool | None = None
    decision_maker_path: bool | None = None
    evaluators_known: bool | None = None
    initiative: str | None = None
    signs: tuple[str, ...] = ()
    identified_need: str | None = None
    current_tools: tuple[str, ...] = ()
    use_case: str | None = None
    seats: int | None = None
    needs_seats: bool | None = None
    hosting: str | None = None
    future_seats: int | None = None
    total_seats: int | None = None
    iqm_date: date | None = None
    next_step_date: date | None = None
    statements: dict[str, Statement] = field(default_factory=dict)


class Reason(NamedTuple):
    """Why something is what it is: a stable code and a sentence."""

    code: str
    message: str


class Finding(NamedTuple):
    """One criterion's result. `source` is `computed` where the facts decided, else `stated`."""

    result: str
    source: str
    evidence: str | None
    reasons: tuple[Reason, ...]


class Assessment(NamedTuple):
    """The whole answer. A lead whose Timing alone is missing converts all the same: its
    opportunity waits at stage 0 until a later test passes."""

    verdict: str
    is_convertible: bool
    findings: dict[str, Finding]

    @property
    def reasons(self) -> list[tuple[str, Reason]]:
        """Every reason with its criterion, in the order of the criteria."""
        return [(name, reason) for name in CRITERIA for reason in self.findings[name].reasons]


def assess(evidence: Evidence, policy: Policy) -> Assessment:
    """The verdict on the evidence given, under one version of the policy."""
    findings = {
        name: _settled(*_TESTS[name](evidence, policy), evidence.statements.get(name))
        for name in CRITERIA
    }
    results = {name: finding.result for name, finding in findings.items()}
    is_convertible = all(results[name] == PASS for name in CRITERIA if name != "timing")
    return Assessment(_verdict(results), is_convertible, findings)


def _verdict(results: dict[str, str]) -> str:
    if all(result == PASS for result in results.values()):
        return ACCEPT
    failed = {name for name, result in results.items() if result == FAIL}
    return UNQUALIFY if failed - _CURABLE else KEEP_PENDING


def _settled(result: str, reasons: tuple[Reason, ...], statement: Statement | None) -> Finding:
    """Facts decide; a statement speaks only where they are silent."""
    evidence = statement.evidence if statement else None
    stated = statement.result if statement else None
    if stated is None or stated == result:
        return Finding(result, "computed", evidence, reasons)
    if result != UNKNOWN:
        contradiction = Reason(
            "statement_contradicts_facts", f"It was stated as {stated}, but the facts decide."
        )
        return Finding(result, "computed", evidence, (*reasons, contradiction))
    return Finding(stated, "stated", evidence, (Reason(f"stated_{stated}", evidence or ""),))


_Tested: TypeAlias = tuple[str, tuple[Reason, ...]]


def _one(result: str, code: str, message: str) -> _Tested:
    return result, (Reason(code, message),)


def _either(inbound: _Tested, is_silent: bool, outbound: _Tested | None) -> _Tested:
    """What passes in one form passes. Where none does, what is open in one of them is open; a form
    nothing is known of has no say."""
    if outbound is None or inbound[0] == PASS:
        return inbound
    if outbound[0] == PASS or is_silent:
        return outbound
    results = {inbound[0], outbound[0]}
    return UNKNOWN if UNKNOWN in results else FAIL, (*inbound[1], *outbound[1])


def _authority(evidence: Evidence, policy: Policy) -> _Tested:
    is_silent = evidence.buying_role is None and evidence.directly_involved is None
    return _either(_involvement(evidence), is_silent, _path(evidence))


def _involvement(evidence: Evidence) -> _Tested:
    role, is_involved = evidence.buying_role, evidence.directly_involved
    if role == "none":
        return _one(FAIL, "no_buying_role", "The contact has no part in the purchase.")
    if role == "influencer" and is_involved is False:
        return _one(
            FAIL,
            "influencer_not_involved",
            "An influencer who is not directly involved: the lead stays with its SDR until a "
            "contact is found who is.",
        )
    if is_involved is False:
        return _one(FAIL, "contact_not_involved", "The contact is not directly involved.")
    if role is None:
        return _one(UNKNOWN, "buying_role_unknown", "The contact's part in the purchase is open.")
    # An evaluator, decision maker or technical buyer takes part by definition.
    if role == "influencer" and is_involved is None:
        return _one(
            UNKNOWN, "involvement_unknown", "Whether the influencer is directly involved is open."
        )
    return _one(PASS, "directly_involved", f"Directly involved as {role.replace('_', ' ')}.")


def _path(evidence: Evidence) -> _Tested | None:
    """The outbound form of Authority; None where it does not apply or nothing is known of it."""
    has_path, knows = evidence.decision_maker_path, evidence.evaluators_known
    if evidence.source_kind != "outbound" or (has_path is None and knows is None):
        return None
    if has_path is False:
        return _one(FAIL, "no_path", "The decision maker cannot be reached.")
    if knows is False:
        return _one(FAIL, "evaluators_not_known", "Who evaluates is not known.")
    if has_path is None:
        return _one(UNKNOWN, "path_unknown", "Whether the decision maker can be reached is open.")
    if knows is None:
        return _one(UNKNOWN, "evaluators_unknown", "Whether the evaluators are known is open.")
    return _one(
        PASS,
        "path_to_decision_maker",
        "A path to the decision maker and knowledge of who evaluates, as outbound asks.",
    )


def _initiative(evidence: Evidence, policy: Policy) -> _Tested:
    return _either(
        _small_box_or_priority(evidence, policy), evidence.initiative is None, _need(evidence)
    )


def _small_box_or_priority(evidence: Evidence, policy: Policy) -> _Tested:
    kind = evidence.initiative
    if kind is None:
        return _one(
            UNKNOWN, "initiative_unknown", "Neither a Small Box nor a top-2 priority is named."
        )
    if kind == "none":
        return _one(FAIL, "no_initiative", "There is no initiative to help with.")
    if kind == "small_box":
        return _small_box(evidence.segment, policy)
    if not evidence.signs:
        return _one(
            UNKNOWN,
            "priority_not_shown",
            "A top-2 priority shows by a business problem, a strategic direction or modernisation.",
        )
    signs = ", ".join(sign.replace("_", " ") for sign in evidence.signs)
    return _one(PASS, "top_2_priority", f"A top-2 priority, shown by {signs}.")


def _need(evidence: Evidence) -> _Tested | None:
    """The outbound form of Initiative; None where it does not apply or is not known."""
    need = evidence.identified_need
    if evidence.source_kind != "outbound" or need is None:
        return None
    if need == "none":
        return _one(FAIL, "no_identified_need", "No need has been identified.")
    words = "an active need" if need == "active" else "a need that is not active yet"
    return _one(PASS, "need_identified", f"Outbound work found {words}.")


def _small_box(segment: str, policy: Policy) -> _Tested:
    if segment == UNKNOWN:
        return _one(
            UNKNOWN,
            "segment_unknown",
            "A Small Box depends on the segment: tell the employees, or the segment, first.",
        )
    allowed = [name for name in policy.settings["sao.small_box_segments"] if name != "unknown"]
    if segment in allowed:
        return _one(PASS, "small_box", f"A Small Box, which segment {segment} allows.")
    return _one(
        FAIL,
        "small_box_not_allowed",
        f"A Small Box counts only in {', '.join(allowed) or 'no segment'}; this is {segment}.",
    )


def _fit(evidence: Evidence, policy: Policy) -> _Tested:
    open_points: list[Reason] = []
    if not evidence.current_tools:
        open_points.append(Reason("tools_unknown", "The tools in use today are not known."))
    if not evidence.use_case:
        open_points.append(Reason("use_case_unknown", "The use case to enter with is not known."))
    if evidence.needs_seats is not False and evidence.seats is None:
        open_points.append(
            Reason("seats_unknown", "A new account or buying group needs its potential seats.")
        )
    if evidence.needs_seats is not False and evidence.seats == 0:
        return _one(FAIL, "no_seats", "There are no seats to sell.")
    if open_points:
        return UNKNOWN, tuple(open_points)
    return _one(PASS, "fits", "Tools, use case and, where needed, seats are known.")


def _timing(evidence: Evidence, policy: Policy) -> _Tested:
    is_exempt = evidence.source_kind == "outbound" and not policy.is_on(
        "sao.outbound_timing_required"
    )
    if is_exempt:
        return _one(PASS, "timing_not_required", "The policy asks no timing of outbound leads.")
    held, following = evidence.iqm_date, evidence.next_step_date
    if held is None:
        return _one(UNKNOWN, "meeting_missing", "The first qualifying meeting is not dated.")
    if following is None:
        return _one(UNKNOWN, "next_step_missing", "No next step is dated.")
    days, most = (following - held).days, policy.number("sao.next_step_max_days")
    if days < 0:
        return _one(FAIL, "next_step_before_meeting", "The next step is dated before the meeting.")
    if days > most:
        return _one(
            FAIL,
            "next_step_too_late",
            f"The next step is {days} days after the meeting; at most {most} are allowed.",
        )
    return _one(PASS, "next_step_in_time", f"The next step is {days} days after the meeting.")


_TESTS: Final[dict[str, Callable[[Evidence, Policy], _Tested]]] = {
    "authority": _authority,
    "initiative": _initiative,
    "fit": _fit,
    "timing": _timing,
}


def what_is_unmet(status: str | None, has_owner: bool, last: Assessment | None) -> list[Reason]:
    """What stands in the way of handing over, given the last test; empty where nothing does. A
    test that only Timing fails stands in nobody's way. `status` is a lead's; a contact has none."""
    unmet = []
    if status in ("recycle", "disqualified"):
        unmet.append(Reason("lead_put_aside", f"The lead is {status}; take it up again first."))
    if not has_owner:
        unmet.append(
            Reason("owner_missing", "Name the salesperson who gets it in owner_external_id.")
        )
    if last is None:
        unmet.append(Reason("not_assessed", "The lead has not been through the test yet."))
    elif not last.is_convertible:
        unmet += [
            reason
            for name in CRITERIA
            if name != "timing" and last.findings[name].result != PASS
            for reason in last.findings[name].reasons
        ]
    return unmet
