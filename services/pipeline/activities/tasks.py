"""What the worker does about activities: they go along when their opportunity changes its account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.db import WriteSession
from services.pipeline.activities import repository

FOLLOWER: Final = "activity_accounts"
"""Not among `following.NAMES`: nobody needs to ask it to look again."""


async def follow_accounts(
    session: WriteSession, opportunity_ids: Sequence[UUID]
) -> Mapping[UUID, datetime]:
    """A follower of opportunities. What was said with a company stays with the deal it was about:
    a deal that was filed under the wrong account takes its activities along."""
    await repository.follow_accounts(session, opportunity_ids, clock.now())
    return {}
