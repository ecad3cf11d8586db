"""Tables of the qualification service (schema `qualification`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Record, Tenant, reference

SCHEMA = "qualification"
_FILTERS = ("source", "region", "industry", "email_domain", "campaign", "engagement_external_id")


def _known(*columns: str) -> Index:
    """An index of the rows that have a value in the first column."""
    present = text(f"{columns[0]} IS NOT NULL")
    return Index(None, "workspace_id", *columns, postgresql_where=present)


class Lead(Record, Base):
    """A person who may become a buyer. The account is named, not referenced: it is pipeline's, and
    need not exist yet."""

    __tablename__ = "leads"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("sdr_id", "workspace.users"),
        reference("owner_id", "workspace.users"),
        reference("merged_into_id", "qualification.leads"),
        # Every filter of a list, each in the order the list pages in.
        Index(None, "workspace_id", "sdr_id", "id"),
        Index(None, "workspace_id", "owner_id", "id"),
        Index(None, "workspace_id", "status", "id"),
        Index(None, "workspace_id", "source_kind", "id"),
        *(_known(name, "id") for name in _FILTERS),
        Index(None, "workspace_id", "score", "id"),
        Index(None, "workspace_id", "status", "score", "id"),
        Index(None, "workspace_id", "email"),
        # The same mailbox, whatever its tag; read without the rows themselves.
        Index(
            "ix_leads_workspace_id_address",
            "workspace_id",
            text("regexp_replace(lower(email), '[+][^@]*@', '@')"),
            postgresql_include=["email"],
            postgresql_where=text("email IS NOT NULL AND merged_into_id IS NULL"),
        ),
        _known("account_external_id"),
        _known("next_touch_on", "id"),
        _known("woken_at"),
        _known("merged_into_id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    version: Mapped[int]
    name: Mapped[str]
    email: Mapped[str | None]
    title: Mapped[str | None]
    company: Mapped[str | None]
    account_external_id: Mapped[str | None]
    employees: Mapped[int | None] = mapped_column(BigInteger)
    region: Mapped[str | None]
    source_kind: Mapped[str | None]
    source: Mapped[str | None]
    use_case: Mapped[str | None]
    seats: Mapped[int | None] = mapped_column(BigInteger)
    persona: Mapped[str | None]
    sdr_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    status: Mapped[str]
    status_since: Mapped[datetime]
    score: Mapped[int]
    notes: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    industry: Mapped[str | None]
    tools: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    # Derived from the address, in small letters.
    email_domain: Mapped[str | None]
    phone: Mapped[str | None]
    campaign: Mapped[str | None]
    engagement_external_id: Mapped[str | None]
    landing_page: Mapped[str | None]
    # Running totals: never added up anew when a signal comes.
    behaviour_points: Mapped[int] = mapped_column(server_default=text("0"))
    demographic_points: Mapped[int] = mapped_column(server_default=text("0"))
    key_account: Mapped[bool] = mapped_column(server_default=text("false"))
    stated_score: Mapped[int | None]
    fit_score: Mapped[int | None]
    unsubscribed: Mapped[bool] = mapped_column(server_default=text("false"))
    status_reason: Mapped[str | None]
    status_details: Mapped[str | None]
    recycle_until: Mapped[date | None]
    # When a recycled lead came back to be worked; null once somebody took it up.
    woken_at: Mapped[datetime | None]
    first_mql_at: Mapped[datetime | None]
    first_pql_at: Mapped[datetime | None]
    mql_count: Mapped[int] = mapped_column(server_default=text("0"))
    first_response_at: Mapped[datetime | None]
    sql_at: Mapped[datetime | None]
    last_signal_at: Mapped[datetime | None]
    last_touch_at: Mapped[datetime | None]
    next_touch_on: Mapped[date | None]
    merged_into_id: Mapped[UUID | None]


class LeadMove(Record, Base):
    """One change of a lead's status or holders, as it was then. Never changed."""

    __tablename__ = "lead_moves"
    __table_args__ = (
        reference("lead_id", "qualification.leads"),
        Index(None, "workspace_id", "lead_id", "id"),
        # How many came to a status within a time.
        Index(None, "workspace_id", "to_status", "occurred_at"),
        {"schema": SCHEMA},
    )

    lead_id: Mapped[UUID]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    reason: Mapped[str | None]
    details: Mapped[str | None]
    score: Mapped[int]
    sdr_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    actor: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class Timer(Record, Base):
    """What the worker does later about something, once; deleted in the transaction that did it."""

    __tablename__ = "timers"
    __table_args__ = (
        UniqueConstraint("workspace_id", "kind", "subject_id"),
        # Which workspaces have something due, and what it is in one of them.
        Index("ix_timers_due_at", "due_at", postgresql_where=text("parked_at IS NULL")),
        Index(None, "workspace_id", "due_at", postgresql_where=text("parked_at IS NULL")),
        {"schema": SCHEMA},
    )

    kind: Mapped[str]
    subject_id: Mapped[UUID]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    last_error: Mapped[str | None]
    parked_at: Mapped[datetime | None]


