"""The opportunity as clients write and read it: shapes and ranges only.

What a record's state allows is decided in `decisions`; which records exist, in `references`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    Strict,
    WithJsonSchema,
)

from services.kit.schemas import (
    Count,
    Currency,
    Day,
    ExternalId,
    Instant,
    Label,
    Money,
    Note,
    PastInstant,
    RecordId,
    StrictModel,
    refuse,
)
from services.pipeline.opportunities.stages import STAGES, stage_key

TERM_MONTHS_MAX: Final = 120
CONTACTS_MAX: Final = 100
SPLITS_MAX: Final = 20

Type = Literal["new_business", "add_on", "renewal", "professional_services"]
OrderType = Literal[
    "new_first_order",
    "new_connected",
    "growth",
    "contraction",
    "churn_partial",
    "churn_final",
    "ps_other",
]
GrowthType = Literal[
    "add_on_growth", "growth_on_renewal", "contraction_on_renewal", "lost_on_renewal"
]
ForecastCategory = Literal["omitted", "pipeline", "best_case", "commit", "closed"]
RenewalLossCategory = Literal["none", "best_case", "commit"]
Category = Literal[
    "standard",
    "ramp",
    "credit",
    "contract_reset",
    "decommission",
    "internal_correction",
    "debook",
]
SourceKind = Literal["inbound", "outbound", "self_serve", "partner"]
RouteToMarket = Literal["direct", "channel", "programs"]
Segment = Literal["smb", "mid_market", "large", "public_sector", "unknown"]

_STAGE_KEYS = [stage.key for stage in STAGES]


def _stage(value: object) -> str:
    key = stage_key(value) if isinstance(value, str) else None
    if key is None:
        raise refuse("unknown_stage", f"must be one of {', '.join(_STAGE_KEYS)}")
    return key


StageName = Annotated[
    str,
    BeforeValidator(_stage),
    WithJsonSchema({"type": "string", "enum": _STAGE_KEYS}),
    Field(description="A key, or the source document's label such as `4 - Proposal`."),
]
TermMonths = Annotated[int, Strict(), Field(ge=1, le=TERM_MONTHS_MAX)]
ReadOnly = Annotated[
    Any,
    Field(
        description="Read only: accepted so that what was read can be sent back, and ignored.",
        json_schema_extra={"readOnly": True},
    ),
]


def _percent(value: object) -> Decimal:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and len(text) <= 6 and text.replace(".", "", 1).isdecimal():
        number = Decimal(text)
        if 0 < number <= 100 and number == round(number, 2):
            return number
    raise refuse(
        "invalid_percent", "must be above 0 and at most 100, with at most two decimal places"
    )


class Split(StrictModel):
    """One owner's share of an opportunity."""

    owner_external_id: ExternalId
    percent: Annotated[
        Decimal,
        BeforeValidator(_percent),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    ]


def _splits(value: list[Split]) -> list[Split]:
    if value and sum(split.percent for split in value) != 100:
        raise refuse("splits_not_100", "the percents of all splits must add up to 100")
    if len({split.owner_external_id for split in value}) < len(value):
        raise refuse("duplicate_owner", "each owner may appear once")
    return value


