"""What the Required 7 answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.pipeline.hygiene.schemas import Freshness


class Cure(BaseModel):
    message: str
    method: str
    path: str
    fields: list[str] | None = None


class Offence(BaseModel):
    """One record that keeps an item from being met; `codes` say why, rules of hygiene among them."""

    kind: Literal["account", "opportunity", "activity"]
    id: UUID
    external_id: str | None
    name: str | None
    codes: list[str]
    fix: Cure


class Missing(BaseModel):
    """How many records keep each item from being met."""

    accounts_ranked: int
    custom_deck: int
    key_information: int
    call_notes: int
    next_steps: int
    command_plan: int
    opportunities_up_to_date: int


class Offences(BaseModel):
    """The first of them, at most 25 an item."""

    accounts_ranked: list[Offence]
    custom_deck: list[Offence]
    key_information: list[Offence]
    call_notes: list[Offence]
    next_steps: list[Offence]
    command_plan: list[Offence]
    opportunities_up_to_date: list[Offence]


class RepDay(BaseModel):
    """One person's day, as of the deadline by their own clock, or as of now where that is to come."""

    user_id: UUID
    user_external_id: str
    user_name: str
    timezone: str
    deadline: datetime
    as_of: datetime
    status: Literal["met", "due", "late"]
    is_complete: bool
    accounts_ranked: bool
    custom_deck: bool
    key_information: bool
    call_notes: bool
    next_steps: bool
    command_plan: bool
    opportunities_up_to_date: bool
    missing: Missing
    offences: Offences


class Required7(Freshness):
    """Everybody within reach, by name."""

    on: date = Field(description="The day, by each person's own clock.")
    user_id: str | None
    people: int
    met: int
    due: int
    late: int
    items: list[RepDay]
