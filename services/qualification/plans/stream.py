"""Command plans as server-sent events: the plan at once, then every save of it or of MEDDPPICC.

The versions are the truth: a stream reads those newer than the last it sent, so that a client
which comes back with the id of its last event misses none. A wake only says when to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

from fastapi import Request

from services.kit import sse
from services.kit.answers import to_json
from services.kit.auth import Principal
from services.kit.db import Database, ReadSession, WriteSession
from services.kit.errors import ForbiddenError, UnauthorizedError
from services.kit.http import Service
from services.kit.settings import StreamSettings
from services.kit.wakes import Wakes
from services.qualification.evidence.service import policy_now
from services.qualification.opportunities.errors import OpportunityUnknownError
from services.qualification.opportunities.repository import Opportunity
from services.qualification.opportunities.service import require_readable
from services.qualification.plans import repository
from services.qualification.plans.repository import Plan, PlanVersion
from services.qualification.plans.service import describe

ACCESS_EVERY_S: Final = 2.0
"""How often a silent stream looks whether its reader still may read. With news it always looks."""
_VERSIONS_AT_ONCE: Final = 50

Authenticate = Callable[[], Awaitable[Principal]]


def _topic(workspace_id: UUID | None, opportunity_id: UUID) -> str:
    return f"{workspace_id}:{opportunity_id}"


def tell(request: Request, session: WriteSession, opportunity_id: UUID) -> None:
    """Once the save is durable, whoever follows this plan looks."""
    service: Service = request.app.state.service
    topic = _topic(session.workspace_id, opportunity_id)
    session.after_commit(lambda: service.wakes.tell(topic))


async def events(
    database: Database,
    wakes: Wakes,
    authenticate: Authenticate,
    opportunity_id: UUID,
    settings: StreamSettings,
    seen: int | None,
) -> AsyncGenerator[bytes]:
    """Frames of server-sent events. `seen` is the last version the client knows: it is sent those
    after it, each one; None is sent the plan as it is."""
    principal = await authenticate()
    following = _Following(database, authenticate, opportunity_id, seen)
    with wakes.waiting(_topic(principal.workspace_id, opportunity_id)) as wake:
        async with aclosing(sse.stream(following.look, settings, wake.wait)) as frames:
            async for frame in frames:
                yield frame


class _Following:
    """One client and how far it has read."""

    def __init__(
        self,
        database: Database,
        authenticate: Authenticate,
        opportunity_id: UUID,
        seen: int | None,
    ) -> None:
        self._database = database
        self._authenticate = authenticate
        self._opportunity_id = opportunity_id
        self._seen = seen
        self._checked_at: float | None = None

    async def look(self) -> list[bytes] | None:
        """What is new; None where the reader may not read any more."""
        try:
            principal = await self._authenticate()
            async with self._database.read(principal.workspace_id) as session:
                return await self._newer(session, principal)
        except (UnauthorizedError, ForbiddenError, OpportunityUnknownError):
            return None

    async def _newer(self, session: ReadSession, principal: Principal) -> list[bytes]:
        current = await repository.current_version(session, self._opportunity_id)
        now = asyncio.get_running_loop().time()
        is_checked = self._checked_at is not None and now - self._checked_at < ACCESS_EVERY_S
        if current == self._seen and is_checked:
            return []
        deal = await require_readable(session, principal, self._opportunity_id)
        self._checked_at = now
        plan = await repository.get_plan(session, self._opportunity_id)
        if self._seen is None or self._seen > current:
            versions = [await _standing(session, plan)]
        else:
            versions = await repository.get_versions_after(
                session, self._opportunity_id, self._seen, _VERSIONS_AT_ONCE
            )
        frames = [await _frame(session, deal, plan, version) for version in versions]
        if versions:
            self._seen = versions[-1].version
        return frames


async def _standing(session: ReadSession, plan: Plan) -> PlanVersion:
    """The plan as it is, as the version it is."""
    version = await repository.get_version(session, plan.opportunity_id, plan.version)
    return repository.BEFORE_ALL if version is None else version


async def _frame(
    session: ReadSession, deal: Opportunity, plan: Plan, version: PlanVersion
) -> bytes:
    """The whole plan as of the version, judged as the opportunity stands now."""
    then = Plan(
        opportunity_id=plan.opportunity_id,
        version=version.version,
        sections=version.sections,
        elements=version.elements,
        elements_version=version.elements_version,
        elements_at=plan.elements_at,
        touched_at=version.saved_at,
        touched_by=version.author,
        met_at=plan.met_at,
    )
    content: dict[str, Any] = await describe(session, deal, then, await policy_now(session))
    return sse.frame(version.version, "plan", to_json({**content, "changes": version.changes}))
