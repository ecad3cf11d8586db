"""What qualification offers to the hand-over: requests to open an opportunity, claimed and settled.

The one interface others may import. A request is an outbox row; it is claimed, acted on and
settled in ONE transaction, so that a crash anywhere leaves it due and its effect undone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.kit.outbox import Outbox

OUTBOX: Final = Outbox("qualification")
KIND_OPPORTUNITY_REQUESTED: Final = "opportunity_requested"

ATTEMPTS_MAX: Final = 5
_FIRST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityRequest:
    """The opportunity a converted lead becomes, as it was asked for. Its id was picked with the
    request, so opening it twice is recognised. It begins at stage 0."""

    opportunity_id: UUID
    lead_id: UUID
    name: str
    account_external_id: str | None
    owner_external_id: str
    sdr_external_id: str | None
    source_kind: str | None
    region: str | None
    use_case: str | None
    seats: int | None
    next_step_date: date | None
    requested_at: datetime
    actor: str

    def to_json(self) -> dict[str, Any]:
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        known: dict[str, Any] = dict(stored)
        for name in ("opportunity_id", "lead_id"):
            known[name] = UUID(known[name])
        if known["next_step_date"] is not None:
            known["next_step_date"] = date.fromisoformat(known["next_step_date"])
        known["requested_at"] = datetime.fromisoformat(known["requested_at"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class ClaimedRequest:
    """A request whose outbox row this transaction holds."""

    outbox_id: UUID
    attempts: int
    request: OpportunityRequest


async def workspaces_with_requests(
    session: Session, *, after: UUID | None = None, limit: int = 50
) -> list[UUID]:
    """Workspaces with a request that is due, by id from `after` on: only the worker's role sees
    more than its own."""
    rows = await session.fetch(
        """
        SELECT DISTINCT workspace_id FROM qualification.outbox
        WHERE due_at <= $1 AND parked_at IS NULL AND ($2::uuid IS NULL OR workspace_id > $2)
        ORDER BY workspace_id LIMIT $3
        """,
        clock.now(),
        after,
        limit,
    )
    return [row["workspace_id"] for row in rows]


async def claim_request(session: WriteSession) -> ClaimedRequest | None:
    """The oldest request that is due and that nobody else holds; None where there is none."""
    row = await session.fetchrow(
        """
        SELECT id, subject_id, attempts FROM qualification.outbox
        WHERE workspace_id = $1 AND kind = $2 AND due_at <= $3 AND parked_at IS NULL
        ORDER BY id LIMIT 1
        FOR UPDATE SKIP LOCKED
        """,
        session.workspace_id,
        KIND_OPPORTUNITY_REQUESTED,
        clock.now(),
    )
    if row is None:
        return None
    stored = await session.fetchval(
        "SELECT request FROM qualification.conversions WHERE workspace_id = $1 AND lead_id = $2",
        session.workspace_id,
        row["subject_id"],
    )
    return ClaimedRequest(row["id"], row["attempts"], OpportunityRequest.from_json(stored))


async def settle_opened(session: WriteSession, claimed: ClaimedRequest) -> None:
    """In the transaction that opened the opportunity."""
    await _settle(session, claimed, "opened", None)


async def settle_failed(session: WriteSession, claimed: ClaimedRequest, reason: str) -> None:
    """Pipeline refused it; the lead shows why, and converting it again asks again."""
    await _settle(session, claimed, "failed", reason)


async def _settle(
    session: WriteSession, claimed: ClaimedRequest, state: str, reason: str | None
) -> None:
    await session.execute(
        """
        UPDATE qualification.conversions SET state = $3, reason = $4, settled_at = $5
        WHERE workspace_id = $1 AND lead_id = $2
        """,
        session.workspace_id,
        claimed.request.lead_id,
        state,
        reason,
        clock.now(),
    )
    await session.execute(
        "DELETE FROM qualification.outbox WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        claimed.outbox_id,
    )


async def count_failure(session: WriteSession, claimed: ClaimedRequest, error: str) -> None:
    """After an unexpected fault, in a transaction of its own: the request waits longer each time,
    and after the last attempt it is put aside and the lead shows it as failed."""
    attempts = claimed.attempts + 1
    if attempts >= ATTEMPTS_MAX:
        await settle_failed(session, claimed, f"given up after {attempts} attempts: {error}"[:1000])
        return
    await session.execute(
        """
        UPDATE qualification.outbox SET attempts = $3, last_error = $4, due_at = $5
        WHERE workspace_id = $1 AND id = $2
        """,
        session.workspace_id,
        claimed.outbox_id,
        attempts,
        error[:1000],
        clock.now() + timedelta(seconds=_FIRST_PAUSE_S * 2**attempts),
    )
