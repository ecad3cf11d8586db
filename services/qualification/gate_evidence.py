"""What the gates of pipeline ask of qualification about opportunities, in one statement for any
number of them: the last acceptance test, the command plan, the meetings. Only what is asked for is
looked up. Read only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.kit.db import Session
from services.qualification.acceptance.views import Acceptance, acceptance_from
from services.qualification.evidence.domain import Deal, Elements, elements_from_json
from services.qualification.plans.domain import (
    CLOSE_PLAN,
    Requirement,
    is_exempt,
    missing_of,
    requirements,
)
from services.qualification.plans.sections import EMPTY
from services.workspace.policy import Policy

ACCEPTANCE: Final = "acceptance"
PLAN: Final = "plan"
MEETINGS: Final = "meetings"


class MeetingSeen(NamedTuple):
    """A meeting as a gate tells of it."""

    id: UUID
    subject: str
    state: str
    happens_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvidence:
    """Of one opportunity; what was not asked for is as if there were none."""

    acceptance: Acceptance | None = None
    sections: Mapping[str, Any]
    elements: Elements
    qualified_in: MeetingSeen | None = None
    meets_in: MeetingSeen | None = None

    def required(self, deal: Deal, at_stage: int, policy: Policy) -> list[Requirement]:
        """What the command plan must have at a stage."""
        missing = missing_of(dict(self.sections), self.elements)
        return requirements(deal, at_stage, missing, policy)

    def is_exempt(self, deal: Deal) -> bool:
        return is_exempt(deal)

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        """Those of the close plan; each has a day."""
        steps: list[Mapping[str, Any]] = self.sections[CLOSE_PLAN]["steps"]
        return steps

    def score(self, element: str) -> int:
        return self.elements[element].score


NOTHING: Final = GateEvidence(sections=EMPTY, elements=elements_from_json({}))

_ACCEPTANCE: Final = """
    LEFT JOIN LATERAL (
        (SELECT a.id, a.verdict, a.policy_version, a.assessed_at, a.criteria
         FROM qualification.assessments AS a
         WHERE a.workspace_id = $1 AND a.opportunity_id = wanted.id AND a.is_binding
         ORDER BY a.id DESC LIMIT 1)
        UNION ALL
        (SELECT a.id, a.verdict, a.policy_version, a.assessed_at, a.criteria
         FROM qualification.assessments AS a
         WHERE a.workspace_id = $1 AND a.lead_id = c.lead_id AND a.is_binding
         ORDER BY a.id DESC LIMIT 1)
        ORDER BY id DESC LIMIT 1
    ) AS test ON true
"""
_PLAN: Final = """
    LEFT JOIN qualification.command_plans AS plan
      ON plan.workspace_id = $1 AND plan.opportunity_id = wanted.id
"""
_LEAD: Final = """
    LEFT JOIN qualification.conversions AS c
      ON c.workspace_id = $1 AND c.opportunity_id = wanted.id
"""
# The qualifying meeting may have been the lead's. Later ones are those since a stage was entered.
_MEETINGS: Final = """
    LEFT JOIN LATERAL (
        SELECT m.id, m.subject, m.state, m.happens_at FROM (
            (SELECT id, subject, state, happens_at FROM qualification.meetings
             WHERE workspace_id = $1 AND opportunity_id = wanted.id
                AND is_qualification AND state = 'held'
             ORDER BY happens_at DESC LIMIT 1)
            UNION ALL
            (SELECT id, subject, state, happens_at FROM qualification.meetings
             WHERE workspace_id = $1 AND lead_id = c.lead_id AND is_qualification AND state = 'held'
             ORDER BY happens_at DESC LIMIT 1)
        ) AS m ORDER BY m.happens_at DESC LIMIT 1
    ) AS qualified ON true
    LEFT JOIN LATERAL (
        SELECT id, subject, state, happens_at FROM qualification.meetings
        WHERE workspace_id = $1 AND opportunity_id = wanted.id
            AND NOT is_qualification AND state IN ('planned', 'held') AND happens_at >= wanted.since
        ORDER BY happens_at DESC LIMIT 1
    ) AS meets ON true
