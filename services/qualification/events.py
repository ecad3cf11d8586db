"""What qualification offers to the hand-over: requests to open an opportunity, claimed and settled.

The one interface others may import. A request is an outbox row; it is claimed, acted on and
settled in ONE transaction, so that a crash anywhere leaves it due and its effect undone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

from services.kit import clock, money
from services.kit.db import Session, WriteSession
from services.kit.outbox import Outbox

OUTBOX: Final = Outbox("qualification")
KIND_CONVERSION_REQUESTED: Final = "conversion_requested"
"""The subject is the opportunity."""

# As the release before asked: the subject is the lead, and the request says less. Its worker knows
# no other kind, so it leaves alone what it could not read.
_KIND_BEFORE: Final = "opportunity_requested"

ATTEMPTS_MAX: Final = 5
_FIRST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedContact:
    """The person who buys, as the hand-over knows them; None is not known, and changes nothing
    about a contact that is there."""

    external_id: str
    name: str | None = None
    email: str | None = None
    title: str | None = None
    persona: str | None = None
    buying_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedAccount:
    """The company, for the case that it is not there yet."""

    name: str
    employees: int | None = None
    vertical: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityRequest:
    """The opportunity a lead or contact becomes, as it was asked for. Its id was picked with the
    request, so opening it twice is recognised. It begins at stage 0."""

    opportunity_id: UUID
    lead_id: UUID | None
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
    contact: RequestedContact | None = None
    account: RequestedAccount | None = None
    segment: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    close_date: date | None = None
    next_step: str | None = None

    @property
    def contact_external_ids(self) -> list[str]:
        return [] if self.contact is None else [self.contact.external_id]

    def to_json(self) -> dict[str, Any]:
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        known: dict[str, Any] = dict(stored)
        known["opportunity_id"] = UUID(known["opportunity_id"])
        for name, read in _READ.items():
            if known.get(name) is not None:
                known[name] = read(known[name])
        return cls(**known)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value


_READ: Final[dict[str, Any]] = {
    "lead_id": UUID,
    "next_step_date": date.fromisoformat,
    "requested_at": datetime.fromisoformat,
    "close_date": date.fromisoformat,
    "amount": Decimal,
    "contact": lambda stored: RequestedContact(**stored),
    "account": lambda stored: RequestedAccount(**stored),
}


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
        SELECT o.id, o.attempts, c.request
        FROM qualification.outbox AS o
        JOIN qualification.conversions AS c ON c.workspace_id = $1
          AND ((o.kind = $2 AND c.opportunity_id = o.subject_id)
            OR (o.kind = $3 AND c.lead_id = o.subject_id))
        WHERE o.workspace_id = $1 AND o.due_at <= $4 AND o.parked_at IS NULL
        ORDER BY o.id LIMIT 1
        FOR UPDATE OF o SKIP LOCKED
        """,
        session.workspace_id,
        KIND_CONVERSION_REQUESTED,
        _KIND_BEFORE,
        clock.now(),
    )
    if row is None:
        return None
    return ClaimedRequest(row["id"], row["attempts"], OpportunityRequest.from_json(row["request"]))


async def settle_opened(session: WriteSession, claimed: ClaimedRequest) -> None:
    """In the transaction that opened the opportunity."""
    await _settle(session, claimed, "opened", None)


async def settle_failed(session: WriteSession, claimed: ClaimedRequest, reason: str) -> None:
    """Pipeline refused it; the conversion shows why, and asking again asks anew."""
    await _settle(session, claimed, "failed", reason)


async def _settle(
    session: WriteSession, claimed: ClaimedRequest, state: str, reason: str | None
) -> None:
    await session.execute(
        """
        UPDATE qualification.conversions SET state = $3, reason = $4, settled_at = $5
        WHERE workspace_id = $1 AND opportunity_id = $2
        """,
        session.workspace_id,
        claimed.request.opportunity_id,
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
    and after the last attempt it is put aside and the conversion shows it as failed. Nothing is
    counted where somebody else has settled it since, or is at it."""
    held = await session.fetchval(
        """
        SELECT id FROM qualification.outbox WHERE workspace_id = $1 AND id = $2
        FOR UPDATE SKIP LOCKED
        """,
        session.workspace_id,
        claimed.outbox_id,
    )
    if held is None:
        return
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
