"""Tables of evidence (schema `qualification`). No behaviour lives here. The elements as they are
now stand in the opportunity's command plan, which they are a section of."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Tenant

SCHEMA = "qualification"


class EvidenceChange(Tenant, Base):
    """One element before and after one save of MEDDPPICC. Null is: nothing was known."""

    __tablename__ = "evidence_changes"
    __table_args__ = {"schema": SCHEMA}

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    element: Mapped[str] = mapped_column(primary_key=True)
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    author: Mapped[str]
    changed_at: Mapped[datetime]
