"""A lead as every part of the service handles it. A value: nothing here reads or decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead as stored, with what its answer shows of holders and conversion."""

    id: UUID
    external_id: str | None
    version: int
    name: str
    email: str | None
    title: str | None
    company: str | None
    account_external_id: str | None
    employees: int | None
    region: str | None
    source_kind: str | None
    source: str | None
    use_case: str | None
    seats: int | None
    persona: str | None
    sdr_id: UUID | None
    owner_id: UUID | None
    status: str
    status_since: datetime
    score: int
    notes: str | None
    created_at: datetime
    updated_at: datetime
    industry: str | None
    tools: list[str]
    email_domain: str | None
    phone: str | None
    campaign: str | None
    engagement_external_id: str | None
    landing_page: str | None
    behaviour_points: int
    demographic_points: int
    key_account: bool
    stated_score: int | None
    fit_score: int | None
    unsubscribed: bool
    status_reason: str | None
    status_details: str | None
    recycle_until: date | None
    woken_at: datetime | None
    first_mql_at: datetime | None
    first_pql_at: datetime | None
    mql_count: int
    first_response_at: datetime | None
    sql_at: datetime | None
    last_signal_at: datetime | None
    last_touch_at: datetime | None
    next_touch_on: date | None
    merged_into_id: UUID | None
    sdr_external_id: str | None = None
    owner_external_id: str | None = None
    opportunity_id: UUID | None = None
    conversion_state: str | None = None
    conversion_reason: str | None = None
    handed_from: str | None = None
    handed_to: str | None = None
    handed_at: datetime | None = None
    handed_by: str | None = None
    is_handed_to_self: bool | None = None
    hand_off_note: str | None = None
