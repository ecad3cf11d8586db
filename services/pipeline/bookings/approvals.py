"""Closing approvals: the deal desk, then billing, decide about a deal handed in for booking. Both
approve, and it is won on its booking date; one rejects, and it goes back unlocked."""

from __future__ import annotations

from typing import Any, Final

from services.kit.db import Session
from services.pipeline.bookings import repository
from services.pipeline.bookings.errors import (
    AlreadyDecidedError,
    ApprovalOutOfOrderError,
    NotSubmittedError,
)
from services.pipeline.bookings.service import Case
from services.pipeline.opportunities.linked import acting
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.service import Current, change, describe

DEAL_DESK: Final = "deal_desk"
BILLING: Final = "billing"
APPROVED: Final = "approved"
REJECTED: Final = "rejected"


async def decide(case: Case, kind: str, decision: str, note: str | None) -> dict[str, Any]:
    """One decision; the opportunity after it, and what was decided about it since it was handed
    in. The same decision said again changes nothing."""
    row, session = case.row, case.session
    repeated = await _repeated(session, row, kind, decision)
    if repeated is not None:
        return repeated
    if row["stage"] != "closing":
        raise NotSubmittedError(row["stage"])
    submitted_at = await repository.handed_in_at(session, row["id"]) or row["stage_entered_at"]
    so_far = {
        each["kind"]: each
        for each in await repository.approvals_of_round(session, row["id"], submitted_at)
    }
    if kind in so_far:
        raise AlreadyDecidedError(kind, so_far[kind]["decision"])
    if kind == BILLING and DEAL_DESK not in so_far:
        raise ApprovalOutOfOrderError
    await repository.keep(
        session,
        repository.APPROVALS,
        {
            "opportunity_id": row["id"], "submitted_at": submitted_at, "kind": kind,
            "decision": decision, "note": note, "actor": case.actor.name,
            "decided_at": case.now, "policy_version": case.circumstances.policy.version,
        },
    )  # fmt: skip
    after: Current | None = None
    if decision == REJECTED:
        after = await _move(case, "awaiting_signature", f"{kind} rejected: {note}")
    elif kind == BILLING:
        after = await _move(case, "closed_won", "Approved by deal desk and billing")
    content = after.content if after is not None else (await describe(session, [row]))[0]
    return await _told(session, row, submitted_at, content)


async def _move(case: Case, stage: str, reason: str) -> Current:
    # Approvals are the gate of this stage, so nothing else holds the move.
    return await change(
        case.session, acting(case.actor), case.row["id"], {"stage": stage}, reason=reason
    )


async def _repeated(session: Session, row: Row, kind: str, decision: str) -> dict[str, Any] | None:
    """The answer of a decision that already moved the deal, for who did not hear it."""
    last = await repository.last_approval(session, row["id"])
    if last is None or row["stage"] not in ("closing", "closed_won", "awaiting_signature"):
        return None
    if (last["kind"], last["decision"]) != (kind, decision):
        return None
    is_open = row["stage"] == "closing"
    if is_open and last["submitted_at"] != await repository.handed_in_at(session, row["id"]):
        return None
    return await _told(session, row, last["submitted_at"], (await describe(session, [row]))[0])


async def _told(
    session: Session, row: Row, submitted_at: Any, content: dict[str, Any]
) -> dict[str, Any]:
    decided = await repository.approvals_of_round(session, row["id"], submitted_at)
    items = sorted((dict(each) for each in decided), key=lambda each: each["id"])
    return {"opportunity": content, "approvals": items}
