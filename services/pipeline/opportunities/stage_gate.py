"""Where an opportunity may go from here, and everything its next move is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.db import Session
from services.pipeline.gates.domain import (
    Judged,
    criteria_at,
    gates_passed,
    judge_all,
    needs_of,
)
from services.pipeline.gates.facts import Facts
from services.pipeline.gates.gathering import facts_of
from services.pipeline.gates.supply import how_to_supply
from services.pipeline.opportunities.evidence import evidence_for
from services.pipeline.opportunities.gates import closed_from, gates_of
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import (
    AUTO_CLOSE_REASON,
    STAGE,
    STAGES,
    Refusal,
    Stage,
    StageFacts,
    check_transition,
)
from services.workspace.fiscal import FiscalCalendar
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.policy_gates import HARD
from services.workspace.workspaces.repository import get_workspace

_SAID_WITH_THE_MOVE: Final = frozenset(
    {
        "reason_required", "lost_reason_listed", "lost_details_given", "unqualified_reason_listed",
        "unqualified_details_given",
    }
)  # fmt: skip
"""What the move's own reason may supply, so that lacking it does not forbid the move."""


async def describe_gate(session: Session, row: Row, *, is_manager: bool) -> dict[str, Any]:
    """Of one opportunity, which the caller may see."""
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    calendar = (await get_workspace(session)).calendar
    here = STAGE[row["stage"]]
    if not here.is_open:
        row = {**row, "closed_from": (await closed_from(session, [row["id"]])).get(row["id"])}
    facts = await _facts(session, row, policy, calendar)
    moves = _moves(row, _order_facts(row, calendar, is_manager), policy, facts)
    forward = next((stage for stage in moves if stage.rank > here.rank), None)
    follow_up = forward if here.is_open else None
    judged = [] if follow_up is None else _judge(row, follow_up.key, policy, facts)
    is_held = policy.choice("gates.mode") == "enforce"
    return {
        "opportunity_id": row["id"],
        "stage": here.key,
        "stage_number": here.number,
        "next_stage": None if follow_up is None else follow_up.key,
        "unmet": [] if follow_up is None else _told(_against(moves[follow_up])),
        "checked": [
            "stage_order",
            "closed_state",
            *(each.criterion.code for each in judged if each.criterion.kind == HARD),
        ],
        "mode": policy.choice("gates.mode"),
        "criteria": [_criterion(each, row["id"]) for each in judged],
        "next_stages": [
            {
                "stage": stage.key,
                "stage_number": stage.number,
                "allowed": _is_allowed(found, is_held),
                "unmet": _told(_against(found)),
                "how_to_supply": _given_up(stage, found, row["id"]),
            }
            for stage, found in moves.items()
        ],
        "evidence": await evidence_for(
            session, row["id"], None if follow_up is None else follow_up.key, policy
        ),
    }


_Found = tuple[Refusal | None, Sequence[Judged]]
"""What the order of stages has against a move, and the criteria it does not meet."""


def _moves(row: Row, order: StageFacts, policy: Policy, facts: Facts) -> Mapping[Stage, _Found]:
    found: dict[Stage, _Found] = {}
    for stage in STAGES:
        refusal = check_transition(row["stage"], stage.key, order, policy)
        if stage.key == row["stage"] or _is_out_of_use(refusal):
            continue
        missing = [
            judged
            for judged in _judge(row, stage.key, policy, facts)
            if judged.criterion.kind == HARD and judged.is_unmet
        ]
        found[stage] = (refusal, missing)
    return found


def _is_out_of_use(refusal: Refusal | None) -> bool:
    return refusal is not None and refusal.code == "stage_not_enabled"


def _against(found: _Found) -> list[Refusal]:
    refusal, missing = found
    return [*([] if refusal is None else [refusal]), *_refusals(missing)]


def _refusals(missing: Sequence[Judged]) -> list[Refusal]:
    return [refusal for judged in missing for refusal in judged.refusals]


def _given_up(stage: Stage, found: _Found, opportunity_id: UUID) -> list[dict[str, Any]]:
    """Of closing without a win, which is no next move whose criteria are told."""
    if stage.rank <= STAGE["closed_won"].rank:
        return []
    supplies = [_supply(judged, opportunity_id) for judged in found[1]]
    return [each for each in supplies if each is not None]


def _is_allowed(found: _Found, is_held: bool) -> bool:
    refusal, missing = found
    held = _refusals(missing) if is_held else []
    return all(
        each.code in _SAID_WITH_THE_MOVE
        for each in [*([] if refusal is None else [refusal]), *held]
    )


def _judge(row: Row, to_stage: str, policy: Policy, facts: Facts) -> list[Judged]:
    """Every criterion on the way there, also those that only make a checklist."""
    if policy.choice("gates.mode") == "off":
        return []
    return judge_all(criteria_at(_gates(row, to_stage, policy), policy), facts)


def _gates(row: Row, to_stage: str, policy: Policy) -> list[str]:
    return gates_of(row, {**row, "stage": to_stage}, policy, row.get("closed_from"))


async def _facts(session: Session, row: Row, policy: Policy, calendar: FiscalCalendar) -> Facts:
    """Everything any move from here could be asked for."""
    every = [*gates_passed(None, "closed_won", policy), "closed_lost", "unqualified", "duplicate"]
    here = STAGE[row["stage"]]
    gates = [gate for gate in every if STAGE[gate].rank >= here.rank or not here.is_open]
    needs = needs_of(criteria_at(gates, policy))
    today = calendar.local_date(clock.now())
    found: dict[UUID, Facts] = await facts_of(session, [row], needs, policy, today)
    return found[row["id"]]


def _order_facts(row: Row, calendar: FiscalCalendar, is_manager: bool) -> StageFacts:
    return StageFacts(
        is_accepted=row["sales_accepted_date"] is not None,
        today=calendar.local_date(clock.now()),
        closed_on=calendar.local_date(row["stage_entered_at"]),
        is_auto_closed=row["lost_reason"] == AUTO_CLOSE_REASON,
        is_renewal=row["type"] == "renewal",
        is_manager=is_manager,
    )


def _criterion(judged: Judged, opportunity_id: UUID) -> dict[str, Any]:
    criterion, outcome = judged.criterion, judged.outcome
    return {
        "code": criterion.code,
        "gate": criterion.gate,
        "kind": criterion.kind,
        "status": judged.status,
        "message": None if outcome is None or not outcome.message else outcome.message,
        "evidence": None if outcome is None else outcome.evidence,
        "how_to_supply": _supply(judged, opportunity_id),
    }


def _supply(judged: Judged, opportunity_id: UUID) -> dict[str, Any] | None:
    if not judged.is_unmet or judged.outcome is None:
        return None
    return how_to_supply(judged.criterion, opportunity_id, judged.outcome.missing)


def _told(refusals: Sequence[Refusal]) -> list[dict[str, str]]:
    return [{"code": each.code, "message": each.message} for each in refusals]
