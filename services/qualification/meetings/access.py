"""Who may see and change a meeting: whoever takes part in it, and whoever may see what it is
about, which is its opportunity, else its lead, else its account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.kit.auth import Principal
from services.kit.db import Session
from services.kit.rows import Filters
from services.qualification.leads.access import own_leads_only
from services.qualification.leads.domain import UNTOUCHED
from services.qualification.opportunities.repository import ACCOUNTS, OPPORTUNITIES
from services.workspace.users.reach import Sight, sight


class Facts(Protocol):
    """What access is decided on. `opportunity_owner_id` is None until pipeline has opened it."""

    @property
    def owner_id(self) -> UUID | None: ...
    @property
    def team_ids(self) -> Sequence[UUID]: ...
    @property
    def lead_id(self) -> UUID | None: ...
    @property
    def lead_owner_id(self) -> UUID | None: ...
    @property
    def lead_sdr_id(self) -> UUID | None: ...
    @property
    def lead_status(self) -> str | None: ...
    @property
    def opportunity_id(self) -> UUID | None: ...
    @property
    def opportunity_owner_id(self) -> UUID | None: ...
    @property
    def opportunity_sdr_id(self) -> UUID | None: ...
    @property
    def account_owner_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose meetings a caller may see."""

    sight: Sight
    user_id: UUID | None
    sees_all_leads: bool

    def covers(self, meeting: Facts) -> bool:
        owners = self.sight.owners
        if owners is None or meeting.owner_id in owners or self.user_id in meeting.team_ids:
            return True
        if meeting.opportunity_owner_id is not None:
            return self.sight.covers(meeting.opportunity_owner_id, meeting.opportunity_sdr_id)
        if meeting.lead_id is not None:
            return self.covers_lead(meeting.lead_owner_id, meeting.lead_sdr_id, meeting.lead_status)
        return meeting.opportunity_id is None and meeting.account_owner_id in owners

    def covers_lead(self, owner_id: UUID | None, sdr_id: UUID | None, status: str | None) -> bool:
        """As the lead itself: its owner's once its SDR has taken it up."""
        if self.sees_all_leads or (self.user_id is not None and self.user_id == sdr_id):
            return True
        is_taken_up = sdr_id is None or status not in UNTOUCHED
        return self.user_id is not None and self.user_id == owner_id and is_taken_up

    def keep_to(self, where: Filters, *, is_narrow: bool = False) -> None:
        """As `covers`, for a list of meetings `m`. `is_narrow`: its other conditions leave few.

        Who sees little is found by what that little is; who sees much, or asks for little, by
        looking at one meeting after the other.
        """
        if self.sight.owners is None:
            return
        where.values.append(list(self.sight.owners))
        rule = _EACH if is_narrow or self.sees_all_leads else _THEIRS
        parts = {
            "owners": f"${len(where.values)}::uuid[]",
            "user": "{0}",
            "sdr": "OR d.sdr_id = {0}" if self.sight.sdr_id is not None else "",
            "own_lead": "true" if self.sees_all_leads else _OWN_LEAD,
        }
        where.require(rule.format(**parts), self.user_id)


_OWN_LEAD = f"""
    (l.sdr_id = {{0}} OR (
        l.owner_id = {{0}}
        AND (l.sdr_id IS NULL OR l.status NOT IN ({", ".join(f"'{one}'" for one in UNTOUCHED)}))
    ))
"""
_EACH = f"""
    (
        m.owner_id = ANY({{owners}})
        OR EXISTS (
            SELECT 1 FROM qualification.meeting_people AS p
            WHERE p.workspace_id = $1 AND p.meeting_id = m.id AND p.user_id = {{user}}
        )
        OR EXISTS (
            SELECT 1 FROM {OPPORTUNITIES} AS d
            WHERE d.workspace_id = $1 AND d.id = m.opportunity_id
              AND (d.owner_id = ANY({{owners}}) {{sdr}})
        )
        OR EXISTS (
            SELECT 1 FROM qualification.leads AS l
            WHERE l.workspace_id = $1 AND l.id = m.lead_id AND {{own_lead}} AND NOT EXISTS (
                SELECT 1 FROM {OPPORTUNITIES} AS d
                WHERE d.workspace_id = $1 AND d.id = m.opportunity_id
            )
        )
        OR (m.lead_id IS NULL AND m.opportunity_id IS NULL AND EXISTS (
            SELECT 1 FROM {ACCOUNTS} AS a
            WHERE a.workspace_id = $1 AND a.external_id = m.account_external_id
              AND a.owner_id = ANY({{owners}})
        ))
    )
"""
# Arrays, not joins: each is looked up in the index of what it names, however many meetings others
# have.
_THEIRS = f"""
    m.id = ANY(ARRAY(
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.owner_id = ANY({{owners}})
        UNION
        SELECT p.meeting_id FROM qualification.meeting_people AS p
        WHERE p.workspace_id = $1 AND p.user_id = {{user}}
        UNION
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.opportunity_id = ANY(ARRAY(
            SELECT d.id FROM {OPPORTUNITIES} AS d
            WHERE d.workspace_id = $1 AND (d.owner_id = ANY({{owners}}) {{sdr}})
        ))
        UNION
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.lead_id = ANY(ARRAY(
            SELECT l.id FROM qualification.leads AS l WHERE l.workspace_id = $1 AND {{own_lead}}
        )) AND NOT EXISTS (
            SELECT 1 FROM {OPPORTUNITIES} AS d
            WHERE d.workspace_id = $1 AND d.id = s.opportunity_id
        )
        UNION
        SELECT s.id FROM qualification.meetings AS s
        WHERE s.workspace_id = $1 AND s.account_external_id = ANY(ARRAY(
            SELECT a.external_id FROM {ACCOUNTS} AS a
            WHERE a.workspace_id = $1 AND a.owner_id = ANY({{owners}})
        )) AND s.lead_id IS NULL AND s.opportunity_id IS NULL
    ))
"""


async def viewer(session: Session, principal: Principal) -> Viewer:
    """Raises ForbiddenError without a role that reads."""
    seen = await sight(session, principal)
    return Viewer(seen, principal.user_id, not own_leads_only(principal))
