"""The checks a criterion can name: each looks at one thing that is known. Pure.

A check answers met, unmet, or not asked of this deal; whether the deal is of a kind that is asked
at all was decided before. Those of closing are in `closing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from services.kit import money
from services.pipeline.gates import closing
from services.pipeline.gates.facts import (
    ACCEPTANCE,
    ACTIVITIES,
    CHECKLIST,
    MEETINGS,
    OWNER,
    PLAN,
    Facts,
    Outcome,
    is_done,
    is_settled,
)
from services.pipeline.opportunities.net_arr import NEGATIVE_CATEGORIES
from services.pipeline.opportunities.stages import STAGE, Refusal
from services.workspace.policy_gates import Criterion
from services.workspace.policy_qualification import ELEMENTS

Check: TypeAlias = Callable[[Criterion, Facts], Outcome]

MET: Final = True
ASKS_NOTHING: Final = Outcome(None)
ATTESTATIONS: Final = frozenset({CHECKLIST})


def attested(criterion: Criterion, facts: Facts) -> Outcome:
    """What a person said in the checklist; that something does not apply settles it too."""
    item = facts.checklist.get(criterion.code)
    if is_settled(item):
        assert item is not None
        return Outcome(MET, evidence=said_in(item))
    message = criterion.message or f"Somebody must attest {criterion.code}."
    return Outcome(False, message)


def said_in(item: Mapping[str, Any]) -> str:
    """An attested item in words."""
    state = "Done" if item["state"] == "done" else "Does not apply"
    said = f"{state}, said by {item['actor']} on {item['changed_at'][:10]}"
    return f"{said}: {item['note']}" if item.get("note") else f"{said}."


def amount_positive(_: Criterion, facts: Facts) -> Outcome:
    amount = facts.row["amount"]
    if facts.row["category"] in NEGATIVE_CATEGORIES:
        return ASKS_NOTHING
    if amount is not None and amount > 0:
        return Outcome(MET, evidence=f"Amount {money.text(amount)} {facts.row['currency']}.")
    return Outcome(False, "The amount must be above 0, if only as an estimate.")


def owner_not_sdr(_: Criterion, facts: Facts) -> Outcome:
    if facts.owner_role != "sdr":
        return Outcome(MET, evidence=f"Owned by {facts.row['owner_external_id']}.")
    return Outcome(False, "The owner is a development rep: hand it to a seller first.")


def next_step_agreed(_: Criterion, facts: Facts) -> Outcome:
    step, day = facts.row["next_step"], facts.row["next_step_date"]
    if not step or day is None:
        return Outcome(False, "A next step and its date must be agreed.")
    if day < facts.today:
        return Outcome(False, f"The next step's date, {day}, has passed.")
    return Outcome(MET, evidence=f"{step} ({day})")


def next_step_within_days(_: Criterion, facts: Facts) -> Outcome:
    day, most = facts.row["next_step_date"], facts.policy.number("sao.next_step_max_days")
    if day is None:
        return Outcome(False, f"The next step needs a date, at most {most} days out.")
    days = (day - facts.today).days
    if days <= most:
        return Outcome(MET, evidence=f"{day} is {max(days, 0)} days out.")
    return Outcome(False, f"The next step is {days} days out; at most {most} are accepted.")


def acceptance_test(_: Criterion, facts: Facts) -> Outcome:
    """The last binding test counts. New business must have one; other deals only pass the one
    they have."""
    test = facts.evidence.acceptance
    if test is None:
        if facts.row["type"] != "new_business":
            return ASKS_NOTHING
        return Outcome(False, "It was not tested for acceptance yet.")
    if test.is_accepted:
        return Outcome(MET, evidence=f"Accepted by the test of {test.assessed_at.date()}.")
    parts = tuple(
        Refusal(
            f"{item.criterion}_{'failed' if item.result == 'fail' else 'unknown'}",
            f"{item.criterion.capitalize()}: {' '.join(item.messages)}",
        )
        for item in test.not_met
    )
    return Outcome(False, " ".join(part.message for part in parts), parts=parts)


def qualification_meeting_held(_: Criterion, facts: Facts) -> Outcome:
    held, done = facts.evidence.qualified_in, facts.qualified_by
    if held is not None:
        return Outcome(MET, evidence=_met(held.subject, held.happens_at))
    if done is not None:
        return Outcome(MET, evidence=_met(done.subject, done.at))
    return Outcome(False, "No qualification meeting was held or logged.")


def _meets(message: str) -> Check:
    """A meeting or demo, planned or held, since the stage was entered."""

    def check(_: Criterion, facts: Facts) -> Outcome:
        planned, logged = facts.evidence.meets_in, facts.meets_by
        if planned is not None:
            return Outcome(MET, evidence=_met(planned.subject, planned.happens_at))
        if logged is not None:
            return Outcome(MET, evidence=_met(logged.subject, logged.at))
        return Outcome(False, message)

    return check


def _met(subject: str | None, at: datetime) -> str:
    return f"{subject or 'Meeting'} ({at.date()})"


def _known(name: str, message: str) -> Check:
    """A field of the opportunity that holds something."""

    def check(_: Criterion, facts: Facts) -> Outcome:
        value = facts.row[name]
        if not value:
            return Outcome(False, message)
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        return Outcome(MET, evidence=shown)

    return check


def _plan(sections: frozenset[str], title: str) -> Check:
    """Sections of the command plan, where the plan's own rules ask for them at this stage."""

    def check(criterion: Criterion, facts: Facts) -> Outcome:
        rank = STAGE[criterion.gate].rank
        required = [
            each
            for each in facts.evidence.required(facts.deal, rank, facts.policy)
            if each.section in sections
        ]
        if not required:
            return ASKS_NOTHING
        missing = [f"{each.section}.{name}" for each in required for name in each.missing]
        if missing:
            return Outcome(False, f"{title} lacks {', '.join(missing)}.", missing=tuple(missing))
        return Outcome(MET, evidence=f"{title} is complete.")

    return check


