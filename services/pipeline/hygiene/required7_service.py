"""The Required 7 of everybody within reach: reads each item for all at once, and puts it together
person by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError
from services.pipeline.hygiene import required7, required7_rows
from services.pipeline.hygiene.catalogue import RULE
from services.pipeline.hygiene.domain import Moment, days_after
from services.pipeline.hygiene.follower import moment
from services.pipeline.hygiene.listing import freshness
from services.pipeline.hygiene.required7 import ITEMS, Day, Offence, Ranking
from services.pipeline.hygiene.service import seen_of
from services.qualification.views import account_ranks_of
from services.workspace.workspaces.repository import get_workspace

_SHOWN: Final = 25
_DAYS_BACK: Final = 90


async def read(
    session: Session, principal: Principal, user: str | None, on: date | None
) -> dict[str, Any]:
    at = await moment(session)
    on = on or at.today
    if not at.today - timedelta(days=_DAYS_BACK) <= on <= days_after(at.today, 1):
        raise InvalidPayloadError.one(
            "query/on", "day_out_of_range", f"must be today or within the last {_DAYS_BACK} days"
        )
    owners = (await seen_of(session, principal, user)).owners
    days = await _days(session, at, on, owners)
    if days:
        await _fill(session, at, days)
    states = [day.status(at.now) for day in days]
    return {
        "on": on,
        "user_id": user,
        "people": len(days),
        "met": states.count("met"),
        "late": states.count("late"),
        "due": states.count("due"),
        "items": [_told(day, state) for day, state in zip(days, states, strict=True)],
        **await freshness(session, at.now),
    }


async def _days(session: Session, at: Moment, on: date, owners: Any) -> list[Day]:
    company = (await get_workspace(session)).calendar.timezone
    ends = at.policy.choice("required7.deadline")
    days = []
    for row in await required7_rows.people(session, owners):
        deadline = required7.deadline_of(on, ends, row["timezone"] or company)
        days.append(Day({**row, "timezone": row["timezone"] or company}, deadline,
                        min(deadline, at.now)))  # fmt: skip
    return days


async def _fill(session: Session, at: Moment, days: Sequence[Day]) -> None:
    by_user = {day.user["id"]: day for day in days}
    wanted = [(day.user["id"], day.until) for day in days]
    for row, codes in await _unranked(session, at, by_user, wanted):
        _add(by_user, row, required7.RANKED, "account", codes)
    for row in await required7_rows.without_deck(session, wanted, at.policy):
        _add(by_user, row, required7.DECK, "opportunity", ("no_custom_deck",))
    first_day = days_after(at.today, -at.number("hygiene.closed_days"))
    for row in await required7_rows.without_key_information(session, wanted, at.policy, first_day):
        codes = tuple(name for name in _KEY if row[name])
        if codes:
            _add(by_user, row, required7.KEY_INFORMATION, "opportunity", codes)
    count = at.number("required7.notes_days")
    for row in await required7_rows.without_notes(session, wanted, count):
        _add(by_user, row, required7.NOTES, "activity", ("no_notes",))
    _add_findings(
        by_user, await required7_rows.findings_at(session, wanted, list(required7.BY_RULE))
    )


_KEY: Final = ("no_source", "no_lost_reason", "no_lost_details", "no_won_reason")


def _add(
    by_user: Mapping[Any, Day], row: Mapping[str, Any], item: str, kind: str, codes: tuple[str, ...]
) -> None:
    by_user[row["owner_id"]].items[item].append(
        Offence(
            kind, row["id"], row["external_id"], row["name"], codes, required7.cure(item, row["id"])
        )
    )


def _add_findings(by_user: Mapping[Any, Day], rows: Sequence[Mapping[str, Any]]) -> None:
    """One line an opportunity and item, with every rule it breaks there."""
    broken: dict[tuple[Any, str, Any], tuple[Mapping[str, Any], list[str]]] = {}
    for row in rows:
        key = (row["owner_id"], required7.BY_RULE[row["rule"]], row["id"])
        broken.setdefault(key, (row, []))[1].append(row["rule"])
    for (owner_id, item, id_), (row, rules) in broken.items():
        fix = RULE[rules[0]].fix(id_)
        by_user[owner_id].items[item].append(
            Offence("opportunity", id_, row["external_id"], row["name"], tuple(rules), fix)
        )


async def _unranked(
    session: Session, at: Moment, by_user: Mapping[Any, Day], wanted: required7_rows.Days
) -> list[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """A year back is enough: what is older is of another fiscal year."""
    accounts = await required7_rows.accounts_to_rank(session, wanted, at.today)
    named = {row["external_id"] for row in accounts if row["external_id"] is not None}
    given: dict[str, list[Any]] = {}
    for rank in await account_ranks_of(session, named, at.now - timedelta(days=400)):
        given.setdefault(rank.account_external_id, []).append(rank)
    found = []
    for row in accounts:
        until = by_user[row["owner_id"]].until
        latest: dict[Any, Ranking] = {}
        for rank in given.get(row["external_id"] or "", ()):
            if max(rank.ranked_at, rank.recorded_at) <= until:
                latest.setdefault(
                    rank.organisation_id,
                    Ranking(rank.fiscal_year, rank.ranked_by_id, rank.has_reason, rank.has_sources),
                )
        year = at.calendar.fiscal_year(at.day(until))
        codes = required7.rank_lacks(latest.values(), year, row["owner_id"])
        if codes:
            found.append((row, codes))
    return found


def _told(day: Day, status: str) -> dict[str, Any]:
    user = day.user
    return {
        "user_id": user["id"],
        "user_external_id": user["external_id"],
        "user_name": user["name"],
        "timezone": user["timezone"],
        "deadline": day.deadline,
        "as_of": day.until,
        "status": status,
        "is_complete": day.is_complete,
        **{name: not day.items[name] for name in ITEMS},
        "missing": {name: len(day.items[name]) for name in ITEMS},
        "offences": {
            name: [
                {**offence._asdict(), "codes": list(offence.codes)}
                for offence in day.items[name][:_SHOWN]
            ]
            for name in ITEMS
        },
    }


def as_line(item: Mapping[str, Any]) -> dict[str, Any]:
    """For a table: the counts, and the records by name."""
    named = {
        f"{name}.records": "; ".join(
            str(each["external_id"] or each["name"] or each["id"]) for each in offences
        )
        for name, offences in item["offences"].items()
    }
    rest = {name: value for name, value in item.items() if name != "offences"}
    return {**rest, **named}
