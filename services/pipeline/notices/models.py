"""Tables of notices (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, reference
from services.pipeline.models import SCHEMA


class Notice(Record, Base):
    """What one person is told, once. `key` names the occasion, so that telling it again is nothing
    new. Only `read_at` ever changes."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("workspace_id", "kind", "key", "user_id"),
        reference("user_id", "workspace.users"),
        reference("opportunity_id", "pipeline.opportunities"),
        reference("account_id", "pipeline.accounts"),
        # One person's, the newest first; those not read are few and looked for often.
        Index(None, "workspace_id", "user_id", "id"),
        Index(
            "ix_notices_unread",
            "workspace_id",
            "user_id",
            "id",
            postgresql_where=text("read_at IS NULL"),
        ),
        Index(None, "workspace_id", "opportunity_id", "id"),
        {"schema": SCHEMA},
    )

    kind: Mapped[str]
    key: Mapped[str]
    user_id: Mapped[UUID]
    subject: Mapped[str]
    message: Mapped[str]
    opportunity_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    details: Mapped[dict] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
