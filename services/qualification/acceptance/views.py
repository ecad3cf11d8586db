"""What the acceptance test says of opportunities, for whoever gates them. Read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

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


def acceptance_from(
    opportunity_id: UUID, assessment_id: UUID, row: Mapping[str, Any]
) -> Acceptance:
    """A test as a row tells of it; criteria are null where it accepts."""
    return Acceptance(
        opportunity_id=opportunity_id,
        assessment_id=assessment_id,
        verdict=row["verdict"],
        policy_version=row["policy_version"],
        assessed_at=row["assessed_at"],
        not_met=_not_met(row["criteria"] or {}),
    )


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
