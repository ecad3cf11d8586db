"""Statements on assessments and screens, which are only ever added."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import Session, WriteSession
from services.qualification.acceptance.domain import Assessment, Finding, Reason
from services.qualification.acceptance.evidence import Earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAssessment:
    """One test as it was made: of a lead, of an opportunity, or of both. Where it is not binding it
    tells what another policy would say, and decides nothing."""

    id: UUID
    lead_id: UUID | None = None
    lead_version: int | None = None
    opportunity_id: UUID | None = None
    opportunity_version: int | None = None
    retest_of: UUID | None = None
    is_binding: bool = True
    policy_version: int
    segment: str
    evidence: dict[str, Any]
    criteria: dict[str, Any]
    verdict: str
    is_convertible: bool
    carried: dict[str, str] = field(default_factory=dict)
    comparison: dict[str, Any] | None = None
    assessed_at: datetime
    assessed_by: str

    @property
    def conclusion(self) -> Assessment:
        findings = {
            name: Finding(
                found["result"],
                found["source"],
                found["evidence"],
                tuple(Reason(**reason) for reason in found["reasons"]),
            )
            for name, found in self.criteria.items()
        }
        return Assessment(self.verdict, self.is_convertible, findings)

    @property
    def earlier(self) -> Earlier:
        """For a test that takes its evidence from this one."""
        return Earlier(
            id=str(self.id),
            evidence=self.evidence,
            criteria=self.criteria,
            carried=self.carried,
        )


_COLUMNS = """id, lead_id, lead_version, opportunity_id, opportunity_version, retest_of, is_binding,
    policy_version, segment, evidence, criteria, verdict, is_convertible, carried, comparison,
    assessed_at, assessed_by"""


def _assessment(row: asyncpg.Record) -> StoredAssessment:
    values = dict(row)
    values["carried"] = values["carried"] or {}
    return StoredAssessment(**values)


async def insert_assessment(session: WriteSession, made: StoredAssessment) -> None:
    await session.execute(
        f"""
        INSERT INTO qualification.assessments (workspace_id, {_COLUMNS})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
        """,
        session.workspace_id, made.id, made.lead_id, made.lead_version, made.opportunity_id,
        made.opportunity_version, made.retest_of, made.is_binding, made.policy_version,
        made.segment, made.evidence, made.criteria, made.verdict, made.is_convertible,
        made.carried or None, made.comparison, made.assessed_at, made.assessed_by,
    )  # fmt: skip


async def get_assessment(session: Session, assessment_id: UUID) -> StoredAssessment | None:
    row = await session.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM qualification.assessments WHERE workspace_id = $1 AND id = $2
        """,
        session.workspace_id,
        assessment_id,
    )
    return None if row is None else _assessment(row)


async def list_assessments(
    session: Session,
    *,
    lead_id: UUID | None,
    opportunity_id: UUID | None = None,
    limit: int,
    after: UUID | None = None,
) -> list[StoredAssessment]:
    """The tests of the lead and of the opportunity, oldest first."""
    rows = await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM qualification.assessments
        WHERE workspace_id = $1 AND (lead_id = $2 OR opportunity_id = $3)
          AND ($4::uuid IS NULL OR id > $4)
        ORDER BY id LIMIT $5
        """,
        session.workspace_id,
        lead_id,
        opportunity_id,
        after,
        limit,
    )
    return [_assessment(row) for row in rows]


async def last_assessment(
    session: Session, *, lead_id: UUID | None, opportunity_id: UUID | None = None
) -> StoredAssessment | None:
    """The test that counts: the newest that binds."""
    row = await session.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM qualification.assessments
        WHERE workspace_id = $1 AND (lead_id = $2 OR opportunity_id = $3) AND is_binding
        ORDER BY id DESC LIMIT 1
        """,
        session.workspace_id,
        lead_id,
        opportunity_id,
    )
    return None if row is None else _assessment(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScreen:
    """What was asked of budget, authority, need and timeline, and what came of it."""

    id: UUID
    lead_id: UUID
    lead_version: int
    answers: dict[str, Any]
    score: int
    screened_at: datetime
    screened_by: str


_SCREEN = "id, lead_id, lead_version, answers, score, screened_at, screened_by"


async def insert_screen(session: WriteSession, made: StoredScreen) -> None:
    await session.execute(
        f"""
        INSERT INTO qualification.screens (workspace_id, {_SCREEN})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        session.workspace_id, made.id, made.lead_id, made.lead_version, made.answers, made.score,
        made.screened_at, made.screened_by,
    )  # fmt: skip


async def list_screens(
    session: Session, lead_id: UUID, *, limit: int, after: UUID | None
) -> list[StoredScreen]:
    """The lead's screens, oldest first."""
    rows = await session.fetch(
        f"""
        SELECT {_SCREEN} FROM qualification.screens
        WHERE workspace_id = $1 AND lead_id = $2 AND ($3::uuid IS NULL OR id > $3)
        ORDER BY id LIMIT $4
        """,
        session.workspace_id,
        lead_id,
        after,
        limit,
    )
    return [StoredScreen(**dict(row)) for row in rows]
