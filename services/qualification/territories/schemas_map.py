"""The usage map and the shares' history on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.qualification.territories.schemas import Colour, Kind, Route, Segment


class TerritoryRef(BaseModel):
    """The territory that is shown."""

    id: UUID
    external_id: str
    name: str
    segment: Segment | None
    region: str | None
    area: str | None
    owner_external_ids: list[str]


class Counts(BaseModel):
    """Divisions by colour. `devops` are the green, yellow and red ones."""

    green: int
    yellow: int
    red: int
    grey: int
    unstated: int
    devops: int
    total: int


class DevopsShares(BaseModel):
    """Decimal strings of four places that add up to one; the goal is `1.0000` green."""

    green: str
    yellow: str
    red: str


class AllShares(DevopsShares):
    """As `DevopsShares`, of every division."""

    grey: str
    unstated: str


class UserCounts(BaseModel):
    """Users by the colour of their division, where users are known, in `divisions_known`."""

    green: int
    yellow: int
    red: int
    grey: int
    unstated: int
    total: int
    divisions_known: int


class Shares(BaseModel):
    """Null where there is nothing to share out."""

    of_devops: DevopsShares | None
    of_all: AllShares | None
    of_devops_users: DevopsShares | None
    of_all_users: AllShares | None


class Figures(BaseModel):
    counts: Counts
    users: UserCounts
    shares: Shares


class MapDivision(BaseModel):
    """A division with the colour that held at the map's instant. One that is a heading has no
    colour, is broken down further and counts through its parts."""

    id: UUID
    external_id: str
    parent_id: UUID | None
    name: str
    kind: Kind
    colour: Colour | None
    colour_since: datetime | None
    said_by: str | None
    stated_at: datetime | None
    evidence: str | None
    practises_devops: bool | None
    users: int | None
    contact: str | None
    note: str | None
    early_adopter: bool
    is_heading: bool


class MapOrganisation(Figures):
    """An organisation and its divisions, each followed by its parts."""

    id: UUID
    external_id: str
    name: str
    account_external_id: str | None
    vertical: str | None
    route_to_market: Route | None
    employees: int | None
    is_customer: bool
    point_of_entry_needed: bool
    divisions: list[MapDivision]


class OrganisationRef(BaseModel):
    id: UUID
    external_id: str
    name: str


class DivisionRef(BaseModel):
    id: UUID
    external_id: str
    name: str
    colour: Colour | None
    organisation_external_id: str


class PointOfEntry(OrganisationRef):
    """Somebody here could use the product and nobody does yet."""

    yellow: int
    red: int


class Adopter(BaseModel):
    id: UUID
    external_id: str
    name: str
    early_adopter: bool


class InVertical(BaseModel):
    """Red and yellow divisions in other organisations of the vertical: how many, and the first."""

    vertical: str | None
    count: int
    first: list[DivisionRef]


class EarlyAdopter(BaseModel):
    """An organisation whose users can be shown to those beside them and to their vertical."""

    organisation: OrganisationRef
    divisions: list[Adopter]
    in_organisation: list[DivisionRef]
    in_vertical: InVertical


class Factor(BaseModel):
    factor: Literal["colour", "green_neighbour", "users", "size", "contact", "vertical", "recency"]
    points: int
    sentence: str


class NextDivision(BaseModel):
    """A division to turn, with why it has its place."""

    place: int
    division_id: UUID
    division_external_id: str
    division: str
    organisation_id: UUID
    organisation_external_id: str
    organisation: str
    colour: Literal["yellow", "red"]
    points: int
    factors: list[Factor]


class NextDivisionPage(BaseModel):
    """The first to turn first; `as_of` is the instant of the colours."""

    items: list[NextDivision]
    next_cursor: str | None


class UsageMap(Figures):
    """The usage map. `next_divisions` are the first of `next_divisions_count`; all of them are at
    `/v1/territories/{id}/next-divisions`."""

    territory: TerritoryRef
    as_of: datetime
    axis: Literal["occurred", "recorded"]
    goal: str = Field(description="The green share of DevOps divisions to reach: all of them.")
    organisations: list[MapOrganisation]
    point_of_entry_needed: list[PointOfEntry]
    early_adopters: list[EarlyAdopter]
    next_divisions: list[NextDivision]
    next_divisions_count: int


class SharesPoint(Figures):
    """The end of an interval. `to_goal` is the green share of DevOps divisions still missing."""

    day: date
    as_of: datetime
    to_goal: str | None


class SharesHistory(BaseModel):
    """How the shares went; `from` and `to` are days of the company."""

    territory: TerritoryRef
    interval: Literal["day", "week", "month"]
    goal: str
    points: list[SharesPoint]
