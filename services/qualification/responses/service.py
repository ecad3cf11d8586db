"""Use cases of response timers: they follow what happens to leads."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.db import WriteSession
from services.qualification.leads.changes import LeadChange
from services.workspace.policy import Policy


async def follow(session: WriteSession, changes: Sequence[LeadChange], policy: Policy) -> None:
    """Called by every write of leads, in its transaction, after the leads are stored."""