class Assessment(Record, Base):
    """One acceptance test: what was known, what was concluded and by which policy. Never changed.

    Of a lead, of an opportunity, or, once the lead is handed over, of both. `carried` says which
    evidence came from which earlier test; a test that is not binding tells what another policy
    would say and decides nothing.
    """

    __tablename__ = "assessments"
    __table_args__ = (
        reference("lead_id", "qualification.leads"),
        reference("retest_of", "qualification.assessments"),
        # The tests of a lead and of an opportunity, newest last.
        Index(None, "workspace_id", "lead_id", "id"),
        Index(None, "workspace_id", "opportunity_id", "id"),
        Index(
            "ix_assessments_workspace_id_retest_of",
            "workspace_id",
            "retest_of",
            postgresql_where=text("retest_of IS NOT NULL"),
        ),
        {"schema": SCHEMA},
    )

    lead_id: Mapped[UUID | None]
    lead_version: Mapped[int | None]
    policy_version: Mapped[int]
    segment: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    criteria: Mapped[dict[str, Any]]
    verdict: Mapped[str]
    is_convertible: Mapped[bool]
    assessed_at: Mapped[datetime]
    assessed_by: Mapped[str]
    opportunity_id: Mapped[UUID | None]
    opportunity_version: Mapped[int | None]
    retest_of: Mapped[UUID | None]
    is_binding: Mapped[bool] = mapped_column(server_default=text("true"))
    carried: Mapped[dict[str, Any] | None]
    comparison: Mapped[dict[str, Any] | None]


class Conversion(Tenant, Base):
    """A hand-over, of a lead or straight from a contact: the opportunity's id, picked once, who
    gave it to whom, and how far opening it is."""

    __tablename__ = "conversions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "lead_id"),
        reference("lead_id", "qualification.leads"),
        reference("assessment_id", "qualification.assessments"),
        reference("sdr_id", "workspace.users"),
        reference("owner_id", "workspace.users"),
        Index(None, "workspace_id", "assessment_id"),
        # Lists by state and by who gave or got it.
        Index(None, "workspace_id", "state", "opportunity_id"),
        Index(None, "workspace_id", "sdr_id", "opportunity_id"),
        Index(None, "workspace_id", "owner_id", "opportunity_id"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID | None]
    # None where another system handed it over: no test was made here.
    assessment_id: Mapped[UUID | None]
    # What pipeline is asked to open, as it was when it was asked.
    request: Mapped[dict[str, Any]]
    state: Mapped[str]
    reason: Mapped[str | None]
    requested_at: Mapped[datetime]
    requested_by: Mapped[str]
    settled_at: Mapped[datetime | None]
    contact_external_id: Mapped[str | None]
    sdr_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    is_to_self: Mapped[bool] = mapped_column(server_default=text("false"))
    note: Mapped[str | None]


class Screen(Record, Base):
    """Budget, authority, need and timeline of a lead as somebody asked for them: advice only."""

    __tablename__ = "screens"
    __table_args__ = (
        reference("lead_id", "qualification.leads"),
        Index(None, "workspace_id", "lead_id", "id"),
        {"schema": SCHEMA},
    )

    lead_id: Mapped[UUID]
    lead_version: Mapped[int]
    answers: Mapped[dict[str, Any]]
    score: Mapped[int] = mapped_column(SmallInteger)
    screened_at: Mapped[datetime]
    screened_by: Mapped[str]


class OutboxRow(Record, Base):
    """A hand-over that is due. Deleted in the transaction that opens the opportunity."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "workspace_id", "subject_id", "version"),
        {"schema": SCHEMA},
    )

    kind: Mapped[str]
    subject_id: Mapped[UUID]
    version: Mapped[int]
    event_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    last_error: Mapped[str | None]
    parked_at: Mapped[datetime | None]
