"""Accounts on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.kit.schemas import Count, ExternalId, Label, RecordId, StrictModel

RouteToMarket = Literal["direct", "channel", "programs"]


class AccountFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    name: Label | None = Field(None, description="Required for a new account.")
    employees: Count | None = Field(None, description="Head count; `segment` follows from it.")
    vertical: Label | None = None
    region: Label | None = None
    route_to_market: RouteToMarket | None = None
    parent_external_id: ExternalId | None = Field(
        None, description="The account it belongs to; may be defined later in the same batch."
    )
    owner_external_id: ExternalId | None = None


class AccountPut(AccountFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class AccountItem(AccountFields):
    """One account of a batch."""

    external_id: ExternalId


class Account(BaseModel):
    """A company, or part of one, that is sold to."""

    id: UUID
    external_id: str | None
    version: int
    name: str
    employees: int | None
    segment: str = Field(description="By head count under the policy in force; else `unknown`.")
    vertical: str | None
    region: str | None
    route_to_market: RouteToMarket | None
    parent_external_id: str | None
    owner_external_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AccountFilters:
    """The query parameters of the list."""

    external_id: Annotated[ExternalId | None, Query()] = None
    segment: Annotated[Label | None, Query()] = None
    region: Annotated[Label | None, Query()] = None
    vertical: Annotated[Label | None, Query()] = None
    parent_external_id: Annotated[ExternalId | None, Query()] = None
    owner_external_id: Annotated[ExternalId | None, Query()] = None


class AccountPage(BaseModel):
    items: list[Account]
    next_cursor: str | None
