"""Rules about dates and categories: the close date, the quarter it is in, the next step. Pure."""

from __future__ import annotations

from datetime import date
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
    add_months,
    days_after,
    fine_until,
    found,
    from_day,
    last_of_month,
)


def _close_date_missing(facts: Facts, at: Moment) -> Answer:
    return found(stage=facts.stage) if facts.is_open and facts.close_date is None else FINE


def _close_date_past(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.close_date is None:
        return FINE
    return from_day(days_after(facts.close_date, 1), at, close_date=facts.close_date)


def _open_in_past_quarter(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.close_date is None:
        return FINE
    quarter = at.calendar.quarter_of(facts.close_date)
    return from_day(
        days_after(quarter.last_day, 1), at,
        close_date=facts.close_date, fiscal_quarter=quarter.label,
    )  # fmt: skip


def _close_date_far(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.close_date is None:
        return FINE
    count = at.number("close_date.default_months")
    if add_months(at.today, count) >= facts.close_date:
        return FINE
    day = add_months(facts.close_date, -count)
    while add_months(day, count) < facts.close_date:
        day = days_after(day, 1)
    return found(None, at.start_of(day), close_date=facts.close_date, months=count)


def _close_date_convention(facts: Facts, at: Moment) -> Answer:
    """The true day is known once a quote is out for signature; what is a placeholder must go when
    its time comes."""
    rank, day = facts.rank, facts.close_date
    is_asked = facts.segment in at.policy.settings["hygiene.convention_segments"]
    if rank is None or rank >= 6 or day is None or not is_asked or day < at.today:
        return FINE
    passed = at.start_of(days_after(day, 1))
    if day == last_of_month(day):
        return found(None, passed, close_date=day, reason="last_day_of_month")
    if day.day == 1:
        hours = at.number("hygiene.placeholder_hours")
        starts = at.start_of(days_after(day, -hours // 24))
        if at.now < starts:
            return fine_until(starts)
        return found(starts, passed, close_date=day, reason="placeholder_is_near")
    return FINE


def _second_month(facts: Facts, at: Moment) -> tuple[date, date, str] | None:
    """The first day of the second month of the quarter the deal is dated in, the day after the
    quarter, and its label; None where it is not open or not dated."""
    if not facts.is_open or facts.close_date is None:
        return None
    quarter = at.calendar.quarter_of(facts.close_date)
    return add_months(quarter.first_day, 1), days_after(quarter.last_day, 1), quarter.label


def _month2_category(facts: Facts, at: Moment) -> Answer:
    when = _second_month(facts, at)
    wanted: list[str] = at.policy.settings["month2_requires"]
    # A renewal that is forecast as lost stands in the loss, not in a category.
    is_lost = facts.type == "renewal" and facts.renewal_loss_category != "none"
    if when is None or is_lost or not wanted or facts.forecast_category in wanted:
        return FINE
    first_day, end, label = when
    if at.today >= end:
        return FINE
    return from_day(
        first_day, at, until=at.start_of(end),
        forecast_category=facts.forecast_category, requires=wanted,
        close_date=facts.close_date, fiscal_quarter=label,
    )  # fmt: skip


def _pipeline_category_this_quarter(facts: Facts, at: Moment) -> Answer:
    when = _second_month(facts, at)
    if when is None or facts.forecast_category != "pipeline":
        return FINE
    _, end, label = when
    if at.today >= end:
        return FINE
    return from_day(
        add_months(end, -3), at, until=at.start_of(end),
        close_date=facts.close_date, fiscal_quarter=label,
    )  # fmt: skip


def _next_step_missing(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open:
        return FINE
    missing = [
        name
        for name, value in (
            ("next_step", facts.next_step), ("next_step_date", facts.next_step_date),
        )
        if value is None
    ]  # fmt: skip
    return found(missing=missing) if missing else FINE


def _next_step_overdue(facts: Facts, at: Moment) -> Answer:
    if not facts.is_open or facts.next_step_date is None:
        return FINE
    return from_day(days_after(facts.next_step_date, 1), at, next_step_date=facts.next_step_date)


def _next_step_stale(facts: Facts, at: Moment) -> Answer:
    """One that is missing or overdue is said to be that, and not stale besides."""
    if not facts.is_open or facts.next_step is None or facts.next_step_date is None:
        return FINE
    if facts.next_step_date < at.today or facts.next_step_at is None:
        return FINE
    days = at.number("hygiene.next_step_refresh_days")
    stale_on = days_after(at.day(facts.next_step_at), days + 1)
    overdue = at.start_of(days_after(facts.next_step_date, 1))
    return from_day(stale_on, at, until=overdue, refreshed_at=facts.next_step_at, days=days)


RULES: Final = (
    Rule(
        name="close_date_missing",
        severity=ERROR,
        what="An open opportunity has a close date.",
        message="There is no close date.",
        cure="Set the day you expect it to close.",
        check=_close_date_missing,
        fields=("close_date",),
        source="handbook",
    ),
    Rule(
        name="close_date_past",
        severity=ERROR,
        what="The close date of an open opportunity has not passed.",
        message="The close date {close_date} has passed and it is still open.",
        cure="Move the close date to the day you expect now, or close the opportunity.",
        check=_close_date_past,
        fields=("close_date",),
        source="handbook",
    ),
    Rule(
        name="open_in_past_quarter",
        severity=ERROR,
        what="No open opportunity is dated in a quarter that is over.",
        message="It is open, and dated in {fiscal_quarter}, which is over.",
        cure="Date it in a quarter to come, or close it.",
        check=_open_in_past_quarter,
        fields=("close_date",),
        source="handbook",
    ),
    Rule(
        name="close_date_far",
        severity=INFO,
        what="The close date is no further away than the default one would be.",
        message="The close date {close_date} is more than {months} months away.",
        cure="Set a close date you can give a reason for.",
        check=_close_date_far,
        fields=("close_date",),
        source="handbook",
        settings=("close_date.default_months",),
    ),
    Rule(
        name="close_date_convention",
        severity=INFO,
        what="In commercial segments the last day of a month is for a compelling event, and the"
        " first of a month is a placeholder until shortly before.",
        message="The close date {close_date} does not follow the convention: {reason}.",
        cure="Set the true day, or the first of the next month as a placeholder; keep the last day"
        " of a month only for a compelling event.",
        check=_close_date_convention,
        fields=("close_date",),
        source="handbook",
        settings=("hygiene.convention_segments", "hygiene.placeholder_hours"),
    ),
    Rule(
        name="month2_category",
        severity=WARNING,
        what="From the second month of a quarter every deal dated in it has a category that"
        " counts, or its close date moves out.",
        message="From the second month of {fiscal_quarter} a deal dated in it is {requires}; this"
        " one is {forecast_category}.",
        cure="Raise the forecast category if the deal is real, or move its close date out.",
        check=_month2_category,
        fields=("forecast_category", "close_date"),
        source="handbook",
        settings=("month2_requires",),
    ),
    Rule(
        name="pipeline_category_this_quarter",
        severity=INFO,
        what="A deal of category Pipeline is not dated in the current quarter.",
        message="It is only Pipeline and dated in the current quarter, {fiscal_quarter}.",
        cure="Say whether it is Best Case or Commit, or move its close date out.",
        check=_pipeline_category_this_quarter,
        fields=("forecast_category", "close_date"),
        source="handbook",
    ),
    Rule(
        name="next_step_missing",
        severity=WARNING,
        what="An open opportunity has a next step and its date.",
        message="Missing: {missing}.",
        cure="Write the next step agreed with the customer and its date.",
        check=_next_step_missing,
        fields=("next_step", "next_step_date"),
        source="handbook",
    ),
    Rule(
        name="next_step_overdue",
        severity=ERROR,
        what="The next step is today or later.",
        message="The next step was to be on {next_step_date}.",
        cure="Write what came of it, and the next step with its date.",
        check=_next_step_overdue,
        fields=("next_step", "next_step_date"),
        source="handbook",
    ),
    Rule(
        name="next_step_stale",
        severity=INFO,
        what="The next step is refreshed regularly.",
        message="The next step has not been refreshed for more than {days} days.",
        cure="Confirm the next step: write where it stands now.",
        check=_next_step_stale,
        fields=("next_step", "next_step_date"),
        source="handbook",
        settings=("hygiene.next_step_refresh_days",),
    ),
)