"""
_SELECTED: Final = {
    ACCEPTANCE: """, test.id AS test_id, test.verdict, test.policy_version, test.assessed_at,
        CASE WHEN test.verdict <> 'accept' THEN test.criteria END AS criteria""",
    PLAN: ", plan.sections, plan.elements",
    MEETINGS: """, qualified.id AS q_id, qualified.subject AS q_subject, qualified.state AS q_state,
        qualified.happens_at AS q_at, meets.id AS m_id, meets.subject AS m_subject,
        meets.state AS m_state, meets.happens_at AS m_at""",
}
_JOINED: Final = {ACCEPTANCE: _ACCEPTANCE, PLAN: _PLAN, MEETINGS: _MEETINGS}


def gate_evidence_sql(asked: Collection[str]) -> tuple[str, str]:
    """Columns and joins for whoever reads `wanted (id, since)`, `$1` being the workspace: what is
    known of opportunities is then read with whatever else their gates are decided by, in one
    statement. `since` is when each entered the stage whose meetings count. `asked` are of
    ACCEPTANCE, PLAN and MEETINGS; both are empty where it is."""
    parts = _parts(asked)
    lead = "" if parts in ([], [PLAN]) else _LEAD
    columns = "".join(_SELECTED[part] for part in parts)
    return columns, f"{lead}{''.join(_JOINED[part] for part in parts)}"


def gate_evidence_from(row: Mapping[str, Any], asked: Collection[str]) -> GateEvidence:
    """Of a row with those columns and the opportunity's `id`."""
    parts = _parts(asked)
    return _evidence(row, parts) if parts else NOTHING


def _parts(asked: Collection[str]) -> list[str]:
    return [part for part in (ACCEPTANCE, PLAN, MEETINGS) if part in asked]


def _evidence(row: Mapping[str, Any], parts: Collection[str]) -> GateEvidence:
    found: dict[str, Any] = {"sections": EMPTY, "elements": NOTHING.elements}
    if ACCEPTANCE in parts and row["test_id"] is not None:
        found["acceptance"] = acceptance_from(row["id"], row["test_id"], row)
    if PLAN in parts and row["sections"] is not None:
        found["sections"] = row["sections"]
        found["elements"] = elements_from_json(row["elements"])
    if MEETINGS in parts:
        found["qualified_in"] = _seen(row, "q")
        found["meets_in"] = _seen(row, "m")
    return GateEvidence(**found)


def _seen(row: Mapping[str, Any], prefix: str) -> MeetingSeen | None:
    if row[f"{prefix}_id"] is None:
        return None
    return MeetingSeen(*(row[f"{prefix}_{name}"] for name in ("id", "subject", "state", "at")))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingView:
    """A meeting about an opportunity. `happens_at` is when it was held, else when it is to be."""

    id: UUID
    external_id: str | None
    opportunity_id: UUID
    subject: str
    kind: str
    is_qualification: bool
    state: str
    scheduled_at: datetime
    happens_at: datetime
    held_at: datetime | None
    owner_id: UUID | None
    created_at: datetime
    updated_at: datetime


_MEETING: Final = ", ".join(MeetingView.__dataclass_fields__)


async def meetings_of(session: Session, ids: Collection[UUID]) -> dict[UUID, list[MeetingView]]:
    """The meetings of each opportunity that has any, the earliest first, in one statement."""
    if not ids:
        return {}
    rows = await session.fetch(
        f"SELECT {_MEETING} FROM qualification.meetings"
        " WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) ORDER BY happens_at, id",
        session.workspace_id,
        list(ids),
    )
    found: dict[UUID, list[MeetingView]] = {}
    for row in rows:
        meeting = MeetingView(**dict(row))
        found.setdefault(meeting.opportunity_id, []).append(meeting)
    return found
