"""Whether territories and engagement activities are there, for whoever asks how complete a company's
sales operation is. Read only."""

from __future__ import annotations

from services.kit.db import Session


async def operation_seen(session: Session) -> frozenset[str]:
    """`territories` where there is one, `engagement` where an activity is planned or recorded."""
    row = await session.fetchrow(
        """
        SELECT EXISTS (SELECT FROM qualification.territories WHERE workspace_id = $1)
                   AS territories,
               EXISTS (SELECT FROM qualification.engagement_activities WHERE workspace_id = $1)
                   AS engagement
        """,
        session.workspace_id,
    )
    assert row is not None
    return frozenset(name for name, is_there in row.items() if is_there)
