"""What the summary has in the database (schema `pipeline`): indexes that hold every column its
figures need. It keeps nothing of its own.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, text

from services.pipeline.gates.models import StageDate, StageVisit
from services.pipeline.models import Opportunity

OPEN: Final = (
    "stage IN ('pending_acceptance', 'discovery', 'scoping', 'technical_evaluation', 'proposal',"
    " 'negotiating', 'awaiting_signature', 'closing')"
)
"""As statements must say it, too: a parameter would prove nothing about a partial index."""

CLOSED: Final = "stage IN ('closed_won', 'closed_lost', 'unqualified', 'duplicate')"

LAST_MOVED: Final = "GREATEST(stage_entered_at, entered_later_at)"
"""When it entered a stage last, in whatever order its history was told."""

# Two labels of 255 letters are the most an index entry has room for.
_LABELS: Final = (
    "id", "stage", "type", "order_type", "segment", "region", "forecast_category",
    "route_to_market", "buyer_stage",
)  # fmt: skip
Index(
    "ix_opportunities_open",
    Opportunity.workspace_id,
    Opportunity.owner_id,
    postgresql_include=[
        *_LABELS, "amount", "net_arr", "push_count", "close_date", "close_fiscal_quarter",
        "stage_entered_at", "opened_on", "created_at",
    ],
    postgresql_where=text(OPEN),
)  # fmt: skip
Index(
    "ix_opportunities_closed",
    Opportunity.workspace_id,
    Opportunity.stage,
    Opportunity.close_date,
    postgresql_include=[
        "id", "owner_id", "type", "order_type", "segment", "region", "category", "source_kind",
        "lost_reason", "net_arr", "opened_on",
    ],
    postgresql_where=text(CLOSED),
)  # fmt: skip
# A team's deals that moved since some day: what they met, and when, is looked up one by one.
Index(
    "ix_opportunities_moved",
    Opportunity.workspace_id,
    Opportunity.owner_id,
    text(LAST_MOVED),
    postgresql_include=[
        *_LABELS,
        "close_fiscal_quarter",
        "opened_on",
        "stage_entered_at",
        "entered_later_at",
    ],
)
Index(
    "ix_stage_dates_stage",
    StageDate.workspace_id,
    StageDate.stage,
    StageDate.entered_on,
    postgresql_include=["opportunity_id"],
)
Index(
    "ix_stage_dates_met",
    StageDate.workspace_id,
    StageDate.opportunity_id,
    postgresql_include=["stage", "entered_on", "is_skipped"],
)
Index(
    "ix_stage_visits_left",
    StageVisit.workspace_id,
    StageVisit.left_at,
    postgresql_include=["opportunity_id", "stage", "entered_at"],
    postgresql_where=text("left_at IS NOT NULL"),
)
Index(
    "ix_stage_visits_stays",
    StageVisit.workspace_id,
    StageVisit.opportunity_id,
    postgresql_include=["stage", "entered_at", "left_at"],
    postgresql_where=text("left_at IS NOT NULL"),
)
