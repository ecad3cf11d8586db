"""From what a client states about a meeting to the row that is stored: references resolved, what
follows from them derived, what may not be so refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Change
from services.kit.db import Session
from services.kit.errors import InvalidPayloadError, ServiceError
from services.kit.upsert import Draft, Shape
from services.qualification.meetings import repository
from services.qualification.meetings.access import Viewer, viewer
from services.qualification.meetings.domain import is_qualification, state_after
from services.qualification.meetings.errors import MeetingHeldError, RebookingOverError
from services.qualification.meetings.references import References, look_up
from services.workspace.users.reach import RECORDERS, as_writer
from services.workspace.workspaces.repository import get_workspace

_DEFAULTS: dict[str, Any] = {
    "kind": "other",
    "is_qualification": False,
    "state": "planned",
    "duration_minutes": None,
    "happens_at": None,
    "lead_id": None,
    "opportunity_id": None,
    "account_external_id": None,
    "attendees": [],
    "buyer_stage": None,
    "owner_id": None,
    "held_at": None,
    "next_step": None,
    "next_step_date": None,
    "rebook_until": None,
    # Stored beside the row, in `meeting_people`.
    "team_ids": [],
}
_SHAPE = Shape(kind="meeting", required=("subject", "scheduled_at"), defaults=_DEFAULTS)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, with everything the payloads name."""

    principal: Principal
    viewer: Viewer
    known: References
    teams: Mapping[UUID, list[str]]
    today: date

    @classmethod
    async def prepare(
        cls,
        session: Session,
        principal: Principal,
        changes: Iterable[Change],
        rows: Iterable[Mapping[str, Any]],
    ) -> Writer:
        seen = await viewer(session, as_writer(principal))
        return cls(
            principal,
            seen,
            await look_up(session, seen, [change.stated for change in changes]),
            await repository.team_of(session, [row["id"] for row in rows]),
            (await get_workspace(session)).calendar.local_date(clock.now()),
        )

    def draft(self, change: Change, row: Mapping[str, Any] | None) -> Draft:
        """The row as it would be; `row` None is a new meeting, which is the caller's own unless
        somebody else is named."""
        stated = dict(change.stated)
        state = stated.pop("state", None)
        current = None if row is None else {**row, "team_ids": self.teams.get(row["id"], [])}
        now = clock.now()
        try:
            columns = self.known.columns(stated)
        except ServiceError as refusal:
            return Draft(change.external_id, current, {}, refusal=refusal)
        if current is None:
            columns.setdefault("owner_id", self.principal.user_id)
        draft = Draft.begin(change, current, columns, _SHAPE, now)
        if draft.refusal is None:
            draft.refusal = self._derive(draft, state)
        return draft

    def _derive(self, draft: Draft, stated_state: str | None) -> ServiceError | None:
        """What follows from what was stated; a refusal where it may not be so."""
        row, old = draft.row, draft.current
        was = None if old is None else old["state"]
        is_moved = old is not None and row["scheduled_at"] != old["scheduled_at"]
        state = state_after(was, stated_state, is_moved=is_moved)
        values: dict[str, Any] = {"state": state}
        if was == "held" and state == "cancelled":
            return MeetingHeldError()
        if old is not None and was == "no_show" and state == "planned":
            is_late = self.today > old["rebook_until"]
            if is_late and not self.principal.has(*RECORDERS):
                return RebookingOverError(old["rebook_until"])
            values["rebook_until"] = None
        account = row["account_external_id"] or self.known.account_of(row["attendees"])
        if row["lead_id"] is None and row["opportunity_id"] is None and account is None:
            return InvalidPayloadError.one(
                "/lead_id",
                "missing",
                "a meeting is about a lead, an opportunity or an account: name one of them, or a"
                " contact that has an account",
            )
        draft.revise(
            {
                **values,
                "account_external_id": account,
                "is_qualification": is_qualification(row["subject"], row["kind"]),
                "happens_at": row["held_at"] or row["scheduled_at"],
            }
        )
        return None
