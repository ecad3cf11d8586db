"""Statements of the read side on the running totals, and on who and what they belong to.

Every function reads the snapshot of its session; how the past is read is `repository_as_of`'s.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from asyncpg import Record

from services.forecast.domain import (
    ALL_DIMENSIONS,
    AMOUNT_MEASURES,
    COUNT_MEASURES,
    MEASURES,
    Measures,
)
from services.forecast.organisation import Organisation
from services.forecast.question import Batch, GroupBy, Person, Standing
from services.forecast.remembered import Remembered
from services.kit.db import Session
from services.pipeline.events import DUE
from services.workspace.fiscal import UNDATED

SUMS: Final = ", ".join(
    [f"coalesce(sum({{0}}{name}), 0)::numeric(38, 2) AS {name}" for name in AMOUNT_MEASURES]
    + [f"coalesce(sum({{0}}{name}), 0)::bigint AS {name}" for name in COUNT_MEASURES]
)
"""The measures summed; `.format("h.")` says of which table."""


def owned(prefix: str, owners: list[UUID] | None) -> str:
    """The condition that a row is one of these owners', who are `$4`; none for everybody. Two
    forms, so that an index can be asked for some owners alone."""
    if owners is None:
        return " AND $4::uuid[] IS NULL"
    return f" AND {prefix}owner_id = ANY($4::uuid[])"


def _totals(owners: list[UUID] | None) -> str:
    return f"""
        SELECT {SUMS.format("c.")},
            (SELECT coalesce(sum(u.open_count), 0)::bigint FROM forecast.cells u
                WHERE u.workspace_id = $1 AND u.fiscal_quarter = {UNDATED}
                    AND u.dimensions_id = $3{owned("u.", owners)}) AS undated_count
        FROM forecast.cells c
        WHERE c.workspace_id = $1 AND c.fiscal_quarter = $2 AND c.dimensions_id = $3
            {owned("c.", owners)}
    """


# Before the first batch a fresh workspace reads like any other.
_STANDING: Final = f"""
    SELECT coalesce(c.last_sequence, 0) AS sequence,
        CASE WHEN c.last_sequence > 0 THEN c.last_posted_at ELSE w.created_at END AS posted_at,
        c.last_event_at, work.pending_events, work.quarantined,
        EXISTS (SELECT 1 FROM workspace.policies p
            WHERE p.workspace_id = $1 AND p.effective_from <= $2 AND p.applied_at IS NULL)
            AS policy_in_progress
    FROM workspace.workspaces w
    LEFT JOIN forecast.cursors c ON c.workspace_id = $1
    CROSS JOIN (
        SELECT count(*) FILTER (WHERE {DUE.format(at="$2")}) AS pending_events,
            count(DISTINCT subject_id) FILTER (WHERE parked_at IS NOT NULL) AS quarantined
        FROM pipeline.outbox WHERE workspace_id = $1
    ) AS work
    WHERE w.id = $1
"""
# What a batch made known. A line or policy that was already in force when it was recorded counts
# from the batch that posts it, even where the clock of the recorder ran ahead of the worker's.
_KNOWN: Final = """
    SELECT
        (SELECT max(p.version) FROM workspace.policies p
            WHERE p.workspace_id = $1 AND p.sequence <= $2
                AND p.effective_from <= greatest($3::timestamptz, p.recorded_at))
            AS policy_version,
        EXISTS (SELECT 1 FROM forecast.quotas q
            WHERE q.workspace_id = $1 AND q.period = ANY($4::text[])) AS has_quota,
        (SELECT t.plan_type FROM workspace.plan_types t
            WHERE t.workspace_id = $1 AND t.user_id = $5 AND t.sequence <= $2
            ORDER BY t.sequence DESC LIMIT 1) AS plan_type
"""


class Totals(NamedTuple):
    """The measures of a set of opportunities, and how many of the same people have no quarter."""

    measures: Measures
    undated_count: int


class Known(NamedTuple):
    """What else an answer rests on; `plan_type` None is a user's default."""

    policy_version: int
    has_quota: bool
    plan_type: str | None


def measures_of(row: Record) -> Measures:
    return tuple(row[name] for name in MEASURES)


async def read_standing(session: Session, now: datetime) -> Standing:
    """Where the ledger is, in one statement: every answer begins here."""
    row = await session.fetchrow(_STANDING, session.workspace_id, now)
    assert row is not None
    return Standing(Batch(*row[:3]), *row[3:])


async def read_known(
    session: Session, batch: Batch, periods: list[str], user_id: UUID | None
) -> Known:
    """The policy, whether there are quotas, and the user's plan, as of a batch."""
    row = await session.fetchrow(
        _KNOWN, session.workspace_id, batch.sequence, batch.posted_at, periods, user_id
    )
    assert row is not None
    return Known(*row)


