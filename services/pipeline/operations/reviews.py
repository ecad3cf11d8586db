"""Reviews that come round: scheduling them, what was found in them, how people score, and drivers.

Taking the snapshot of a review that is due is `snapshots`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import Change, Stored, sole
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.rows import merge
from services.kit.upsert import Draft, Shape, check_if_match, store_drafts
from services.pipeline import timers
from services.pipeline.operations import domain, repository
from services.pipeline.operations.errors import (
    ReviewFindingNotFoundError,
    ReviewNotFoundError,
    WrongKindOfReviewError,
)
from services.pipeline.operations.service import WRITERS, owner_named
from services.workspace.fiscal import FiscalCalendar, FiscalCalendarError, parse_year
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace

REVIEW_DUE: Final = "operation_review"
"""The timer of a review's next snapshot."""

HOLDERS: Final = (*WRITERS, "manager")
"""Who writes down what a review found."""

_SHAPE: Final = Shape(
    kind="review",
    required=("kind", "cadence", "next_on"),
    defaults={
        "name": None, "functions": [], "active": True, "held_on": None, "due_on": None,
        "due_since": None, "anchor_on": None,
    },
)  # fmt: skip


def starts_at(day: date, calendar: FiscalCalendar) -> datetime:
    """The company's midnight that begins the day."""
    return datetime.combine(day, time(), ZoneInfo(calendar.timezone)).astimezone(UTC)


async def put_review(
    session: WriteSession, principal: Principal, change: Change, if_match: str | None
) -> Stored:
    """Creates the review or merges into it, and sets its timer."""
    principal.require(*WRITERS)
    now = clock.now()
    calendar = (await get_workspace(session)).calendar
    current = (await repository.REVIEWS.lock_named(session, [change.external_id])).get(
        change.external_id
    )
    draft = Draft.begin(change, current, change.stated, _SHAPE, now)
    if draft.refusal is None:
        if draft.row["name"] is None:
            draft.revise({"name": change.external_id})
        if current is None or "next_on" in draft.changed or "cadence" in draft.changed:
            draft.revise({"anchor_on": draft.row["next_on"]})
    check_if_match(if_match, [draft])
    stored = sole(await store_drafts(session, repository.REVIEWS, [draft], now))
    if stored.changed:
        if draft.row["active"]:
            due_at = starts_at(draft.row["next_on"], calendar)
            await timers.arm(session, REVIEW_DUE, {stored.id: due_at})
        else:
            await timers.disarm(session, REVIEW_DUE, [stored.id])
    return stored


async def require_review(session: Session, review_id: UUID) -> Mapping[str, Any]:
    row = await repository.get_review(session, review_id)
    if row is None:
        raise ReviewNotFoundError(review_id)
    return row


async def overdue_days(session: Session) -> int:
    policy = await get_policy(session, await version_in_force(session, clock.now()))
    return policy.number("operation.overdue_days")


