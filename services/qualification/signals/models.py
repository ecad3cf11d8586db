"""Tables of signals (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, reference


class Signal(Record, Base):
    """Something a lead did, or let be, with what it did to the lead. Never changed: the points
    of a lead are the sum of what its signals changed them by."""

    __tablename__ = "signals"
    __table_args__ = (
        UniqueConstraint("workspace_id", "lead_id", "external_id"),
        reference("lead_id", "qualification.leads"),
        Index(None, "workspace_id", "lead_id", "id"),
        # The last word of each measure, whatever came before it.
        Index(None, "workspace_id", "lead_id", "name", "occurred_at"),
        {"schema": "qualification"},
    )

    lead_id: Mapped[UUID]
    external_id: Mapped[str | None]
    name: Mapped[str]
    # What the policy gives for it, and by how much the points really changed.
    worth: Mapped[int]
    points: Mapped[int]
    score_before: Mapped[int]
    score_after: Mapped[int]
    status_before: Mapped[str]
    status_after: Mapped[str]
    reasons: Mapped[list[Any]]
    value: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any] | None]
    policy_version: Mapped[int]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
