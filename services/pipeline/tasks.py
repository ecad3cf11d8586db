"""Work of pipeline that the worker does in the background: timers, followers of the feed, and a
policy that has come into force, which is applied to the opportunities a chunk a transaction.

Killed anywhere, it goes on where it was: how far it came is stored with the chunk.
"""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.db import Database, Session, WriteSession
from services.kit.timers import Handler
from services.pipeline import following
from services.pipeline.accounts import service as accounts
from services.pipeline.activities import tasks as activities
from services.pipeline.customers.suggestions import service as suggestions
from services.pipeline.hygiene import follower as hygiene
from services.pipeline.hygiene import looking as hygiene_looking
from services.pipeline.operations import reviews, snapshots
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities import service_order_types as order_types
from services.pipeline.staleness import follower as clocks
from services.pipeline.timers import TIMERS
from services.workspace.policies.repository import get_policy

HANDLERS: Final[dict[str, Handler]] = {
    hygiene_looking.CYCLES: hygiene_looking.work_out_cycles,
    hygiene_looking.TOUCHES: hygiene_looking.look_at_touches,
}
"""Of timers, by kind. A handler locks its subject and decides anew whether the time has come; to go
off once more it calls `timers.rearm`. That of reviews needs the database, too: see `run_due`."""

FOLLOWERS: dict[str, following.Follow] = {
    following.CLOCKS: clocks.follow,
    following.HYGIENE: hygiene.follow,
    following.ORDER_TYPES: order_types.follow,
    following.SUGGESTIONS: suggestions.follow,
    activities.FOLLOWER: activities.follow_accounts,
}
"""Of the feed, by their names in `following`."""

_CHUNK: Final = 500


async def run_due(database: Database, workspace_id: UUID | None = None) -> int:
    """Handles the timers that are due, in all workspaces or in one, and says how many went off."""
    own = {reviews.REVIEW_DUE: partial(snapshots.take_when_due, database)}
    return await TIMERS.run_due(database, HANDLERS | own, workspace_id)


async def follow(database: Database, workspace_id: UUID | None = None) -> int:
    """Lets every follower work until nothing is left, in all workspaces or in one; how many
    batches there were."""
    return await following.run(database, FOLLOWERS, workspace_id)


async def find_policy_changes(session: Session, limit: int = 50) -> list[UUID]:
    """Workspaces in which a policy is posted and not yet applied; only the worker sees any."""
    rows = await session.fetch(
        """
        SELECT DISTINCT workspace_id FROM workspace.policies
        WHERE applied_at IS NULL AND sequence IS NOT NULL
        ORDER BY workspace_id LIMIT $1
        """,
        limit,
    )
    return [row["workspace_id"] for row in rows]


async def apply_policies(database: Database, workspace_id: UUID) -> bool:
    """One chunk of the oldest policy that is posted and not applied; False when there is none."""
    async with database.write(workspace_id) as session:
        # One process at a time, and nobody waits: whoever has the row is doing it.
        policy = await session.fetchrow(
            """
            SELECT id, version, applied_through FROM workspace.policies
            WHERE workspace_id = $1 AND applied_at IS NULL AND sequence IS NOT NULL
                AND effective_from <= $2
            ORDER BY version LIMIT 1
            FOR NO KEY UPDATE SKIP LOCKED
            """,
            workspace_id,
            clock.now(),
        )
        if policy is None:
            return False
        if policy["applied_through"] is None:
            # Accounts first and in one go: opportunities created meanwhile take over from them.
            await accounts.resegment(session, await get_policy(session, policy["version"]))
        reached = await opportunities.apply_policy(
            session, policy["version"], after=policy["applied_through"], limit=_CHUNK
        )
        await _mark(session, policy["id"], reached)
    return True


async def _mark(session: WriteSession, policy_id: UUID, reached: UUID | None) -> None:
    """How far the application came; at its end, when that was."""
    await session.execute(
        """
        UPDATE workspace.policies
        SET applied_through = coalesce($3, applied_through), applied_at = $4
        WHERE workspace_id = $1 AND id = $2
        """,
        session.workspace_id,
        policy_id,
        reached,
        None if reached is not None else clock.now(),
    )
