"""How hygiene learns of what no version of an opportunity tells: sales cycles grow longer, somebody
writes in a plan, a person leaves. Two timers a workspace look; only what flips is judged anew.

Cycles are worked out once a day, and those whose age lies between the old number and the new one
are asked for. Plans are another service's, which knows nothing of this one, so their last touch is
read a few seconds after it; whoever commits late is met by looking back a little each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.pipeline import following, timers
from services.pipeline.hygiene.domain import Moment, days_after
from services.pipeline.summary.cycles import Cycle, CycleTimes, cycle_times
from services.qualification.views import plans_touched_since
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace

CYCLES: Final = "hygiene.cycles"
TOUCHES: Final = "hygiene.touches"
EVERY: Final = timedelta(seconds=5)
IDLE: Final = timedelta(seconds=30)
"""Between two looks where nothing was written of late: most companies are asleep at any time."""
_BACK: Final = timedelta(seconds=60)
_FIRST: Final = timedelta(minutes=10)
_AT_ONCE: Final = 1000


async def known_cycles(session: WriteSession, at: Moment) -> CycleTimes:
    """The cycles as they were worked out last; the first time, now, and once more when what is
    told of the past has had time to come in."""
    stored = await session.fetchval(
        "SELECT cycles FROM pipeline.hygiene_looks WHERE workspace_id = $1", session.workspace_id
    )
    assert session.workspace_id is not None
    if stored is not None:
        if stored.get("policy") != at.policy.version:
            # Another policy may count other quarters: the timer works them out anew at once.
            await timers.arm(session, CYCLES, {session.workspace_id: at.now})
        return from_json(stored)
    cycles = await cycle_times(session, at.now)
    await session.execute(
        """
        INSERT INTO pipeline.hygiene_looks (workspace_id, cycles, cycles_on, seen_through, seen)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace_id) DO NOTHING
        """,
        session.workspace_id,
        _kept(cycles, at),
        at.today,
        at.now,
        {},
    )
    soon = min(at.now + _FIRST, _tomorrow(at))
    await timers.arm(session, CYCLES, {session.workspace_id: soon})
    await timers.arm(session, TOUCHES, {session.workspace_id: at.now + EVERY})
    return cycles


def to_json(cycles: CycleTimes) -> dict[str, Any]:
    return {
        "default": cycles.default.to_json(),
        "segments": {name: cycle.to_json() for name, cycle in cycles.by_segment.items()},
        "groups": [[*key, cycle.to_json()] for key, cycle in cycles.by_group.items()],
    }


def from_json(stored: Mapping[str, Any]) -> CycleTimes:
    def cycle(told: Mapping[str, Any]) -> Cycle:
        return Cycle(Decimal(told["days"]), told["basis"], told["deals"])

    return CycleTimes(
        default=cycle(stored["default"]),
        by_segment={name: cycle(told) for name, told in stored["segments"].items()},
        by_group={(segment, kind): cycle(told) for segment, kind, told in stored["groups"]},
    )


def _kept(cycles: CycleTimes, at: Moment) -> dict[str, Any]:
    return {**to_json(cycles), "policy": at.policy.version}


def _tomorrow(at: Moment) -> datetime:
    return at.start_of(days_after(at.today, 1))


async def _moment(session: Session) -> Moment:
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    return Moment(now, (await get_workspace(session)).calendar, policy)


async def work_out_cycles(session: WriteSession, subject_id: UUID) -> None:
    """The daily timer: new cycles, and another look at those they make old, or no longer old."""
    at = await _moment(session)
    row = await session.fetchrow(
        """
        SELECT cycles, cycles_on FROM pipeline.hygiene_looks
        WHERE workspace_id = $1 FOR NO KEY UPDATE
        """,
        session.workspace_id,
    )
    if row is None:
        return
    old, new = from_json(row["cycles"]), await cycle_times(session, at.now)
    await _ask_for_flipped(session, old, row["cycles_on"], new, at.today)
    await session.execute(
        """
        UPDATE pipeline.hygiene_looks SET cycles = $2, cycles_on = $3 WHERE workspace_id = $1
        """,
        session.workspace_id,
        _kept(new, at),
        at.today,
    )
    await timers.rearm(session, CYCLES, subject_id, _tomorrow(at))


def windows(
    old: CycleTimes, old_day: date, new: CycleTimes, new_day: date
) -> set[tuple[date, date]]:
    """First and last day on which something was opened that is old now and was not then, or the
    other way round; of every segment and order type there can be. Pure."""
    known = (old, new)
    segments = {segment for each in known for segment in each.by_segment}
    groups = {key for each in known for key in each.by_group}
    other = "\0"  # no segment, no order type
    keys = groups | {(segment, other) for segment in segments} | {(other, other)}
    found = set()
    for key in keys:
        before = old_day - timedelta(days=int(old.of(*key).days))
        after = new_day - timedelta(days=int(new.of(*key).days))
        if before != after:
            found.add((min(before, after), max(before, after) - timedelta(days=1)))
    return found


async def _ask_for_flipped(
    session: WriteSession, old: CycleTimes, old_day: date, new: CycleTimes, new_day: date
) -> None:
    spans = sorted(windows(old, old_day, new, new_day))
    rows = await session.fetch(
        """
        SELECT s.opportunity_id AS id, s.opened_on, o.segment, o.order_type
        FROM unnest($2::date[], $3::date[]) AS span (low, high)
        JOIN pipeline.hygiene_states AS s
          ON s.workspace_id = $1 AND s.is_open AND s.opened_on BETWEEN span.low AND span.high
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = s.opportunity_id
        """,
        session.workspace_id,
        [low for low, _ in spans],
        [high for _, high in spans],
    )
    asked = {row["id"] for row in rows if _is_old(row, old, old_day) != _is_old(row, new, new_day)}
    await following.recheck(session, asked, (following.HYGIENE,))


def _is_old(row: Mapping[str, Any], cycles: CycleTimes, day: date) -> bool:
    age: int = (day - row["opened_on"]).days
    return age > int(cycles.of(row["segment"], row["order_type"]).days)


async def look_at_touches(session: WriteSession, subject_id: UUID) -> None:
    """The timer of a few seconds: plans written in, and users who left or came back."""
    now = clock.now()
    look = await session.fetchrow(
        """
        SELECT seen_through, seen FROM pipeline.hygiene_looks
        WHERE workspace_id = $1 FOR NO KEY UPDATE
        """,
        session.workspace_id,
    )
    if look is None:
        return
    seen: dict[str, str] = look["seen"]
    since = look["seen_through"] - _BACK
    touched = await plans_touched_since(session, since, limit=_AT_ONCE)
    fresh = [each for each in touched if seen.get(str(each.opportunity_id)) != each.mark]
    flipped = await _of_users_changed(session, since)
    written = {each.opportunity_id for each in fresh}
    asked = written | flipped
    await following.recheck(session, asked, (following.HYGIENE,))
    # An entry in the plan is progress, and a meeting that was told of starts other clocks.
    await following.recheck(session, written, (following.CLOCKS,))
    is_more = len(touched) >= _AT_ONCE
    through = max(look["seen_through"], touched[-1].at) if is_more else now
    # What was seen is remembered for as long as it can come up again.
    kept = {str(each.opportunity_id): each.mark for each in touched if each.at > through - _BACK}
    # An idle company is not written to every few seconds: looking further back finds the same.
    if asked or through - look["seen_through"] > _BACK:
        await session.execute(
            """
            UPDATE pipeline.hygiene_looks SET seen_through = $2, seen = $3
            WHERE workspace_id = $1
            """,
            session.workspace_id,
            through,
            kept,
        )
    pause = _SOON if is_more else EVERY if kept or asked else IDLE
    await timers.rearm(session, TOUCHES, subject_id, now + pause)


_SOON: Final = timedelta(milliseconds=1)


async def _of_users_changed(session: Session, since: datetime) -> set[UUID]:
    """What users own who changed of late, where the owner's being here is not what was found."""
    rows = await session.fetch(
        """
        SELECT o.id
        FROM workspace.users AS u
        JOIN pipeline.hygiene_states AS s
          ON s.workspace_id = $1 AND s.owner_id = u.id AND s.is_open
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = s.opportunity_id
        WHERE u.workspace_id = $1 AND u.updated_at > $2 AND u.active = EXISTS (
            SELECT FROM pipeline.hygiene_findings AS f
            WHERE f.workspace_id = $1 AND f.opportunity_id = o.id AND f.rule = 'owner_inactive')
        """,
        session.workspace_id,
        since,
    )
    return {row["id"] for row in rows}
