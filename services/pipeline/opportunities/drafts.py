"""What a decision is made with and what it yields: circumstances, drafts, changes. No rules here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import Refusal
from services.pipeline.views import FigureState
from services.workspace.fiscal import FiscalCalendar
from services.workspace.policy import Policy

OPENED: Final = "opened"
CHANGED: Final = "changed"
TRANSITIONED: Final = "transitioned"
REASSIGNED: Final = "reassigned"
POLICY_APPLIED: Final = "policy_applied"
ACCOUNT_FOLLOWED: Final = "account_followed"
ORDER_TYPE_FOLLOWED: Final = "order_type_followed"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on beside the record and the statement. `is_recording`: the caller
    reports what is so, and broken rules are noted instead of refused. `is_product`: nobody asks but
    a timer of ours."""

    now: datetime
    policy: Policy
    calendar: FiscalCalendar
    currency: str
    is_recording: bool = False
    is_manager: bool = False
    is_product: bool = False


@dataclass(slots=True)
class Draft:
    """A merged and checked row whose order type is not decided yet."""

    current: Row | None
    row: Row
    occurred_at: datetime
    reason: str | None = None
    findings: list[Refusal] = field(default_factory=list)
    state: FigureState = field(init=False)


@dataclass(slots=True)
class Change:
    """A new version: its row, the facts it changes with their old values, and the rules broken."""

    row: Row
    state: FigureState
    kind: str
    changes: dict[str, Any]
    previous: dict[str, Any]
    reason: str | None
    findings: list[Refusal]

    @property
    def is_new(self) -> bool:
        return self.kind == OPENED
