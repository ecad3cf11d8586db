"""Answers questions about figures: brings moment, scope, totals and quota together.

Every figure of one answer comes from one snapshot. No statement is written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.forecast import repository, repository_as_of
from services.forecast.answer import AnnualPlan, Basis, Group, Reading, render
from services.forecast.domain import Measures, is_nothing
from services.forecast.figures import FigureWarning, figures, warnings
from services.forecast.question import Axis, GroupBy, Moment, Organised, Question, Standing
from services.forecast.remembered import Remembered
from services.forecast.repository import Known, Totals
from services.forecast.scope import Place, Scope, locate, organisation_of, with_owners
from services.kit import clock
from services.kit.answers import to_json
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.workspace.policies.repository import get_policy

_NOT_STATED: Final = "not stated"
_REMEMBERED_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer as a dict and as it is sent; `sequence` is what it includes of the ledger."""

    content: dict[str, Any]
    body: bytes
    sequence: int
    pending_events: int


@dataclass(slots=True)
class _Kept:
    """A basis, and the last answer that was made of it."""

    basis: Basis
    standing: Standing | None = None
    seen_on: date | None = None
    answer: Answer | None = None


_kept: Remembered[tuple[Any, ...], _Kept] = Remembered(_REMEMBERED_MAX)


async def read_forecast(session: ReadSession, principal: Principal, question: Question) -> Answer:
    """The figures of a quarter, for everybody or for a user and everybody below."""
    now = clock.now()
    place = await locate(session, principal, question, now)
    seen_on = place.workspace.calendar.local_date(question.as_of or now)
    key = _key(question, place)
    kept = None if key is None else _kept.get(key)
    if kept is not None and kept.standing == place.standing and kept.seen_on == seen_on:
        assert kept.answer is not None
        return kept.answer
    scope = None
    if kept is None:
        scope = await with_owners(session, question, place)
        kept = _Kept(await _read_basis(session, question, scope))
        if key is not None:
            _kept.put(key, kept)
    groups = None
    if question.group_by is not None:
        scope = scope or await with_owners(session, question, place)
        groups = await _groups(session, question, scope)
    reading = Reading(
        quarter_label=question.quarter.label,
        currency=place.workspace.currency,
        axis=question.axis,
        moment=place.moment,
        standing=place.standing,
        person=place.person,
        basis=kept.basis,
        warnings=_warnings(question, place, kept.basis, seen_on),
        groups=groups,
        group_by=question.group_by.value if question.group_by else None,
    )
    content = render(reading)
    answer = Answer(
        content, to_json(content), place.moment.batch.sequence, place.standing.pending_events
    )
    kept.standing, kept.seen_on, kept.answer = place.standing, seen_on, answer
    return answer


def _key(question: Question, place: Place) -> tuple[Any, ...] | None:
    """What names the answer's basis in full; None where nothing does.

    Everything follows from the sequence, which is the point of it, and on the other axis from the
    instant asked for. The names of groups are told as they are now.
    """
    if question.group_by is not None or (question.axis is Axis.OCCURRED and question.is_about_now):
        return None
    today = place.standing.batch if question.organised is Organised.NOW else None
    return (
        place.workspace.id,
        question.quarter.key,
        # With its instant: a database that was set back hands out the same sequence again.
        place.moment.batch,
        place.moment.is_now,
        place.moment.at,
        today,
        place.person.id if place.person else None,
    )


def _periods(question: Question) -> list[str]:
    """The quarter and its year, as quotas name them."""
    return [question.quarter.label, question.quarter.label.partition("-")[0]]


async def _read_basis(session: ReadSession, question: Question, scope: Scope) -> Basis:
    totals = await read_totals(session, scope.moment, question.quarter.key, scope.owners)
    user_id = scope.person.id if scope.person else None
    known = await repository.read_known(session, scope.moment.batch, _periods(question), user_id)
    policy = await get_policy(session, known.policy_version)
    quota, annual, is_gross_plan = None, None, False
    if known.has_quota:
        quota, annual, is_gross_plan = await _plans(session, question, scope, totals, known)
    return Basis(
        totals.measures, totals.undated_count, quota, is_gross_plan, policy.coverage_band, annual
    )


