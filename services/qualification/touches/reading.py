"""Showing touches and how far a lead's sequence is: what was done, and what to do next."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession, Session
from services.kit.pagination import PageRequest
from services.qualification.leads.access import READERS, own_leads_only, require_lead, self_id
from services.qualification.leads.record import Lead
from services.qualification.touches import domain, repository
from services.qualification.touches.domain import Cadence, Rule
from services.qualification.touches.resources.repository import candidates
from services.qualification.touches.service import cadences
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace

_RUNNING = frozenset({"on_track", "due", "overdue"})


async def list_touches(
    session: ReadSession,
    principal: Principal,
    lead_id: UUID,
    page: PageRequest,
    after: tuple[datetime, UUID] | None,
) -> list[asyncpg.Record]:
    """Up to one more than the page holds, in the order in which they happened."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    return await repository.list_touches(session, lead_id, page, after)


async def cadence_of(session: ReadSession, principal: Principal, lead_id: UUID) -> dict[str, Any]:
    """Raises LeadNotFoundError, also where the caller may not see the lead."""
    principal.require(*READERS)
    return await describe(session, await require_lead(session, principal, lead_id))


async def describe(session: Session, lead: Lead) -> dict[str, Any]:
    """How far the sequence is, and the next step of one that runs."""
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    found = (await cadences(session, [lead], policy, now))[lead.id]
    rule = Rule.of(policy)
    return {
        "lead_id": lead.id,
        "state": found.state,
        "started_at": found.started_at,
        "window": None
        if found.window is None
        else {"from": found.window[0], "to": found.window[1], "days": rule.days},
        "touches": {
            "done": found.done,
            "in_window": found.done_in_window,
            "needed": rule.count,
            "missing": max(0, rule.count - found.done),
        },
        "channels": {
            "used": list(found.channels),
            "needed": rule.channels,
            "missing": max(0, rule.channels - len(found.channels)),
        },
        "repeated_resources": list(found.repeated),
        "last_touch_at": found.last_touch_at,
        "answered_at": found.answered_at,
        "silent_at": found.silent_at,
        "next_touch_on": found.next_touch_on,
        "next": await _next_step(session, lead, found),
        "policy_version": policy.version,
    }


async def _next_step(session: Session, lead: Lead, found: Cadence) -> dict[str, Any] | None:
    if found.state not in _RUNNING:
        return None
    past = (await repository.pasts(session, [lead.id]))[lead.id]
    running = [
        touch
        for touch in past.touches
        if found.started_at is not None and touch.occurred_at >= found.started_at
    ]
    advice = domain.suggest_channel(
        running,
        has_email=lead.email is not None,
        has_phone=lead.phone is not None,
        unsubscribed=lead.unsubscribed,
    )
    used = await repository.resources_sent(session, lead.id)
    offered = await candidates(session, use_case=lead.use_case, persona=lead.persona, used=used)
    suggested = domain.suggest_resources(
        offered, used=used, use_case=lead.use_case, persona=lead.persona
    )
    return {
        "channel": advice.channel,
        "reason": advice.reason,
        "resources": [
            {
                "external_id": suggestion.resource.external_id,
                "title": suggestion.resource.title,
                "url": suggestion.resource.url,
                "reason": suggestion.reason,
            }
            for suggestion in suggested
        ],
    }


async def list_due(
    session: ReadSession,
    principal: Principal,
    page: PageRequest,
    *,
    user_id: UUID | None,
    on: date | None,
    after: tuple[date, UUID] | None,
) -> list[dict[str, Any]]:
    """Up to one more than the page holds; by today's date where the company is by default."""
    principal.require(*READERS)
    day = on or (await get_workspace(session)).calendar.local_date(clock.now())
    rows = await repository.list_due(
        session,
        page,
        on=day,
        user_id=user_id,
        holder_id=self_id(principal) if own_leads_only(principal) else None,
        after=after,
    )
    return [
        {
            **dict(row),
            "state": "due" if row["next_touch_on"] == day else "overdue",
            "days_overdue": (day - row["next_touch_on"]).days,
        }
        for row in rows
    ]