async def shown(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reviews as they are told."""
    calendar = (await get_workspace(session)).calendar
    today = calendar.local_date(clock.now())
    patience = await overdue_days(session)
    told = []
    for row in rows:
        since = domain.waiting_since(row["due_since"], row["due_on"], row["held_on"])
        review = {name: row[name] for name in dict(row).keys() - {"anchor_on", "due_since"}}
        review["state"] = domain.review_state(since, today, patience)
        review["days_overdue"] = 0 if since is None else (today - since).days
        told.append(review)
    return told


async def add_finding(
    session: WriteSession, principal: Principal, review_id: UUID, stated: Mapping[str, Any]
) -> UUID:
    """A note, or an action with whoever takes it and its day."""
    principal.require(*HOLDERS)
    await require_review(session, review_id)
    now = clock.now()
    if stated["kind"] == "action" and stated.get("owner_external_id") is None:
        raise InvalidPayloadError.one(
            "/owner_external_id", "missing", "is required for an action: somebody must take it"
        )
    row = {
        "id": new_id(),
        "review_id": review_id,
        "version": 1,
        "kind": stated["kind"],
        "body": stated["body"],
        "owner_id": await owner_named(session, stated.get("owner_external_id")),
        "due_on": stated.get("due_on"),
        "state": "open",
        "actor": principal.actor,
        "created_at": now,
        "updated_at": now,
    }
    await repository.FINDINGS.insert(session, [row])
    found: UUID = row["id"]
    return found


async def change_finding(
    session: WriteSession,
    principal: Principal,
    finding_id: UUID,
    stated: Mapping[str, Any],
    if_match: str | None,
) -> None:
    """Merges what is stated. Whoever is to take an action may say how it stands."""
    principal.require(*HOLDERS, "rep", "sdr")
    current = await repository.lock_finding(session, finding_id)
    if current is None:
        raise ReviewFindingNotFoundError(finding_id)
    if not principal.roles & frozenset(HOLDERS) and (
        principal.user_id is None or current["owner_id"] != principal.user_id
    ):
        raise ReviewFindingNotFoundError(finding_id)
    check_version(if_match, current["version"])
    values = dict(stated)
    for name in ("body", "state"):
        if values.get(name, "") is None:
            raise InvalidPayloadError.one(f"/{name}", "required_field", "cannot be cleared")
    if "owner_external_id" in values:
        values["owner_id"] = await owner_named(session, values.pop("owner_external_id"))
    row = merge(current, values)
    if row is not None:
        row |= {"version": row["version"] + 1, "updated_at": clock.now()}
        await repository.FINDINGS.update(session, [row])


async def shown_findings(
    session: Session, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Findings as they are told."""
    today = (await get_workspace(session)).calendar.local_date(clock.now())
    return [
        dict(row)
        | {
            "is_overdue": row["state"] == "open"
            and row["due_on"] is not None
            and row["due_on"] < today
        }
        for row in rows
    ]


async def save_scores(
    session: WriteSession,
    principal: Principal,
    review_id: UUID,
    round_on: date | None,
    scores: Sequence[Mapping[str, Any]],
) -> date:
    """What the caller thinks, in the round that came last or comes next."""
    review = await require_review(session, review_id)
    if review["kind"] != "alignment":
        raise WrongKindOfReviewError(review["kind"], "alignment")
    day = round_on or round_of(review)
    now = clock.now()
    rows = {
        (score["factor"], score["function"]): {
            "id": new_id(),
            "review_id": review_id,
            "round_on": day,
            "actor": principal.actor,
            "scored_at": now,
            **score,
        }
        for score in scores
    }
    await repository.save_scores(session, [rows[key] for key in sorted(rows)])
    return day


def round_of(review: Mapping[str, Any]) -> date:
    """The day it last came round, or will."""
    day: date = review["due_on"] or review["next_on"]
    return day


async def read_alignment(
    session: Session, review: Mapping[str, Any], round_on: date | None
) -> dict[str, Any]:
    """How the functions see each factor, the widest gap first, and who has not said anything."""
    day = round_on or round_of(review)
    scores = await repository.scores(session, review["id"], day)
    heard = {score["function"] for score in scores}
    return {
        "review_id": review["id"],
        "round_on": day,
        **domain.alignment([dict(score) for score in scores]),
        "unrated": [function for function in review["functions"] if function not in heard],
    }


async def put_driver(
    session: WriteSession, principal: Principal, review_id: UUID, stated: Mapping[str, Any]
) -> None:
    """Merges what is stated of one driver in one fiscal year."""
    principal.require(*WRITERS)
    review = await require_review(session, review_id)
    if review["kind"] != "value_drivers":
        raise WrongKindOfReviewError(review["kind"], "value_drivers")
    values = dict(stated)
    year = fiscal_year(values.pop("fiscal_year"))
    current = await repository.lock_driver(session, review_id, year, values["name"])
    now = clock.now()
    blank = {
        "id": new_id(), "review_id": review_id, "fiscal_year": year, "name": values["name"],
        "version": 0, "unit": None, "target": None, "actual": None, "note": None,
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    if current is None:
        await repository.DRIVERS.insert(session, [blank | values | {"version": 1}])
        return
    row = merge(current, values)
    if row is not None:
        row |= {"version": row["version"] + 1, "updated_at": now}
        await repository.DRIVERS.update(session, [row])


def fiscal_year(label: str) -> int:
    """Raises InvalidPayloadError for what is none."""
    try:
        return parse_year(label)
    except FiscalCalendarError as error:
        raise InvalidPayloadError.one("/fiscal_year", "invalid_fiscal_year", str(error)) from error


def shown_driver(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "fiscal_year": f"FY{row['fiscal_year'] % 100:02d}",
        "name": row["name"],
        "version": row["version"],
        "unit": row["unit"],
        "target": row["target"],
        "actual": row["actual"],
        "attainment": domain.attainment(row["target"], row["actual"]),
        "note": row["note"],
        "updated_at": row["updated_at"],
    }
