"""Answers questions about figures: brings moment, scope, totals and quota together.

Every figure of one answer comes from one snapshot. No statement is written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.forecast import repository, repository_as_of
from services.forecast.answer import AnnualPlan, Group, Reading
from services.forecast.domain import Measures, is_nothing
from services.forecast.figures import FigureWarning, figures, warnings
from services.forecast.question import Axis, GroupBy, Moment, Question
from services.forecast.repository import Known, Totals
from services.forecast.scope import (
    READS_EVERYTHING,
    Scope,
    moment_now,
    organisation_of,
    resolve,
)
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.workspace.policies.repository import get_policy
from services.workspace.workspaces.repository import get_workspace

_NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class _Found:
    """What one answer rests on."""

    scope: Scope
    known: Known
    totals: Totals


async def read_forecast(session: ReadSession, principal: Principal, question: Question) -> Reading:
    """The figures of a quarter, for everybody or for a user and everybody below."""
    now = clock.now()
    found = await _find(session, principal, question, now)
    policy = await get_policy(session, found.known.policy_version)
    quota, annual, is_gross_plan = await _plans(session, question, found)
    groups = None
    if question.group_by is not None:
        groups = await _groups(session, question, found)
    return Reading(
        quarter_label=question.quarter.label,
        currency=found.scope.workspace.currency,
        axis=question.axis,
        moment=found.scope.moment,
        standing=found.scope.standing,
        person=found.scope.person,
        measures=found.totals.measures,
        quota=quota,
        is_gross_plan=is_gross_plan,
        band=policy.coverage_band,
        warnings=_warnings(question, found, now),
        groups=groups,
        group_by=question.group_by.value if question.group_by else None,
        annual=annual,
    )


def _periods(question: Question) -> list[str]:
    """The quarter and its year, as quotas name them."""
    return [question.quarter.label, question.quarter.label.partition("-")[0]]


async def _find(
    session: ReadSession, principal: Principal, question: Question, now: datetime
) -> _Found:
    if question.is_about_now and question.user is None and principal.has(*READS_EVERYTHING):
        workspace = await get_workspace(session)
        totals, standing, known = await repository.read_whole_company(
            session, question.quarter.key, _periods(question), now
        )
        moment = moment_now(question, standing, now)
        return _Found(Scope(workspace, None, None, standing, moment), known, totals)
    scope = await resolve(session, principal, question, now)
    known = await repository.read_known(session, scope.moment.batch, _periods(question))
    totals = await read_totals(session, scope.moment, question.quarter.key, scope.owners)
    return _Found(scope, known, totals)


async def read_totals(
    session: ReadSession, moment: Moment, quarter_key: int, owners: list[UUID] | None
) -> Totals:
    """The summed measures of these owners (None: everybody) at any moment."""
    if moment.is_now:
        return await repository.read_totals(session, quarter_key, owners)
    return await repository_as_of.read_totals_as_of(session, moment, quarter_key, owners)


async def _plans(
    session: ReadSession, question: Question, found: _Found
) -> tuple[Decimal | None, AnnualPlan | None, bool]:
    """Quota of the quarter, plan of the year, and whether it is one person's gross plan."""
    if not found.known.has_quota:
        return None, None, False
    quarter, year = _periods(question)
    organisation = await organisation_of(
        session, question, found.scope.moment, found.scope.standing
    )
    quotas = await repository.read_quotas(
        session, [quarter, year], found.scope.moment.batch.sequence
    )
    user_id = found.scope.person.id if found.scope.person else None
    annual_quota = organisation.quota(user_id, quotas[year])
    annual = None
    if annual_quota is not None:
        annual = AnnualPlan(year, annual_quota, await _built(session, question, found))
    is_gross_plan = (
        found.scope.person is not None
        and found.scope.person.plan_type == "gross"
        and not organisation.has_reports(found.scope.person.id)
    )
    return organisation.quota(user_id, quotas[quarter]), annual, is_gross_plan


async def _built(session: ReadSession, question: Question, found: _Found) -> Decimal:
    """Booked gross ARR and open pipeline of the fiscal year's four quarters."""
    built = Decimal(0)
    first_key = question.quarter.fiscal_year * 10 + 1
    for key in range(first_key, first_key + 4):
        totals = found.totals
        if key != question.quarter.key:
            totals = await read_totals(session, found.scope.moment, key, found.scope.owners)
        summed = figures(totals.measures)
        built += summed.gross_arr.closed + summed.open_pipeline
    return built


async def _groups(session: ReadSession, question: Question, found: _Found) -> list[Group]:
    assert question.group_by is not None
    key, by, owners = question.quarter.key, question.group_by, found.scope.owners
    if found.scope.moment.is_now:
        measures = await repository.read_groups(session, key, by, owners)
    else:
        measures = await repository_as_of.read_groups_as_of(
            session, found.scope.moment, key, by, owners
        )
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


def _warnings(question: Question, found: _Found, now: datetime) -> list[FigureWarning]:
    seen_on = found.scope.workspace.calendar.local_date(question.as_of or now)
    said = warnings(
        found.totals.measures,
        is_past_quarter=question.quarter.last_day < seen_on,
        undated_count=found.totals.undated_count,
    )
    if not found.scope.moment.is_now and question.axis is Axis.RECORDED:
        return said
    if found.scope.standing.policy_in_progress:
        said.append(
            FigureWarning(
                "policy_change_in_progress",
                "A policy change is being applied; some opportunities still count by the old one.",
            )
        )
    if found.scope.standing.quarantined:
        said.append(
            FigureWarning(
                "event_quarantined",
                f"{found.scope.standing.quarantined} records have an event that could not be posted and"
                " are left as they were before it.",
                found.scope.standing.quarantined,
            )
        )
    return said
