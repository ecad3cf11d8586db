"""What is known of an opportunity when its gates are judged. Pure data; it is gathered in
`gathering`, and only what the criteria at hand are decided by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from services.pipeline.opportunities.stages import Refusal
from services.qualification.views import ACCEPTANCE, MEETINGS, NOTHING, PLAN, GateEvidence
from services.workspace.policy import Policy

CHECKLIST: Final = "checklist"
OWNER: Final = "owner"
ACTIVITIES: Final = "activities"
BREAKUP: Final = "breakup"
__all__ = [
    "ACCEPTANCE", "ACTIVITIES", "BREAKUP", "CHECKLIST", "MEETINGS", "OWNER", "PLAN",
    "Deal", "Facts", "Outcome", "Seen", "is_done", "is_settled",
]  # fmt: skip


class Seen(NamedTuple):
    """An activity as a gate tells of it."""

    subject: str | None
    state: str
    at: datetime


class Outcome(NamedTuple):
    """What a check says: met, unmet, or None for not asked of this deal. `evidence` is what meets
    it; `parts` are the single things missing, where they have codes of their own; `missing` names
    those of the command plan, as section.field."""

    is_met: bool | None
    message: str = ""
    evidence: str | None = None
    parts: tuple[Refusal, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deal:
    """An opportunity as the rules of the command plan look at it."""

    name: str
    stage: str
    segment: str
    amount: Decimal | None
    net_arr: Decimal
    created_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Deal:
        return cls(
            row["name"], row["stage"], row["segment"] or "unknown", row["amount"], row["net_arr"],
            row["created_at"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`row` is the opportunity as it would be stored; `today` is the company's."""

    row: Mapping[str, Any]
    today: date
    policy: Policy
    owner_role: str | None = None
    checklist: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    evidence: GateEvidence = NOTHING
    qualified_by: Seen | None = None
    meets_by: Seen | None = None
    breakup: Seen | None = None

    @property
    def deal(self) -> Deal:
        return Deal.of(self.row)


def is_done(item: Mapping[str, Any] | None) -> bool:
    return item is not None and item["state"] == "done"


def is_settled(item: Mapping[str, Any] | None) -> bool:
    """Done, or said not to apply, which takes a note."""
    return item is not None and item["state"] in ("done", "not_applicable")
