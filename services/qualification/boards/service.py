"""Use cases of day lists: an SDR's day, a salesperson's day, and a team's load. Read only, each in
one snapshot and in a number of statements that does not grow with what is on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.qualification.boards import repository
from services.qualification.boards.days import Period
from services.qualification.boards.domain import Facts, advise, unmet_of, working_minutes
from services.qualification.boards.people import People, people_of
from services.qualification.boards.plans import SECTION, Behind, list_plans
from services.qualification.boards.repository import Found
from services.qualification.boards.section import COLUMNS, Build, Look
from services.qualification.boards.sections_ae import AE
from services.qualification.boards.sections_sdr import SDR
from services.qualification.leads.access import own_leads_only
from services.qualification.opportunities.repository import Opportunity, get_opportunities
from services.workspace.business_hours import Calendar
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.users.repository import UserName, user_names
from services.workspace.workspaces.repository import get_workspace

# What only those see who see every lead.
_EVERYBODYS: Final = "unassigned"
_HAND_OVERS: Final = ("not_accepted", "to_accept")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose day (None: the caller's), which one (None: today), and how much of each section."""

    reference: str | None
    on: date | None
    limit: int
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """What every board begins with."""

    people: People
    look: Look
    timezone: str

    def head(self) -> dict[str, Any]:
        person = self.people.person
        return {
            "user_external_id": person.external_id if person else None,
            "on": self.look.day.first_day,
            "as_of": self.look.now,
            "policy_version": self.look.policy.version,
        }


async def open_board(
    session: ReadSession, principal: Principal, reference: str | None, on: date | None
) -> Board:
    people = await people_of(session, principal, reference)
    workspace = await get_workspace(session)
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    day = on or workspace.calendar.local_date(now)
    period = Period.of(workspace.calendar, day, day)
    look = Look(now=now, day=period, policy=policy, ids=people.ids)
    return Board(people, look, workspace.timezone)


def sdr_builds(principal: Principal) -> dict[str, Build]:
    """The sections of an SDR's day that the caller may see."""
    return {
        name: build
        for name, build in SDR.items()
        if name != _EVERYBODYS or not own_leads_only(principal)
    }


async def sdr_board(session: ReadSession, principal: Principal, asked: Asked) -> dict[str, Any]:
    """An SDR's day. Raises PersonUnknownError, OutOfReachError."""
    board = await open_board(session, principal, asked.reference, asked.on)
    builds = _chosen(sdr_builds(principal), asked.section)
    found = await repository.list_sections(session, board.look, builds, asked.limit)
    return await _answer(session, board, found, [])


async def ae_board(session: ReadSession, principal: Principal, asked: Asked) -> dict[str, Any]:
    """A salesperson's day. Raises PersonUnknownError, OutOfReachError."""
    board = await open_board(session, principal, asked.reference, asked.on)
    builds = _chosen(AE, asked.section)
    found: dict[str, Found] = {}
    if builds:
        found = await repository.list_sections(session, board.look, builds, asked.limit)
    plans: list[Behind] = []
    if asked.section in (None, SECTION):
        behind = await list_plans(session, board.look, asked.limit)
        found[SECTION], plans = Found(behind.count, behind.overdue), behind.first
    return await _answer(session, board, found, plans)


def _chosen(builds: Mapping[str, Build], section: str | None) -> list[Build]:
    return [build for name, build in builds.items() if section in (None, name)]