class OpportunityWrite(StrictModel):
    """What a client states about an opportunity. An absent field is left as it is; null clears
    it, or returns it to what is derived."""

    external_id: ExternalId | None = None
    id: RecordId | None = None
    name: Label | None = None
    account_external_id: ExternalId | None = None
    owner_external_id: ExternalId | None = None
    type: Type | None = None
    order_type: OrderType | None = None
    stage: StageName | None = None
    forecast_category: ForecastCategory | None = None
    forecast_category_source: Literal["stage", "owner"] | None = Field(
        None, description="`stage` returns the category to the stage's."
    )
    renewal_loss_category: RenewalLossCategory | None = None
    amount: Money | None = None
    currency: Currency | None = None
    term_months: TermMonths | None = None
    true_up_amount: Money | None = None
    services_amount: Money | None = None
    other_non_recurring_amount: Money | None = None
    arr_basis: Money | None = None
    expected_renewed_arr: Money | None = None
    net_arr: Money | None = Field(None, description="States Net ARR; null returns to computing it.")
    net_arr_source: Literal["computed", "stated"] | None = Field(
        None, description="`computed` returns to computing Net ARR."
    )
    close_date: Day | None = None
    next_step: Note | None = None
    next_step_date: Day | None = None
    source_kind: SourceKind | None = None
    segment: Segment | None = None
    region: Label | None = None
    category: Category | None = None
    parent_external_id: ExternalId | None = None
    subscription_external_id: ExternalId | None = None
    renewal_date: Day | None = None
    quote_start_date: Day | None = None
    submitted_at: Instant | None = None
    duplicate_of: ExternalId | None = None
    contact_external_ids: list[ExternalId] | None = Field(None, max_length=CONTACTS_MAX)
    sdr_external_id: ExternalId | None = None
    seats: Count | None = None
    use_case: Label | None = None
    route_to_market: RouteToMarket | None = None
    buyer_stage: Label | None = None
    splits: Annotated[list[Split], AfterValidator(_splits)] | None = Field(
        None, max_length=SPLITS_MAX, description="Kept and checked; figures go by the owner."
    )
    lost_reason: Label | None = None
    lost_details: Note | None = None
    occurred_at: PastInstant | None = Field(
        None, description="When it happened, where that was before now. Input only."
    )
    version: ReadOnly = None
    stage_number: ReadOnly = None
    booked_arr: ReadOnly = None
    growth_type: ReadOnly = None
    deal_size: ReadOnly = None
    deal_count: ReadOnly = None
    tcv: ReadOnly = None
    held_until: ReadOnly = None
    close_fiscal_quarter: ReadOnly = None
    push_count: ReadOnly = None
    stage_entered_at: ReadOnly = None
    days_in_stage: ReadOnly = None
    created_at: ReadOnly = None
    updated_at: ReadOnly = None

    def stated(self) -> dict[str, Any]:
        """The fields that count as statements: those sent, without the read-only ones."""
        values = self.__dict__
        return {name: values[name] for name in self.model_fields_set if name not in _READ_ONLY}


_READ_ONLY = frozenset(
    name
    for name, field in OpportunityWrite.model_fields.items()
    if field.json_schema_extra == {"readOnly": True}
)


class OpportunityCreate(OpportunityWrite):
    """A new opportunity. `owner_external_id` may be left out by a caller who is a user."""


class OpportunityUpdate(OpportunityWrite):
    """A change of an opportunity."""


class Opportunity(BaseModel):
    """The current version of an opportunity."""

    id: UUID
    external_id: str | None
    version: int
    name: str
    account_external_id: str | None
    owner_external_id: str
    type: Type
    order_type: OrderType
    stage: str
    stage_number: int | None
    forecast_category: ForecastCategory
    forecast_category_source: Literal["stage", "owner"]
    renewal_loss_category: RenewalLossCategory
    amount: str | None
    currency: str
    term_months: int | None
    true_up_amount: str
    services_amount: str
    other_non_recurring_amount: str
    arr_basis: str
    expected_renewed_arr: str | None
    net_arr: str
    net_arr_source: Literal["computed", "stated"]
    booked_arr: str
    growth_type: GrowthType | None
    deal_size: Literal["small", "medium", "big", "jumbo"]
    deal_count: int
    tcv: str | None
    close_date: date | None
    close_fiscal_quarter: str | None
    next_step: str | None
    next_step_date: date | None
    source_kind: SourceKind | None
    segment: str
    region: str | None
    category: Category
    parent_external_id: str | None
    subscription_external_id: str | None
    renewal_date: date | None
    quote_start_date: date | None
    submitted_at: datetime | None
    held_until: date | None
    duplicate_of: str | None
    contact_external_ids: list[str]
    sdr_external_id: str | None
    seats: int | None
    use_case: str | None
    route_to_market: RouteToMarket | None
    buyer_stage: str | None
    splits: list[dict[str, str]]
    lost_reason: str | None
    lost_details: str | None
    push_count: int
    stage_entered_at: datetime
    days_in_stage: int
    created_at: datetime
    updated_at: datetime


class OpportunityPage(BaseModel):
    """A page of opportunities."""

    items: list[Opportunity]
    next_cursor: str | None


class Override(StrictModel):
    """Why a rule that allows it is set aside."""

    reason: Note


class Transition(StrictModel):
    """A move to another stage. A deal given up says why in `reason`: one of the policy's reasons,
    or words, which become the details of the reason `other`."""

    to_stage: StageName
    reason: Note | None = None
    details: Note | None = Field(None, description="What becomes `lost_details`.")
    occurred_at: PastInstant | None = None
    override: Override | None = None


class FieldChange(BaseModel):
    """One field's value before and after. `from` is null on the first version."""

    from_: Any = Field(alias="from")
    to: Any


class Version(BaseModel):
    """One immutable version. `changes` holds what was stated or re-derived then."""

    version: int
    kind: str
    changes: dict[str, FieldChange]
    actor: str
    actor_name: str | None
    reason: str | None
    occurred_at: datetime
    recorded_at: datetime


class History(BaseModel):
    """Versions, oldest first."""

    items: list[Version]
    next_cursor: str | None
