"""Deals in time: how a cohort converts, how many deals are won, what pipeline was created, and how
much work a salesperson has room for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.money import ZERO
from services.pipeline.summary import capacity, flow_repository, repository
from services.pipeline.summary.domain import LADDER, Cohort, outcome_of
from services.pipeline.summary.histograms import Days, rate, text
from services.pipeline.summary.question import Circumstances, Cut, circumstances
from services.pipeline.summary.service import Key, named

EXCLUSIONS: Final[Mapping[str, str]] = {
    "duplicate": "Another opportunity is the real one.",
    "unqualified": "It was never a deal.",
    "reversing": "It takes back a booking: a credit, decommission or debook.",
    "web_direct": "The customer bought without a salesperson.",
    "merged": "It goes on in another opportunity.",
    "not_closed": "Its close date has passed and it is still open.",
    "pending_acceptance": "It went back to stage 0, or nobody has accepted it.",
    "order_type": "Its order type is none of new and growth.",
    "unsized": "It has neither an amount nor a stated Net ARR.",
    "no_net_arr": "It brings no Net ARR.",
}


@dataclass(slots=True)
class _Parts:
    """Deals counted and valued, and those left out by reason."""

    won: int = 0
    lost: int = 0
    won_sized: int = 0
    lost_sized: int = 0
    net_arr_won: Decimal = ZERO
    net_arr_lost: Decimal = ZERO
    excluded: dict[str, int] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        count = row["count"]
        if row["excluded"] is not None:
            self.excluded[row["excluded"]] = self.excluded.get(row["excluded"], 0) + count
        elif row["stage"] == "closed_won":
            self.won += count
            self.won_sized += row["sized"]
            self.net_arr_won += row["net_arr"]
        else:
            self.lost += count
            self.lost_sized += row["sized"]
            self.net_arr_lost += row["net_arr"]

    @property
    def win_rate(self) -> Decimal | None:
        return rate(self.won, self.won + self.lost)

    def to_json(self) -> dict[str, Any]:
        net_arr = self.net_arr_won + self.net_arr_lost
        return {
            "won": self.won,
            "lost": self.lost,
            "win_rate": text(self.win_rate),
            "net_arr_won": self.net_arr_won,
            "net_arr_lost": self.net_arr_lost,
            "win_rate_net_arr": text(rate(self.net_arr_won, net_arr)),
            "unsized": self.won + self.lost - self.won_sized - self.lost_sized,
        }


def _left_out(excluded: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"reason": reason, "count": excluded[reason], "message": message}
        for reason, message in EXCLUSIONS.items()
        if excluded.get(reason)
    ]


async def read_conversion(
    session: Session,
    principal: Principal,
    *,
    stage: str | None,
    first_day: date | None,
    last_day: date | None,
    fiscal_quarter: str | None,
    user: str | None,
    cuts: Mapping[str, str | None],
) -> dict[str, Any]:
    """How far the deals came that met a stage in the period, or began in it."""
    around = await circumstances(session)
    first, last = around.days(first_day, last_day, fiscal_quarter)
    cut = await Cut.of(session, principal, user, cuts)
    return {"user_id": user, **await convert(session, cut, around, stage, first, last)}


async def convert(
    session: Session, cut: Cut, around: Circumstances, stage: str | None, first: date, last: date
) -> dict[str, Any]:
    """As `read_conversion`, for whoever has worked out what may be seen."""
    cohort = Cohort(stage or LADDER[0])
    rows = await flow_repository.follow_cohort(session, cut, stage, first, last)
    cohort.add(row for row in rows if not row["is_now"])
    for row in rows:
        if row["is_now"]:
            cohort.outcomes[outcome_of(row["stage"])] += row["count"]
    cohort.count = sum(cohort.outcomes.values())
    decided = cohort.outcomes["won"] + cohort.outcomes["lost"]
    return {
        "cohort": "began" if stage is None else "met_stage",
        "stage": stage,
        "from": first,
        "to": last,
        "as_of": around.now,
        "count": cohort.count,
        "outcomes": cohort.outcomes,
        "win_rate": text(rate(cohort.outcomes["won"], decided)),
        "stages": cohort.to_json(),
    }


async def read_win_rate(
    session: Session,
    principal: Principal,
    *,
    first_day: date | None,
    last_day: date | None,
    fiscal_quarter: str | None,
    user: str | None,
    group_by: str | None,
    cuts: Mapping[str, str | None],
) -> dict[str, Any]:
    """Of the deals closed in the period, up to today, how many were won."""
    around = await circumstances(session)
    first, last = around.days(first_day, last_day, fiscal_quarter)
    cut = await Cut.of(session, principal, user, cuts)
    return {"user_id": user, **await win_rate(session, cut, around, first, last, group_by)}


async def win_rate(
    session: Session,
    cut: Cut,
    around: Circumstances,
    first: date,
    last: date,
    group_by: str | None = None,
    *,
    is_valued: bool = True,
) -> dict[str, Any]:
    """As `read_win_rate`, for whoever has worked out what may be seen."""
    until = min(last, around.today)
    rows = await flow_repository.tally_closed(
        session, cut, group_by or "stage", first, until, is_valued=is_valued
    )
    whole = _Parts()
    groups: dict[Key, _Parts] = {}
    for row in rows:
        whole.add(row)
        if group_by is not None:
            groups.setdefault(row["group_key"], _Parts()).add(row)
    undecided = await flow_repository.count_undecided(session, cut, first, until)
    goal = Decimal(around.policy.number("win_rate.goal_percent")) / 100
    told = whole.win_rate
    return {
        "from": first,
        "to": last,
        "until": until,
        "as_of": around.now,
        "currency": around.currency,
        **whole.to_json(),
        "goal": f"{goal:.4f}",
        "goal_met": None if told is None else told > goal,
        "excluded": _left_out(whole.excluded | {"not_closed": undecided}),
        "group_by": group_by,
        "groups": [
            {**label, **parts.to_json()}
            for label, parts in await named(session, group_by or "stage", groups)
        ],
    }


async def read_created(
    session: Session,
    principal: Principal,
    *,
    fiscal_quarter: str | None,
    user: str | None,
    group_by: str,
    cuts: Mapping[str, str | None],
) -> dict[str, Any]:
    """Pipeline created in a quarter: deals of new business and growth that met stage 1 in it."""
    around = await circumstances(session)
    quarter = (
        around.calendar.quarter_of(around.today)
        if fiscal_quarter is None
        else around.quarter(fiscal_quarter)
    )
    cut = await Cut.of(session, principal, user, cuts)
    rows = await flow_repository.tally_created(
        session, cut, group_by, quarter.first_day, quarter.last_day
    )
    sums: dict[Key, dict[str, Any]] = {}
    total = {"count": 0, "net_arr": ZERO, "amount": ZERO}
    excluded: dict[str, int] = {}
    for row in rows:
        if row["excluded"] is not None:
            excluded[row["excluded"]] = excluded.get(row["excluded"], 0) + row["count"]
            continue
        of_group = sums.setdefault(row["group_key"], dict.fromkeys(total, ZERO) | {"count": 0})
        for name in total:
            total[name] += row[name]
            of_group[name] += row[name]
    return {
        "fiscal_quarter": quarter.label,
        "user_id": user,
        "currency": around.currency,
        "as_of": around.now,
        "group_by": group_by,
        "total": total,
        "groups": [{**label, **one} for label, one in await named(session, group_by, sums)],
        "excluded": _left_out(excluded),
    }


async def read_capacity(
    session: Session, principal: Principal, *, user: str | None, cuts: Mapping[str, str | None]
) -> dict[str, Any]:
    """How many deals a month a salesperson has room for, by the policy's numbers and by those of
    the last four quarters."""
    around = await circumstances(session)
    cut = await Cut.of(session, principal, user, cuts)
    quarters = around.policy.number("cycle.quarters")
    first = around.calendar.shift(around.calendar.quarter_of(around.today), -quarters).first_day
    won = Days(await _days(flow_repository.tally_won_days(session, cut, first, around.today)))
    pipe = Days(await _days(flow_repository.tally_pipe_days(session, cut, first, around.today)))
    wins = await win_rate(session, cut, around, first, around.today, is_valued=False)
    active = await flow_repository.active_deals(session, cut)
    accepted = await flow_repository.accepted_deals(session, cut, first, around.today)
    owners = None if cut.owners is None else sorted(cut.owners)
    people: set[UUID] = await flow_repository.sellers(session, owners) | active.keys()
    names = await repository.names_of_users(session, list(people))
    months = capacity.months_between(first, around.today)
    return {
        "user_id": user,
        "as_of": around.now,
        "since": first,
        **capacity.report(
            around.policy, won, pipe, wins, sum(active.values()), sum(accepted.values()),
            len(people), months,
        ),
        "reps": [
            {
                "user": names[person][0],
                "name": names[person][1],
                **capacity.load(
                    around.policy, active.get(person, 0), accepted.get(person, 0), months
                ),
            }
            for person in sorted(people, key=lambda one: names[one])
        ],
    }  # fmt: skip


async def _days(rows: Any) -> list[tuple[int, int]]:
    return [(row["days"], row["count"]) for row in await rows]
