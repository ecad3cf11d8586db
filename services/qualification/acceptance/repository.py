"""Statements on assessments, which are only ever added, and on conversions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.qualification.acceptance.domain import Assessment, Finding, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAssessment:
    """One test as it was made."""

    id: UUID
    lead_id: UUID
    lead_version: int
    policy_version: int
    segment: str
    evidence: dict[str, Any]
    criteria: dict[str, Any]
    verdict: str
    is_convertible: bool
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


@dataclass(frozen=True, slots=True)
class StoredConversion:
    """How far the hand-over of a lead is."""

    opportunity_id: UUID
    state: str
    reason: str | None


_COLUMNS = """id, lead_id, lead_version, policy_version, segment, evidence, criteria, verdict,
    is_convertible, assessed_at, assessed_by"""


async def insert_assessment(session: WriteSession, made: StoredAssessment) -> None:
    await session.execute(
        f"""
        INSERT INTO qualification.assessments (workspace_id, {_COLUMNS})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        session.workspace_id, made.id, made.lead_id, made.lead_version, made.policy_version,
        made.segment, made.evidence, made.criteria, made.verdict, made.is_convertible,
        made.assessed_at, made.assessed_by,
    )  # fmt: skip


async def list_assessments(
    session: Session, lead_id: UUID, limit: int, after: UUID | None
) -> list[StoredAssessment]:
    """The lead's tests, oldest first."""
    rows = await session.fetch(
        f"""
        SELECT {_COLUMNS} FROM qualification.assessments
        WHERE workspace_id = $1 AND lead_id = $2 AND ($3::uuid IS NULL OR id > $3)
        ORDER BY id LIMIT $4
        """,
        session.workspace_id,
        lead_id,
        after,
        limit,
    )
    return [StoredAssessment(**dict(row)) for row in rows]


async def last_assessment(session: Session, lead_id: UUID) -> StoredAssessment | None:
    """The test that counts: the newest."""
    row = await session.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM qualification.assessments
        WHERE workspace_id = $1 AND lead_id = $2 ORDER BY id DESC LIMIT 1
        """,
        session.workspace_id,
        lead_id,
    )
    return None if row is None else StoredAssessment(**dict(row))


async def lock_conversion(session: WriteSession, lead_id: UUID) -> StoredConversion | None:
    """The conversion, kept from being settled until the transaction ends."""
    row = await session.fetchrow(
        """
        SELECT opportunity_id, state, reason FROM qualification.conversions
        WHERE workspace_id = $1 AND lead_id = $2 FOR UPDATE
        """,
        session.workspace_id,
        lead_id,
    )
    return None if row is None else StoredConversion(**dict(row))


async def request_conversion(
    session: WriteSession,
    *,
    lead_id: UUID,
    opportunity_id: UUID,
    assessment_id: UUID,
    request: dict[str, Any],
    at: datetime,
    actor: str,
) -> None:
    """Asked for the first time, or again after a refusal: the opportunity's id stays."""
    await session.execute(
        """
        INSERT INTO qualification.conversions (workspace_id, lead_id, opportunity_id,
            assessment_id, request, state, reason, requested_at, requested_by, settled_at)
        VALUES ($1, $2, $3, $4, $5, 'requested', NULL, $6, $7, NULL)
        ON CONFLICT (workspace_id, lead_id) DO UPDATE SET
            assessment_id = excluded.assessment_id, request = excluded.request,
            state = excluded.state, reason = NULL, requested_at = excluded.requested_at,
            requested_by = excluded.requested_by, settled_at = NULL
        """,
        session.workspace_id, lead_id, opportunity_id, assessment_id, request, at, actor,
    )  # fmt: skip
