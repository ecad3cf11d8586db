"""Statements that read and write opportunities. Lists and history are in `listing`.

Locks: a record's row before anything else, several of them in id order. What a row refers to is
read by scalar subqueries and not by joins: a row that waited for its lock is seen anew, and a join
would still hold the partners of the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.rows import ConcurrentInsertError, Rows
from services.pipeline.models import Finding, Opportunity, OpportunityEvent
from services.pipeline.opportunities import visits
from services.pipeline.opportunities.record import COLUMNS, Row
from services.pipeline.opportunities.references import (
    AccountFacts,
    OwnerFacts,
    References,
    Wanted,
)
from services.pipeline.opportunities.visits import Entry
from services.workspace.outbox import KIND_OPPORTUNITY
from services.workspace.policy import Policy

OPPORTUNITIES: Final = Rows(Opportunity)
EVENTS: Final = Rows(OpportunityEvent)
FINDINGS: Final = Rows(Finding)

_SELECTED: Final = (
    ", ".join(f"o.{name}" for name in COLUMNS)
    + """,
    (SELECT a.external_id FROM pipeline.accounts AS a
     WHERE a.workspace_id = $1 AND a.id = o.account_id) AS account_external_id,
    (SELECT u.external_id FROM workspace.users AS u
     WHERE u.workspace_id = $1 AND u.id = o.owner_id) AS owner_external_id,
    (SELECT u.external_id FROM workspace.users AS u
     WHERE u.workspace_id = $1 AND u.id = o.sdr_id) AS sdr_external_id,
    (SELECT s.external_id FROM pipeline.subscriptions AS s
     WHERE s.workspace_id = $1 AND s.id = o.subscription_id) AS subscription_external_id
    """
)
SELECT_ROWS: Final = (
    f"SELECT {_SELECTED} FROM pipeline.opportunities AS o WHERE o.workspace_id = $1"
)

_LOCK_ONE: Final = f"""
    SELECT {_SELECTED},
        (SELECT max(p.version) FROM workspace.policies AS p
         WHERE p.workspace_id = $1 AND p.effective_from <= $3) AS policy_in_force
    FROM pipeline.opportunities AS o
    WHERE o.workspace_id = $1 AND o.id = $2
    FOR NO KEY UPDATE OF o
"""
_LOCK_MANY: Final = f"""
    {SELECT_ROWS} AND (o.external_id = ANY($2::text[]) OR o.id = ANY($3::uuid[]))
    ORDER BY o.id FOR NO KEY UPDATE OF o
