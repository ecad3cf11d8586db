"""Tables of reconciliations (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Numeric, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Count, Tenant, reference
from services.pipeline.models import SCHEMA


class ReconciliationRow(Tenant, Base):
    """What a file says of one record, read apart from the mapping; kept for the newest imports."""

    __tablename__ = "reconciliation_rows"
    __table_args__ = (reference("import_id", "pipeline.imports"), {"schema": SCHEMA})

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    record: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    file: Mapped[int]
    line: Mapped[Count]
    state: Mapped[str]
    standing: Mapped[str | None]
    amount: Mapped[Decimal | None] = mapped_column(Numeric())
    currency: Mapped[str | None]
    close_date: Mapped[date | None]
    occurred_at: Mapped[datetime | None]
    codes: Mapped[list[str]] = mapped_column(ARRAY(Text))
