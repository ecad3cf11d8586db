"""Column types and naming shared by every table: the one place that says how money, instants and
tenancy are stored. Every constraint has a name, since migrations must be able to drop it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Money = Annotated[Decimal, mapped_column(Numeric(18, 2))]
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Count = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """All tables of all services are in one metadata, so that alembic can compare them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        str: Text,
        UUID: Uuid,
        dict: JSONB,
        dict[str, Any]: JSONB,
        list: JSONB,
        list[Any]: JSONB,
        datetime: DateTime(timezone=True),
    }


class Tenant:
    """A table of one workspace's rows: `workspace_id` comes first in every key."""

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-10)


class Record(Tenant):
    """A tenant row with an identity of its own."""

    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-9)


def reference(column: str, target: str, name: str | None = None) -> ForeignKeyConstraint:
    """A foreign key inside the workspace: `(workspace_id, column) -> target(workspace_id, id)`."""
    return ForeignKeyConstraint(
        ["workspace_id", column], [f"{target}.workspace_id", f"{target}.id"], name=name
    )


def column_names(table: type[Base]) -> list[str]:
    """The table's columns in the order of the model; statements never say `*`."""
    return [column.name for column in table.__table__.columns]
