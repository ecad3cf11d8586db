"""How a territory buys, on the wire: verticals, objectives, team, ranks, and the plan on a page."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from services.kit.schemas import (
    Day,
    Email,
    ExternalId,
    Flag,
    Label,
    Note,
    PastInstant,
    StrictModel,
    refuse,
)
from services.qualification.territories.domain import RANKS, rank_text
from services.qualification.territories.schemas import Route
from services.qualification.territories.schemas_map import (
    EarlyAdopter,
    Figures,
    NextDivision,
    PointOfEntry,
    TerritoryRef,
)

TeamRole = Literal[
    "sdr",
    "isr",
    "solutions_architect",
    "customer_success_manager",
    "reseller_channel_manager",
    "si_channel_manager",
    "oem_cloud_channel_manager",
    "field_marketing",
]


class TacticFields(StrictModel):
    """One thing to do for an objective."""

    text: Note
    owner: Label | None = Field(None, description="Who does it.")
    due_on: Day | None = None
    is_done: Flag = False


class ObjectiveFields(StrictModel):
    """What is to be reached in a vertical, and how."""

    text: Note
    tactics: list[TacticFields] = Field(default_factory=list, max_length=50)


class VerticalPut(StrictModel):
    """An absent field is unchanged, null clears it; a list replaces the one before."""

    objectives: list[ObjectiveFields] | None = Field(None, max_length=50)
    routes_strategy: Note | None = Field(
        None, description="How to engage by the routes these customers buy through."
    )


class Tactic(BaseModel):
    text: str
    owner: str | None
    due_on: date | None
    is_done: bool


class Objective(BaseModel):
    text: str
    tactics: list[Tactic]


class RouteCounts(BaseModel):
    direct: int
    channel: int
    programs: int
    unstated: int


class Vertical(BaseModel):
    """One business vertical of a territory. `most_common_routes` has several where they tie.
    `version` is that of what was put, 0 before."""

    vertical: str
    version: int
    organisations: int
    is_top_three: bool
    routes: RouteCounts
    most_common_routes: list[Route]
    routes_strategy: str | None
    objectives: list[Objective]


class Verticals(BaseModel):
    """The most common vertical first; those only planned for come last."""

    territory: TerritoryRef
    organisations: int
    without_vertical: int
    top_three: list[str]
    items: list[Vertical]


class PersonFields(StrictModel):
    """Somebody of the team: a user of the workspace, or a name."""

    name: Label | None = Field(None, description="The user's by default.")
    user_external_id: ExternalId | None = None
    email: Email | None = None


People = Annotated[list[PersonFields] | None, Field(max_length=50)]


class TeamPut(StrictModel):
    """An absent role is unchanged, null empties it; a list replaces the one before."""

    sdr: People = None
    isr: People = None
    solutions_architect: People = None
    customer_success_manager: People = None
    reseller_channel_manager: People = None
    si_channel_manager: People = None
    oem_cloud_channel_manager: People = None
    field_marketing: People = None


class Person(BaseModel):
    name: str
    user_external_id: str | None
    email: str | None


class TeamRoles(BaseModel):
    """Everybody by role; an empty list is a role nobody has."""

    sdr: list[Person]
    isr: list[Person]
    solutions_architect: list[Person]
    customer_success_manager: list[Person]
    reseller_channel_manager: list[Person]
    si_channel_manager: list[Person]
    oem_cloud_channel_manager: list[Person]
    field_marketing: list[Person]


class Team(BaseModel):
    """The extended team of a territory. `version` is 0 before it was ever put."""

    territory_id: UUID
    version: int
    roles: TeamRoles
    missing_roles: list[TeamRole]


def _rank(value: object) -> Decimal:
    """Written as text or as a number: of the four there are, each is exact either way."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        for rank in RANKS:
            if str(value) in (rank_text(rank), f"{rank_text(rank)}.0") or value == rank:
                return rank
    allowed = ", ".join(rank_text(rank) for rank in RANKS)
    raise refuse("invalid_rank", f"must be one of {allowed}")


Rank = Annotated[
    Decimal,
    BeforeValidator(_rank),
    WithJsonSchema({"anyOf": [{"enum": ["1", "1.5", "2", "3"]}, {"enum": [1, 1.5, 2, 3]}]}),
]


class RankPut(StrictModel):
    """What is left out stays as the same person ranked it this fiscal year; null clears it."""

    rank: Rank = Field(description="1 is the best; 1.5 is not of the segment large.")
    reason: Note | None = None
    sources: list[Label] | None = Field(None, max_length=50, description="What it rests on.")
    ranked_by_external_id: ExternalId | None = Field(
        None, description="Whose rank it is, where an integration states it; the caller's if not."
    )
    occurred_at: PastInstant | None = Field(None, description="Now by default.")


class Lack(BaseModel):
    """What keeps something from being complete."""

    code: str
    message: str


class RankGiven(BaseModel):
    """One ranking, as it was given."""

    rank: str
    reason: str | None
    sources: list[str]
    segment: str
    fiscal_year: str
    ranked_by_external_id: str | None
    ranked_at: datetime
    recorded_at: datetime
    actor: str
    policy_version: int


class OrganisationRank(BaseModel):
    """An organisation's rank and what it lacks to be relied on; the history is the latest first."""

    organisation_id: UUID
    organisation_external_id: str
    organisation: str
    version: int
    segment: str
    allowed_ranks: list[str]
    fiscal_year: str
    rank: str | None
    is_complete: bool
    lacks: list[Lack]
    history: list[RankGiven]


class RankRow(BaseModel):
    """As `OrganisationRank`, with the ranking in force."""

    organisation_id: UUID
    organisation_external_id: str
    organisation: str
    segment: str
    rank: str | None
    reason: str | None
    sources: list[str]
    ranked_fiscal_year: str | None
    ranked_by_external_id: str | None
    ranked_at: datetime | None
    is_complete: bool
    lacks: list[Lack]


class Ranks(BaseModel):
    """The best rank first, what nobody has ranked last."""

    territory: TerritoryRef
    fiscal_year: str
    complete: int
    lacking: int
    items: list[RankRow]


class PlanUsage(Figures):
    """What the map says; see `/v1/territories/{id}/map` for the rest."""

    point_of_entry_needed: list[PointOfEntry]
    early_adopters: list[EarlyAdopter]
    next_divisions: list[NextDivision]


class PlanRanks(BaseModel):
    fiscal_year: str
    complete: int
    lacking: int


class Missing(Lack):
    """What is not filled in yet, where, and for how many of what it says."""

    where: str
    count: int


class Plan(BaseModel):
    """The territory's plan on a page, with what is not filled in yet."""

    territory: TerritoryRef
    as_of: datetime
    usage: PlanUsage
    verticals: Verticals
    team: Team
    ranks: PlanRanks
    is_complete: bool
    missing: list[Missing]


def stated_json(payload: StrictModel) -> dict[str, Any]:
    """What was sent, as JSON can store it: dates as text."""
    return payload.model_dump(mode="json", exclude_unset=True)
