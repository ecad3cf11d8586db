"""The sections of a salesperson's day: what to accept, what to qualify, what to prepare."""

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
    WORKED,
    Build,
    Look,
    Section,
    handed_before,
    instant,
    now,
    today,
)
from services.qualification.opportunities.repository import OPPORTUNITIES


def _to_accept(look: Look, given: Parameters) -> Section:
    return Section(
        name="to_accept",
        source=f"{OPPORTUNITIES} AS o LEFT JOIN qualification.conversions AS c"
        " ON c.workspace_id = $1 AND c.opportunity_id = o.id",
        where=f"{PENDING} AND o.type <> 'renewal'",
        who="o.owner_id",
        order=f"{HANDED_AT}, o.id",
        overdue=f"{HANDED_AT} < {handed_before(look, given)}",
        columns={
            "lead_id": "c.lead_id",
            "opportunity_id": "o.id",
            "since": HANDED_AT,
            "note": "c.note",
        },
    )


def _stale(look: Look, given: Parameters) -> Section:
    days = look.policy.number("stage0.stale_days")
    entered_before = instant(given, "stale_before", look.now - timedelta(days=days))
    return Section(
        name="stale",
        source=f"{OPPORTUNITIES} AS o",
        where=f"{PENDING} AND o.type <> 'renewal' AND o.stage_entered_at < {entered_before}"
        f" AND (o.next_step_date >= {today(look, given)}) IS NOT TRUE",
        who="o.owner_id",
        order="o.stage_entered_at, o.id",
        overdue="true",
        columns={
            "opportunity_id": "o.id",
            "since": "o.stage_entered_at",
            "due_on": "o.next_step_date",
        },
    )


_OWN_LEADS: Final = (
    f"{LIVE} AND l.owner_id IS NOT NULL AND l.status IN {WORKED}"
    " AND (l.status IN ('accepted', 'qualifying') OR l.sdr_id IS NULL)"
)


def _own_leads(look: Look, given: Parameters) -> Section:
    return Section(
        name="leads",
        source="qualification.leads AS l",
        where=_OWN_LEADS,
        who="l.owner_id",
        order="l.status_since, l.id",
        columns={"lead_id": "l.id", "since": "l.status_since", "kind": "l.status"},
    )


def _failed_tests(look: Look, given: Parameters) -> Section:
    """The last test of what is not accepted yet, where it did not pass."""
    return Section(
        name="failed_tests",
        source=f"""
            (
                SELECT o.id AS opportunity_id, c.lead_id, o.owner_id
                FROM {OPPORTUNITIES} AS o LEFT JOIN qualification.conversions AS c
                  ON c.workspace_id = $1 AND c.opportunity_id = o.id
                WHERE {PENDING} AND o.type <> 'renewal'
                UNION ALL
                SELECT NULL::uuid, l.id, l.owner_id FROM qualification.leads AS l
                WHERE {_OWN_LEADS}
            ) AS own
            CROSS JOIN LATERAL (
                SELECT a.verdict, a.assessed_at, a.criteria FROM (
                    (SELECT t.id, t.verdict, t.assessed_at, t.criteria
                     FROM qualification.assessments AS t
                     WHERE t.workspace_id = $1 AND t.opportunity_id = own.opportunity_id
                       AND t.is_binding ORDER BY t.id DESC LIMIT 1)
                    UNION ALL
                    (SELECT t.id, t.verdict, t.assessed_at, t.criteria
                     FROM qualification.assessments AS t
                     WHERE t.workspace_id = $1 AND t.lead_id = own.lead_id
                       AND t.is_binding ORDER BY t.id DESC LIMIT 1)
                ) AS a ORDER BY a.id DESC LIMIT 1
            ) AS last
        """,
        where="last.verdict <> 'accept'",
        who="own.owner_id",
        order="last.assessed_at, own.opportunity_id, own.lead_id",
        columns={
            "lead_id": "own.lead_id",
            "opportunity_id": "own.opportunity_id",
            "since": "last.assessed_at",
            "kind": "last.verdict",
            "criteria": "last.criteria",
        },
    )


def _to_prepare(look: Look, given: Parameters) -> Section:
    hours = timedelta(hours=look.policy.number("meeting.agenda_ahead_hours"))
    until = instant(given, "prepared_until", max(look.day.ends_at, look.now) + hours)
    return Section(
        name="to_prepare",
        source=f"""
            {MEETING_PEOPLE} LEFT JOIN qualification.preparations AS p
              ON p.workspace_id = $1 AND p.meeting_id = m.id
        """,
        where="m.workspace_id = $1 AND m.state = 'planned'"
        f" AND m.happens_at >= {now(look, given)} AND m.happens_at < {until}"
        " AND COALESCE(jsonb_array_length(p.sendings), 0) = 0",
        who="who.user_id",
        order="m.happens_at, m.id",
        columns={
            "lead_id": "m.lead_id",
            "opportunity_id": "m.opportunity_id",
            "meeting_id": "m.id",
            "due_at": "m.happens_at",
            "kind": "CASE WHEN p.meeting_id IS NULL THEN 'not_begun' ELSE 'agenda_not_sent' END",
            "note": "m.subject",
        },
    )


AE: Final[Mapping[str, Build]] = {
    "to_accept": _to_accept,
    "stale": _stale,
    "leads": _own_leads,
    "failed_tests": _failed_tests,
    "to_prepare": _to_prepare,
}
