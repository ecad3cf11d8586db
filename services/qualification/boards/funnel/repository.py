"""Statements of the funnel: three of them count everything there is to count, in one snapshot. What
leads tell of themselves, which leads are still waiting, and what became of the opportunities that
leads were handed over as.

Leads are read from indexes that hold all a figure needs: `ix_leads_funnel_entered_…` have those
that were qualified or handed over, `ix_leads_funnel_waiting_…` the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import ReadSession
from services.qualification.boards.funnel.domain import SKIPPABLE, TIMED, Tally
from services.qualification.boards.funnel.question import (
    ACCEPTED_ON,
    ENTERED,
    OF_DEALS,
    OF_LEADS,
    QUALIFIED,
    WON_AT,
    FunnelQuestion,
    Parts,
)
from services.qualification.opportunities.repository import OPPORTUNITIES

# What a lead was handed over as; the duplicate of another opportunity is nobody's success.
_DEALS: Final = f"""
    JOIN qualification.conversions AS c ON c.workspace_id = $1 AND c.lead_id = l.id
    JOIN {OPPORTUNITIES} AS o
      ON o.workspace_id = $1 AND o.id = c.opportunity_id AND o.stage <> 'duplicate'
"""
_KEY_KINDS: Final = {"month": "int", "sdr": "uuid"}

Groups = dict[Any, Tally]


async def count_steps(session: ReadSession, question: FunnelQuestion) -> Groups:
    """The tally of each group, by what the statements group by: a month is its number from 1."""
    groups: Groups = {}
    await _count(session, groups, Parts(question), OF_LEADS)
    await _count(session, groups, Parts(question), OF_DEALS)
    if not question.is_cohort:
        await _count(session, groups, Parts(question), ("leads",), waiting=True)
    return groups


async def _count(
    session: ReadSession,
    groups: Groups,
    parts: Parts,
    steps: Sequence[str],
    *,
    waiting: bool = False,
) -> None:
    """Adds one statement's counts. Steps of events that have months of their own are grouped by
    all of these at once, and each count goes to its step's month."""
    keys = list(dict.fromkeys(parts.group(step) for step in steps))
    columns = [f"{key} AS key_{place}" for place, key in enumerate(keys)]
    columns += [column for step in steps for column in _counted(parts, step)]
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    deals = ""
    where = parts.waiting if waiting else f"{parts.entered} AND {parts.stirred}"
    if "won" in steps:
        some = " OR ".join(parts.happened(step) for step in OF_DEALS)
        deals, where = _DEALS, f"{parts.handed_over} AND ({some})"
    rows = await session.fetch(
        f"SELECT {', '.join(columns)} FROM qualification.leads AS l {deals}"
        f" WHERE l.workspace_id = $1 AND {where} GROUP BY {places}",
        session.workspace_id,
        *parts.values,
    )
    for row in rows:
        for step in steps:
            _take(groups, row, step, row[f"key_{keys.index(parts.group(step))}"])


def _counted(parts: Parts, step: str) -> list[str]:
    """Columns of how many took the step, how many skipped the one before, and how long it took."""
    happened = parts.happened(step)
    columns = [f"count(*) FILTER (WHERE {happened}) AS {step}"]
    if step in SKIPPABLE:
        columns.append(f"count(*) FILTER (WHERE {parts.skipped(step)}) AS {step}_skipped")
    if step in TIMED:
        seconds = parts.seconds(step)
        columns.append(f"array_agg({seconds}) FILTER (WHERE {happened}) AS {step}_seconds")
    return columns


def _take(groups: Groups, row: asyncpg.Record, step: str, key: Any) -> None:
    if row[step]:
        groups.setdefault(key, Tally()).count(
            step,
            row[step],
            skipped=row[f"{step}_skipped"] if step in SKIPPABLE else 0,
            seconds=_in_order(row[f"{step}_seconds"]) if step in TIMED else None,
        )


def _in_order(seconds: list[int | None]) -> list[int]:
    """What took time: known, and not told the other way round."""
    return [each for each in seconds if each is not None and each >= 0]


async def list_step(
    session: ReadSession,
    question: FunnelQuestion,
    step: str,
    *,
    group: tuple[Any] | None,
    skipped: bool | None,
    after: UUID | None,
    limit: int,
) -> list[asyncpg.Record]:
    """The leads that a count of the step is made of, oldest id first. `group` holds one key, which
    may be null; None is all of them."""
    parts = Parts(question)
    where = [parts.happened(step)]
    if group is not None:
        where.append(_is_group(parts, step, group[0]))
    if skipped is not None:
        is_skipped = parts.skipped(step) if step in SKIPPABLE else "false"
        where.append(f"({is_skipped}) IS {'TRUE' if skipped else 'NOT TRUE'}")
    if after is not None:
        where.append(f"l.id > {parts.given('after', after, 'uuid')}")
    wanted = " AND ".join(where)
    deals, members = "", [parts.entered]
    if step in OF_DEALS:
        deals, members = _DEALS, [parts.handed_over]
    elif step == "leads" and not question.is_cohort:
        members.append(parts.waiting)
    page = " UNION ALL ".join(
        f"(SELECT l.id FROM qualification.leads AS l {deals}"
        f" WHERE l.workspace_id = $1 AND {who} AND {wanted} ORDER BY l.id LIMIT {int(limit)})"
        for who in members
    )
    return await session.fetch(
        _shown(parts, step, f"SELECT id FROM ({page}) AS each ORDER BY id LIMIT {int(limit)}"),
        session.workspace_id,
        *parts.values,
    )


def _shown(parts: Parts, step: str, page: str) -> str:
    is_skipped = f"({parts.skipped(step)}) IS TRUE" if step in SKIPPABLE else "false"
    return f"""
        SELECT l.id, l.external_id, l.name, l.company, l.status, {parts.group(step)} AS key,
            l.created_at, l.first_mql_at, l.first_pql_at, {QUALIFIED} AS qualified_at,
            {ENTERED} AS entered_at, l.sql_at, {ACCEPTED_ON} AS sales_accepted_date,
            {WON_AT} AS won_at, o.id AS opportunity_id, {is_skipped} AS skipped,
            sdr.external_id AS sdr_external_id, owner.external_id AS owner_external_id
        FROM ({page}) AS page
        JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = page.id
        LEFT JOIN qualification.conversions AS c ON c.workspace_id = $1 AND c.lead_id = l.id
        LEFT JOIN {OPPORTUNITIES} AS o
          ON o.workspace_id = $1 AND o.id = c.opportunity_id AND o.stage <> 'duplicate'
        LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = l.sdr_id
        LEFT JOIN workspace.users AS owner ON owner.workspace_id = $1 AND owner.id = l.owner_id
        ORDER BY l.id
    """


def _is_group(parts: Parts, step: str, key: Any) -> str:
    group = parts.group(step)
    if key is None:
        return f"{group} IS NULL"
    kind = _KEY_KINDS.get(parts.question.group_by or "", "text")
    return f"{group} = {parts.given('group', key, kind)}"
