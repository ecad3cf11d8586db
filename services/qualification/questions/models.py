"""What a team adds to, or changes in, the catalogues that are shipped. No behaviour lives here.

A null in a column of content means: as shipped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record
from services.qualification.models import SCHEMA


class Question(Record, Base):
    """A discovery question of the team's own, or its version of a shipped one."""

    __tablename__ = "questions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str]
    version: Mapped[int]
    text: Mapped[str | None]
    element: Mapped[str | None]
    personas: Mapped[list[Any] | None]
    use_cases: Mapped[list[Any] | None]
    buyer_stages: Mapped[list[Any] | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Persona(Record, Base):
    """A buyer persona; `external_id` is its key."""

    __tablename__ = "personas"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str]
    version: Mapped[int]
    name: Mapped[str | None]
    description: Mapped[str | None]
    obstacles: Mapped[list[Any] | None]
    objections: Mapped[list[Any] | None]
    initiatives: Mapped[list[Any] | None]
    metrics: Mapped[list[Any] | None]
    titles: Mapped[list[Any] | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class BuyerStage(Record, Base):
    """A stage of the buyer's process; `external_id` is its key."""

    __tablename__ = "buyer_stages"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str]
    version: Mapped[int]
    name: Mapped[str | None]
    position: Mapped[int | None] = mapped_column(SmallInteger)
    buyer_actions: Mapped[list[Any] | None]
    selling_activities: Mapped[list[Any] | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
