"""Tables of merges (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.kit.columns import Base, Record, reference


class LeadMerge(Record, Base):
    """Two leads that were one person: what the merged one was, and what moved to the survivor."""

    __tablename__ = "lead_merges"
    __table_args__ = (
        reference("survivor_id", "qualification.leads"),
        reference("merged_id", "qualification.leads"),
        Index(None, "workspace_id", "survivor_id", "id"),
        Index(None, "workspace_id", "merged_id"),
        {"schema": "qualification"},
    )

    survivor_id: Mapped[UUID]
    merged_id: Mapped[UUID]
    snapshot: Mapped[dict[str, Any]]
    moved: Mapped[dict[str, Any]]
    rule: Mapped[str]
    actor: Mapped[str]
    merged_at: Mapped[datetime]
