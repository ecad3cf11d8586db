"""What every section of a day list is made of: where it comes from, whose it is, what is overdue.

One description of a section serves the day lists, which read the first of it, and the team board,
which counts it by person. Nothing here runs anything; what somebody should do is `domain`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.qualification.boards.days import Period
from services.qualification.boards.parameters import Parameters
from services.workspace.policy import Policy

COLUMNS: Final[Mapping[str, str]] = {
    "lead_id": "uuid",
    "opportunity_id": "uuid",
    "meeting_id": "uuid",
    "since": "timestamptz",
    "due_at": "timestamptz",
    "due_on": "date",
    "kind": "text",
    "note": "text",
    "calendar": "text",
    "criteria": "jsonb",
}
"""What a row of any section may tell; what it does not is null."""

WORKER: Final = "CASE WHEN l.sdr_id IS NULL THEN l.owner_id ELSE l.sdr_id END"
"""Who works a lead: its SDR, or its owner where it has none. Not COALESCE: Postgres takes that for
leaky, so that under row-level security it could not be looked up in an index."""

WORKED: Final = "('mql', 'pql', 'accepted', 'qualifying')"
"""Leads somebody is at, or should be: what the indexes of work hold."""

HANDED_AT: Final = "COALESCE(c.settled_at, c.requested_at, o.stage_entered_at)"
PENDING: Final = "o.workspace_id = $1 AND o.stage = 'pending_acceptance'"
LIVE: Final = "l.workspace_id = $1 AND l.merged_into_id IS NULL"

MEETING_PEOPLE: Final = """
    qualification.meetings AS m CROSS JOIN LATERAL (
        SELECT m.owner_id AS user_id WHERE m.owner_id IS NOT NULL
        UNION
        SELECT p.user_id FROM qualification.meeting_people AS p
        WHERE p.workspace_id = $1 AND p.meeting_id = m.id
    ) AS who
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The day a list is for, the moment it is read at, and the rules."""

    now: datetime
    day: Period
    policy: Policy
    ids: list[UUID] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section as SQL. `who` is the person whose task it is, None where it is anybody's."""

    name: str
    source: str
    where: str
    who: str | None
    order: str
    overdue: str = "false"
    columns: Mapping[str, str] = field(default_factory=dict)


Build = Callable[[Look, Parameters], Section]


def now(look: Look, given: Parameters) -> str:
    return given.given("now", look.now, "timestamptz")


def today(look: Look, given: Parameters) -> str:
    return given.given("day", look.day.first_day, "date")


def instant(given: Parameters, name: str, at: datetime) -> str:
    return given.given(name, at, "timestamptz")


def handed_before(look: Look, given: Parameters) -> str:
    """The last moment a hand-over may be of to be overdue by now."""
    hours = timedelta(hours=look.policy.number("accept.sla_hours"))
    return instant(given, "handed_before", look.now - hours)
