"""The seven things that must not be missing at the end of a day: which they are, when the day ends
for whom, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

RANKED: Final = "accounts_ranked"
DECK: Final = "custom_deck"
KEY_INFORMATION: Final = "key_information"
NOTES: Final = "call_notes"
NEXT_STEPS: Final = "next_steps"
PLAN: Final = "command_plan"
UP_TO_DATE: Final = "opportunities_up_to_date"
ITEMS: Final = (RANKED, DECK, KEY_INFORMATION, NOTES, NEXT_STEPS, PLAN, UP_TO_DATE)

BY_RULE: Final[Mapping[str, str]] = {
    "next_step_missing": NEXT_STEPS,
    "next_step_overdue": NEXT_STEPS,
    "plan_incomplete": PLAN,
    "amount_missing_or_zero": UP_TO_DATE,
    "renewal_unsized": UP_TO_DATE,
    "stage_or_type_wrong": UP_TO_DATE,
    "close_date_missing": UP_TO_DATE,
    "close_date_past": UP_TO_DATE,
    "open_in_past_quarter": UP_TO_DATE,
}
"""Which findings keep which item from being met; a snooze does not excuse one."""

CURES: Final[Mapping[str, tuple[str, str, str]]] = {
    RANKED: (
        "Rank the account for this fiscal year, with the reason and its sources.",
        "PUT",
        "/qualification/v1/organisations/{id}/rank",
    ),
    DECK: (
        "Attest the custom deck, or log the documentation with its address.",
        "PUT",
        "/v1/opportunities/{id}/checklist",
    ),
    KEY_INFORMATION: (
        "Write down how they heard of us; of a closed one, why it was won or lost.",
        "PATCH",
        "/v1/opportunities/{id}",
    ),
    NOTES: ("Write what came of it.", "PATCH", "/v1/activities/{id}"),
}


class Offence(NamedTuple):
    """One record that keeps an item from being met, and the codes that say why."""

    kind: str
    id: UUID
    external_id: str | None
    name: str | None
    codes: tuple[str, ...]
    fix: Mapping[str, Any]


@dataclass(slots=True)
class Day:
    """One person's day."""

    user: Mapping[str, Any]
    deadline: datetime
    until: datetime
    items: dict[str, list[Offence]] = field(default_factory=lambda: {name: [] for name in ITEMS})

    @property
    def is_complete(self) -> bool:
        return not any(self.items.values())

    def status(self, now: datetime) -> str:
        """`late`: something was missing at the deadline, whatever was done after it."""
        if self.is_complete:
            return "met"
        return "due" if now < self.deadline else "late"


def deadline_of(on: date, at: str, timezone: str) -> datetime:
    """The instant a day's work is to be complete, by the person's own clock. An hour the clock
    skips counts as it would have been without the change."""
    hour, minute = map(int, at.split(":"))
    local = datetime.combine(on, time(hour, minute), tzinfo=ZoneInfo(timezone))
    return local.astimezone(UTC)


def cure(item: str, id_: UUID) -> dict[str, Any]:
    message, method, path = CURES[item]
    return {"message": message, "method": method, "path": path.replace("{id}", str(id_))}


class Ranking(NamedTuple):
    """One ranking of an account, as far as it matters here."""

    fiscal_year: int
    ranked_by_id: UUID | None
    has_reason: bool
    has_sources: bool


def rank_lacks(rankings: Iterable[Ranking], fiscal_year: int, owner_id: UUID) -> tuple[str, ...]:
    """What keeps the account from being ranked: the latest ranking of an organisation must be of
    this fiscal year, by the account's owner, with reason and sources. Of several organisations
    the best counts."""
    least: tuple[str, ...] | None = None
    for each in rankings:
        lacks = tuple(
            code
            for code, is_lacking in (
                ("not_this_fiscal_year", each.fiscal_year != fiscal_year),
                ("not_by_owner", each.ranked_by_id != owner_id),
                ("no_reason", not each.has_reason),
                ("no_sources", not each.has_sources),
            )
            if is_lacking
        )
        if least is None or len(lacks) < len(least):
            least = lacks
    return ("not_ranked",) if least is None else least
