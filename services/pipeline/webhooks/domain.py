"""What decides about a delivery: when it is tried again, what a reply means, what it is called.

Pure: no network, no database, no clock.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

OPPORTUNITY: Final = "opportunity"
OPPORTUNITY_CREATED: Final = "opportunity.created"
OPPORTUNITY_CHANGED: Final = "opportunity.changed"
NOTICE: Final = "notice"
NOTICE_CREATED: Final = "notice.created"
FIGURES_CHANGED: Final = "figures.changed"
TEST: Final = "webhook.test"
EVENT_TYPES: Final = (
    OPPORTUNITY_CREATED,
    OPPORTUNITY_CHANGED,
    "reporting_line.changed",
    "policy.changed",
    "quota.changed",
    "plan_type.changed",
    NOTICE_CREATED,
    FIGURES_CHANGED,
)

ACTIVE: Final = "active"
DISABLED: Final = "disabled"
STATES: Final = (ACTIVE, DISABLED)

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
DELIVERY_STATES: Final = (PENDING, DELIVERED, FAILED)

RETRY_PAUSES: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
"""The schedule Standard Webhooks recommends: ten attempts over three days."""

FAILURES_TO_HOLD: Final = 3
"""So many attempts in a row fail before nothing new is taken out of the feed for a receiver."""
PROBE_EVERY: Final = timedelta(minutes=5)
"""How often a receiver that is held is tried beside the schedule, so that it is found well soon."""


class Reply(NamedTuple):
    """How one attempt ended: a status, or why there was none."""

    status: int | None
    error: str | None
    milliseconds: int

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """410: the receiver wants nothing any more."""
        return self.status == 410


def pause_after(attempts: int) -> timedelta | None:
    """How long to wait after so many failed attempts; None: it is given up."""
    return RETRY_PAUSES[attempts - 1] if attempts <= len(RETRY_PAUSES) else None


def event_type(subject: str, version: int) -> str:
    """What the feed's entry is called outside."""
    if subject == NOTICE:
        return NOTICE_CREATED
    if subject != OPPORTUNITY:
        return f"{subject}.changed"
    return OPPORTUNITY_CREATED if version == 1 else OPPORTUNITY_CHANGED


def wants(event_types: list[str], name: str) -> bool:
    """An empty list wants everything."""
    return not event_types or name in event_types


def message_id(webhook_id: UUID, sequence: int, part: str = "") -> str:
    """The same for every attempt and every replay, so that a receiver can tell a repeat."""
    return f"msg_{webhook_id.hex}_{sequence}{part}"
