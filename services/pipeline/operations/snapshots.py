"""Snapshots: the figures of the company, put aside on the day a review is due.

The worker takes one when the review's timer goes off, together with setting it for the next time:
both or neither. A review that lay while nothing ran gets one snapshot, of the last time it came round, not one for
each time missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from services.kit import clock
from services.kit.answers import to_json
from services.kit.db import Database, Session, WriteSession
from services.kit.ids import new_id
from services.pipeline import timers
from services.pipeline.operations import domain, repository, reviews
from services.pipeline.operations.errors import SnapshotNotFoundError
from services.pipeline.operations.service import read_completeness
from services.pipeline.summary.flow_service import convert, win_rate
from services.pipeline.summary.question import Circumstances, Cut, circumstances
from services.pipeline.summary.service import summarise


async def take_when_due(database: Database, session: WriteSession, review_id: UUID) -> None:
    """The handler of a review's timer. The figures come from a transaction of their own, which sees
    one moment: otherwise what is written meanwhile would be in some of them only."""
    review = await repository.lock_review(session, review_id)
    if review is None or not review["active"]:
        return
    around = await circumstances(session)
    if review["next_on"] > around.today:
        # Put off while the timer was already claimed.
        due_at = reviews.starts_at(review["next_on"], around.calendar)
        await timers.rearm(session, reviews.REVIEW_DUE, review_id, due_at)
        return
    anchor, cadence = review["anchor_on"], review["cadence"]
    due_on = domain.last_round(anchor, cadence, review["next_on"], around.today)
    if not await repository.has_snapshot(session, review_id, due_on):
        async with database.read(session.workspace_id) as moment:
            figures = await figures_of(moment, review, await circumstances(moment, around.now))
        row = {
            "id": new_id(),
            "review_id": review_id,
            "due_on": due_on,
            "taken_at": around.now,
            "policy_version": around.policy.version,
            "figures": figures,
        }
        await repository.SNAPSHOTS.insert(session, [row])
    following = domain.next_round(anchor, cadence, around.today)
    waiting = domain.waiting_since(review["due_since"], review["due_on"], review["held_on"])
    review |= {
        "due_on": due_on,
        "due_since": waiting or review["next_on"],
        "next_on": following,
        "version": review["version"] + 1,
        "updated_at": clock.now(),
    }
    await repository.REVIEWS.update(session, [review])
    due_at = reviews.starts_at(following, around.calendar)
    await timers.rearm(session, reviews.REVIEW_DUE, review_id, due_at)


async def figures_of(
    session: Session, review: Mapping[str, Any], around: Circumstances
) -> dict[str, Any]:
    """Everything a review looks at, as JSON holds it."""
    everything = Cut(cuts={})
    quarter = around.calendar.quarter_of(around.today)
    before = around.calendar.shift(quarter, -1)
    year_ago = around.calendar.shift(quarter, -around.policy.number("cycle.quarters"))
    hygiene = await repository.count_hygiene(session)
    figures: dict[str, Any] = {
        "open": await summarise(session, everything, around),
        "open_this_quarter": await summarise(
            session, everything, around, fiscal_quarter=quarter.label
        ),
        "win_rate": await win_rate(session, everything, around, year_ago.first_day, around.today),
        "conversion": await convert(
            session, everything, around, None, before.first_day, before.last_day
        ),
        "completeness": await read_completeness(session),
        "hygiene": {row["rule"]: row["count"] for row in hygiene},
    }
    if review["kind"] == "alignment":
        figures["alignment"] = await reviews.read_alignment(session, review, None)
    if review["kind"] == "value_drivers":
        drivers = await repository.drivers(session, review["id"], around.calendar.fiscal_year(
            around.today
        ))  # fmt: skip
        figures["drivers"] = [reviews.shown_driver(row) for row in drivers]
    decoded: dict[str, Any] = orjson.loads(to_json(figures))
    return decoded


async def compare(
    session: Session, review_id: UUID, before_id: UUID, after_id: UUID
) -> dict[str, Any]:
    """What is not the same in two snapshots of one review."""
    found = await repository.get_snapshots(session, review_id, [before_id, after_id])
    for wanted in (before_id, after_id):
        if wanted not in found:
            raise SnapshotNotFoundError(wanted)
    before, after = found[before_id], found[after_id]
    return {
        "review_id": review_id,
        "before": before_id,
        "before_on": before["due_on"],
        "after": after_id,
        "after_on": after["due_on"],
        "figures": domain.difference(before["figures"], after["figures"]),
    }
