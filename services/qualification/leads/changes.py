"""What happened to a lead in one write: what the packages that follow leads are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.qualification.leads.record import Lead


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change of status or holders, as the lead's history keeps it. A write may make several:
    a batch of signals can carry a lead through two statuses."""

    from_status: str | None
    to_status: str
    reason: str | None
    details: str | None
    score: int
    sdr_id: UUID | None
    owner_id: UUID | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that counted for a lead, or against it: a signal that came, a time of silence, a
    return to zero. `worth` is what the policy gives for it, `points` what it changed: points never
    go below zero, so the two may differ."""

    id: UUID
    name: str
    worth: int
    points: int
    occurred_at: datetime
    score_before: int
    score_after: int
    status_before: str
    status_after: str
    reasons: list[dict[str, Any]]
    external_id: str | None = None
    value: int | None = None
    details: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadChange:
    """One lead before (None: it is new) and after a write. `occurred_at` is when it happened in
    the business; both leads are as stored, so their difference is what changed."""

    before: Lead | None
    after: Lead
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    moves: tuple[Move, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def has_moved(self) -> bool:
        """Its status is another one, or it is new."""
        return self.before is None or self.before.status != self.after.status

    @property
    def has_changed_hands(self) -> bool:
        return self.before is not None and (self.before.sdr_id, self.before.owner_id) != (
            self.after.sdr_id,
            self.after.owner_id,
        )
