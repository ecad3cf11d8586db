"""Contacts on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AliasChoices, BaseModel, Field

from services.kit.schemas import Email, ExternalId, Flag, Label, PastDay, RecordId, StrictModel


class ContactFields(StrictModel):
    """All optional: an absent field is unchanged, null clears it."""

    id: RecordId | None = Field(None, description="Chosen for a new record; never changes.")
    name: Label | None = Field(None, description="The external id by default.")
    account_external_id: ExternalId | None = Field(
        None, validation_alias=AliasChoices("account_external_id", "account")
    )
    email: Email | None = None
    title: Label | None = None
    persona: Label | None = Field(None, examples=["technology", "financial_leader"])
    buying_role: Label | None = Field(None, examples=["economic_buyer", "champion"])
    champion: Flag | None = Field(None, description="False by default.")
    left_at: PastDay | None = Field(None, description="The day the person left the account.")


class ContactPut(ContactFields):
    """The external id is the path's; repeating it is allowed."""

    external_id: ExternalId | None = None


class ContactItem(ContactFields):
    """One contact of a batch."""

    external_id: ExternalId


class Contact(BaseModel):
    """A person at an account."""

    id: UUID
    external_id: str | None
    version: int
    name: str
    account_external_id: str | None
    email: str | None
    title: str | None
    persona: str | None
    buying_role: str | None
    champion: bool
    left_at: date | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ContactFilters:
    """The query parameters of the list."""

    external_id: Annotated[ExternalId | None, Query()] = None
    account_external_id: Annotated[ExternalId | None, Query()] = None
    persona: Annotated[Label | None, Query()] = None
    buying_role: Annotated[Label | None, Query()] = None
    champion: Annotated[bool | None, Query()] = None


class ContactPage(BaseModel):
    items: list[Contact]
    next_cursor: str | None
