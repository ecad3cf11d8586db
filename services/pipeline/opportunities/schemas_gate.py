"""The gate of an opportunity as clients read it: shapes only."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel


class Demand(BaseModel):
    """Something a move still needs, or a rule that forbids it."""

    code: str
    message: str


class NextStage(BaseModel):
    """One stage the opportunity might move to. `how_to_supply` is told of the ways to close it
    without a win; of the next move its `criteria` tell it."""

    stage: str
    stage_number: int | None
    allowed: bool
    unmet: list[Demand]
    how_to_supply: list[Supply]


class GateEvidence(BaseModel):
    """What MEDDPPICC and the command plan say; `gaps` and `plan_missing` are what the next stage
    wants of them."""

    percent: int
    colour: Literal["red", "yellow", "green"]
    gaps: list[str]
    plan_missing: list[str]
    is_plan_stale: bool
    policy_version: int


class Supply(BaseModel):
    """The request that supplies what is missing; angle brackets stand for what its sender knows.
    `then` is the next one, where one is not enough."""

    method: str
    path: str
    fields: dict[str, Any]
    then: Supply | None


class GateCriterion(BaseModel):
    """One thing the next move is asked for. `evidence` is what meets it."""

    code: str
    gate: str
    kind: Literal["hard", "checklist"]
    status: Literal["met", "unmet", "not_applicable"]
    message: str | None
    evidence: str | None
    how_to_supply: Supply | None


class StageGate(BaseModel):
    """Where an opportunity may go from here. `checked` names what was looked at: what is not named
    is not checked, so an empty `unmet` promises nothing about it. `criteria` are those of the next
    move; only the hard ones hold it, and only where `mode` is enforce."""

    opportunity_id: UUID
    stage: str
    stage_number: int | None
    next_stage: str | None
    unmet: list[Demand]
    checked: list[str]
    mode: Literal["enforce", "warn", "off"]
    criteria: list[GateCriterion]
    next_stages: list[NextStage]
    evidence: GateEvidence | None
