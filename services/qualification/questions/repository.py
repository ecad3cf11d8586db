"""Statements on what teams added to the catalogues, and on what was answered in meetings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.kit.db import Session
from services.kit.rows import Rows
from services.qualification.opportunities.repository import CONTACTS
from services.qualification.questions import models

QUESTIONS = Rows(models.Question)
PERSONAS = Rows(models.Persona)
BUYER_STAGES = Rows(models.BuyerStage)


async def entries(session: Session, rows: Rows) -> list[dict[str, Any]]:
    """Everything the team has of one catalogue, which has a limit."""
    found = await session.fetch(
        f"SELECT {', '.join(rows.columns)} FROM {rows.table}"
        " WHERE workspace_id = $1 ORDER BY external_id",
        session.workspace_id,
    )
    return [dict(row) for row in found]


async def answered_questions(
    session: Session, opportunity_id: UUID | None, lead_id: UUID | None = None
) -> set[str]:
    """Questions with an answer in a meeting about the opportunity or the lead it came from, or
    about this lead."""
    rows = await session.fetch(
        """
        SELECT DISTINCT a.question_external_id
        FROM qualification.meetings AS m
        JOIN qualification.meeting_answers AS a
          ON a.workspace_id = $1 AND a.meeting_id = m.id
        WHERE m.workspace_id = $1 AND a.question_external_id IS NOT NULL AND (
            m.opportunity_id = $2 OR m.lead_id = $3 OR m.lead_id IN (
                SELECT c.lead_id FROM qualification.conversions AS c
                WHERE c.workspace_id = $1 AND c.opportunity_id = $2
            )
        )
        """,
        session.workspace_id,
        opportunity_id,
        lead_id,
    )
    return {row["question_external_id"] for row in rows}


async def contact_personas(session: Session, external_ids: list[str]) -> list[str]:
    """What pipeline says the personas of these contacts are, in its own words."""
    rows = await session.fetch(
        f"""
        SELECT DISTINCT persona FROM {CONTACTS}
        WHERE workspace_id = $1 AND external_id = ANY($2::text[]) AND persona IS NOT NULL
        """,
        session.workspace_id,
        external_ids,
    )
    return [row["persona"] for row in rows]