async def read_totals(
    session: ReadSession, moment: Moment, quarter_key: int, owners: list[UUID] | None
) -> Totals:
    """The summed measures of these owners (None: everybody) at any moment."""
    if moment.is_now:
        return await repository.read_totals(session, quarter_key, owners)
    return await repository_as_of.read_totals_as_of(session, moment, quarter_key, owners)


async def _plans(
    session: ReadSession, question: Question, scope: Scope, totals: Totals, known: Known
) -> tuple[Decimal | None, AnnualPlan | None, bool]:
    """Quota of the quarter, plan of the year, and whether it is one person's gross plan."""
    quarter, year = _periods(question)
    organisation = await organisation_of(session, question, scope.moment, scope.standing)
    quotas = await repository.read_quotas(session, [quarter, year], scope.moment.batch.sequence)
    person = scope.person
    user_id = person.id if person else None
    annual_quota = organisation.quota(user_id, quotas[year])
    annual = None
    if annual_quota is not None:
        annual = AnnualPlan(year, annual_quota, await _built(session, question, scope, totals))
    is_gross_plan = (
        person is not None
        and known.plan_type == "gross"
        and not organisation.has_reports(person.id)
    )
    return organisation.quota(user_id, quotas[quarter]), annual, is_gross_plan


async def _built(
    session: ReadSession, question: Question, scope: Scope, of_quarter: Totals
) -> Decimal:
    """Booked gross ARR and open pipeline of the fiscal year's four quarters."""
    built = Decimal(0)
    first_key = question.quarter.fiscal_year * 10 + 1
    for key in range(first_key, first_key + 4):
        totals = of_quarter
        if key != question.quarter.key:
            totals = await read_totals(session, scope.moment, key, scope.owners)
        summed = figures(totals.measures)
        built += summed.gross_arr.closed + summed.open_pipeline
    return built


async def _groups(session: ReadSession, question: Question, scope: Scope) -> list[Group]:
    assert question.group_by is not None
    key, by, owners = question.quarter.key, question.group_by, scope.owners
    if scope.moment.is_now:
        measures = await repository.read_groups(session, key, by, owners)
    else:
        measures = await repository_as_of.read_groups_as_of(session, scope.moment, key, by, owners)
    present = {key: part for key, part in measures.items() if not is_nothing(part)}
    groups = await _labelled(session, by, present)
    return sorted(groups, key=lambda group: (group.label.casefold(), group.key))


async def _labelled(
    session: ReadSession, by: GroupBy, measures: dict[str, Measures]
) -> list[Group]:
    if by is not GroupBy.USER:
        return [Group(key, key or _NOT_STATED, None, part) for key, part in measures.items()]
    people = await repository.read_people(session, [UUID(key) for key in measures])
    return [
        Group(key, person.name, person.external_id, part)
        for key, part in measures.items()
        for person in (people[UUID(key)],)
    ]


def _warnings(question: Question, place: Place, basis: Basis, seen_on: date) -> list[FigureWarning]:
    said = warnings(
        basis.measures,
        is_past_quarter=question.quarter.last_day < seen_on,
        undated_count=basis.undated_count,
    )
    if not place.moment.is_now and question.axis is Axis.RECORDED:
        return said
    if place.standing.policy_in_progress:
        said.append(
            FigureWarning(
                "policy_change_in_progress",
                "A policy change is being applied; some opportunities still count by the old one.",
            )
        )
    if place.standing.quarantined:
        said.append(
            FigureWarning(
                "event_quarantined",
                f"{place.standing.quarantined} records have an event that could not be posted and"
                " are left as they were before it.",
                place.standing.quarantined,
            )
        )
    return said