def close_plan_dated(_: Criterion, facts: Facts) -> Outcome:
    if facts.evidence.is_exempt(facts.deal):
        return ASKS_NOTHING
    days = [date.fromisoformat(step["due_on"]) for step in facts.evidence.steps]
    if not days:
        return Outcome(False, "The close plan needs steps with dates.")
    return Outcome(MET, evidence=f"{len(days)} steps, the last due on {max(days)}.")


def competitors_known(_: Criterion, facts: Facts) -> Outcome:
    item = facts.checklist.get("competitor")
    if is_settled(item):
        assert item is not None
        return Outcome(MET, evidence=said_in(item))
    score = facts.evidence.score("competition")
    if score >= 2:
        return Outcome(MET, evidence=f"Competition scores {score} in MEDDPPICC.")
    return Outcome(False, "Who else was considered is not known.")


def _element(name: str) -> Check:
    def check(_: Criterion, facts: Facts) -> Outcome:
        score, words = facts.evidence.score(name), name.replace("_", " ")
        if score > 0:
            return Outcome(MET, evidence=f"The {words} scores {score} in MEDDPPICC.")
        return Outcome(False, f"Nothing is known of the {words} in MEDDPPICC.")

    return check


def _allowed_from(setting: str, item: str, what: str) -> Check:
    """What small deals may not have; asked where somebody says that it has it."""

    def check(_: Criterion, facts: Facts) -> Outcome:
        if not is_done(facts.checklist.get(item)):
            return ASKS_NOTHING
        least, amount = facts.policy.amount(setting), facts.row["amount"] or 0
        if amount >= least:
            return Outcome(MET, evidence=f"The amount is {money.text(facts.row['amount'])}.")
        return Outcome(False, f"{what} takes an amount of {least} or more.")

    return check


_OVERVIEW: Final = frozenset({"overview"})
_REST: Final = frozenset({"meddppicc", "close_plan"})

CHECKS: Final[Mapping[str, Check]] = {
    "amount_positive": amount_positive,
    "owner_not_sdr": owner_not_sdr,
    "next_step_agreed": next_step_agreed,
    "next_step_within_days": next_step_within_days,
    "acceptance_test": acceptance_test,
    "qualification_meeting_held": qualification_meeting_held,
    "scoping_meeting_scheduled": _meets("No scoping meeting is planned or was held."),
    "technical_evaluation_meeting_set": _meets(
        "No meeting or demo for the technical evaluation is planned or was held."
    ),
    "seats_known": _known("seats", "The expected number of users is not known."),
    "use_case_known": _known("use_case", "The products or use case wanted are not known."),
    "contact_known": _known("contact_external_ids", "It has no contact."),
    "overview_complete": _plan(_OVERVIEW, "The command plan's overview"),
    "full_plan_complete": _plan(_REST, "The command plan"),
    "close_plan_dated": close_plan_dated,
    "competitors_known": competitors_known,
    "terms_change_allowed": _allowed_from(
        "terms.change_min", "terms_changed", "Changing the terms"
    ),
    "customer_paper_allowed": _allowed_from(
        "terms.customer_paper_min", "customer_paper_used", "The customer's own paper"
    ),
    **{f"meddppicc_{name}": _element(name) for name in ELEMENTS},
    **closing.CHECKS,
}

_MEETS: Final = frozenset({MEETINGS, ACTIVITIES})
_PLANNED: Final = frozenset({PLAN})
NEEDS: Final[Mapping[str, frozenset[str]]] = {
    "amount_positive": frozenset(),
    "owner_not_sdr": frozenset({OWNER}),
    "next_step_agreed": frozenset(),
    "next_step_within_days": frozenset(),
    "acceptance_test": frozenset({ACCEPTANCE}),
    "qualification_meeting_held": _MEETS,
    "scoping_meeting_scheduled": _MEETS,
    "technical_evaluation_meeting_set": _MEETS,
    "seats_known": frozenset(),
    "use_case_known": frozenset(),
    "contact_known": frozenset(),
    "overview_complete": _PLANNED,
    "full_plan_complete": _PLANNED,
    "close_plan_dated": _PLANNED,
    "competitors_known": _PLANNED | ATTESTATIONS,
    "terms_change_allowed": ATTESTATIONS,
    "customer_paper_allowed": ATTESTATIONS,
    **{f"meddppicc_{name}": _PLANNED for name in ELEMENTS},
    **closing.NEEDS,
}
"""What each check is decided by beside the opportunity itself."""
