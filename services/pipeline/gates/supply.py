"""How what a criterion misses is supplied: the request to send, with the fields that matter. Pure
data. Angle brackets stand for what only the sender knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from services.workspace.policy_gates import Criterion

_DEAL: Final = "/pipeline/v1/opportunities/{id}"
_TEST: Final = "/qualification/v1/opportunities/{id}/assessments"
_PLAN: Final = "/qualification/v1/opportunities/{id}/command-plan"
_ELEMENTS: Final = "/qualification/v1/opportunities/{id}/meddppicc"
_OVERVIEW: Final = (
    "why_now", "primary_value_driver", "solution", "primary_capability", "why_us",
    "why_do_anything",
)  # fmt: skip
_STEPS: Final[dict[str, Any]] = {"close_plan": {"steps": [{"title": "<step>", "due_on": "<date>"}]}}

_How = tuple[str, str, dict[str, Any]]


def _patch(**fields: Any) -> _How:
    return "PATCH", _DEAL, fields


def _activity(**fields: Any) -> _How:
    return "POST", f"{_DEAL}/activities", fields


def _note(code: str, note: str) -> _How:
    return "PUT", f"{_DEAL}/checklist", {"items": {code: {"state": "done", "note": note}}}


_MEETING: Final = _activity(
    kind="meeting", state="planned", subject="<subject>", occurred_at="<when it is to be>"
)
_HOW: Final[dict[str, _How]] = {
    "amount_positive": _patch(amount="<above 0>"),
    "owner_not_sdr": _patch(owner_external_id="<a seller>"),
    "next_step_agreed": _patch(next_step="<what>", next_step_date="<today or later>"),
    "next_step_within_days": _patch(next_step_date="<a date near enough>"),
    "acceptance_test": (
        "POST",
        _TEST,
        {
            "authority": {"buying_role": "<role>", "directly_involved": True},
            "initiative": {"kind": "top_2_priority", "shown_by": ["<what shows it>"]},
            "fit": {"current_tools": ["<tool>"], "use_case": "<use case>", "potential_seats": 0},
            "timing": {"iqm_date": "<date>", "next_step_date": "<date>"},
        },
    ),
    "qualification_meeting_held": _activity(
        kind="meeting", state="done", subject="Qualification: <subject>", occurred_at="<when>"
    ),
    "scoping_meeting_scheduled": _MEETING,
    "technical_evaluation_meeting_set": _MEETING,
    "seats_known": _patch(seats=0),
    "use_case_known": _patch(use_case="<use case>"),
    "contact_known": _patch(contact_external_ids=["<contact>"]),
    "overview_complete": ("PUT", _PLAN, {"overview": dict.fromkeys(_OVERVIEW, "<text>")}),
    "close_plan_dated": ("PUT", _PLAN, _STEPS),
    "competitors_known": _note("competitor", "<who>"),
    "terms_change_allowed": (
        "PUT", f"{_DEAL}/checklist", {"items": {"terms_changed": {"state": "open"}}},
    ),
    "customer_paper_allowed": (
        "PUT", f"{_DEAL}/checklist", {"items": {"customer_paper_used": {"state": "open"}}},
    ),
    "downgrade_reason_given": _patch(lost_reason="<why it is less>"),
    "lost_reason_listed": _patch(lost_reason="<one of the list>"),
    "lost_details_given": _patch(lost_details="<text>"),
    "competitor_named": _note("competitor", "<who>"),
    "product_line_named": _note("product_line", "<which>"),
    "merged_into_named": _patch(duplicate_of="<external id>"),
    "breakup_email_logged": _activity(kind="breakup_email", state="done", occurred_at="<when>"),
    "unqualified_reason_listed": _patch(lost_reason="<one of the list>"),
    "unqualified_details_given": _patch(lost_details="<text>"),
    "duplicate_of_named": _patch(duplicate_of="<external id>"),
}  # fmt: skip


def how_to_supply(
    criterion: Criterion, opportunity_id: UUID, missing: Sequence[str] = ()
) -> dict[str, Any]:
    """The request that supplies it, and where one is not enough, the request to send `then`;
    `missing` is what the check found missing in parts."""
    if criterion.is_attested:
        items: dict[str, Any] = {criterion.code: {"state": "done"}}
        requests: list[_How] = [("PUT", f"{_DEAL}/checklist", {"items": items})]
    elif criterion.check.startswith("meddppicc_"):
        requests = [_elements([criterion.check.removeprefix("meddppicc_")])]
    elif criterion.check == "full_plan_complete":
        requests = _full_plan(missing)
    else:
        requests = [_HOW[criterion.check]]
    told = None
    for method, path, fields in reversed(requests):
        told = {
            "method": method, "path": path.format(id=opportunity_id), "fields": fields,
            "then": told,
        }  # fmt: skip
    assert told is not None
    return told


def _full_plan(missing: Sequence[str]) -> list[_How]:
    """Its elements are MEDDPPICC's, its steps the plan's own."""
    elements = [name for each in missing for section, _, name in (each.partition("."),)
                if section == "meddppicc"]  # fmt: skip
    has_steps = bool(missing) and not any(each.startswith("close_plan.") for each in missing)
    return [
        *([_elements(elements)] if elements else []),
        *([] if has_steps and elements else [("PUT", _PLAN, _STEPS)]),
    ]


def _elements(names: Sequence[str]) -> _How:
    known = {"score": 1, "evidence": "<what is known>"}
    return "PUT", _ELEMENTS, {"elements": {name: dict(known) for name in names}}
