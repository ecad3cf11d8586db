"""What a policy would do: the same rules as when it is applied, on the records as they are, with
nothing stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from services.kit.db import Session
from services.kit.money import ZERO
from services.pipeline.opportunities.domain import forecast_category
from services.pipeline.policies import repository
from services.workspace.fiscal import UNDATED, FiscalCalendar
from services.workspace.policy import UNKNOWN_SEGMENT, Policy
from services.workspace.workspaces.repository import get_workspace

EXAMINED_MAX = 200_000
LISTED_MAX = 100
_PAGE = 5_000


@dataclass(slots=True)
class _Effects:
    """Totals over the opportunities that would change."""

    calendar: FiscalCalendar
    count: int = 0
    listed: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    sums: defaultdict[tuple[int, str], Decimal] = field(
        default_factory=lambda: defaultdict(lambda: ZERO)
    )
    segments: Counter[tuple[str, str]] = field(default_factory=Counter)

    def quarter_label(self, key: int) -> str | None:
        return None if key == UNDATED else self.calendar.from_key(key).label

    def take(self, row: asyncpg.Record, category: str, segment: str) -> None:
        self.count += 1
        quarter = row["close_fiscal_quarter"]
        if category != row["forecast_category"]:
            for name, sign in ((row["forecast_category"], -1), (category, 1)):
                self.counts[quarter, name] += sign
                self.sums[quarter, name] += sign * row["net_arr"]
        if segment != row["segment"]:
            self.segments[row["segment"], segment] += 1
        if len(self.listed) < LISTED_MAX:
            self.listed.append(
                {
                    "id": row["id"],
                    "external_id": row["external_id"],
                    "name": row["name"],
                    "fiscal_quarter": self.quarter_label(quarter),
                    "net_arr": row["net_arr"],
                    "forecast_category": {"from": row["forecast_category"], "to": category},
                    "segment": {"from": row["segment"], "to": segment},
                }
            )


def _segment(row: asyncpg.Record, policy: Policy) -> str:
    """As when it is applied: its own, else its account's, else its owner's."""
    if row["states_segment"]:
        return str(row["segment"])
    segment = policy.segment_of(row["employees"])
    if segment == UNKNOWN_SEGMENT:
        return row["owner_segment"] or UNKNOWN_SEGMENT
    return segment


async def effects_of(session: Session, policy: Policy) -> dict[str, Any]:
    """Counts and sums of what would move, and the first records that would."""
    workspace = await get_workspace(session)
    effects = _Effects(workspace.calendar)
    examined = 0
    after = None
    is_complete = False
    while examined < EXAMINED_MAX:
        rows = await repository.open_opportunities(session, after, _PAGE)
        for row in rows:
            segment = _segment(row, policy)
            category, _ = forecast_category(
                row["stage"], row["stated_forecast_category"], segment, policy
            )
            if category != row["forecast_category"] or segment != row["segment"]:
                effects.take(row, category, segment)
        examined += len(rows)
        is_complete = len(rows) < _PAGE
        if is_complete:
            break
        after = rows[-1]["id"]
    return {
        "opportunity_count": effects.count,
        "examined_count": examined,
        "is_complete": is_complete,
        "account_count": await repository.count_resegmented(session, policy),
        "figures": [
            {
                "fiscal_quarter": effects.quarter_label(quarter),
                "forecast_category": category,
                "opportunity_count_change": effects.counts[quarter, category],
                "net_arr_change": effects.sums[quarter, category],
            }
            for quarter, category in sorted(effects.counts)
        ],
        "segments": [
            {"from": before, "to": after_, "opportunity_count": count}
            for (before, after_), count in sorted(effects.segments.items())
        ],
        "opportunities": effects.listed,
    }
