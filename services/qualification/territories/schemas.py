"""Territories, organisations and divisions on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AliasChoices, BaseModel, Field

from services.kit.schemas import (
    Count,
    ExternalId,
    Flag,
    Label,
    Note,
    PastInstant,
    RecordId,
    StrictModel,
)

Segment = Literal["smb", "mid_market", "large", "public_sector"]
Route = Literal["direct", "channel", "programs"]
Kind = Literal["department", "division", "branch"]
Colour = Literal["green", "yellow", "red", "grey"]

_NEW_ID = "Chosen for a new record; never changes."


class TerritoryFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description=_NEW_ID)
    name: Label | None = Field(None, description="The external id by default.")
    segment: Segment | None = None
    region: Label | None = None
    area: Label | None = None
    owner_external_ids: list[ExternalId] | None = Field(
        None, max_length=50, description="Users; in no particular order."
    )


class TerritoryPut(TerritoryFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class TerritoryItem(TerritoryFields):
    """One territory of a batch."""

    external_id: ExternalId


class Territory(BaseModel):
    """A book of business."""

    id: UUID
    external_id: str
    version: int
    name: str
    segment: Segment | None
    region: str | None
    area: str | None
    owner_external_ids: list[str]
    created_at: datetime
    updated_at: datetime


class TerritoryPage(BaseModel):
    items: list[Territory]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class TerritoryFilters:
    """The query parameters of the list."""

    external_id: Annotated[ExternalId | None, Query()] = None
    owner_external_id: Annotated[ExternalId | None, Query()] = None
    segment: Annotated[Segment | None, Query()] = None
    region: Annotated[Label | None, Query()] = None


class OrganisationFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description=_NEW_ID)
    name: Label | None = Field(None, description="The external id by default.")
    account_external_id: ExternalId | None = Field(
        None,
        validation_alias=AliasChoices("account_external_id", "account"),
        description="Its account in pipeline, which need not exist yet. What is left out here of"
        " vertical, route and employees is taken from there.",
    )
    vertical: Label | None = Field(None, examples=["Healthcare"])
    route_to_market: Route | None = None
    employees: Count | None = None
    is_customer: Flag | None = Field(None, description="False by default.")
    active: Flag | None = Field(None, description="True by default; false takes it off the map.")


class OrganisationPut(OrganisationFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class OrganisationItem(OrganisationFields):
    """One organisation of a batch."""

    external_id: ExternalId


class Organisation(BaseModel):
    """A company of a territory, as it was stated."""

    id: UUID
    external_id: str
    version: int
    territory_id: UUID
    territory_external_id: str
    name: str
    account_external_id: str | None
    vertical: str | None
    route_to_market: Route | None
    employees: int | None
    is_customer: bool
    active: bool
    created_at: datetime
    updated_at: datetime


class OrganisationPage(BaseModel):
    items: list[Organisation]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class OrganisationFilters:
    """The query parameters of the list."""

    external_id: Annotated[ExternalId | None, Query()] = None
    account_external_id: Annotated[ExternalId | None, Query()] = None
    vertical: Annotated[Label | None, Query()] = None
    is_customer: Annotated[bool | None, Query()] = None
    active: Annotated[bool | None, Query()] = None


class DivisionFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it. `said_by`, `occurred_at` and
    `evidence` belong to the colour sent with them."""

    id: RecordId | None = Field(None, description=_NEW_ID)
    name: Label | None = Field(None, description="The external id by default.")
    kind: Kind | None = Field(None, description="`division` by default.")
    parent_external_id: ExternalId | None = Field(
        None, description="A division of the same organisation; may come later in the same batch."
    )
    practises_devops: Flag | None = Field(
        None, description="Follows from the colour; of use where the colour is not known yet."
    )
    colour: Colour | None = Field(
        None,
        description="`green` uses the product, `yellow` evaluates it, `red` does DevOps without"
        " it, `grey` does no DevOps. Null takes back what was said.",
    )
    said_by: Label | None = Field(None, description="Who says so: the caller by default.")
    occurred_at: PastInstant | None = Field(
        None, description="Since when it is so: now by default, never in the future."
    )
    evidence: Note | None = Field(None, description="How it is known.")
    users: Count | None = Field(
        None, description="People who could use the product, without those of its parts."
    )
    contact: Label | None = None
    note: Note | None = None
    early_adopter: Flag | None = Field(None, description="False by default.")
    active: Flag | None = Field(None, description="True by default; false takes it off the map.")


class DivisionPut(DivisionFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class DivisionItem(DivisionFields):
    """One division of a batch."""

    external_id: ExternalId


class DivisionOfTerritoryItem(DivisionItem):
    """One division of a batch over several organisations of a territory."""

    organisation_external_id: ExternalId


class Division(BaseModel):
    """A department, division or branch, with the colour that holds now."""

    id: UUID
    external_id: str
    version: int
    organisation_id: UUID
    organisation_external_id: str
    parent_external_id: str | None
    name: str
    kind: Kind
    practises_devops: bool | None
    colour: Colour | None
    colour_since: datetime | None
    said_by: str | None
    stated_at: datetime | None
    evidence: str | None
    users: int | None
    contact: str | None
    note: str | None
    early_adopter: bool
    active: bool
    statements: int
    created_at: datetime
    updated_at: datetime


class DivisionPage(BaseModel):
    items: list[Division]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DivisionFilters:
    """The query parameters of the list."""

    external_id: Annotated[ExternalId | None, Query()] = None
    kind: Annotated[Kind | None, Query()] = None
    early_adopter: Annotated[bool | None, Query()] = None
    active: Annotated[bool | None, Query()] = None


class ColourStatement(BaseModel):
    """What was said of a division's colour; null takes back what was said before."""

    id: UUID
    colour: Colour | None
    said_by: str
    evidence: str | None
    occurred_at: datetime
    recorded_at: datetime
    actor: str


class ColourStatementPage(BaseModel):
    """In the order in which they hold."""

    items: list[ColourStatement]
    next_cursor: str | None
