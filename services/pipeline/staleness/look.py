"""Gathers what the clocks of opportunities go by, in a handful of statements for any number of
them, and how the clocks stood when they were last worked out. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit.db import Session
from services.pipeline.opportunities.stages import STAGE
from services.pipeline.staleness import repository
from services.pipeline.staleness.domain import (
    Clock,
    Deal,
    Done,
    Extension,
    Meeting,
    Progress,
    Rules,
    Stay,
    clocks_of,
    why_not_stale,
)
from services.qualification.views import evidence_of, meetings_of
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace


@dataclass(slots=True)
class Case:
    """One opportunity: its row, what its clocks go by, the clocks, and how they stood before."""

    row: Mapping[str, Any]
    deal: Deal
    clocks: list[Clock]
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        id_: UUID = self.row["id"]
        return id_

    def done(self, clock: Clock) -> dict[str, str]:
        """What the clock has done in its present run."""
        stored = self.stored.get(clock.kind)
        return dict(stored["done"]) if stored is not None and stored["run"] == clock.run else {}


async def rules_at(session: Session, now: datetime) -> Rules:
    policy = await get_policy(session, await version_in_force(session, now))
    return Rules(policy, (await get_workspace(session)).calendar, now)


async def look_at(session: Session, ids: Collection[UUID], rules: Rules) -> dict[UUID, Case]:
    """Of each opportunity there is."""
    rows = {row["id"]: dict(row) for row in await repository.read_deals(session, ids)}
    stored: dict[UUID, dict[str, dict[str, Any]]] = {id_: {} for id_ in rows}
    for (id_, kind), clock in (await repository.read_clocks(session, list(rows))).items():
        stored[id_][kind] = clock
    deals = await _deals(session, rows, rules)
    cases = {}
    for id_, row in rows.items():
        done: dict[tuple[str, str], Done] = {
            (kind, clock["run"]): clock["done"] for kind, clock in stored[id_].items()
        }
        cases[id_] = Case(row, deals[id_], clocks_of(deals[id_], rules, done), stored[id_])
    return cases


async def _deals(
    session: Session, rows: Mapping[UUID, Mapping[str, Any]], rules: Rules
) -> dict[UUID, Deal]:
    opened = [id_ for id_, row in rows.items() if STAGE[row["stage"]].is_open]
    stays = await repository.read_stays(session, list(rows))
    moves = await repository.read_moves(session, opened)
    activities = await repository.read_last_activities(session, opened, rules.now)
    meetings = await _meetings(session, list(stays))
    renewals = [id_ for id_ in opened if rows[id_]["type"] == "renewal"]
    extensions = await repository.read_extensions(session, renewals)
    deals = {}
    for id_, row in rows.items():
        stay, extension = stays.get(id_), extensions.get(id_)
        deals[id_] = Deal(
            stage=row["stage"],
            type=row["type"],
            category=row["category"],
            segment=row["segment"],
            region=row["region"],
            created_at=row["created_at"],
            progress=_progress(row, moves.get(id_), activities.get(id_)),
            renewal_on=row["renewal_on"],
            is_expected_lost=row["is_expected_lost"],
            extension=None
            if extension is None
            else Extension(extension["new_date"], extension["granted_at"]),
            stay=None if stay is None else _stay(stay),
            meetings=tuple(meetings.get(id_, ())),
        )
    await _add_plans(session, deals, rules)
    return deals


def _progress(
    row: Mapping[str, Any], moved: Mapping[str, Any] | None, active_at: datetime | None
) -> Progress:
    """The latest of all; what is told late counts from its telling, so that a record told with an
    old date is not stale at once."""
    found = [Progress(row["created_at"], "stage")]
    if moved is not None and moved["stage_at"] is not None:
        found.append(Progress(moved["stage_at"], "stage"))
    if moved is not None and moved["next_step_at"] is not None:
        found.append(Progress(moved["next_step_at"], "next_step"))
    if active_at is not None:
        found.append(Progress(active_at, "activity"))
    return max(found, key=lambda progress: progress.at)


def _stay(row: Mapping[str, Any]) -> Stay:
    to_stage = row["to_stage"]
    is_accepted = to_stage is not None and STAGE[to_stage].is_open
    return Stay(
        row["entered_at"],
        row["recorded_at"],
        row["left_at"],
        to_stage,
        row["left_recorded_at"] if is_accepted else None,
    )


async def _meetings(session: Session, ids: list[UUID]) -> dict[UUID, list[Meeting]]:
    """The earliest first; those planned in qualification and those logged as activities."""
    found: dict[UUID, list[Meeting]] = {}
    for row in await repository.read_meetings(session, ids):
        state = "held" if row["state"] == "done" else row["state"]
        meeting = Meeting(row["occurred_at"], state, row["is_qualification"])
        found.setdefault(row["opportunity_id"], []).append(meeting)
    for id_, seen in (await meetings_of(session, ids)).items():
        found.setdefault(id_, []).extend(
            Meeting(each.happens_at, each.state, each.is_qualification)
            for each in seen
            if each.state != "cancelled"
        )
    return {id_: sorted(meetings) for id_, meetings in found.items()}


async def _add_plans(session: Session, deals: dict[UUID, Deal], rules: Rules) -> None:
    """An entry in the command plan is progress too; asked only where a clock goes by progress."""
    wanted = [
        id_
        for id_, deal in deals.items()
        if why_not_stale(deal, rules.policy) is None
        or (deal.is_open and deal.stay is not None and deal.stay.accepted_at is not None)
    ]
    for id_, plan in (await evidence_of(session, wanted, rules.policy)).items():
        touched, deal = plan.last_touched_at, deals[id_]
        if touched is not None and touched > deal.progress.at:
            deals[id_] = replace(deal, progress=Progress(touched, "command_plan"))
