"""For who writes what hygiene also looks at: asks for another look at the opportunities it is
about. Imports nothing of the rules, so that any package may call it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.kit.db import WriteSession
from services.pipeline import following


async def accounts_touched(session: WriteSession, accounts: Iterable[UUID | None]) -> None:
    """For who writes contacts or subscriptions: what is open at these accounts is looked at again."""
    wanted = [each for each in set(accounts) if each is not None]
    if not wanted:
        return
    rows = await session.fetch(
        """
        SELECT o.id FROM pipeline.opportunities AS o
        WHERE o.workspace_id = $1 AND o.account_id = ANY($2::uuid[])
          AND o.stage NOT IN ('closed_lost', 'unqualified', 'duplicate')
        """,
        session.workspace_id,
        wanted,
    )
    await following.recheck(session, [row["id"] for row in rows], (following.HYGIENE,))