"""

_WRITE_VERSION: Final = f"""
    WITH changed AS (
        UPDATE pipeline.opportunities SET {{settings}} WHERE workspace_id = $1 AND id = $2
    ), told AS (
        INSERT INTO pipeline.opportunity_events (workspace_id, opportunity_id, version, id, kind,
            changes, previous, occurred_at, recorded_at, actor, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ){{entry}}
    INSERT INTO pipeline.outbox
        (workspace_id, id, kind, subject_id, version, event_id, recorded_at, due_at)
    VALUES ($1, $12, '{KIND_OPPORTUNITY}', $2, $3, $4, $9, $9)
"""


async def get(session: Session, opportunity_id: UUID) -> Row | None:
    record = await session.fetchrow(
        f"{SELECT_ROWS} AND o.id = $2", session.workspace_id, opportunity_id
    )
    return None if record is None else dict(record)


async def lock(session: WriteSession, opportunity_id: UUID, at: datetime) -> tuple[Row, int] | None:
    """The row, locked until the transaction ends, and the policy version in force at `at`."""
    record = await session.fetchrow(_LOCK_ONE, session.workspace_id, opportunity_id, at)
    if record is None:
        return None
    row = dict(record)
    return row, row.pop("policy_in_force")


async def find_id(session: Session, external_id: str) -> UUID | None:
    found: UUID | None = await session.fetchval(
        "SELECT id FROM pipeline.opportunities WHERE workspace_id = $1 AND external_id = $2",
        session.workspace_id,
        external_id,
    )
    return found


async def lock_many(
    session: WriteSession, external_ids: Iterable[str] = (), ids: Iterable[UUID] = ()
) -> list[Row]:
    """Rows by either name, locked in id order."""
    external_ids, ids = list(external_ids), list(ids)
    if not external_ids and not ids:
        return []
    records = await session.fetch(_LOCK_MANY, session.workspace_id, external_ids, ids)
    return [dict(record) for record in records]


async def find_references(session: Session, wanted: Wanted) -> References:
    """One statement for each kind that is wanted at all."""
    users: list[Any] = []
    accounts: list[Any] = []
    subscriptions: list[Any] = []
    contacts: list[Any] = []
    workspace_id = session.workspace_id
    if wanted.users or wanted.user_ids:
        users = await session.fetch(
            """
            SELECT id, external_id, coalesce(segment, ''), coalesce(region, '')
            FROM workspace.users
            WHERE workspace_id = $1 AND (external_id = ANY($2::text[]) OR id = ANY($3::uuid[]))
            """,
            workspace_id,
            list(wanted.users),
            list(wanted.user_ids),
        )
    if wanted.accounts or wanted.account_ids:
        accounts = await session.fetch(
            """
            SELECT id, external_id, segment, coalesce(region, ''), coalesce(vertical, '')
            FROM pipeline.accounts
            WHERE workspace_id = $1 AND (external_id = ANY($2::text[]) OR id = ANY($3::uuid[]))
            """,
            workspace_id,
            list(wanted.accounts),
            list(wanted.account_ids),
        )
    if wanted.subscriptions:
        subscriptions = await session.fetch(
            """
            SELECT external_id, id FROM pipeline.subscriptions
            WHERE workspace_id = $1 AND external_id = ANY($2::text[])
            """,
            workspace_id,
            list(wanted.subscriptions),
        )
    if wanted.contacts:
        contacts = await session.fetch(
            """
            SELECT external_id FROM pipeline.contacts
            WHERE workspace_id = $1 AND external_id = ANY($2::text[])
            """,
            workspace_id,
            list(wanted.contacts),
        )
    return References(
        [OwnerFacts(*user) for user in users],
        [AccountFacts(*account) for account in accounts],
        dict(subscriptions),
        [contact["external_id"] for contact in contacts],
    )


async def insert_rows(session: WriteSession, rows: Sequence[Row]) -> None:
    await OPPORTUNITIES.insert(session, rows)


async def update_rows(session: WriteSession, rows: Sequence[Row]) -> None:
    """Rows that are locked; every column takes the row's value."""
    await OPPORTUNITIES.update(session, rows)


async def write_version(
    session: WriteSession,
    opportunity_id: UUID,
    values: Mapping[str, Any],
    event: Mapping[str, Any],
    entry: Entry | None = None,
) -> None:
    """The columns named of one row that is locked, its event, its entry into another stage and its
    outbox row, in ONE statement: on a single machine the round trips are most of what a change
    costs. The text depends on which columns change, and a connection keeps the plans of the usual
    sets."""
    names = sorted(values)
    settings = ", ".join(f"{name} = ${place}" for place, name in enumerate(names, 13))
    entered = "" if entry is None else visits.part_for_one(13 + len(names))
    try:
        await session.execute(
            _WRITE_VERSION.format(settings=settings, entry=entered),
            session.workspace_id, opportunity_id, event["version"], event["id"], event["kind"],
            event["changes"], event["previous"], event["occurred_at"], event["recorded_at"],
            event["actor"], event["reason"], new_id(),
            *[values[name] for name in names],
            *(() if entry is None else visits.values_for_one(entry)),
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        # The external id was free when it was looked at; a second try finds who has it now.
        raise ConcurrentInsertError(str(error)) from error


async def insert_events(session: WriteSession, events: Sequence[Mapping[str, Any]]) -> None:
    await EVENTS.insert(session, events)


async def insert_findings(session: WriteSession, findings: Sequence[Mapping[str, Any]]) -> None:
    await FINDINGS.insert(session, findings)


async def ids_of_accounts(
    session: Session, account_ids: Sequence[UUID], stages: Sequence[str]
) -> list[UUID]:
    """The accounts' opportunities in these stages."""
    rows = await session.fetch(
        """
        SELECT id FROM pipeline.opportunities
        WHERE workspace_id = $1 AND account_id = ANY($2::uuid[]) AND stage = ANY($3::text[])
        """,
        session.workspace_id,
        list(account_ids),
        list(stages),
    )
    return [row["id"] for row in rows]


async def ids_of_owner(
    session: Session, owner_id: UUID, stages: Sequence[str], limit: int
) -> list[UUID]:
    """The owner's opportunities in these stages, the oldest first, at most `limit`."""
    rows = await session.fetch(
        """
        SELECT id FROM pipeline.opportunities
        WHERE workspace_id = $1 AND owner_id = $2 AND stage = ANY($3::text[])
        ORDER BY id LIMIT $4
        """,
        session.workspace_id,
        owner_id,
        list(stages),
        limit,
    )
    return [row["id"] for row in rows]


async def ids_after(
    session: Session, after: UUID | None, stages: Sequence[str], limit: int
) -> list[UUID]:
    """The next opportunities in these stages, in id order."""
    rows = await session.fetch(
        """
        SELECT id FROM pipeline.opportunities
        WHERE workspace_id = $1 AND ($2::uuid IS NULL OR id > $2) AND stage = ANY($3::text[])
        ORDER BY id LIMIT $4
        """,
        session.workspace_id,
        after,
        list(stages),
        limit,
    )
    return [row["id"] for row in rows]


async def policy_effective_from(session: Session, version: int) -> datetime:
    effective_from: datetime = await session.fetchval(
        "SELECT effective_from FROM workspace.policies WHERE workspace_id = $1 AND version = $2",
        session.workspace_id,
        version,
    )
    return effective_from


async def resegmented(
    session: Session, accounts: Mapping[UUID, AccountFacts], policy: Policy
) -> dict[UUID, AccountFacts]:
    """The accounts with the segment this policy gives them, whether or not their own rows have
    been brought up to date with it."""
    rows = await session.fetch(
        "SELECT id, employees FROM pipeline.accounts"
        " WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        session.workspace_id,
        list(accounts),
    )
    return {
        row["id"]: accounts[row["id"]]._replace(segment=policy.segment_of(row["employees"]))
        for row in rows
    }
