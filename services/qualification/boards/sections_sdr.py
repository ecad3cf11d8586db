"""The sections of an SDR's day: leads that wait, and hand-overs that are not through."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from services.qualification.boards.parameters import Parameters
from services.qualification.boards.section import (
    HANDED_AT,
    LIVE,
    MEETING_PEOPLE,
    PENDING,
    WORKER,
    Build,
    Look,
    Section,
    handed_before,
    instant,
    now,
    today,
)
from services.qualification.meetings.domain import REBOOKING_DAYS
from services.qualification.opportunities.repository import OPPORTUNITIES

OVER: Final = "'qualified', 'disqualified'"
"""Leads that are handed over or given up: what was planned for them is not done any more."""


def _responses(look: Look, given: Parameters) -> Section:
    return Section(
        name="responses",
        source="qualification.response_timers AS t"
        " JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = t.lead_id",
        where="t.workspace_id = $1 AND t.stopped_at IS NULL"
        f" AND t.due_at < {instant(given, 'day_ends', look.day.ends_at)} AND {LIVE}",
        # A lead that changes hands waits anew, so an open wait is that of whoever works it now.
        who="CASE WHEN t.sdr_id IS NULL THEN t.owner_id ELSE t.sdr_id END",
        order="t.due_at, t.id",
        overdue=f"t.due_at < {now(look, given)}",
        columns={
            "lead_id": "l.id",
            "since": "t.started_at",
            "due_at": "t.due_at",
            "kind": "t.kind",
            "calendar": "t.calendar",
        },
    )


def _touches(look: Look, given: Parameters) -> Section:
    return Section(
        name="touches",
        source="qualification.leads AS l",
        where=f"{LIVE} AND l.next_touch_on IS NOT NULL AND l.next_touch_on <= {today(look, given)}",
        who=WORKER,
        order="l.next_touch_on, l.score DESC, l.id",
        overdue=f"l.next_touch_on < {today(look, given)}",
        columns={"lead_id": "l.id", "since": "l.last_touch_at", "due_on": "l.next_touch_on"},
    )


def _fresh(look: Look, given: Parameters) -> Section:
    return Section(
        name="fresh",
        source="qualification.leads AS l",
        where=f"{LIVE} AND l.status IN ('mql', 'pql') AND {WORKER} IS NOT NULL",
        who=WORKER,
        order="l.score DESC, l.status_since, l.id",
        columns={"lead_id": "l.id", "since": "l.status_since", "kind": "l.status"},
    )


def _unassigned(look: Look, given: Parameters) -> Section:
    return Section(
        name="unassigned",
        source="qualification.leads AS l",
        where=f"{LIVE} AND l.status IN ('mql', 'pql') AND {WORKER} IS NULL",
        who=None,
        order="l.score DESC, l.status_since, l.id",
        columns={"lead_id": "l.id", "since": "l.status_since", "kind": "l.status"},
    )


def _woken(look: Look, given: Parameters) -> Section:
    return Section(
        name="woken",
        source="qualification.leads AS l",
        where=f"{LIVE} AND l.woken_at IS NOT NULL",
        who=WORKER,
        order="l.woken_at, l.id",
        columns={"lead_id": "l.id", "since": "l.woken_at", "note": "l.status_reason"},
    )


def _nurture(look: Look, given: Parameters) -> Section:
    # Leads one by one: how few activities are open is not guessed from how many were planned.
    return Section(
        name="nurture",
        source=f"""
            qualification.nurture_activities AS n CROSS JOIN LATERAL (
                SELECT l.id, l.sdr_id, l.owner_id FROM qualification.leads AS l
                WHERE {LIVE} AND l.id = n.lead_id AND l.status NOT IN ({OVER}) OFFSET 0
            ) AS l
        """,
        where=f"n.workspace_id = $1 AND n.done_at IS NULL AND n.planned_on <= {today(look, given)}",
        who=WORKER,
        order="n.planned_on, n.id",
        overdue=f"n.planned_on < {today(look, given)}",
        columns={
            "lead_id": "l.id",
            "due_on": "n.planned_on",
            "kind": "n.kind",
            "note": "n.title",
        },
    )


def _ready(look: Look, given: Parameters) -> Section:
    """The last test lets it be handed over, and nobody has asked for it."""
    return Section(
        name="ready",
        source="qualification.assessments AS a"
        " JOIN qualification.leads AS l ON l.workspace_id = $1 AND l.id = a.lead_id",
        where=f"""
            a.workspace_id = $1 AND a.is_convertible AND a.is_binding AND a.lead_id IS NOT NULL
            AND {LIVE}
            AND l.status NOT IN ({OVER}, 'recycle')
            AND NOT EXISTS (
                SELECT FROM qualification.conversions AS c
                WHERE c.workspace_id = $1 AND c.lead_id = a.lead_id)
            AND NOT EXISTS (
                SELECT FROM qualification.assessments AS later
                WHERE later.workspace_id = $1 AND later.lead_id = a.lead_id AND later.is_binding
                  AND later.id > a.id)
        """,
        who=WORKER,
        order="a.assessed_at, a.id",
        columns={
            "lead_id": "l.id",
            "since": "a.assessed_at",
            "kind": "CASE WHEN l.owner_id IS NULL THEN 'owner_missing' ELSE a.verdict END",
        },
    )


def _failed(look: Look, given: Parameters) -> Section:
    return Section(
        name="failed_hand_overs",
        source="qualification.conversions AS c",
        where="c.workspace_id = $1 AND c.state = 'failed'",
        who="COALESCE(c.sdr_id, c.owner_id)",
        order="c.requested_at, c.opportunity_id",
        overdue="true",
        columns={"lead_id": "c.lead_id", "since": "c.settled_at", "note": "c.reason"},
    )


def _not_accepted(look: Look, given: Parameters) -> Section:
    return Section(
        name="not_accepted",
        source=f"{OPPORTUNITIES} AS o JOIN qualification.conversions AS c"
        " ON c.workspace_id = $1 AND c.opportunity_id = o.id",
        where=f"{PENDING} AND {HANDED_AT} < {handed_before(look, given)}",
        who="COALESCE(c.sdr_id, c.owner_id)",
        order=f"{HANDED_AT}, o.id",
        overdue="true",
        columns={
            "lead_id": "c.lead_id",
            "opportunity_id": "o.id",
            "since": HANDED_AT,
        },
    )


def _meetings(look: Look, given: Parameters) -> Section:
    """Those of the day, and those before of which nobody has said what came, for as long as one
    that was missed may be planned again."""
    untold_since = look.day.starts_at - timedelta(days=REBOOKING_DAYS)
    return Section(
        name="meetings",
        source=MEETING_PEOPLE,
        where="m.workspace_id = $1 AND m.state <> 'cancelled'"
        f" AND m.happens_at >= {instant(given, 'untold_since', untold_since)}"
        f" AND m.happens_at < {instant(given, 'day_ends', look.day.ends_at)}"
        f" AND (m.happens_at >= {instant(given, 'day_begins', look.day.starts_at)}"
        f" OR (m.state = 'planned' AND m.happens_at < {now(look, given)}))",
        who="who.user_id",
        order="m.happens_at, m.id",
        overdue=f"m.state = 'planned' AND m.happens_at < {now(look, given)}",
        columns={
            "lead_id": "m.lead_id",
            "opportunity_id": "m.opportunity_id",
            "meeting_id": "m.id",
            "due_at": "m.happens_at",
            "kind": "m.state",
            "note": "m.subject",
        },
    )


SDR: Final[Mapping[str, Build]] = {
    "responses": _responses,
    "touches": _touches,
    "fresh": _fresh,
    "unassigned": _unassigned,
    "woken": _woken,
    "nurture": _nurture,
    "ready": _ready,
    "failed_hand_overs": _failed,
    "not_accepted": _not_accepted,
    "meetings": _meetings,
}
