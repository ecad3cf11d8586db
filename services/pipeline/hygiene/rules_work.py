"""Rules about how an opportunity is worked: age, silence, pushes, reviews, giving up. Pure."""

from __future__ import annotations

from typing import Final

from services.pipeline.hygiene.domain import (
    ACCEPTANCE,
    FINE,
    INFO,
    WARNING,
    Answer,
    Facts,
    Moment,
    Rule,
    days_after,
    found,
    from_day,
    latest,
)
from services.pipeline.hygiene.rules_record import plain


def _pushed(facts: Facts, at: Moment) -> Answer:
    most = at.number("risky.pushes")
    if not facts.is_open or facts.push_count <= most:
        return FINE
    return found(push_count=facts.push_count, allowed=most)


def _risky(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open:
        return FINE
    reasons = []
    if facts.net_arr > at.policy.amount("risky.value"):
        reasons.append("value")
    if facts.push_count > at.number("risky.pushes"):
        reasons.append("pushes")
    entered_on = at.day(facts.stage_entered_at)
    # The day of entry counts as one.
    starts = at.start_of(days_after(entered_on, at.number("risky.days_in_stage")))
    if at.now >= starts:
        reasons.append("days_in_stage")
    if not reasons:
        return Answer(None, None, starts)
    return found(
        starts if reasons == ["days_in_stage"] else None, starts,
        reasons=reasons, in_stage_since=entered_on, push_count=facts.push_count,
        value=facts.net_arr,
    )  # fmt: skip


def _stage0_stale(facts: Facts, at: Moment) -> Answer:
    """Quiet while a next step is still to come."""
    if facts.stage != ACCEPTANCE:
        return FINE
    entered_on = at.day(facts.stage_entered_at)
    days = at.number("stage0.stale_days")
    day = days_after(entered_on, days + 1)
    if facts.next_step_date is not None:
        day = max(day, days_after(facts.next_step_date, 1))
    return from_day(
        day, at, in_stage_since=entered_on, days=days, next_step_date=facts.next_step_date
    )


def _early_stage_silent(facts: Facts, at: Moment) -> Answer:
    if facts.rank not in (1, 2):
        return FINE
    last = latest(facts.last_activity_at, facts.stage_entered_at)
    assert last is not None
    days = at.number("early_stage.silent_days")
    return from_day(
        days_after(at.day(last), days + 1), at,
        last_activity_at=facts.last_activity_at, in_stage_since=at.day(facts.stage_entered_at),
        days=days,
    )  # fmt: skip


def _older_than_cycle(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open:
        return FINE
    cycle = facts.cycle
    return from_day(
        days_after(facts.opened_on, int(cycle.days) + 1), at,
        opened_on=facts.opened_on, cycle_days=str(cycle.days), basis=cycle.basis,
        deals=cycle.deals,
    )  # fmt: skip


def _not_reviewed(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open:
        return FINE
    days = at.number("review.max_age_days")
    day = days_after(at.day(facts.reviewed_at or facts.created_at), days + 1)
    return from_day(day, at, reviewed_at=facts.reviewed_at, days=days)


def _breakup_mail_missing(facts: Facts, at: Moment) -> Answer:
    if facts.stage == "closed_lost":
        return _given_up(facts, at)
    return _about_to_be_given_up(facts, at) if facts.is_open else FINE


def _given_up(facts: Facts, at: Moment) -> Answer:
    reasons = {plain(each) for each in at.policy.settings["hygiene.breakup_reasons"]}
    if plain(facts.lost_reason) not in reasons or facts.break_up_mail_at is not None:
        return FINE
    lost_on = at.day(facts.stage_entered_at)
    ends = at.start_of(days_after(lost_on, at.number("hygiene.closed_days") + 1))
    if at.now >= ends:
        return FINE
    return found(facts.stage_entered_at, ends, lost_reason=facts.lost_reason, lost_on=lost_on)


def _about_to_be_given_up(facts: Facts, at: Moment) -> Answer:
    """From the day its owner is warned, until somebody says goodbye or goes on."""
    settings = at.policy.settings
    days = at.policy.by_segment("autoclose", facts.segment)
    is_timed = (
        facts.type in settings["autoclose.types"] and facts.stage in settings["autoclose.stages"]
    )
    if days is None or not is_timed:
        return FINE
    last = latest(facts.last_activity_at, facts.stage_entered_at, facts.next_step_at)
    assert last is not None
    # The mail is an activity itself: after it, silence begins anew.
    return from_day(days_after(at.day(last), days[0]), at, silent_since=at.day(last), days=days[0])


RULES: Final = (
    Rule(
        name="pushed",
        severity=INFO,
        what="A close date is not moved to a later day again and again.",
        message="The close date was moved to a later day {push_count} times.",
        cure="Ask the customer for their own date, and set that.",
        check=_pushed,
        fields=("close_date",),
        source="analytics",
        settings=("risky.pushes",),
    ),
    Rule(
        name="risky",
        severity=INFO,
        what="Long in one stage, of high value, or pushed: such a deal deserves a second look.",
        message="Risky by: {reasons}.",
        cure="Go through the deal with your manager.",
        check=_risky,
        method="POST",
        path="/v1/opportunities/{id}/reviews",
        source="analytics",
        settings=("risky.days_in_stage", "risky.value", "risky.pushes"),
    ),
    Rule(
        name="stage0_stale",
        severity=WARNING,
        what="Nothing waits in stage 0 for long, unless a next step is still to come.",
        message="It is in stage 0 since {in_stage_since}, which is more than {days} days.",
        cure="Accept it, agree a next step, or disqualify it.",
        check=_stage0_stale,
        method="POST",
        path="/v1/opportunities/{id}/transitions",
        fields=("to_stage",),
        source="handbook",
        settings=("stage0.stale_days",),
    ),
    Rule(
        name="early_stage_silent",
        severity=WARNING,
        what="In stages 1 and 2 something happens regularly.",
        message="Nothing has happened for more than {days} days.",
        cure="Get in touch, and log it.",
        check=_early_stage_silent,
        method="POST",
        path="/v1/opportunities/{id}/activities",
        fields=("kind", "subject", "body"),
        source="handbook",
        settings=("early_stage.silent_days",),
    ),
    Rule(
        name="older_than_cycle",
        severity=WARNING,
        what="An open opportunity is no older than such deals take to be won.",
        message="It was opened on {opened_on}; such deals take {cycle_days} days ({basis}, {deals}"
        " deals).",
        cure="Find out what holds it up, or close it.",
        check=_older_than_cycle,
        method="POST",
        path="/v1/opportunities/{id}/transitions",
        fields=("to_stage",),
        source="source document",
        settings=("cycle.quarters", "cycle.minimum_deals", "cycle.default_days"),
    ),
    Rule(
        name="not_reviewed",
        severity=INFO,
        what="Somebody looks at every open opportunity at least weekly.",
        message="Nobody has looked at it for more than {days} days.",
        cure="Look at it and say so.",
        check=_not_reviewed,
        method="POST",
        path="/v1/opportunities/{id}/reviews",
        source="source document",
        settings=("review.max_age_days",),
    ),
    Rule(
        name="breakup_mail_missing",
        severity=WARNING,
        what="Nobody is given up for silence without a mail that says so.",
        message="It was given up, or is about to be, without a break-up mail.",
        cure="Send a break-up mail and log it.",
        check=_breakup_mail_missing,
        method="POST",
        path="/v1/opportunities/{id}/activities",
        fields=("kind", "subject", "body"),
        source="source document",
        settings=("hygiene.breakup_reasons", "hygiene.closed_days", "autoclose"),
    ),
)