async def read_totals(session: Session, quarter_key: int, owners: list[UUID] | None) -> Totals:
    """The running totals of these owners, of everybody where None."""
    row = await session.fetchrow(
        _totals(owners), session.workspace_id, quarter_key, ALL_DIMENSIONS, owners
    )
    assert row is not None
    return Totals(tuple(row[: len(MEASURES)]), row["undated_count"])


async def read_groups(
    session: Session, quarter_key: int, group_by: GroupBy, owners: list[UUID] | None
) -> dict[str, Measures]:
    """The running totals by owner id, or by a value of one dimension."""
    owned = " AND ($3::uuid[] IS NULL OR c.owner_id = ANY($3::uuid[]))"
    if group_by is GroupBy.USER:
        rows = await session.fetch(
            f"""
            SELECT c.owner_id::text AS group_key, {SUMS.format("c.")} FROM forecast.cells c
            WHERE c.workspace_id = $1 AND c.fiscal_quarter = $2
                AND c.dimensions_id = $4{owned}
            GROUP BY c.owner_id
            """,
            session.workspace_id, quarter_key, owners, ALL_DIMENSIONS,
        )  # fmt: skip
    else:
        rows = await session.fetch(
            f"""
            SELECT d.{group_by.value} AS group_key, {SUMS.format("c.")}
            FROM forecast.cells c
            JOIN forecast.dimensions d ON d.workspace_id = $1 AND d.id = c.dimensions_id
            WHERE c.workspace_id = $1 AND c.fiscal_quarter = $2{owned}
            GROUP BY d.{group_by.value}
            """,
            session.workspace_id, quarter_key, owners,
        )  # fmt: skip
    return {row["group_key"]: measures_of(row) for row in rows}


async def find_person(session: Session, reference: str | UUID) -> Person | None:
    """By id or external id; an id wins where one user's external id is another's id."""
    try:
        user_id = reference if isinstance(reference, UUID) else UUID(reference)
    except ValueError:
        user_id = None
    row = await session.fetchrow(
        """
        SELECT id, external_id, name FROM workspace.users
        WHERE workspace_id = $1 AND (id = $2 OR external_id = $3)
        ORDER BY (id = $2) DESC NULLS LAST LIMIT 1
        """,
        session.workspace_id,
        user_id,
        str(reference),
    )
    return None if row is None else Person(**dict(row))


async def read_people(session: Session, user_ids: list[UUID]) -> dict[UUID, Person]:
    rows = await session.fetch(
        """
        SELECT id, external_id, name FROM workspace.users
        WHERE workspace_id = $1 AND id = ANY($2::uuid[])
        """,
        session.workspace_id,
        user_ids,
    )
    return {row["id"]: Person(**dict(row)) for row in rows}


_LINES_SQL: Final = """
    SELECT DISTINCT ON (l.user_id) l.user_id, l.manager_id
    FROM workspace.reporting_lines l
    WHERE l.workspace_id = $1 AND l.sequence <= $2 AND l.effective_from <= {at}
    ORDER BY l.user_id, l.effective_from DESC, l.sequence DESC
"""
_LINES_BY_BATCH: Final = _LINES_SQL.format(at="greatest($3::timestamptz, l.recorded_at)")
_LINES_AT: Final = _LINES_SQL.format(at="$3::timestamptz")

_organisations: Remembered[tuple[UUID | None, int, datetime, bool], Organisation] = Remembered(500)


async def read_organisation(
    session: Session, batch: Batch, at: datetime | None = None
) -> Organisation:
    """The lines known by the batch: in force at its instant, or at `at` where given.

    Remembered, since what was known by a batch never changes.
    """
    key = (session.workspace_id, batch.sequence, at or batch.posted_at, at is None)
    known = _organisations.get(key)
    if known is not None:
        return known
    rows = await session.fetch(
        _LINES_BY_BATCH if at is None else _LINES_AT,
        session.workspace_id,
        batch.sequence,
        at or batch.posted_at,
    )
    organisation = Organisation((row["user_id"], row["manager_id"]) for row in rows)
    _organisations.put(key, organisation)
    return organisation


async def read_quotas(
    session: Session, periods: list[str], sequence: int
) -> dict[str, dict[UUID, Decimal]]:
    """By period and user: the newest quotas known by a sequence."""
    rows = await session.fetch(
        """
        SELECT DISTINCT ON (q.period, q.user_id) q.period, q.user_id, q.amount
        FROM forecast.quotas q
        WHERE q.workspace_id = $1 AND q.period = ANY($2::text[]) AND q.sequence <= $3
        ORDER BY q.period, q.user_id, q.sequence DESC
        """,
        session.workspace_id,
        periods,
        sequence,
    )
    found: dict[str, dict[UUID, Decimal]] = {period: {} for period in periods}
    for row in rows:
        found[row["period"]][row["user_id"]] = row["amount"]
    return found
