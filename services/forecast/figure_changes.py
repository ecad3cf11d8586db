"""Which quarters' figures moved since a sequence, and the figures as they are: what is told to
subscribers. It sends nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.forecast import repository, service
from services.forecast.question import Question
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Database, Session
from services.kit.ids import NIL
from services.workspace.workspaces.repository import get_workspace

# One index probe a quarter, however many entries it has.
_QUARTERS = """
    WITH RECURSIVE quarter (key) AS (
        SELECT min(fiscal_quarter) FROM forecast.entries WHERE workspace_id = $1
        UNION ALL
        SELECT (SELECT min(fiscal_quarter) FROM forecast.entries
                WHERE workspace_id = $1 AND fiscal_quarter > quarter.key)
        FROM quarter WHERE quarter.key IS NOT NULL
    )
    SELECT key FROM quarter
    WHERE key > 0 AND EXISTS (
        SELECT FROM forecast.entries
        WHERE workspace_id = $1 AND fiscal_quarter = quarter.key AND sequence > $2)
    ORDER BY key
"""


async def figures_since(
    database: Database, workspace_id: UUID, sequence: int
) -> tuple[int, dict[str, dict[str, Any]]]:
    """The sequence the figures stand at, and by quarter label the whole company's figures where
    entries behind `sequence` moved them. One snapshot: asked again from the sequence given back,
    nothing is missed."""
    everybody = Principal(workspace_id, NIL, None, "webhooks", frozenset({"analyst"}))
    async with database.read(workspace_id) as session:
        standing = await repository.read_standing(session, clock.now())
        calendar = (await get_workspace(session)).calendar
        figures = {}
        for key in await _quarters_moved(session, sequence):
            quarter = calendar.from_key(key)
            answer = await service.read_forecast(session, everybody, Question(quarter))
            figures[quarter.label] = answer.content
    return standing.batch.sequence, figures


async def _quarters_moved(session: Session, sequence: int) -> list[int]:
    rows = await session.fetch(_QUARTERS, session.workspace_id, sequence)
    return [row["key"] for row in rows]
