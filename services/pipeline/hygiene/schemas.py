"""What hygiene answers, and what it takes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from services.kit.schemas import Instant, Note, RecordId, StrictModel, refuse
from services.workspace.policy_hygiene import HYGIENE_RULES

Severity = Literal["error", "warning", "info"]
Snoozed = Literal["true", "false", "all"]
Grouping = Literal["rule", "user", "severity", "week"]


def _rule(value: str) -> str:
    if value not in HYGIENE_RULES:
        raise refuse("unknown_rule", "is the name of no rule; GET /v1/hygiene/rules lists them")
    return value


RuleName = Annotated[
    str,
    AfterValidator(_rule),
    WithJsonSchema({"type": "string", "enum": list(HYGIENE_RULES)}),
]


class Freshness(BaseModel):
    """`fresh_at`: everything written until then is judged; `pending`: how many changes wait.
    `is_complete` is false while everything is looked at anew, as after a change of policy."""

    fresh_at: datetime | None
    pending: int
    is_complete: bool


class Fix(BaseModel):
    """What cures it: a sentence, and where it is sent."""

    message: str
    method: str
    path: str
    fields: list[str]


class Snooze(BaseModel):
    """Nobody is bothered until then; who said so, when and why."""

    until: datetime
    reason: str
    snoozed_by: str
    snoozed_at: datetime


class FindingOpportunity(BaseModel):
    """What it is about."""

    id: UUID
    external_id: str | None
    name: str
    owner_external_id: str
    owner_name: str
    account_external_id: str | None
    stage: str
    type: str
    segment: str
    amount: str | None
    net_arr: str
    currency: str
    close_date: date | None


class Finding(BaseModel):
    """A rule that an opportunity breaks now. `since` is when it became so, `days` how long that
    is; `evidence` holds the values that decide."""

    id: UUID
    rule: RuleName
    severity: Severity
    message: str
    evidence: dict[str, Any]
    since: datetime
    opened_at: datetime
    days: int
    fiscal_quarter: str | None
    policy_version: int
    snooze: Snooze | None
    opportunity: FindingOpportunity
    fix: Fix


class FindingPage(Freshness):
    """In the order they were found."""

    items: list[Finding]
    next_cursor: str | None


class EndedFinding(BaseModel):
    """One that went away; should it come back, that is another one."""

    id: UUID
    rule: str
    severity: Severity
    message: str
    evidence: dict[str, Any]
    since: datetime
    opened_at: datetime
    closed_at: datetime


class OpportunityHygiene(Freshness):
    """Everything about one opportunity: what stands, snoozed or not, and the last that ended."""

    opportunity_id: UUID
    findings: list[Finding]
    ended: list[EndedFinding]
    reviewed_at: datetime | None
    reviewed_by: str | None
    review_due_on: date | None


class SummaryItem(BaseModel):
    """One rule, severity or user; or one week, with what began and ended in it. `net_arr` counts
    each opportunity once."""

    key: str
    name: str | None
    findings: int | None = None
    snoozed: int | None = None
    opportunities: int | None = None
    net_arr: str | None = None
    oldest_since: datetime | None = None
    opened: int | None = None
    closed: int | None = None


class Summary(Freshness):
    """Findings counted; `net_arr` is what the opportunities are worth that have any."""

    group_by: Grouping
    user_id: str | None
    currency: str
    findings: int
    snoozed: int
    opportunities: int
    net_arr: str
    items: list[SummaryItem]


class RuleInForce(BaseModel):
    """A rule, under the policy in force."""

    name: RuleName
    what: str
    severity: Severity
    default_severity: Severity
    is_on: bool
    source: str
    settings: dict[str, Any]
    defaults: dict[str, Any]
    fix: str


class RuleCatalogue(BaseModel):
    """All there are."""

    policy_version: int
    items: list[RuleInForce]


class SnoozeBody(StrictModel):
    """A snooze ends: by itself at `until`, or when the finding goes away."""

    rule: RuleName
    until: Instant
    reason: Note


class ReviewBody(StrictModel):
    """Somebody looked at it."""

    note: Note | None = None


class ReviewsBody(StrictModel):
    """Somebody looked at all of these."""

    opportunity_ids: Annotated[list[RecordId], Field(min_length=1, max_length=1000)]
    note: Note | None = None


class Review(BaseModel):
    opportunity_id: UUID
    reviewed_at: datetime
    reviewed_by: str


class Reviews(BaseModel):
    items: list[Review]


class ReviewItem(BaseModel):
    """An open opportunity, and when somebody looked at it last; `due_on` is the first day on which
    it is to be looked at again."""

    opportunity_id: UUID
    opportunity_external_id: str | None
    opportunity_name: str
    owner_external_id: str
    owner_name: str
    stage: str
    net_arr: str
    currency: str
    close_date: date | None
    reviewed_at: datetime | None
    reviewed_by: str | None
    note: str | None
    due_on: date
    is_due: bool


class ReviewPage(BaseModel):
    """The longest ago first."""

    items: list[ReviewItem]
    next_cursor: str | None
