"""Subscriptions on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, AliasChoices, BaseModel, Field

from services.kit.answers import to_json
from services.kit.schemas import (
    Count,
    Currency,
    Day,
    ExternalId,
    Label,
    PositiveMoney,
    RecordId,
    StrictModel,
    refuse,
)

USAGE_BYTES_MAX: Final = 16_384
USAGE_DEPTH_MAX: Final = 20


def _small(value: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [value]
    for _ in range(USAGE_DEPTH_MAX + 1):
        level = [
            part
            for whole in level
            if isinstance(whole, (dict, list))
            for part in (whole.values() if isinstance(whole, dict) else whole)
        ]
    if level:
        raise refuse("usage_too_deep", f"is nested deeper than {USAGE_DEPTH_MAX} levels")
    size = len(to_json(value))
    if size > USAGE_BYTES_MAX:
        raise refuse("usage_too_large", f"has {size} bytes as JSON; at most {USAGE_BYTES_MAX}")
    return value


class SubscriptionFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    account_external_id: ExternalId | None = Field(
        None,
        validation_alias=AliasChoices("account_external_id", "account"),
        description="Required for a new subscription.",
    )
    start_date: Day | None = Field(None, description="Required for a new subscription.")
    end_date: Day | None = Field(
        None, description="Required for a new subscription; the last day, after the first."
    )
    arr: PositiveMoney | None = Field(None, description="Required for a new subscription.")
    currency: Currency | None = Field(None, description="The workspace's by default.")
    seats: Count | None = None
    tier: Label | None = None
    usage: Annotated[dict[str, Any], AfterValidator(_small)] | None = Field(
        None, description="Whatever the product reports, kept as it is."
    )


class SubscriptionPut(SubscriptionFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class SubscriptionItem(SubscriptionFields):
    """One subscription of a batch."""

    external_id: ExternalId


class Subscription(BaseModel):
    """What an account has bought. Its end, and no deal's close date, makes it renewable."""

    id: UUID
    external_id: str | None
    version: int
    account_external_id: str | None
    start_date: date
    end_date: date
    arr: str = Field(examples=["125000.00"])
    currency: str
    seats: int | None
    tier: str | None
    usage: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionFilters:
    """The query parameters of the list; the two bounds of the end are inclusive."""

    external_id: Annotated[ExternalId | None, Query()] = None
    account_external_id: Annotated[ExternalId | None, Query()] = None
    tier: Annotated[Label | None, Query()] = None
    end_date_from: Annotated[Day | None, Query()] = None
    end_date_to: Annotated[Day | None, Query()] = None


class SubscriptionPage(BaseModel):
    items: list[Subscription]
    next_cursor: str | None
