"""Lets the clocks of opportunities do what has become due, in the transaction that notes it.

Called in the worker with opportunities that changed or whose hour has come. What closes a deal is
decided twice: before its lock and, on what is then true, behind it, so that a change in between
wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock as kit_clock
from services.kit.db import WriteSession
from services.kit.errors import ServiceError
from services.pipeline.notices.service import Message, notify_many
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities.access import SYSTEM
from services.pipeline.opportunities.stages import AUTO_CLOSE_REASON
from services.pipeline.staleness import repository
from services.pipeline.staleness.domain import CLOSE, RENEWAL, Clock, Rules, Step
from services.pipeline.staleness.look import Case, look_at, rules_at
from services.pipeline.staleness.sentences import FOUND, People, message_of
from services.workspace.users.repository import managers_of


@dataclass(slots=True)
class _Doings:
    """What one batch does: is told, found and closed, each in order."""

    told: list[Message] = field(default_factory=list)
    found: list[tuple[UUID, int, str, str]] = field(default_factory=list)
    closed: list[tuple[Case, Clock, Message]] = field(default_factory=list)


async def follow(session: WriteSession, ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
    """When each opportunity is to be looked at again by itself."""
    rules = await rules_at(session, kit_clock.now())
    cases = await look_at(session, ids, rules)
    closing = [case.id for case in cases.values() if _is_closing(case, rules)]
    if closing:
        await repository.lock_open(session, closing)
        cases |= await look_at(session, closing, rules)
    doings, done = await _decide(session, cases, rules)
    await notify_many(session, doings.told)
    await repository.insert_findings(session, doings.found, rules.now)
    if doings.closed:
        await _close(session, doings.closed, rules)
    await notify_many(session, [message for *_, message in doings.closed])
    return await _store(session, cases, done, rules)


def _due(case: Case, rules: Rules) -> list[tuple[Clock, Step]]:
    """What an opportunity's clocks have to do now, in order; nothing after its closing."""
    due = [
        (clock, step)
        for clock in case.clocks
        for step in clock.left(case.done(clock))
        if step.at <= rules.now
    ]
    due.sort(key=lambda each: (each[1].at, each[1].name == CLOSE))
    for place, (_, step) in enumerate(due):
        if step.name == CLOSE:
            return due[: place + 1]
    return due


def _is_closing(case: Case, rules: Rules) -> bool:
    return any(step.name == CLOSE for _, step in _due(case, rules))


async def _decide(
    session: WriteSession, cases: Mapping[UUID, Case], rules: Rules
) -> tuple[_Doings, dict[tuple[UUID, str], list[str]]]:
    doings, done = _Doings(), dict[tuple[UUID, str], list[str]]()
    due = {id_: found for id_, case in cases.items() if (found := _due(case, rules))}
    people = await _people(session, [cases[id_] for id_ in due], rules)
    for id_, found in due.items():
        case = cases[id_]
        for clock, step in found:
            message = message_of(case.row, clock, step, people[id_], rules)
            done.setdefault((id_, clock.kind), []).append(step.key)
            if message.kind in FOUND:
                doings.found.append((id_, case.row["version"], message.kind, message.message))
            if step.name == CLOSE:
                doings.closed.append((case, clock, message))
            else:
                doings.told.append(message)
    return doings, done


async def _people(session: WriteSession, cases: Sequence[Case], rules: Rules) -> dict[UUID, People]:
    if not cases:
        return {}
    managers = await managers_of(session, [case.row["owner_id"] for case in cases], rules.now)
    marketing = await repository.ids_named(
        session, rules.policy.settings["notices.marketing_users"]
    )
    return {
        case.id: People(
            case.row["owner_id"],
            managers.get(case.row["owner_id"]),
            case.row["sdr_id"],
            marketing,
        )
        for case in cases
    }


async def _close(
    session: WriteSession, closed: Sequence[tuple[Case, Clock, Message]], rules: Rules
) -> None:
    """Lost, in the product's own name, all in a few statements."""
    statements = [_loss(case, clock, rules) for case, clock, _ in closed]
    outcomes = await opportunities.upsert_many(session, SYSTEM, statements, recording=False)
    for outcome in outcomes:
        if isinstance(outcome, ServiceError):
            raise outcome


def _loss(case: Case, clock: Clock, rules: Rules) -> dict[str, Any]:
    """A renewal's loss is booked the day it is closed, since the month of its renewal date is
    locked by then."""
    stated = {"id": case.id, "stage": "closed_lost", "lost_reason": AUTO_CLOSE_REASON}
    if clock.kind == RENEWAL:
        details = f"Not renewed within its window after {clock.run}."
        return {**stated, "lost_details": details, "close_date": rules.day(rules.now)}
    return {**stated, "lost_details": f"No progress since {rules.day(clock.started_at)}."}


async def _store(
    session: WriteSession,
    cases: Mapping[UUID, Case],
    done: Mapping[tuple[UUID, str], list[str]],
    rules: Rules,
) -> dict[UUID, datetime]:
    """Clocks as they stand now, where they do so differently; and when each is due again."""
    rows: list[dict[str, Any]] = []
    gone: list[tuple[UUID, str]] = []
    due: dict[UUID, datetime] = {}
    for id_, case in cases.items():
        is_closed = any(CLOSE in keys[-1:] for keys in _done_of(id_, done))
        kept = set()
        for clock in case.clocks:
            if is_closed and clock.ended_at is None:
                continue
            row = _row(case, clock, done.get((id_, clock.kind), []), rules)
            kept.add(clock.kind)
            if _differs(row, case.stored.get(clock.kind)):
                rows.append(row)
            for at in (row["due_at"], clock.look_at):
                if at is not None:
                    due[id_] = min(due.get(id_, at), at)
        gone += [(id_, kind) for kind in case.stored.keys() - kept]
    await repository.put_clocks(session, rows)
    await repository.delete_clocks(session, gone)
    return due


def _done_of(id_: UUID, done: Mapping[tuple[UUID, str], list[str]]) -> list[list[str]]:
    return [
        [key.partition("@")[0] for key in keys] for (owner, _), keys in done.items() if owner == id_
    ]


def _row(case: Case, clock: Clock, done: Sequence[str], rules: Rules) -> dict[str, Any]:
    told = case.done(clock) | dict.fromkeys(done, rules.now.isoformat())
    left = clock.left(told)
    return {
        "opportunity_id": case.id,
        "kind": clock.kind,
        "run": clock.run,
        "started_at": clock.started_at,
        "done": told,
        "due_at": left[0].at if left else None,
        "deadline_at": clock.deadline_at,
        "ended_at": clock.ended_at,
        "outcome": clock.outcome,
        "minutes": clock.minutes,
        "policy_version": rules.policy.version,
    }


def _differs(row: Mapping[str, Any], stored: Mapping[str, Any] | None) -> bool:
    """A policy that says the same leaves the row alone."""
    return stored is None or any(
        row[name] != stored[name] for name in row if name != "policy_version"
    )
