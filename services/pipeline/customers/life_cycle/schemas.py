"""The life cycle on the wire."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Phase = Literal["engage", "transact", "fulfil", "support", "renew"]


class Deciding(BaseModel):
    """The record that says so."""

    kind: Literal["subscription", "opportunity", "account"]
    id: UUID
    external_id: str | None
    reason: str


class LifeCycle(BaseModel):
    """Where an account is."""

    account_id: UUID
    account_external_id: str | None
    phase: Phase
    since: date
    because: Deciding


class PhaseSum(BaseModel):
    phase: Phase
    accounts: int
    arr: str = Field(description="Of subscriptions that run today.")


class LifeCycleReport(BaseModel):
    """All accounts by phase, in the order of the life cycle."""

    day: date
    user_id: str | None
    currency: str
    accounts: int
    arr: str
    phases: list[PhaseSum]
