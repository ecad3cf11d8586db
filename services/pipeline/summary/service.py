"""The summary of open opportunities and their ages: reads what is counted, adds it up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.pipeline.opportunities.stages import STAGE
from services.pipeline.summary import repository
from services.pipeline.summary.cycles import CycleTimes, cycle_times
from services.pipeline.summary.domain import (
    AgeTally,
    band_starts,
    bands,
    began_before,
    left_out,
    open_sums,
)
from services.pipeline.summary.histograms import Days
from services.pipeline.summary.question import Circumstances, Cut, circumstances

Key = str | UUID | None
STAGE_ORDER = tuple(STAGE)


async def read_summary(
    session: Session,
    principal: Principal,
    *,
    fiscal_quarter: str | None,
    user: str | None,
    group_by: str,
    cuts: Mapping[str, str | None],
) -> dict[str, Any]:
    """Counts, amounts and ages of open opportunities, of those closing in the quarter or of all."""
    around = await circumstances(session)
    cut = await Cut.of(session, principal, user, cuts)
    told = await summarise(session, cut, around, group_by, fiscal_quarter)
    return {"user_id": user, **told}


async def summarise(
    session: Session,
    cut: Cut,
    around: Circumstances,
    group_by: str = "stage",
    fiscal_quarter: str | None = None,
) -> dict[str, Any]:
    """As `read_summary`, for whoever has worked out what may be seen."""
    quarter = None if fiscal_quarter is None else around.quarter(fiscal_quarter)
    key = None if quarter is None else quarter.key
    rows = await repository.tally_open(session, cut, group_by, around.timezone, key)
    groups: dict[Key, Any] = {row["group_key"]: row for row in rows if not row["is_total"]}
    total = next(row for row in rows if row["is_total"])
    since = around.now - timedelta(days=around.policy.number("summary.completed_days"))
    stays: dict[str, Days] = {}
    for row in await repository.tally_visits(session, cut, key, since, around.now):
        stays.setdefault(row["stage"], Days()).add(row["days"], row["count"])
    whole = open_sums(total, around.today)
    lines = [
        {**label, **open_sums(row, around.today)}
        for label, row in await named(session, group_by, groups)
    ]
    if group_by == "stage":
        for line in lines:
            line["completed"] = stays.get(line["group"] or "", Days()).to_json()
    return {
        "fiscal_quarter": None if quarter is None else quarter.label,
        "currency": around.currency,
        "as_of": around.now,
        "group_by": group_by,
        "total": whole,
        "groups": lines,
        "completed_stays": {
            "since": since,
            "stages": [
                {"stage": stage, **stays[stage].to_json()}
                for stage in STAGE_ORDER
                if stage in stays
            ],
        },
        "warnings": left_out(whole),
    }


async def named(
    session: Session, group_by: str, groups: Mapping[Key, Any]
) -> list[tuple[dict[str, Any], Any]]:
    """Groups with what they are called, in a fixed order: stages as they follow, the rest by name,
    those without a value last."""
    names: dict[Any, tuple[str, str]] = {}
    if group_by == "user":
        names = await repository.names_of_users(session, [key for key in groups if key is not None])
    found = []
    for key, value in groups.items():
        external_id, name = names.get(key, (None if key is None else str(key), None))
        label = {"group": external_id} | ({"name": name} if group_by == "user" else {})
        found.append((label, value))
    order = STAGE_ORDER if group_by == "stage" else ()
    return sorted(
        found,
        key=lambda one: (
            one[0]["group"] is None,
            order.index(one[0]["group"]) if one[0]["group"] in order else 0,
            one[0]["group"] or "",
        ),
    )


async def read_ageing(
    session: Session,
    principal: Principal,
    *,
    user: str | None,
    group_by: str,
    cuts: Mapping[str, str | None],
) -> dict[str, Any]:
    """Open opportunities by age, and how many are older than their like take to be won."""
    around = await circumstances(session)
    cut = await Cut.of(session, principal, user, cuts)
    cycles = await cycle_times(session, around.now)
    found = bands(around.policy.settings["ageing.bands"])
    rows = await repository.tally_ages(
        session, cut, group_by, around.timezone, band_starts(found, around.today),
        _limits(cycles, around.today),
    )  # fmt: skip
    empty = {band.label: AgeTally() for band in found}
    by_band = dict(empty)
    groups: dict[Key, dict[str, AgeTally]] = {}
    kinds: dict[tuple[str, str], AgeTally] = {}
    older, total = AgeTally(), AgeTally()
    for row in rows:
        of_group = groups.setdefault(
            row["group_key"], {name: AgeTally() for name in (*empty, "older", "total")}
        )
        label = found[-1 - row["band"]].label
        kind = kinds.setdefault((row["segment"], row["order_type"]), AgeTally())
        tallies = [by_band[label], total, of_group[label], of_group["total"]]
        if row["is_old"]:
            tallies += [older, of_group["older"], kind]
        for tally in tallies:
            tally.add(row)
    return {
        "user_id": user,
        "currency": around.currency,
        "as_of": around.now,
        "group_by": group_by,
        "total": total.to_json(),
        "bands": [
            {"band": band.label, "from_days": band.from_days, "to_days": band.to_days,
             **by_band[band.label].to_json()}
            for band in found
        ],
        "older_than_cycle": older.to_json(),
        "cycles": [
            {"segment": segment, "order_type": order_type,
             **cycles.of(segment, order_type).to_json(), "older": kinds[segment, order_type].count}
            for segment, order_type in sorted(kinds)
        ],
        "groups": [
            {
                **label,
                **tallies["total"].to_json(),
                "older_than_cycle": tallies["older"].to_json(),
                "bands": {band.label: tallies[band.label].count for band in found},
            }
            for label, tallies in await named(session, group_by, groups)
        ],
    }  # fmt: skip


async def list_older(
    session: Session,
    principal: Principal,
    page: PageRequest,
    *,
    user: str | None,
    cuts: Mapping[str, str | None],
    older_than: int | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Open opportunities older than their like take to be won, or than so many days; the oldest
    first."""
    around = await circumstances(session)
    cut = await Cut.of(session, principal, user, cuts)
    cycles = await cycle_times(session, around.now)
    limits: repository.Limits = (
        _limits(cycles, around.today)
        if older_than is None
        else [(None, None, around.today - timedelta(days=older_than))]
    )
    rows = await repository.list_old(
        session, cut, around.timezone, limits, _after(page), page.limit
    )
    shown, cursor = page.cut(list(rows), lambda row: [row["opened_on"], row["id"]])
    items = []
    for row in shown:
        cycle = cycles.of(row["segment"], row["order_type"])
        age = (around.today - row["opened_on"]).days
        items.append(
            {
                "opportunity_id": row["id"],
                "external_id": row["external_id"],
                "name": row["name"],
                "owner_external_id": row["owner_external_id"],
                "stage": row["stage"],
                "segment": row["segment"],
                "order_type": row["order_type"],
                "amount": row["amount"],
                "net_arr": row["net_arr"],
                "close_date": row["close_date"],
                "opened_on": row["opened_on"],
                "age": age,
                "cycle": cycle.to_json(),
                "days_over": str(age - cycle.days),
            }
        )
    return items, cursor


def _limits(cycles: CycleTimes, today: date) -> list[tuple[str | None, str | None, date]]:
    limits: list[tuple[str | None, str | None, date]] = [
        (None, None, began_before(today, cycles.default.days))
    ]
    for segment, cycle in cycles.by_segment.items():
        limits.append((segment, None, began_before(today, cycle.days)))
    for (segment, order_type), cycle in cycles.by_group.items():
        limits.append((segment, order_type, began_before(today, cycle.days)))
    return limits


def _after(page: PageRequest) -> tuple[date, UUID] | None:
    if page.after is None:
        return None
    try:
        day, opportunity_id = page.after
        return date.fromisoformat(day), UUID(opportunity_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        ) from error
