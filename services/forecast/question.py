"""What a reader asks of the figures, and the moment of the ledger that answers it.

Pure values, shared by everything on the read side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.workspace.fiscal import FiscalQuarter


class Axis(StrEnum):
    """`recorded`: what had been posted by then. `occurred`: what had happened by then, as known
    now."""

    RECORDED = "recorded"
    OCCURRED = "occurred"


class Organised(StrEnum):
    """By the reporting lines of then, or by today's."""

    THEN = "then"
    NOW = "now"


class GroupBy(StrEnum):
    USER = "user"
    SEGMENT = "segment"
    REGION = "region"
    TYPE = "type"
    ORDER_TYPE = "order_type"
    VERTICAL = "vertical"


@dataclass(frozen=True, slots=True)
class Question:
    """`user` is an id or an external id; None is the whole company, or what the caller may see."""

    quarter: FiscalQuarter
    user: str | None = None
    as_of: datetime | None = None
    as_of_sequence: int | None = None
    axis: Axis = Axis.RECORDED
    organised: Organised = Organised.THEN
    group_by: GroupBy | None = None

    @property
    def is_about_now(self) -> bool:
        return self.as_of is None and self.as_of_sequence is None


@dataclass(frozen=True, slots=True)
class Batch:
    """A state of the ledger: everything up to a sequence, and the instant it stands for.

    Before the first batch the sequence is 0 and the instant that of the workspace's creation.
    """

    sequence: int
    posted_at: datetime
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the ledger is now, in the snapshot of this transaction."""

    batch: Batch
    pending_events: int
    quarantined: int
    policy_in_progress: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment that is read. `at` is set on the occurred axis only; `batch` is then the newest,
    since that axis tells the past as known now. `is_now`: the running totals answer it."""

    batch: Batch
    is_now: bool
    at: datetime | None = None

    @property
    def as_of(self) -> datetime:
        return self.at or self.batch.posted_at


@dataclass(frozen=True, slots=True)
class Person:
    """A user, as far as figures are concerned."""

    id: UUID
    external_id: str
    name: str
