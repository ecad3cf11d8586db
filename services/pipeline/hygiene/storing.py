"""Statements that keep findings: those that stand, those that ended, and what is kept of an
opportunity besides. Only what differs is written, for any number in one statement a kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.rows import Rows
from services.pipeline.hygiene.domain import Found
from services.pipeline.hygiene.models import HygieneFinding

FINDINGS: Final = Rows(HygieneFinding)
_AWAKE: Final = {
    "snoozed_until": None, "snoozed_at": None, "snoozed_by": None, "snooze_reason": None,
}  # fmt: skip
_CHANGING: Final = (
    "id", "severity", "evidence", "since", "owner_id", "account_id", "fiscal_quarter",
    "policy_version",
)  # fmt: skip
_CHANGE: Final = """
    UPDATE pipeline.hygiene_findings AS f
    SET severity = r.severity, evidence = r.evidence, since = r.since, owner_id = r.owner_id,
        account_id = r.account_id, fiscal_quarter = r.fiscal_quarter,
        policy_version = r.policy_version
    FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::uuid[], $7::uuid[],
        $8::int[], $9::int[])
        AS r (id, severity, evidence, since, owner_id, account_id, fiscal_quarter, policy_version)
    WHERE f.workspace_id = $1 AND f.id = r.id
"""


class Wanted(NamedTuple):
    """What is wrong with one opportunity, and what its findings carry of it."""

    owner_id: UUID
    account_id: UUID | None
    fiscal_quarter: int
    wrong: Mapping[str, Found]


async def read_standing(
    session: Session, ids: Sequence[UUID]
) -> dict[UUID, dict[str, asyncpg.Record]]:
    """By opportunity and rule. Not locked: a lock would write every row that is only looked at. What
    a snooze under way says is left to it (see `write`), and it asks for another look."""
    rows = await session.fetch(
        f"""
        SELECT {", ".join(f"f.{name}" for name in FINDINGS.columns)}
        FROM unnest($2::uuid[]) AS wanted (id)
        JOIN pipeline.hygiene_findings AS f
          ON f.workspace_id = $1 AND f.opportunity_id = wanted.id
        """,
        session.workspace_id,
        list(ids),
    )
    standing: dict[UUID, dict[str, asyncpg.Record]] = {}
    for row in rows:
        standing.setdefault(row["opportunity_id"], {})[row["rule"]] = row
    return standing


class Difference:
    """What must be written so that the findings are the wanted ones."""

    def __init__(self, now: datetime, policy_version: int) -> None:
        self.now = now
        self.policy_version = policy_version
        self.opened: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.woken: list[UUID] = []
        self.ended: list[UUID] = []
        self.snoozed_until: dict[UUID, datetime] = {}

    def add(
        self, opportunity_id: UUID, wanted: Wanted, standing: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for rule, found in wanted.wrong.items():
            row = standing.get(rule)
            if row is None:
                self.opened.append(self._new(opportunity_id, wanted, rule, found))
            else:
                self._compare(opportunity_id, wanted, found, row)
        self.ended += [row["id"] for rule, row in standing.items() if rule not in wanted.wrong]

    def _new(self, opportunity_id: UUID, wanted: Wanted, rule: str, found: Found) -> dict[str, Any]:
        return {
            "id": new_id(),
            "opportunity_id": opportunity_id,
            "rule": rule,
            **self._said(wanted, found, self.now),
            "opened_at": self.now,
            "policy_version": self.policy_version,
        }

    def _said(self, wanted: Wanted, found: Found, since: datetime) -> dict[str, Any]:
        return {
            "severity": found.severity,
            "evidence": found.evidence,
            "since": since if found.since is None else min(found.since, self.now),
            "owner_id": wanted.owner_id,
            "account_id": wanted.account_id,
            "fiscal_quarter": wanted.fiscal_quarter,
        }

    def _compare(
        self, opportunity_id: UUID, wanted: Wanted, found: Found, row: Mapping[str, Any]
    ) -> None:
        values = self._said(wanted, found, row["since"])
        until = row["snoozed_until"]
        if until is not None and until <= self.now:
            self.woken.append(row["id"])
        elif until is not None:
            known = self.snoozed_until.get(opportunity_id)
            self.snoozed_until[opportunity_id] = until if known is None else min(until, known)
        if any(row[name] != value for name, value in values.items()):
            self.changed.append({"id": row["id"], **values, "policy_version": self.policy_version})


async def write(session: WriteSession, difference: Difference) -> None:
    """What is said by people, a snooze, is nowhere written over; one that has ended is taken away."""
    await FINDINGS.insert(session, [{**_AWAKE, **row} for row in difference.opened])
    if difference.changed:
        await session.execute(
            _CHANGE,
            session.workspace_id,
            *([row[name] for row in difference.changed] for name in _CHANGING),
        )
    if difference.woken:
        await session.execute(
            """
            UPDATE pipeline.hygiene_findings
            SET snoozed_until = NULL, snooze_reason = NULL, snoozed_by = NULL, snoozed_at = NULL
            WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND snoozed_until <= $3
            """,
            session.workspace_id,
            difference.woken,
            difference.now,
        )
    if difference.ended:
        await session.execute(
            """
            WITH ended AS (
                DELETE FROM pipeline.hygiene_findings
                WHERE workspace_id = $1 AND id = ANY($2::uuid[])
                RETURNING id, opportunity_id, rule, severity, evidence, since, opened_at, owner_id
            )
            INSERT INTO pipeline.hygiene_history (workspace_id, id, opportunity_id, rule, severity,
                evidence, since, opened_at, closed_at, owner_id)
            SELECT $1, id, opportunity_id, rule, severity, evidence, since, opened_at, $3, owner_id
            FROM ended
            """,
            session.workspace_id,
            difference.ended,
            difference.now,
        )


class State(NamedTuple):
    """What is kept of an opportunity, whether or not anything is wrong with it."""

    opportunity_id: UUID
    owner_id: UUID
    opened_on: date
    is_open: bool
    review_from: datetime


async def keep_states(session: WriteSession, states: Iterable[State]) -> None:
    """When somebody looked at it is left alone."""
    rows = sorted(states)
    if not rows:
        return
    await session.execute(
        """
        INSERT INTO pipeline.hygiene_states
            (workspace_id, opportunity_id, owner_id, opened_on, is_open, review_from)
        SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::bool[], $6::timestamptz[])
        ON CONFLICT (workspace_id, opportunity_id) DO UPDATE
        SET owner_id = excluded.owner_id, opened_on = excluded.opened_on,
            is_open = excluded.is_open
        """,
        session.workspace_id,
        *(list(column) for column in zip(*rows, strict=True)),
    )
