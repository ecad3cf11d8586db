"""What engagement brought, on the wire. No decisions."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.qualification.engagement.domain import Figures
from services.qualification.engagement.results import CreditedDeal
from services.qualification.engagement.schemas import Activity
from services.qualification.engagement.schemas_partners import Partner
from services.qualification.leads.domain import STATUSES

GroupBy = Literal["activity", "kind", "territory", "vertical"]


class LeadCounts(BaseModel):
    """`by_status` says what they are now; the others, what they ever were."""

    total: int
    by_status: dict[str, int]
    mql: int
    pql: int
    sql: int


class Deals(BaseModel):
    """Opportunities by where they stand. `sales_accepted` left stage 0 at some time;
    `open_net_arr` is open pipeline: positive Net ARR from stage 1 on that is not omitted."""

    opportunities: int
    sales_accepted: int
    pending: int
    open: int
    open_net_arr: Decimal
    won: int
    won_net_arr: Decimal
    lost: int
    set_aside: int = Field(description="Unqualified or duplicate.")
    foreign_currency: int = Field(description="With money in another currency, which is left out.")


class EngagementFigures(BaseModel):
    """What engagement brought. Each opportunity counts once: for its source, or else for what was
    named first as having influenced it."""

    activities: int
    cost: Decimal = Field(description="What the activities cost, over all time.")
    leads: LeadCounts
    sourced: Deals
    influenced: Deals


class Group(EngagementFigures):
    """One group; `key` is null for what has no territory, vertical or recorded activity."""

    key: str | None
    name: str | None


class Results(BaseModel):
    """A page of groups; `totals` are of all groups, also those of other pages."""

    group_by: GroupBy
    first_day: date | None
    last_day: date | None
    currency: str
    totals: EngagementFigures
    items: list[Group]
    next_cursor: str | None


class ActivityWithResults(Activity):
    """An activity with what it brought and the partners it recruited."""

    brought: EngagementFigures
    partners: list[Partner] = Field(description="Those first approached in it; at most 200.")


class CreditedOpportunity(BaseModel):
    """An opportunity an activity has to do with. `counts`: it is in this activity's figures;
    otherwise another one is its source, or was named before this one."""

    opportunity_id: UUID
    external_id: str | None
    name: str
    stage: str
    net_arr: Decimal
    currency: str
    role: Literal["sourced", "influenced"]
    through: Literal["lead", "named"]
    counts: bool


class CreditedOpportunityPage(BaseModel):
    items: list[CreditedOpportunity]
    next_cursor: str | None


def figures_json(figures: Figures) -> dict[str, Any]:
    """Figures as their answer, with every status."""
    shown = asdict(figures)
    by_status = shown["leads"]["by_status"]
    shown["leads"]["by_status"] = {status: by_status.get(status, 0) for status in STATUSES}
    return shown


def deal_json(deal: CreditedDeal) -> dict[str, Any]:
    """An opportunity of an activity as its answer."""
    standing = deal.standing
    return {
        "opportunity_id": standing.id,
        "external_id": standing.external_id,
        "name": standing.name,
        "stage": standing.stage,
        "net_arr": standing.net_arr,
        "currency": standing.currency,
        "role": deal.role,
        "through": deal.through,
        "counts": deal.counts,
    }
