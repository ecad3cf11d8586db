"""How long a deal takes to be won: what an open one is old against.

The sales cycle of a segment and order type is the median from the day an opportunity began to the
day it was won, of those won in the last quarters of the policy. Too few of them say nothing: then
the segment's own median holds, and without enough of those the policy's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from services.kit.db import Session
from services.pipeline.summary.histograms import Days, text
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.workspaces.repository import get_workspace

OF_GROUP: Final = "segment_and_order_type"
OF_SEGMENT: Final = "segment"
OF_POLICY: Final = "policy"


@dataclass(frozen=True, slots=True)
class Cycle:
    """Days from beginning to won, what they rest on, and how many deals told so (0: none did)."""

    days: Decimal
    basis: str
    deals: int

    def to_json(self) -> dict[str, Any]:
        return {"days": text(self.days), "basis": self.basis, "deals": self.deals}


@dataclass(frozen=True, slots=True)
class CycleTimes:
    """The sales cycle of every segment and order type as of one moment."""

    default: Cycle
    by_segment: Mapping[str, Cycle]
    by_group: Mapping[tuple[str, str], Cycle]

    def of(self, segment: str, order_type: str) -> Cycle:
        """As stored on the opportunity; an empty segment is the unknown one."""
        segment = segment or "unknown"
        found = self.by_group.get((segment, order_type)) or self.by_segment.get(segment)
        return found or self.default


# Deals that take back another's booking were never sold.
_WON: Final = """
    SELECT o.segment, o.order_type, GREATEST(o.close_date - o.opened_on, 0) AS days,
           count(*) AS count
    FROM pipeline.opportunities AS o
    WHERE o.workspace_id = $1 AND o.stage = 'closed_won'
      AND o.category NOT IN ('credit', 'decommission', 'debook')
      AND o.close_date >= $2 AND o.close_date <= $3 AND o.opened_on IS NOT NULL
    GROUP BY 1, 2, 3
"""


async def cycle_times(session: Session, at: datetime) -> CycleTimes:
    """Of deals won in the four quarters before the day of `at` and that day itself."""
    calendar = (await get_workspace(session)).calendar
    policy = await get_policy(session, await version_in_force(session, at))
    today = calendar.local_date(at)
    quarters = policy.number("cycle.quarters")
    first_day = calendar.shift(calendar.quarter_of(today), -quarters).first_day
    rows = await session.fetch(_WON, session.workspace_id, first_day, today)
    groups: dict[tuple[str, str], Days] = {}
    for row in rows:
        key = (row["segment"] or "unknown", row["order_type"])
        groups.setdefault(key, Days()).add(row["days"], row["count"])
    return medians(groups, policy)


def medians(groups: Mapping[tuple[str, str], Days], policy: Policy) -> CycleTimes:
    """Pure: from the days of each group."""
    minimum = policy.number("cycle.minimum_deals")
    segments: dict[str, Days] = {}
    for (segment, _), days in groups.items():
        segments.setdefault(segment, Days()).merge(days)
    return CycleTimes(
        default=Cycle(Decimal(policy.number("cycle.default_days")), OF_POLICY, 0),
        by_segment={
            segment: _cycle(days, OF_SEGMENT)
            for segment, days in segments.items()
            if days.count >= minimum
        },
        by_group={
            key: _cycle(days, OF_GROUP) for key, days in groups.items() if days.count >= minimum
        },
    )


def _cycle(days: Days, basis: str) -> Cycle:
    median = days.median
    assert median is not None, "at least one deal"
    return Cycle(median, basis, days.count)
