"""Books of deals through HTTP, and what a summary must say of them, worked out the long way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import mean, median
from typing import Any
from zoneinfo import ZoneInfo

from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, company

SUMMARY = "/pipeline/v1/summary"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
TODAY = date(2026, 6, 17)
ZONE = ZoneInfo("America/Los_Angeles")
LADDER = (
    "pending_acceptance", "discovery", "scoping", "technical_evaluation", "proposal", "negotiating",
    "awaiting_signature", "closed_won",
)  # fmt: skip
CLOSED = ("closed_won", "closed_lost", "unqualified", "duplicate")


def at(days_ago: float) -> str:
    return (NOW - timedelta(days=days_ago)).isoformat().replace("+00:00", "Z")


async def tell(api: Api, moves: list[list[dict[str, Any]]]) -> None:
    """Batches, one after the other."""
    for items in moves:
        if not items:
            continue
        answer = await api.call("POST", f"{OPPORTUNITIES}/batch", json={"items": items})
        wrong = [result for result in answer["results"] if result["status"] >= 300]
        assert not wrong, wrong


async def small_book(api: Api) -> None:
    """Six deals whose figures can be added up by hand."""
    await company(api)
    deal = {"account_external_id": "acme", "type": "new_business", "term_months": 12}
    first = [
        deal | {"external_id": "a", "name": "A", "owner_external_id": "ana", "amount": 100_000,
                "stage": "discovery", "close_date": "2026-07-31", "occurred_at": at(40)},
        deal | {"external_id": "b", "name": "B", "owner_external_id": "ana", "amount": 50_000,
                "stage": "discovery", "close_date": "2026-09-30", "occurred_at": at(100)},
        deal | {"external_id": "c", "name": "C", "owner_external_id": "ben",
                "stage": "discovery", "close_date": "2026-07-15", "occurred_at": at(10)},
        deal | {"external_id": "d", "name": "D", "owner_external_id": "ben", "amount": 30_000,
                "stage": "scoping", "occurred_at": at(200)},
        deal | {"external_id": "e", "name": "E", "owner_external_id": "zoe", "amount": 80_000,
                "stage": "proposal", "close_date": "2026-06-01", "occurred_at": at(90)},
        deal | {"external_id": "f", "name": "F", "owner_external_id": "zoe", "amount": 20_000,
                "stage": "scoping", "close_date": "2026-05-20", "occurred_at": at(60)},
    ]  # fmt: skip
    later = [
        {"external_id": "b", "stage": "technical_evaluation", "occurred_at": at(20)},
        {"external_id": "e", "stage": "closed_won", "close_date": "2026-06-01", "occurred_at": at(16)},
        {"external_id": "f", "stage": "closed_lost", "lost_reason": "price", "lost_details": "Dear",
         "occurred_at": at(28)},
    ]  # fmt: skip
    await tell(api, [first, later])
    # Moved to a later day: pushed once.
    await tell(api, [[{"external_id": "a", "close_date": "2026-07-30"}]])
    await tell(api, [[{"external_id": "a", "close_date": "2026-07-31"}]])


async def rows_of(api: Api) -> tuple[list[Any], list[Any], list[Any]]:
    """Opportunities, first days and stays of the workspace, as stored."""
    tables = []
    async with api.database().read(api.workspace_id) as session:
        for table in ("opportunities", "stage_dates", "stage_visits"):
            rows = await session.fetch(
                f"SELECT * FROM pipeline.{table} WHERE workspace_id = $1", api.workspace_id
            )
            tables.append([dict(row) for row in rows])
    return tables[0], tables[1], tables[2]


def local(instant: datetime, zone: ZoneInfo = ZONE) -> date:
    return instant.astimezone(zone).date()


def text(value: Any) -> str | None:
    """As figures are told: two places, half up."""
    if value is None:
        return None
    return str(Decimal(value).quantize(Decimal("0.01"), "ROUND_HALF_UP"))


def told(days: list[int]) -> dict[str, Any]:
    if not days:
        return {"count": 0, "average": None, "median": None}
    average = Decimal(sum(days)) / len(days)
    assert abs(float(average) - mean(days)) < 1e-9
    return {
        "count": len(days),
        "average": text(average),
        "median": text(Decimal(str(median(days)))),
    }


def open_sums(
    rows: list[Any], group: Any, zone: ZoneInfo = ZONE
) -> dict[str | None, dict[str, Any]]:
    """By group: what GET /v1/summary must say."""
    today = local(NOW, zone)
    found: dict[str | None, list[Any]] = {}
    for row in rows:
        if row["stage"] not in CLOSED:
            found.setdefault(group(row), []).append(row)
    return {
        key: {
            "count": len(members),
            "with_amount": sum(row["amount"] is not None for row in members),
            "without_close_date": sum(row["close_date"] is None for row in members),
            "amount": text(sum((row["amount"] or 0 for row in members), Decimal(0))),
            "net_arr": text(sum((row["net_arr"] for row in members), Decimal(0))),
            "in_stage": told(
                [(today - local(row["stage_entered_at"], zone)).days + 1 for row in members]
            ),
            "age": told([(today - row["opened_on"]).days for row in members])["average"],
            "oldest": max((today - row["opened_on"]).days for row in members),
            "pushes": sum(row["push_count"] for row in members),
            "pushed": sum(row["push_count"] > 0 for row in members),
        }
        for key, members in found.items()
    }


def stays(visits: list[Any], days: int = 180) -> dict[str, dict[str, Any]]:
    """By stage: whole days of the stays that ended lately."""
    found: dict[str, list[int]] = {}
    for visit in visits:
        left = visit["left_at"]
        if left is not None and NOW - timedelta(days=days) <= left <= NOW:
            # Told out of order, it may end before it begins: no time at all.
            length = max((left - visit["entered_at"]) // timedelta(days=1), 0)
            found.setdefault(visit["stage"], []).append(length)
    return {stage: told(lengths) for stage, lengths in found.items()}


def conversion(
    rows: list[Any], dates: list[Any], stage: str | None, first: date, last: date
) -> dict[str, Any]:
    """What GET /v1/summary/conversion must say."""
    met: dict[Any, dict[str, date]] = {}
    for one in dates:
        met.setdefault(one["opportunity_id"], {})[one["stage"]] = one["entered_on"]
    really = {(one["opportunity_id"], one["stage"]) for one in dates if not one["is_skipped"]}
    opened = {row["id"]: row["opened_on"] for row in rows}
    began = {key: days.get(stage) if stage else opened.get(key) for key, days in met.items()}
    current = {row["id"]: row["stage"] for row in rows}
    cohort = {
        key: day
        for key, day in began.items()
        if day is not None and first <= day <= last and key in current
    }
    now = [current[key] for key in cohort]
    ladder = LADDER[LADDER.index(stage or LADDER[0]) :]
    lines = {}
    for name in ladder:
        reached = [key for key in cohort if name in met[key]]
        since = [max((met[key][name] - cohort[key]).days, 0) for key in reached]
        steps = []
        # The first line has a stage before it only where the deal met one.
        before = LADDER[LADDER.index(name) - 1] if LADDER.index(name) else None
        if before is not None:
            steps = [
                max((met[key][name] - met[key][before]).days, 0)
                for key in reached
                if {(key, name), (key, before)} <= really
            ]
        lines[name] = {"reached": len(reached), "start": told(since), "previous": told(steps)}
    return {
        "count": len(cohort),
        "won": now.count("closed_won"),
        "lost": now.count("closed_lost"),
        "open": sum(name not in CLOSED for name in now),
        "stages": lines,
    }


def judged(rows: list[Any], first: date, last: date) -> dict[str, Any]:
    """What GET /v1/summary/win-rate must say, of plain deals of twelve months."""
    won: list[Any] = []
    lost: list[Any] = []
    excluded: dict[str, int] = {}
    for row in rows:
        day = row["close_date"]
        if day is None or not first <= day <= min(last, TODAY):
            continue
        reason = None
        if row["stage"] in ("duplicate", "unqualified"):
            reason = row["stage"]
        elif row["stage"] not in CLOSED:
            reason = "not_closed"
        elif row["category"] in ("credit", "decommission", "debook"):
            reason = "reversing"
        elif row["source_kind"] == "self_serve":
            reason = "web_direct"
        elif row["stage"] == "closed_lost" and row["lost_reason"] == "merged":
            reason = "merged"
        if reason is not None:
            excluded[reason] = excluded.get(reason, 0) + 1
        else:
            (won if row["stage"] == "closed_won" else lost).append(row)
    return {
        "won": len(won),
        "lost": len(lost),
        "net_arr_won": text(sum((row["amount"] or 0 for row in won), Decimal(0))),
        "net_arr_lost": text(sum((row["amount"] or 0 for row in lost), Decimal(0))),
        "excluded": excluded,
    }
