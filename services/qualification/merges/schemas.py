"""Twins and merges on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.kit.schemas import RecordId, StrictModel
from services.qualification.leads.schemas import LeadStatus
from services.qualification.merges.domain import suggested_survivor
from services.qualification.merges.twins import Group

By = Literal["email", "domain"]
Rule = Literal["same_email", "same_domain_and_similar_name", "stated"]


class MergeCreate(StrictModel):
    """The leads that become part of this one."""

    lead_ids: Annotated[list[RecordId], Field(min_length=1, max_length=50)]
    keep: dict[str, RecordId] = Field(
        default_factory=dict,
        description="Whose value of a field stands, by the field's name; the survivor's by"
        " default, else that of the oldest lead that has one.",
        examples=[{"phone": "01972f6e-7c00-7000-8000-000000000000"}],
    )


class Twin(BaseModel):
    """A lead of a group, as far as it helps to tell whether it is the same person."""

    id: UUID
    external_id: str | None
    name: str
    email: str | None
    title: str | None
    company: str | None
    phone: str | None
    status: LeadStatus
    score: int
    sdr_external_id: str | None
    owner_external_id: str | None
    opportunity_id: UUID | None
    created_at: datetime


class TwinGroup(BaseModel):
    """Leads that may be one person: `certain` by the same mailbox, whatever its tag and letters;
    `likely` by one company's domain and a similar name. At most a hundred are shown."""

    reason: Literal["same_email", "same_domain_and_similar_name"]
    certainty: Literal["certain", "likely"]
    key: str = Field(description="The mailbox, or the domain.")
    lead_count: int
    suggested_survivor_id: UUID
    leads: list[Twin]


class TwinGroupPage(BaseModel):
    """One page; it may be short, or empty, and still not be the last."""

    items: list[TwinGroup]
    next_cursor: str | None


class Merge(BaseModel):
    """A merge as it was done: both leads as they were before, and what moved, by id."""

    id: UUID
    survivor_id: UUID
    merged_id: UUID
    merged_external_id: str | None
    rule: Rule
    snapshot: dict[str, Any]
    moved: dict[str, Any]
    actor: str
    merged_at: datetime


class MergePage(BaseModel):
    """One page, in the order they were done."""

    items: list[Merge]
    next_cursor: str | None


def group_json(group: Group) -> dict[str, Any]:
    return {
        "reason": group.reason,
        "certainty": group.certainty,
        "key": group.key,
        "lead_count": group.lead_count,
        "suggested_survivor_id": suggested_survivor(group.leads).id,
        "leads": [
            {name: getattr(lead, name) for name in Twin.model_fields} for lead in group.leads
        ],
    }
