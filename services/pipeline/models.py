"""Tables of the pipeline service (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.columns import Base, Count, Money, Record, Tenant, reference

SCHEMA = "pipeline"


class Account(Record, Base):
    """A company, or part of one, that is sold to. `segment` is derived from `employees`."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("parent_id", "pipeline.accounts"),
        reference("owner_id", "workspace.users"),
        Index(None, "workspace_id", "parent_id"),
        Index(None, "workspace_id", "owner_id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    name: Mapped[str]
    employees: Mapped[int | None] = mapped_column(BigInteger)
    segment: Mapped[str]
    vertical: Mapped[str | None]
    region: Mapped[str | None]
    route_to_market: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Contact(Record, Base):
    """A person at an account."""

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("account_id", "pipeline.accounts"),
        Index(None, "workspace_id", "account_id"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    account_id: Mapped[UUID | None]
    name: Mapped[str]
    email: Mapped[str | None]
    title: Mapped[str | None]
    persona: Mapped[str | None]
    buying_role: Mapped[str | None]
    champion: Mapped[bool]
    left_at: Mapped[date | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Subscription(Record, Base):
    """What an account has bought and until when; its end, not a deal's date, makes it renewable."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("account_id", "pipeline.accounts"),
        Index(
            None,
            "workspace_id",
            "account_id",
            "end_date",
            postgresql_include=["id", "start_date", "arr"],
        ),
        Index(None, "workspace_id", "end_date"),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    account_id: Mapped[UUID]
    start_date: Mapped[date]
    end_date: Mapped[date]
    arr: Mapped[Money]
    currency: Mapped[str]
    seats: Mapped[int | None] = mapped_column(BigInteger)
    tier: Mapped[str | None]
    usage: Mapped[dict | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Opportunity(Record, Base):
    """The current version of an opportunity: stated facts, and what is derived from them."""

    __tablename__ = "opportunities"
    __table_args__ = (
        UniqueConstraint("workspace_id", "external_id"),
        reference("account_id", "pipeline.accounts"),
        reference("owner_id", "workspace.users"),
        reference("sdr_id", "workspace.users"),
        reference("subscription_id", "pipeline.subscriptions"),
        # Lists by account (and the account family's wins), by owner, by stage, by close date.
        Index(None, "workspace_id", "account_id", "stage"),
        Index(None, "workspace_id", "owner_id", "close_date"),
        Index(None, "workspace_id", "close_fiscal_quarter", "stage"),
        Index(None, "workspace_id", "subscription_id"),
        Index(None, "workspace_id", "sdr_id"),
        # Those that wait for their owner to accept them; few at any time.
        Index(
            "ix_opportunities_pending",
            "workspace_id",
            "owner_id",
            postgresql_where=text("stage = 'pending_acceptance'"),
        ),
        {"schema": SCHEMA},
    )

    external_id: Mapped[str | None]
    version: Mapped[int]
    name: Mapped[str]
    account_id: Mapped[UUID | None]
    owner_id: Mapped[UUID]
    type: Mapped[str]
    order_type: Mapped[str]
    stage: Mapped[str]
    forecast_category: Mapped[str]
    stated_forecast_category: Mapped[str | None]
    renewal_loss_category: Mapped[str]
    amount: Mapped[Money | None]
    currency: Mapped[str]
    term_months: Mapped[int | None]
    true_up_amount: Mapped[Money]
    services_amount: Mapped[Money]
    other_non_recurring_amount: Mapped[Money]
    arr_basis: Mapped[Money]
    expected_renewed_arr: Mapped[Money | None]
    net_arr: Mapped[Money]
    stated_net_arr: Mapped[Money | None]
    close_date: Mapped[date | None]
    close_fiscal_quarter: Mapped[int]
    next_step: Mapped[str | None]
    next_step_date: Mapped[date | None]
    source_kind: Mapped[str | None]
    segment: Mapped[str]
    region: Mapped[str]
    vertical: Mapped[str]
    category: Mapped[str]
    parent_external_id: Mapped[str | None]
    subscription_id: Mapped[UUID | None]
    renewal_date: Mapped[date | None]
    quote_start_date: Mapped[date | None]
    submitted_at: Mapped[datetime | None]
    duplicate_of: Mapped[str | None]
    contact_external_ids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sdr_id: Mapped[UUID | None]
    seats: Mapped[int | None] = mapped_column(BigInteger)
    use_case: Mapped[str | None]
    route_to_market: Mapped[str | None]
    buyer_stage: Mapped[str | None]
    splits: Mapped[list]
    lost_reason: Mapped[str | None]
    lost_details: Mapped[str | None]
    push_count: Mapped[int]
    stage_entered_at: Mapped[datetime]
    # The latest moment it entered any stage, kept only where that is later than `stage_entered_at`:
    # its history was told out of order.
    entered_later_at: Mapped[datetime | None]
    # The company's day its first version happened, which an import tells of the past.
    opened_on: Mapped[date | None]
    sales_accepted_date: Mapped[date | None]
    policy_version: Mapped[int]
    # Derivable fields the client stated itself (segment, region, order_type, vertical), which
    # therefore do not follow the account or owner any more.
    stated_fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OpportunityEvent(Tenant, Base):
    """One immutable version: the stated facts it changed, when it happened and when it was told."""

    __tablename__ = "opportunity_events"
    __table_args__ = ({"schema": SCHEMA},)

    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    kind: Mapped[str]
    changes: Mapped[dict]
    previous: Mapped[dict]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]


class OutboxRow(Record, Base):
    """Work that is due. The row is deleted in the transaction that puts its effect in the figures."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "workspace_id", "subject_id", "version"),
        # Subjects a claim passes over; nearly always empty.
        Index(
            "ix_outbox_failed",
            "workspace_id",
            "subject_id",
            postgresql_where=text("attempts > 0"),
        ),
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


class FeedRow(Tenant, Base):
    """The sequenced feed: every event once, in the order the figures took it in. No end."""

    __tablename__ = "feed"
    __table_args__ = ({"schema": SCHEMA},)

    sequence: Mapped[Count] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    version: Mapped[int]
    event_id: Mapped[UUID | None]
    posted_at: Mapped[datetime]


class Finding(Record, Base):
    """A rule that a record breaks, kept instead of refusing what was stated."""

    __tablename__ = "findings"
    __table_args__ = (
        Index(None, "workspace_id", "opportunity_id"),
        Index(None, "workspace_id", "rule", "id"),
        Index(None, "workspace_id", "found_at"),
        {"schema": SCHEMA},
    )

    opportunity_id: Mapped[UUID]
    version: Mapped[int]
    rule: Mapped[str]
    message: Mapped[str]
    actor: Mapped[str]
    found_at: Mapped[datetime]
    # What was not met, where the rule is a gate, and why it was overridden.
    codes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    reason: Mapped[str | None]


class Import(Record, Base):
    """Files on their way in. `position` is how far they are, written with the rows it covers, so a
    restart goes on from there; the lease says which process is at it."""

    __tablename__ = "imports"
    __table_args__ = (
        Index(None, "workspace_id", "status"),
        {"schema": SCHEMA},
    )

    mapping: Mapped[dict]
    mapping_name: Mapped[str]
    files: Mapped[list]
    bytes_total: Mapped[Count]
    status: Mapped[str]
    position: Mapped[dict]
    counts: Mapped[dict]
    warnings: Mapped[dict]
    errors_total: Mapped[Count]
    actor: Mapped[str]
    actor_roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    error: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(SmallInteger)
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class ImportChunk(Tenant, Base):
    """A piece of an uploaded file, in order; in the database so that any worker can read it."""

    __tablename__ = "import_chunks"
    __table_args__ = (reference("import_id", "pipeline.imports"), {"schema": SCHEMA})

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    file: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes]


class ImportRow(Tenant, Base):
    """What a running import must remember of its rows: that a key was seen and on which line, or a
    row kept until its turn (history to be sorted, a record waiting for its parent)."""

    __tablename__ = "import_rows"
    __table_args__ = (reference("import_id", "pipeline.imports"), {"schema": SCHEMA})

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[Count] = mapped_column(primary_key=True)
    body: Mapped[dict | None]


class ImportProblem(Record, Base):
    """A row that did not go in, or went in with a warning: where it is, which field, and why."""

    __tablename__ = "import_errors"
    __table_args__ = (
        reference("import_id", "pipeline.imports"),
        Index(None, "workspace_id", "import_id", "severity", "id"),
        {"schema": SCHEMA},
    )

    import_id: Mapped[UUID]
    file: Mapped[str]
    line: Mapped[Count]
    record: Mapped[str]
    field: Mapped[str | None]
    code: Mapped[str]
    message: Mapped[str]
    severity: Mapped[str]
