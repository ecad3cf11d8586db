"""What a stage needs beyond the order of stages before an opportunity may leave it.

Stage 0: an opportunity that was tested for acceptance is accepted by a test that passes. Whether it
was tested, and how, is qualification's; what follows from it is decided here. One that was never
tested is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.drafts import Draft
from services.pipeline.opportunities.errors import StageGateNotMetError
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import STAGE, Refusal
from services.qualification.views import Acceptance, acceptance_of

CHECKED: Final = "acceptance_test"
"""How the gate of stage 0 is named where gates are shown."""

_ACCEPTED_RANKS: Final = range(1, STAGE["closed_won"].rank + 1)


def would_be_accepted(current: Row | None, stage: str) -> bool:
    """Whether going there takes an opportunity out of stage 0 for the first time; also by way of a
    closed stage, so that closing and reopening is no way around."""
    if current is None or STAGE[stage].rank not in _ACCEPTED_RANKS:
        return False
    is_at_0 = STAGE[current["stage"]].rank == 0
    return is_at_0 or (current["stage"] != stage and current["sales_accepted_date"] is None)


def unmet(acceptance: Acceptance | None) -> list[Refusal]:
    """Every criterion the last test does not pass; nothing where there was no test."""
    if acceptance is None or acceptance.is_accepted:
        return []
    return [
        Refusal(
            f"{item.criterion}_{'failed' if item.result == 'fail' else 'unknown'}",
            f"{item.criterion.capitalize()}: {' '.join(item.messages)}",
        )
        for item in acceptance.not_met
    ]


async def unmet_of(session: Session, rows: Sequence[Row]) -> Mapping[UUID, list[Refusal]]:
    """By opportunity; asks nobody where there are no rows."""
    if not rows:
        return {}
    found = await acceptance_of(session, [row["id"] for row in rows])
    return {row["id"]: unmet(found.get(row["id"])) for row in rows}


async def hold(
    session: Session, actor: Actor, drafted: Draft, *, override: str | None = None
) -> None:
    """Raises StageGateNotMetError where the move needs something that is missing. Whoever bypasses
    gates, or may override one and says why, is let through; the breach is kept as a finding."""
    if not would_be_accepted(drafted.current, drafted.row["stage"]):
        return
    missing = (await unmet_of(session, [drafted.row]))[drafted.row["id"]]
    if not missing:
        return
    if actor.bypasses_gates:
        drafted.findings.append(breach(missing))
    elif override is not None and actor.is_manager:
        drafted.findings.append(_overridden(missing, override))
    else:
        raise StageGateNotMetError(drafted.row["stage"], missing)


async def hold_many(
    session: Session, drafts: Sequence[Draft], *, is_recording: bool
) -> dict[UUID, StageGateNotMetError]:
    """As `hold` for many at once, by opportunity: who records is told of in findings, everybody
    else is refused."""
    leaving = [
        drafted for drafted in drafts if would_be_accepted(drafted.current, drafted.row["stage"])
    ]
    missing = await unmet_of(session, [drafted.row for drafted in leaving])
    refused: dict[UUID, StageGateNotMetError] = {}
    for drafted in leaving:
        open_points: Any = missing[drafted.row["id"]]
        if open_points and is_recording:
            drafted.findings.append(breach(open_points))
        elif open_points:
            refused[drafted.row["id"]] = StageGateNotMetError(drafted.row["stage"], open_points)
    return refused


def breach(missing: Sequence[Refusal]) -> Refusal:
    """What is kept where the gate did not hold somebody."""
    return Refusal("stage_gate_not_met", " ".join(item.message for item in missing))


def _overridden(missing: Sequence[Refusal], reason: str) -> Refusal:
    return Refusal(
        "stage_gate_overridden", " ".join([f"Because: {reason}", *(m.message for m in missing)])
    )
