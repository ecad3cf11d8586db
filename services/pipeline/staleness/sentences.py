"""What people are told when a clock does something, and whom. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.pipeline.notices.service import Message
from services.pipeline.staleness.domain import (
    CLOSE,
    MISSED,
    NO_SHOW,
    NOT_ACTED,
    NOTICE,
    REBOOK_OVER,
    RENEWAL,
    STALE,
    WARN,
    WILL_CHURN,
    WOULD_CLOSE,
    Clock,
    Rules,
    Step,
)

KIND: Final[Mapping[tuple[str, str], str]] = {
    (STALE, WARN): "stale_warning",
    (STALE, WOULD_CLOSE): "stale_would_close",
    (STALE, CLOSE): "stale_auto_closed",
    (RENEWAL, NOTICE): "renewal_due",
    (RENEWAL, WILL_CHURN): "renewal_will_churn",
    (RENEWAL, WOULD_CLOSE): "renewal_would_close",
    (RENEWAL, CLOSE): "renewal_auto_closed",
    ("acceptance", MISSED): "acceptance_missed",
    ("action", NOT_ACTED): "acceptance_not_acted",
    (NO_SHOW, REBOOK_OVER): "no_show_not_rebooked",
}
"""The kind of notice of each step of a clock."""

FOUND: Final = frozenset(
    {"stale_warning", "stale_would_close", "renewal_would_close", "acceptance_missed",
     "acceptance_not_acted"}
)  # fmt: skip
"""Those that are kept as findings of the opportunity too."""

_WHAT: Final = {
    "stage": "its stage changed",
    "next_step": "its next step changed",
    "activity": "something was done",
    "command_plan": "its command plan was written to",
}


@dataclass(frozen=True, slots=True)
class People:
    """Whom the notices of one opportunity go to. `marketing` hears of what was closed."""

    owner: UUID
    manager: UUID | None
    sdr: UUID | None
    marketing: Sequence[UUID]

    def of(self, kind: str) -> tuple[UUID, ...]:
        asked: list[UUID | None] = [self.owner, self.manager]
        if kind in ("acceptance_missed", "acceptance_not_acted", "no_show_not_rebooked"):
            asked.append(self.sdr)
        if kind == "stale_auto_closed":
            asked += self.marketing
        return tuple(dict.fromkeys(each for each in asked if each is not None))


def message_of(
    row: Mapping[str, Any], clock: Clock, step: Step, people: People, rules: Rules
) -> Message:
    """What is said of a step, to each of them once in a run of its clock."""
    kind = KIND[clock.kind, step.name]
    subject, sentence = _WORDS[kind](str(row["name"]), clock, step, rules)
    return Message(
        kind=kind,
        key=f"{row['id']}:{clock.run}:{step.key}",
        user_ids=people.of(kind),
        subject=subject,
        message=sentence,
        opportunity_id=row["id"],
        account_id=row["account_id"],
        details=_details(row, clock, step, rules),
    )


def _details(row: Mapping[str, Any], clock: Clock, step: Step, rules: Rules) -> dict[str, Any]:
    details = {
        "clock": clock.kind,
        "step": step.name,
        "due_on": rules.day(step.at).isoformat(),
        "since": clock.since,
        "started_on": rules.day(clock.started_at).isoformat(),
        "stage": row["stage"],
        "segment": row["segment"] or "unknown",
        "policy_version": rules.policy.version,
    }
    closing = [each for each in clock.steps if each.name in (CLOSE, WOULD_CLOSE)]
    if step.name == WARN and closing:
        details["closes_on"] = rules.day(closing[0].at).isoformat()
    if step.offset is not None:
        details["offset_days"] = step.offset
    return details


def _stale_warning(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    closing = clock.steps[-1]
    will = "will be closed" if closing.name == CLOSE else "is due to be closed"
    return (
        f"{name} is not moving",
        (
            f"Nothing has moved it since {rules.day(clock.started_at)}, when {_WHAT[clock.since]}."
            f" Without progress it {will} on {rules.day(closing.at)}."
        ),
    )


def _stale_would_close(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    return (
        f"{name} would be closed for want of progress",
        (
            f"Nothing has moved it since {rules.day(clock.started_at)}, when {_WHAT[clock.since]}."
            " The policy closes nothing by itself: close it, or move it on."
        ),
    )


def _stale_closed(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    return (
        f"{name} was closed for want of progress",
        (
            f"Nothing had moved it since {rules.day(clock.started_at)}, when {_WHAT[clock.since]}."
            " It stays closed: only a new opportunity may follow."
        ),
    )


def _renewal_due(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    offset = step.offset or 0
    if offset < 0:
        return (
            f"{name} is up for renewal",
            f"Its subscription ends on {clock.run}, in {-offset} days.",
        )
    if offset == 0:
        return f"{name} is up for renewal today", f"Its subscription ends today, {clock.run}."
    return (
        f"{name} is late to renew",
        f"Its renewal date was {clock.run}. Win it, or lose it, by {_last_day(clock, rules)}.",
    )


def _last_day(clock: Clock, rules: Rules) -> str:
    closing = [each for each in clock.steps if each.name in (CLOSE, WOULD_CLOSE)]
    if not closing:
        return "the end of its window"
    last = rules.day(closing[0].at).toordinal() - 1
    return type(rules.day(closing[0].at)).fromordinal(last).isoformat()


def _will_churn(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    return (
        f"{name} is lost and still open",
        f"It is said to churn and its renewal date, {clock.run}, is past: close it lost.",
    )


def _renewal_would_close(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    return (
        f"{name} is past its renewal window",
        (
            f"Its renewal date was {clock.run}. It must be closed lost, or a manager records why it"
            " may be later still."
        ),
    )


def _renewal_closed(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    return (
        f"{name} was closed lost past its renewal window",
        (
            f"Its renewal date was {clock.run}, and it was not won in time. A customer who comes back"
            " gets a new renewal."
        ),
    )


def _acceptance_missed(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    since = "the qualification meeting" if clock.since == "meeting" else "it was opened"
    return (
        f"{name} waits to be accepted",
        (
            f"It was neither accepted nor sent back in time since {since}, on"
            f" {rules.day(clock.started_at)}."
        ),
    )


def _not_acted(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    return (
        f"{name} was accepted and left alone",
        (
            f"Nothing has been done since it was accepted on {rules.day(clock.started_at)}: act on it,"
            " or hand it back."
        ),
    )


def _not_rebooked(name: str, clock: Clock, step: Step, rules: Rules) -> tuple[str, str]:
    return (
        f"{name} has no new meeting",
        (
            f"Nobody came on {rules.day(clock.started_at)} and no other meeting was planned in time:"
            " set it unqualified."
        ),
    )


_WORDS: Final = {
    "stale_warning": _stale_warning,
    "stale_would_close": _stale_would_close,
    "stale_auto_closed": _stale_closed,
    "renewal_due": _renewal_due,
    "renewal_will_churn": _will_churn,
    "renewal_would_close": _renewal_would_close,
    "renewal_auto_closed": _renewal_closed,
    "acceptance_missed": _acceptance_missed,
    "acceptance_not_acted": _not_acted,
    "no_show_not_rebooked": _not_rebooked,
}
