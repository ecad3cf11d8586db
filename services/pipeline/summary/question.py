"""Whose opportunities a summary is about, and cut by what: the parts of SQL that say it.

Statements read `o` (pipeline.opportunities). Nothing here runs anything; who may see what is
worked out here once for every report, in the caller's own snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.kit.rows import Filters
from services.workspace.fiscal import FiscalCalendar, FiscalCalendarError, FiscalQuarter
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.users.reach import EVERYTHING, Sight, find_subtree, sight
from services.workspace.workspaces.repository import get_workspace

PHASES: Final[Mapping[str, tuple[str, ...]]] = {
    "engage_and_educate": ("pending_acceptance", "discovery", "scoping"),
    "facilitate": ("technical_evaluation", "proposal"),
    "deal_closure": ("negotiating", "awaiting_signature", "closing", "closed_won"),
    "retention_and_expansion": (),
}
"""The sales cycle by stage; renewals are in its last phase whatever their stage."""


def _phase() -> str:
    branches = ["WHEN o.type = 'renewal' THEN 'retention_and_expansion'"]
    for phase, stages in PHASES.items():
        if stages:
            named = ", ".join(f"'{stage}'" for stage in stages)
            branches.append(f"WHEN o.stage IN ({named}) THEN '{phase}'")
    return f"CASE {' '.join(branches)} END"


DIMENSIONS: Final[Mapping[str, str]] = {
    "stage": "o.stage",
    "user": "o.owner_id",
    "segment": "CASE WHEN o.segment = '' THEN 'unknown' ELSE o.segment END",
    "region": "nullif(o.region, '')",
    "type": "o.type",
    "order_type": "o.order_type",
    "phase": _phase(),
    "buyer_stage": "o.buyer_stage",
    "forecast_category": "o.forecast_category",
    "route_to_market": "o.route_to_market",
}
"""What opportunities are grouped by and cut by; without a value is null."""

MOVED: Final = "GREATEST(o.stage_entered_at, o.entered_later_at)"
"""When it entered a stage last, as the index of `models` has it."""

REVERSING: Final = "('credit', 'decommission', 'debook')"
"""Categories of rows that take back another one's booking: never a deal of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The company's calendar and policy, and the moment everything is worked out for."""

    calendar: FiscalCalendar
    currency: str
    policy: Policy
    now: datetime

    @property
    def today(self) -> date:
        return self.calendar.local_date(self.now)

    @property
    def timezone(self) -> str:
        return self.calendar.timezone

    def quarter(self, label: str) -> FiscalQuarter:
        """Raises InvalidPayloadError for what is no quarter."""
        try:
            return self.calendar.parse(label)
        except FiscalCalendarError as error:
            raise InvalidPayloadError.one(
                "query/fiscal_quarter", "invalid_fiscal_quarter", str(error)
            ) from error

    def days(
        self, first_day: date | None, last_day: date | None, fiscal_quarter: str | None
    ) -> tuple[date, date]:
        """The days asked for: a quarter, or from and to; the quarter of today without either."""
        if fiscal_quarter is not None:
            if first_day is not None or last_day is not None:
                raise InvalidPayloadError.one(
                    "query/fiscal_quarter", "conflicting_period", "comes instead of `from` and `to`"
                )
            quarter = self.quarter(fiscal_quarter)
            return quarter.first_day, quarter.last_day
        quarter = self.calendar.quarter_of(last_day or first_day or self.today)
        first, last = first_day or quarter.first_day, last_day or quarter.last_day
        if first > last:
            raise InvalidPayloadError.one("query/to", "invalid_period", "must not be before `from`")
        return first, last


async def circumstances(session: Session, now: datetime | None = None) -> Circumstances:
    """Of the session's workspace, now unless told otherwise."""
    now = now or clock.now()
    # One plan for a company and for a team would be the company's, ten times too slow for a team.
    await session.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    workspace = await get_workspace(session)
    policy = await get_policy(session, await version_in_force(session, now))
    return Circumstances(
        calendar=workspace.calendar, currency=workspace.currency, policy=policy, now=now
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which opportunities: `owners` None is everybody's; `cuts` the value of each dimension."""

    owners: frozenset[UUID] | None = None
    sdr_id: UUID | None = None
    cuts: Mapping[str, str]

    @classmethod
    async def of(
        cls,
        session: Session,
        principal: Principal | None,
        user: str | None,
        cuts: Mapping[str, str | None],
    ) -> Self:
        """What the caller may see (None is the product itself) of what is asked for."""
        seen = EVERYTHING if principal is None else await sight(session, principal)
        named = None if user is None else await find_subtree(session, user)
        chosen = {name: value for name, value in cuts.items() if value is not None}
        return cls(**_reach(seen, named), cuts=chosen)

    @property
    def is_whole(self) -> bool:
        """Whether it is every opportunity of the company."""
        return self.owners is None and not self.cuts

    def where(self, workspace_id: UUID | None) -> Filters:
        """`o` cut so; the workspace is the first parameter."""
        where = Filters("o.workspace_id = {}", workspace_id)
        if self.owners is not None:
            if self.sdr_id is None:
                where.require("o.owner_id = ANY({}::uuid[])", sorted(self.owners))
            else:
                # An SDR who is not a manager owns as one user only, the same one.
                where.require("(o.owner_id = {0} OR o.sdr_id = {0})", self.sdr_id)
        for name, value in self.cuts.items():
            where.require(f"{DIMENSIONS[name]} = {{}}", value)
        return where


def _reach(seen: Sight, named: frozenset[UUID] | None) -> dict[str, Any]:
    if seen.owners is None:
        return {"owners": named}
    if named is None:
        return {"owners": seen.owners, "sdr_id": seen.sdr_id}
    return {"owners": seen.owners & named}