class _Told:
    """Everything on a board, as facts with what they are about."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._calendars: dict[str, Calendar] = {}

    def of_row(self, row: Mapping[str, Any]) -> Facts:
        look = self._board.look
        minutes = None
        if row["calendar"] is not None:
            minutes = working_minutes(self._calendar(row["calendar"]), look.now, row["due_at"])
        limit, due_at = None, row["due_at"]
        if row["section"] in _HAND_OVERS:
            limit = look.policy.number("accept.sla_hours")
            due_at = row["since"] + timedelta(hours=limit)
        return Facts(
            now=look.now,
            since=row["since"],
            due_at=due_at,
            due_on=row["due_on"],
            kind=row["kind"],
            note=row["note"],
            is_overdue=row["is_overdue"],
            minutes=minutes,
            unmet=unmet_of(row["criteria"]),
            limit=limit,
        )

    def of_plan(self, plan: Behind) -> Facts:
        return Facts(
            now=self._board.look.now,
            since=plan.since,
            due_on=plan.close_date,
            is_overdue=plan.since is not None,
            unmet=plan.unmet,
        )

    def _calendar(self, name: str) -> Calendar:
        if name not in self._calendars:
            policy = self._board.look.policy
            self._calendars[name] = Calendar.of(policy, name, self._board.timezone)
        return self._calendars[name]


async def _answer(
    session: ReadSession, board: Board, found: Mapping[str, Found], plans: Sequence[Behind]
) -> dict[str, Any]:
    rows = [row for section in found.values() for row in section.rows]
    about = await _About.fetch(
        session,
        leads=(row["lead_id"] for row in rows),
        deals=[*(row["opportunity_id"] for row in rows), *(plan.id for plan in plans)],
        users=[*(row["user_id"] for row in rows), *(plan.owner_id for plan in plans)],
    )
    told = _Told(board)
    shown = {
        name: [about.item(name, row, told.of_row(row)) for row in section.rows]
        for name, section in found.items()
    }
    shown[SECTION] = [about.item(SECTION, _row_of(plan), told.of_plan(plan)) for plan in plans]
    return {
        **board.head(),
        "sections": [
            {
                "name": name,
                "count": section.count,
                "overdue": section.overdue,
                "items": shown[name],
            }
            for name, section in found.items()
        ],
    }


def _row_of(plan: Behind) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS) | {"opportunity_id": plan.id, "user_id": plan.owner_id}


@dataclass(frozen=True, slots=True)
class _About:
    """The leads, opportunities and people on a board."""

    leads: Mapping[UUID, Mapping[str, Any]]
    deals: Mapping[UUID, Opportunity]
    users: Mapping[UUID, UserName]

    @classmethod
    async def fetch(
        cls,
        session: ReadSession,
        *,
        leads: Iterable[UUID | None],
        deals: Iterable[UUID | None],
        users: Iterable[UUID | None],
    ) -> _About:
        return cls(
            await repository.describe_leads(session, _known(leads)),
            await get_opportunities(session, _known(deals)),
            await user_names(session, _known(users)),
        )

    def item(self, section: str, row: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
        lead = self.leads.get(row["lead_id"], {})
        deal = self.deals.get(row["opportunity_id"])
        user = self.users.get(row["user_id"])
        why, next_ = advise(section, facts)
        return {
            "user_external_id": user.external_id if user else None,
            "why": why,
            "next": next_,
            "is_overdue": facts.is_overdue,
            "since": facts.since,
            "due_at": facts.due_at,
            "due_on": facts.due_on,
            "minutes_left": None if facts.is_overdue else facts.minutes,
            "minutes_overdue": facts.minutes if facts.is_overdue else None,
            "hours_waiting": _hours(facts.now, facts.since),
            "kind": facts.kind,
            "note": facts.note,
            "unmet": [one._asdict() for one in facts.unmet],
            "lead_id": row["lead_id"],
            "lead_external_id": lead.get("external_id"),
            "lead_name": lead.get("name"),
            "lead_status": lead.get("status"),
            "lead_score": lead.get("score"),
            "company": lead.get("company"),
            "opportunity_id": row["opportunity_id"],
            "opportunity_external_id": deal.external_id if deal else None,
            "opportunity_name": deal.name if deal else None,
            "opportunity_stage": deal.stage if deal else None,
            "meeting_id": row["meeting_id"],
        }


def _known(ids: Iterable[UUID | None]) -> set[UUID]:
    return {id_ for id_ in ids if id_ is not None}


def _hours(now: datetime, since: datetime | None) -> int | None:
    return None if since is None else Facts(now=now, since=since).hours
