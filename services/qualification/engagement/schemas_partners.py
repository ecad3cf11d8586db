"""Partners that engagement recruits, on the wire. Checks of single fields; no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.kit.schemas import Day, Label, Note, PastInstant, StrictModel

PartnerKind = Literal[
    "cloud_provider", "system_integrator", "reseller", "original_equipment_manufacturer"
]
PartnerState = Literal["approached", "agreed", "active", "declined"]


class _PartnerFields(StrictModel):
    """An absent field is unchanged; null clears the next step."""

    state: PartnerState = Field(default_factory=lambda: "approached")
    next_step: Note | None = None
    next_step_date: Day | None = None
    occurred_at: PastInstant | None = Field(
        None, description="When it came to this state; now by default."
    )


class PartnerRecruited(_PartnerFields):
    """How far recruiting a partner has come in an activity. A partner of this kind and name that
    is known already is the same one, whichever activity it is met in."""

    name: Label
    kind: PartnerKind | None = Field(
        None, description="That of the activity by default, where it is one of partners."
    )


class PartnerUpdate(_PartnerFields):
    """Changes of a partner."""

    name: Label = Field(default_factory=str)


class Partner(BaseModel):
    """A company asked to sell with us. `activity_external_id` is where it was first approached."""

    id: UUID
    version: int
    name: str
    kind: PartnerKind
    state: PartnerState
    state_since: datetime
    next_step: str | None
    next_step_date: date | None
    activity_id: UUID
    activity_external_id: str
    created_at: datetime
    updated_at: datetime


class PartnerPage(BaseModel):
    items: list[Partner]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PartnerFilters:
    """The query parameters of the list; they combine."""

    kind: Annotated[PartnerKind | None, Query()] = None
    state: Annotated[PartnerState | None, Query()] = None
    activity_external_id: Annotated[str | None, Query(max_length=255)] = None
    name: Annotated[
        str | None, Query(max_length=255, description="The whole name, without regard to case.")
    ] = None


class PartnerMove(BaseModel):
    """One step of recruiting; `from_state` is null for the first."""

    id: UUID
    from_state: PartnerState | None
    to_state: PartnerState
    next_step: str | None
    activity_external_id: str | None
    actor: str
    occurred_at: datetime
    recorded_at: datetime


class PartnerMovePage(BaseModel):
    items: list[PartnerMove]
    next_cursor: str | None
