"""Rules about what a record says of itself: size, kind, people, plan, renewal. Pure."""

from __future__ import annotations

import re
from typing import Final

from services.pipeline.hygiene.domain import (
    ERROR,
    FINE,
    INFO,
    WARNING,
    Answer,
    Facts,
    Moment,
    Rule,
    days_after,
    fine_until,
    found,
    from_day,
)

_TURNED_ROUND: Final = frozenset({"credit", "decommission", "debook"})
"""Deals that take back another's booking; they follow their own rules."""


def _amount_missing_or_zero(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.category in _TURNED_ROUND or (facts.amount or 0) != 0:
        return FINE
    if facts.type == "renewal" and (facts.amount is None or facts.renewal_loss_category != "none"):
        return FINE
    return found(amount=facts.amount)


def _renewal_unsized(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.type != "renewal":
        return FINE
    sizes = (facts.amount, facts.expected_renewed_arr)
    if facts.is_net_arr_stated or any(size is not None for size in sizes):
        return FINE
    return found(arr_basis=facts.arr_basis)


def _contraction_uncategorised(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.type != "renewal" or facts.renewal_loss_category != "none":
        return FINE
    is_sized = facts.amount is not None or facts.is_net_arr_stated
    less = [facts.arr_basis + facts.net_arr] if is_sized else []
    if facts.expected_renewed_arr is not None:
        less.append(facts.expected_renewed_arr)
    if not less or min(less) >= facts.arr_basis:
        return FINE
    return found(renewed_arr=min(less), arr_basis=facts.arr_basis)


def _stage_or_type_wrong(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.category in _TURNED_ROUND:
        return FINE
    wrong = []
    if facts.type == "renewal":
        if facts.subscription_id is None and facts.renewal_date is None:
            wrong.append("renewal_without_subscription_or_date")
        if facts.arr_basis == 0 and facts.category == "standard":
            wrong.append("renewal_without_basis")
    elif facts.arr_basis != 0:
        wrong.append("basis_without_renewal")
    if facts.type == "add_on" and not facts.is_customer:
        wrong.append("add_on_without_customer")
    return found(type=facts.type, reasons=wrong) if wrong else FINE


def _contact_missing(facts: Facts, at: Moment) -> Answer:
    is_asked = facts.rank is not None and facts.rank >= 1
    return found(stage=facts.stage) if is_asked and facts.contacts == 0 else FINE


def _single_champion(facts: Facts, at: Moment) -> Answer:
    """A single champion is a risk, and so is one that left."""
    from_stage = at.number("hygiene.champions_from_stage")
    if facts.rank is None or facts.rank < from_stage or facts.account_id is None:
        return FINE
    if len(facts.champions) >= at.number("hygiene.champions_min"):
        return FINE
    return found(champions=facts.champions, left=facts.champions_left)


def _plan_incomplete(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or not facts.plan.missing:
        return FINE
    return found(missing=facts.plan.missing, required_by=facts.plan.required_by)


def _plan_stale(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open:
        return FINE
    if facts.plan.stale_since is None:
        return fine_until(facts.plan.stale_at)
    # Another reason may join the first.
    return found(
        facts.plan.stale_since, facts.plan.stale_at,
        behind_since=facts.plan.stale_since, reasons=facts.plan.stale_codes,
    )  # fmt: skip


def _owner_inactive(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.is_owner_active:
        return FINE
    return found(owner_id=str(facts.owner_id))


def _gate_findings_open(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or not facts.gate_codes:
        return FINE
    return found(facts.gate_at, codes=facts.gate_codes, stage=facts.stage)


def plain(text: str | None) -> str:
    """A reason as a key, however it is written."""
    return re.sub(r"[\W_]+", "_", (text or "").casefold()).strip("_")


def _closed_won_close_to_start(facts: Facts, at: Moment) -> Answer:
    start = facts.quote_start_date or (
        facts.renewal_date if facts.type == "renewal" else facts.subscription_start
    )
    if facts.stage != "closed_won" or facts.close_date is None or start is None:
        return FINE
    days = at.number("booking.hold_before_start_days")
    if not 0 <= (start - facts.close_date).days <= days:
        return FINE
    ends = at.start_of(days_after(facts.close_date, at.number("hygiene.closed_days") + 1))
    if at.now >= ends:
        return FINE
    return from_day(
        facts.close_date, at, until=ends, close_date=facts.close_date, starts_on=start, days=days
    )


RULES: Final = (
    Rule(
        name="amount_missing_or_zero",
        severity=ERROR,
        what="An open opportunity has an amount above zero.",
        message="There is no amount.",
        cure="State the amount you expect; an estimate will do.",
        check=_amount_missing_or_zero,
        fields=("amount",),
        source="handbook",
    ),
    Rule(
        name="stage_or_type_wrong",
        severity=ERROR,
        what="Type and what the record says belong together: a renewal has something to renew, an"
        " add-on a customer.",
        message="It does not fit its type {type}: {reasons}.",
        cure="Correct the type, or add the subscription, the basis and the renewal date.",
        check=_stage_or_type_wrong,
        fields=("type", "subscription_external_id", "arr_basis", "renewal_date"),
        source="handbook",
    ),
    Rule(
        name="renewal_unsized",
        severity=WARNING,
        what="Somebody has said what an open renewal will come to.",
        message="Nobody has said what it will renew at; {arr_basis} are up.",
        cure="State the amount, or the ARR you expect to keep.",
        check=_renewal_unsized,
        fields=("amount", "expected_renewed_arr"),
        source="renewals",
    ),
    Rule(
        name="contraction_uncategorised",
        severity=WARNING,
        what="A renewal expected below its basis has a category of loss.",
        message="It is to renew at {renewed_arr} of {arr_basis}, and no loss is forecast.",
        cure="Put the loss into a category, or correct the amount.",
        check=_contraction_uncategorised,
        fields=("renewal_loss_category", "amount"),
        source="forecasting",
    ),
    Rule(
        name="contact_missing",
        severity=WARNING,
        what="From stage 1 on somebody at the customer is named.",
        message="Nobody at the customer is named.",
        cure="Name the people you talk to.",
        check=_contact_missing,
        fields=("contact_external_ids",),
        source="handbook",
    ),
    Rule(
        name="single_champion",
        severity=INFO,
        what="A deal under way rests on more than one champion who is still there.",
        message="Champions who are there: [{champions}]; who left: [{left}].",
        cure="Find another champion and mark the contact as one.",
        check=_single_champion,
        method="PUT",
        path="/v1/contacts/by-external-id/{external_id}",
        fields=("champion",),
        source="sales process",
        settings=("hygiene.champions_from_stage", "hygiene.champions_min"),
    ),
    Rule(
        name="plan_incomplete",
        severity=WARNING,
        what="The command plan has what it must have at this stage and size.",
        message="The command plan lacks: {missing}.",
        cure="Fill in the command plan.",
        check=_plan_incomplete,
        method="PUT",
        path="/qualification/v1/opportunities/{id}/command-plan",
        fields=("overview", "close_plan"),
        source="handbook",
        settings=("plan.full", "plan.overview_from_stage", "commercial.overview_amount"),
    ),
    Rule(
        name="plan_stale",
        severity=INFO,
        what="The command plan keeps up with the deal.",
        message="The command plan is behind since {behind_since}: {reasons}.",
        cure="Bring the command plan up to date.",
        check=_plan_stale,
        method="PUT",
        path="/qualification/v1/opportunities/{id}/command-plan",
        fields=("overview", "close_plan"),
        source="source document",
        settings=("plan.stale_days", "plan.stale_days_late", "plan.late_from_stage"),
    ),
    Rule(
        name="owner_inactive",
        severity=ERROR,
        what="The owner of an open opportunity still works here.",
        message="Its owner is inactive.",
        cure="Give it to somebody who works on it.",
        check=_owner_inactive,
        method="POST",
        path="/v1/opportunities/reassign",
        fields=("owner_external_id",),
        source="ours",
    ),
    Rule(
        name="gate_findings_open",
        severity=WARNING,
        what="An opportunity came to its stage by meeting what the stage before asks for.",
        message="It came to {stage} without: {codes}.",
        cure="Do what the gate asks for, or move the opportunity back.",
        check=_gate_findings_open,
        method="GET",
        path="/v1/opportunities/{id}/stage-gate",
        source="handbook",
    ),
    Rule(
        name="closed_won_close_to_start",
        severity=INFO,
        what="A deal is won well before what was sold begins.",
        message="Won on {close_date}, {days} days or less before it starts on {starts_on}.",
        cure="See that the dates are right; the booking may belong to another day.",
        check=_closed_won_close_to_start,
        fields=("close_date", "quote_start_date"),
        source="handbook",
        settings=("booking.hold_before_start_days", "hygiene.closed_days"),
    ),
)
