"""What the acceptance test says of opportunities, for whoever gates them. Read only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.kit.db import Session

_ORDER: Final = ("authority", "initiative", "fit", "timing")


class NotMet(NamedTuple):
    """A criterion the last test did not pass: `result` is fail or unknown, the rest is why."""

    criterion: str
    result: str
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The last binding test of an opportunity, or of the lead it came from."""

    opportunity_id: UUID
    assessment_id: UUID
    verdict: str
    policy_version: int
    assessed_at: datetime
    not_met: tuple[NotMet, ...]

    @property
    def is_accepted(self) -> bool:
        return self.verdict == "accept"


async def acceptance_of(session: Session, ids: Collection[UUID]) -> dict[UUID, Acceptance]:
    """By opportunity, in one statement; one that was never tested is not in the answer."""
    rows = await session.fetch(
        """
        SELECT wanted.id AS opportunity_id, last.id, last.verdict, last.policy_version,
               last.assessed_at,
               CASE WHEN last.verdict <> 'accept' THEN last.criteria END AS criteria
        FROM unnest($2::uuid[]) AS wanted (id)
        LEFT JOIN qualification.conversions AS c
          ON c.workspace_id = $1 AND c.opportunity_id = wanted.id
        CROSS JOIN LATERAL (
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
        ) AS last
        """,
        session.workspace_id,
        list(ids),
    )
    return {
        row["opportunity_id"]: Acceptance(
            opportunity_id=row["opportunity_id"],
            assessment_id=row["id"],
            verdict=row["verdict"],
            policy_version=row["policy_version"],
            assessed_at=row["assessed_at"],
            not_met=_not_met(row["criteria"] or {}),
        )
        for row in rows
    }


def _not_met(criteria: Mapping[str, Any]) -> tuple[NotMet, ...]:
    return tuple(
        NotMet(
            name,
            criteria[name]["result"],
            tuple(reason["message"] for reason in criteria[name]["reasons"]),
        )
        for name in _ORDER
        if name in criteria and criteria[name]["result"] != "pass"
    )
