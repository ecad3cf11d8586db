"""What happened to a lead in one write: what the packages that follow leads are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.qualification.leads.repository import Lead


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadChange:
    """One lead before (None: it is new) and after a write. `occurred_at` is when it happened in
    the business; both leads are as stored, so their difference is what changed."""

    before: Lead | None
    after: Lead
    occurred_at: datetime
    recorded_at: datetime
    actor: str

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
