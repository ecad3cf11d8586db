"""Response timers on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

Kind = Literal["mql", "request"]
State = Literal["open", "overdue", "met", "missed", "unanswered"]
GroupBy = Literal["sdr", "region", "source", "kind"]


class ResponseTimer(BaseModel):
    """One wait of a lead for an answer. `unanswered` ended in time without one: the holder
    changed, it was merged, or it is no MQL any more."""

    id: UUID
    lead_id: UUID
    lead_external_id: str | None
    lead_name: str
    kind: Kind
    state: State
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    stopped_by: str | None = Field(
        examples=["touch", "accepted", "holder_changed"],
        description="A touch, the status that was reached, holder_changed, merged or withdrawn.",
    )
    stopped_actor: str | None
    responder_external_id: str | None
    sdr_external_id: str | None
    owner_external_id: str | None
    region: str | None
    source: str | None
    business_minutes: int | None
    is_met: bool | None
    calendar: str
    policy_version: int


class ResponseTimerPage(BaseModel):
    """One page, by when they are due."""

    items: list[ResponseTimer]
    next_cursor: str | None


class ResponseFigures(BaseModel):
    """`count` is answered + unanswered + open; overdue is part of open. `met_percent` is of what is
    decided: met, missed, and what is overdue now."""

    name: str | None
    count: int
    answered: int
    unanswered: int
    open: int
    overdue: int
    met: int
    missed: int
    met_percent: str | None = Field(examples=["92.50"])
    is_goal_met: bool | None
    median_business_minutes: int | None
    p90_business_minutes: int | None


class ResponseReport(BaseModel):
    """How quickly leads were answered whose wait began in the period."""

    from_: date = Field(alias="from")
    to: date
    group_by: GroupBy | None
    goal_percent: int
    total: ResponseFigures
    groups: list[ResponseFigures]


def timer_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ResponseTimer.model_fields}


def figures_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ResponseFigures.model_fields}
