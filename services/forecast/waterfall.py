"""How a figure came from what it was to what it is: starting, every cause, ending.

What the causes add up to is exactly the change of the figure. Reporting lines that moved in between
are no ledger entry; what they did is computed here, as the cause `reorganised`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.forecast import repository_entries as ledger
from services.forecast.drill_down import check_figure
from services.forecast.errors import FutureInstantError, ReversedIntervalError
from services.forecast.figures import figure_value
from services.forecast.ledger import CAUSES
from services.forecast.question import Axis, Moment, Question
from services.forecast.scope import Scope, find_moment, owners_of, resolve
from services.forecast.service import read_totals
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession

REORGANISED = "reorganised"


@dataclass(frozen=True, slots=True)
class Step:
    """One cause, what it added to the figure and in how many entries."""

    cause: str
    amount: Decimal | int
    entry_count: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """`ending` is `starting` and every step."""

    scope: Scope
    start: Moment
    end: Moment
    starting: Decimal | int
    steps: list[Step]
    ending: Decimal | int


async def read_waterfall(
    session: ReadSession,
    principal: Principal,
    question: Question,
    figure: str,
    start_at: datetime,
) -> Waterfall:
    """From `start_at` to the moment of the question; on the recorded axis both are the last batch
    at or before the instant given."""
    check_figure(figure)
    now = clock.now()
    try:
        scope = await resolve(session, principal, question, now)
    except FutureInstantError as error:
        raise FutureInstantError("to") from error
    if start_at > (question.as_of or max(now, scope.standing.batch.posted_at)):
        raise ReversedIntervalError
    at_start = replace(question, as_of=start_at, as_of_sequence=None)
    start = await find_moment(session, scope.workspace, at_start, scope.standing, now)
    if question.axis is Axis.OCCURRED:
        # Both ends must be instants, also where the running totals would answer the later one.
        end = replace(scope.moment, at=scope.moment.at or now)
    else:
        end = scope.moment
    before = await owners_of(session, at_start, start, scope.standing, scope.person)
    starting = await _value(session, start, question, before, figure)
    summed = await ledger.sum_by_cause(
        session, start, end, question.quarter.key, scope.owners, figure
    )
    steps = [
        Step(cause, *summed[cause]) for cause in CAUSES if cause in summed and summed[cause][1]
    ]
    moved = Decimal(0)
    if before != scope.owners:
        moved = await _value(session, start, question, scope.owners, figure) - starting
    if moved:
        steps.append(Step(REORGANISED, moved, 0))
    ending = await _value(session, end, question, scope.owners, figure)
    return Waterfall(scope, start, end, starting, steps, ending)


async def _value(
    session: ReadSession,
    moment: Moment,
    question: Question,
    owners: list[UUID] | None,
    figure: str,
) -> Decimal:
    totals = await read_totals(session, moment, question.quarter.key, owners)
    return Decimal(figure_value(totals.measures, figure))
