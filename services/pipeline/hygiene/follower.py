"""Hygiene as a follower: what changed, or is due, is judged anew, and only differences are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession
from services.pipeline.hygiene import looking, storing
from services.pipeline.hygiene.catalogue import rules_on
from services.pipeline.hygiene.domain import Facts, Moment, judge
from services.pipeline.hygiene.facts import read_facts, read_rows
from services.pipeline.hygiene.storing import Difference, State, Wanted
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace


async def moment(session: Session) -> Moment:
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    return Moment(now, (await get_workspace(session)).calendar, policy)


async def follow(session: WriteSession, ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
    """Judges these opportunities; answers when each could be judged otherwise by itself."""
    at = await moment(session)
    cycles = await looking.known_cycles(session, at)
    # Before the facts: what a snooze or a review under way does is seen or asked for again.
    standing = await storing.read_standing(session, ids)
    rows = await read_rows(session, ids)
    rules = rules_on(at.policy)
    difference = Difference(at.now, at.policy.version)
    due: dict[UUID, datetime] = {}
    states: list[State] = []
    for row, facts in zip(rows, await read_facts(session, rows, at, cycles), strict=True):
        wrong, again = judge(facts, at, rules)
        wanted = Wanted(facts.owner_id, facts.account_id, facts.close_quarter, wrong)
        difference.add(facts.id, wanted, standing.get(facts.id, {}))
        until = difference.snoozed_until.get(facts.id)
        soonest = min((each for each in (again, until) if each is not None), default=None)
        if soonest is not None:
            due[facts.id] = soonest
        state = _state(facts)
        if (facts.is_open or row["has_state"]) and _is_new(state, row):
            states.append(state)
    await storing.write(session, difference)
    await storing.keep_states(session, states)
    return due


def _state(facts: Facts) -> State:
    return State(facts.id, facts.owner_id, facts.opened_on, facts.is_open, facts.created_at)


def _is_new(state: State, row: Mapping[str, object]) -> bool:
    kept = (row["state_owner_id"], row["state_opened_on"], row["state_is_open"])
    return kept != (state.owner_id, state.opened_on, state.is_open)
