"""Users on the wire: what may be sent, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import Query
from pydantic import AfterValidator, BaseModel, Field

from services.kit.schemas import (
    Email,
    ExternalId,
    Flag,
    Instant,
    Label,
    RecordId,
    StrictModel,
    refuse,
)

Role = Literal["admin", "integration", "sales_ops", "manager", "rep", "sdr", "analyst"]
PlanType = Literal["net", "gross"]

DEFAULT_ROLE: Role = "rep"
DEFAULT_PLAN_TYPE: PlanType = "net"


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise refuse("invalid_timezone", "is not a time zone like America/Los_Angeles")
    return value


class UserFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it or returns it to its default."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    name: Label | None = Field(None, description="Required for a new user.")
    email: Email | None = None
    role: Role | None = Field(None, description=f"`{DEFAULT_ROLE}` by default.")
    manager_external_id: ExternalId | None = Field(
        None, description="Whom the user reports to; may be defined later in the same batch."
    )
    segment: Label | None = None
    region: Label | None = None
    plan_type: PlanType | None = Field(None, description=f"`{DEFAULT_PLAN_TYPE}` by default.")
    timezone: Annotated[Label, AfterValidator(_timezone)] | None = None
    active: Flag | None = Field(None, description="True by default.")
    effective_from: Instant | None = Field(
        None,
        description=(
            "When the reporting line begins: now by default, and always for a user's first line. "
            "A past instant records a reorganisation afterwards, a future one schedules it."
        ),
    )


class UserPut(UserFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class UserItem(UserFields):
    """One user of a batch."""

    external_id: ExternalId


class User(BaseModel):
    """A person who owns or manages records."""

    id: UUID
    external_id: str
    version: int
    name: str
    email: str | None
    role: Role
    manager_external_id: str | None = Field(description="Whom the user reports to now.")
    segment: str | None
    region: str | None
    plan_type: PlanType
    timezone: str | None
    active: bool
    created_at: datetime
    updated_at: datetime


class ReportingLine(BaseModel):
    """Who the user reported to from when; `effective_from` null is since ever."""

    manager_external_id: str | None
    effective_from: datetime | None
    recorded_at: datetime
    recorded_by: str


class UserDetail(User):
    """With every reporting line, scheduled ones included, the earliest first."""

    reporting_lines: list[ReportingLine]


@dataclass(frozen=True, slots=True)
class UserFilters:
    """The query parameters of the list; `manager_external_id` is whom users report to now."""

    role: Annotated[Role | None, Query()] = None
    active: Annotated[bool | None, Query()] = None
    manager_external_id: Annotated[ExternalId | None, Query()] = None
    external_id: Annotated[ExternalId | None, Query()] = None


class UserPage(BaseModel):
    items: list[User]
    next_cursor: str | None
