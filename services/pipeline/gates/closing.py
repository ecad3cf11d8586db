"""What closing a deal must say: why it is lost, and what that reason needs named; and why a renewal
is won below what the customer had. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from services.kit import money
from services.pipeline.gates.facts import BREAKUP, CHECKLIST, Facts, Outcome, is_done
from services.pipeline.opportunities.net_arr import REVERSING_CATEGORIES
from services.pipeline.opportunities.stages import AUTO_CLOSE_REASON
from services.workspace.policy import Policy
from services.workspace.policy_gates import Criterion

_ASKS_NOTHING: Final = Outcome(None)
OTHER: Final = "other"


def lost_reasons(policy: Policy) -> dict[str, Mapping[str, Any]]:
    """By code."""
    return {each["code"]: each for each in policy.settings["lost.reasons"]}


def split_reason(
    stage: str, reason: str | None, known: Mapping[str, Any], policy: Policy
) -> dict[str, str]:
    """What the reason given with a move says of the record: one of the list is the reason, other
    words are the details of another one. What the record says already stands."""
    if stage == "closed_lost":
        listed = set(lost_reasons(policy))
    elif stage == "unqualified":
        listed = set(policy.settings["unqualified.reasons"])
    else:
        return {}
    said = (reason or "").strip()
    if not said:
        return {}
    if said in listed:
        return {"lost_reason": said}
    found = {} if known.get("lost_reason") else {"lost_reason": OTHER}
    return found if known.get("lost_details") else {**found, "lost_details": said}


def _needs(facts: Facts) -> list[str]:
    found = lost_reasons(facts.policy).get(facts.row["lost_reason"] or "")
    return [] if found is None else list(found.get("needs", ()))


def lost_reason_listed(_: Criterion, facts: Facts) -> Outcome:
    reason, listed = facts.row["lost_reason"], lost_reasons(facts.policy)
    if reason == AUTO_CLOSE_REASON:
        return _ASKS_NOTHING
    if reason not in listed:
        return Outcome(False, f"Say why it is lost: one of {', '.join(listed)}.")
    if facts.row["order_type"] in listed[reason].get("except_order_types", ()):
        return Outcome(
            False, f"A deal of order type {facts.row['order_type']} is not lost by {reason}."
        )
    return Outcome(True, evidence=reason)


def lost_details_given(_: Criterion, facts: Facts) -> Outcome:
    row, least = facts.row, facts.policy.amount("lost.details_min")
    size = max(abs(row["net_arr"]), row["amount"] or Decimal(0))
    is_asked = size >= least or "details" in _needs(facts)
    if not is_asked or row["lost_reason"] == AUTO_CLOSE_REASON:
        return _ASKS_NOTHING
    if (row["lost_details"] or "").strip():
        return Outcome(True, evidence=row["lost_details"])
    return Outcome(
        False, f"Say in lost_details how it was lost: it is of {money.text(size)} or for another"
        " reason than those listed.",
    )  # fmt: skip


def _named(need: str, message: str) -> Callable[[Criterion, Facts], Outcome]:
    """What the reason given wants named in the note of an item of the checklist."""

    def check(_: Criterion, facts: Facts) -> Outcome:
        if need not in _needs(facts):
            return _ASKS_NOTHING
        item = facts.checklist.get(need)
        if is_done(item) and item is not None and item.get("note"):
            return Outcome(True, evidence=item["note"])
        return Outcome(False, message)

    return check


def merged_into_named(_: Criterion, facts: Facts) -> Outcome:
    if "merged_into" not in _needs(facts):
        return _ASKS_NOTHING
    return duplicate_of_named(_, facts)


def duplicate_of_named(_: Criterion, facts: Facts) -> Outcome:
    other = facts.row["duplicate_of"]
    if other:
        return Outcome(True, evidence=other)
    return Outcome(False, "Name the opportunity that goes on, in duplicate_of.")


def breakup_email_logged(_: Criterion, facts: Facts) -> Outcome:
    if "breakup_email" not in _needs(facts):
        return _ASKS_NOTHING
    if facts.breakup is not None:
        return Outcome(True, evidence=f"Sent on {facts.breakup.at.date()}.")
    return Outcome(False, "Send a break-up mail before giving up, and log it.")


def unqualified_reason_listed(_: Criterion, facts: Facts) -> Outcome:
    reason, listed = facts.row["lost_reason"], facts.policy.settings["unqualified.reasons"]
    if reason in listed:
        return Outcome(True, evidence=reason)
    return Outcome(False, f"Say why it is not qualified: one of {', '.join(listed)}.")


def unqualified_details_given(_: Criterion, facts: Facts) -> Outcome:
    details = (facts.row["lost_details"] or "").strip()
    if details:
        return Outcome(True, evidence=details)
    return Outcome(False, "Say in lost_details what makes it unqualified.")


def downgrade_reason_given(_: Criterion, facts: Facts) -> Outcome:
    row = facts.row
    if row["type"] != "renewal" or row["category"] in REVERSING_CATEGORIES or row["net_arr"] >= 0:
        return _ASKS_NOTHING
    reason = (row["lost_reason"] or "").strip()
    if reason:
        return Outcome(True, evidence=reason)
    return Outcome(
        False,
        f"Say in lost_reason why it renews {money.text(-row['net_arr'])} below its ARR basis.",
    )


CHECKS: Final = {
    "downgrade_reason_given": downgrade_reason_given,
    "lost_reason_listed": lost_reason_listed,
    "lost_details_given": lost_details_given,
    "competitor_named": _named("competitor", "Name the competitor it was lost to."),
    "product_line_named": _named("product_line", "Name the product line it was lost by."),
    "merged_into_named": merged_into_named,
    "breakup_email_logged": breakup_email_logged,
    "unqualified_reason_listed": unqualified_reason_listed,
    "unqualified_details_given": unqualified_details_given,
    "duplicate_of_named": duplicate_of_named,
}

_NOTHING: Final[frozenset[str]] = frozenset()
NEEDS: Final = {
    **dict.fromkeys(CHECKS, _NOTHING),
    "competitor_named": frozenset({CHECKLIST}),
    "product_line_named": frozenset({CHECKLIST}),
    "breakup_email_logged": frozenset({BREAKUP}),
}
