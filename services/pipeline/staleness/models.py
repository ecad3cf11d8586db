"""Tables of staleness (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Tenant, reference
from services.pipeline.models import SCHEMA


class Clock(Tenant, Base):
    """One clock of an opportunity as it was last worked out, and what it has done in this run.

    A run begins anew with whatever the clock is measured from. `due_at` is the next step, null where
    there is none. Only an acceptance that ended stays when its clock has stopped.
    """

    __tablename__ = "clocks"
    __table_args__ = (
        reference("opportunity_id", "pipeline.opportunities"),
        # What will happen soon; and acceptances of a period.
        Index(None, "workspace_id", "due_at", "opportunity_id", "kind"),
        Index(
            "ix_clocks_acceptance",
            "workspace_id",
            "started_at",
            postgresql_where=text("kind = 'acceptance'"),
        ),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    run: Mapped[str]
    started_at: Mapped[datetime]
    # When each step of this run was done, by its name.
    done: Mapped[dict]
    due_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    minutes: Mapped[int | None] = mapped_column(BigInteger)
    policy_version: Mapped[int]
