"""Quotas on the wire: what may be sent, and what is answered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.forecast.schemas import Amount
from services.kit.schemas import PositiveMoney, StrictModel


class QuotaIn(StrictModel):
    """In the company's currency."""

    amount: PositiveMoney


class QuotaOut(BaseModel):
    """`sequence` is null until the quota is part of the figures."""

    period: str
    user_id: UUID
    user_external_id: str
    amount: Amount
    currency: str
    recorded_at: datetime
    recorded_by: str
    sequence: int | None


class QuotaPage(BaseModel):
    items: list[QuotaOut]
    next_cursor: str | None
