"""Holds a move at the gates it goes through. Which criteria there are is the policy's, whether each
is met is decided in the package of gates; what follows from it is decided here.

Gates hold moves forward among open stages, winning, and closing without a win. Whoever bypasses
them, or overrides them with a reason, leaves a finding that names everything that was not met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.kit.db import Session
from services.pipeline.gates.domain import asks, criteria_at, gates_passed, needs_of, unmet
from services.pipeline.gates.gathering import facts_of
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.drafts import Circumstances, Draft
from services.pipeline.opportunities.errors import StageGateNotMetError
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import STAGE, Refusal
from services.workspace.policy import Policy
from services.workspace.policy_gates import HARD, Criterion

_WON_RANK: Final = STAGE["closed_won"].rank
_RECENT: Final = timedelta(days=1)
"""How long after it happened a recorded move is judged: what was known at an older moment cannot be
looked up now."""
_OF_CLOSING: Final = ("lost_reason", "lost_details", "duplicate_of")


def gates_of(current: Row | None, row: Row, policy: Policy, before: str | None = None) -> list[str]:
    """The gates a write meets with. `before` is the open stage a closed opportunity was in
    before: reopened further on it goes through the gates in between, so that closing and reopening
    is no way around; one that was never accepted begins at the first."""
    if current is None:
        return []
    old, new = STAGE[current["stage"]], STAGE[row["stage"]]
    if old is new:
        is_said_anew = any(row[name] != current[name] for name in _OF_CLOSING)
        return [new.key] if new.rank > _WON_RANK and is_said_anew else []
    if new.rank > _WON_RANK or (old.is_open and new.rank > old.rank):
        return gates_passed(old.key, new.key, policy)
    if old.is_open:
        return []
    if current["sales_accepted_date"] is None:
        return gates_passed(None, new.key, policy)
    return [] if before is None else gates_passed(before, new.key, policy)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A write and what it is asked for."""

    drafted: Draft
    criteria: Sequence[Criterion]


async def hold(
    session: Session,
    actor: Actor,
    drafted: Draft,
    circumstances: Circumstances,
    *,
    override: str | None = None,
) -> None:
    """Raises StageGateNotMetError where the move needs something that is missing."""
    missing = (await _missing(session, [drafted], actor.bypasses_gates, circumstances)).get(
        drafted.row["id"]
    )
    if not missing:
        return
    if actor.bypasses_gates or circumstances.policy.choice("gates.mode") == "warn":
        drafted.findings.append(breach(missing))
    elif override is not None and actor.is_manager:
        drafted.findings.append(_overridden(missing, override))
    else:
        raise StageGateNotMetError(drafted.row["stage"], missing)


async def hold_many(
    session: Session, drafts: Sequence[Draft], circumstances: Circumstances, *, is_recording: bool
) -> dict[UUID, StageGateNotMetError]:
    """As `hold` for many at once, by opportunity: who records is told of in findings, everybody
    else is refused."""
    is_noted = is_recording or circumstances.policy.choice("gates.mode") == "warn"
    missing = await _missing(session, drafts, is_recording, circumstances)
    refused: dict[UUID, StageGateNotMetError] = {}
    for drafted in drafts:
        open_points = missing.get(drafted.row["id"])
        if open_points and is_noted:
            drafted.findings.append(breach(open_points))
        elif open_points:
            refused[drafted.row["id"]] = StageGateNotMetError(drafted.row["stage"], open_points)
    return refused


async def _missing(
    session: Session, drafts: Sequence[Draft], is_recording: bool, circumstances: Circumstances
) -> dict[UUID, list[Refusal]]:
    """What each write lacks, by opportunity; asks nobody where nothing is asked for."""
    policy = circumstances.policy
    if policy.choice("gates.mode") == "off":
        return {}
    since = circumstances.now - _RECENT
    looked_at = [each for each in drafts if not is_recording or each.occurred_at >= since]
    asked = _asked(looked_at, await closed_from(session, _reopened(looked_at)), policy)
    if not asked:
        return {}
    rows = [_as_left(each.drafted) for each in asked]
    needs = needs_of(criterion for each in asked for criterion in each.criteria)
    today = circumstances.calendar.local_date(circumstances.now)
    known = await facts_of(session, rows, needs, policy, today)
    return {
        each.drafted.row["id"]: unmet(each.criteria, known[each.drafted.row["id"]])
        for each in asked
    }


def _asked(drafts: Sequence[Draft], before: Mapping[UUID, str], policy: Policy) -> list[_Asked]:
    found = []
    for drafted in drafts:
        gates = gates_of(drafted.current, drafted.row, policy, before.get(drafted.row["id"]))
        # What is not asked of this deal is not looked up for it either.
        criteria = [
            each
            for each in criteria_at(gates, policy)
            if each.kind == HARD and asks(each, drafted.row)
        ]
        if criteria:
            found.append(_Asked(drafted, criteria))
    return found


def _as_left(drafted: Draft) -> Row:
    """The record as it would be stored; meetings count from when the stage it leaves was entered."""
    assert drafted.current is not None
    return {**drafted.row, "gate_since": drafted.current["stage_entered_at"]}


def _reopened(drafts: Sequence[Draft]) -> list[UUID]:
    return [
        each.row["id"]
        for each in drafts
        if each.current is not None
        and not STAGE[each.current["stage"]].is_open
        and STAGE[each.row["stage"]].rank <= _WON_RANK
        and each.row["stage"] != each.current["stage"]
    ]


async def closed_from(session: Session, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The open stage each of these closed opportunities was in before, where that is known; asks
    nobody where there are none."""
    if not ids:
        return {}
    rows = await session.fetch(
        """
        SELECT opportunity_id, from_stage FROM pipeline.stage_visits
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) AND left_at IS NULL
        """,
        session.workspace_id,
        list(ids),
    )
    return {
        row["opportunity_id"]: row["from_stage"]
        for row in rows
        if row["from_stage"] is not None and STAGE[row["from_stage"]].is_open
    }


def breach(missing: Sequence[Refusal]) -> Refusal:
    """What is kept where the gate did not hold somebody."""
    return Refusal("stage_gate_not_met", _sentences(missing), _codes(missing))


def _overridden(missing: Sequence[Refusal], reason: str) -> Refusal:
    return Refusal("stage_gate_overridden", _sentences(missing), _codes(missing), reason)


def _codes(missing: Sequence[Refusal]) -> tuple[str, ...]:
    return tuple(each.code for each in missing)


def _sentences(missing: Sequence[Refusal]) -> str:
    return " ".join(each.message for each in missing)
