"""Decisions on suggestions. Accepting one is a change of an opportunity, by who accepts it, in the
same transaction: the forecast moves as if the owner had stated it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import sole
from services.kit.db import Session, WriteSession
from services.pipeline.customers.domain import Term
from services.pipeline.customers.suggestions import repository
from services.pipeline.customers.suggestions.domain import (
    ACCEPTED,
    DISMISSED,
    GROWTH,
    LOSS,
    OPEN,
    next_look,
)
from services.pipeline.customers.suggestions.errors import (
    AccountWithoutOwnerError,
    SuggestionDecidedError,
    SuggestionNotFoundError,
)
from services.pipeline.customers.suggestions.evaluation import evaluate
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities.access import Actor, Sight, sight, writer
from services.pipeline.opportunities.domain import months_after
from services.pipeline.opportunities.errors import NotYourOpportunityError
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.users.reach import as_writer, find_subtree
from services.workspace.workspaces.repository import get_workspace


async def find(
    session: Session,
    principal: Principal,
    user: str | None,
    page: Any,
    filters: Mapping[str, Any],
) -> list[asyncpg.Record]:
    """Within what the caller sees; `user` is a subtree of owners."""
    owners = (await sight(session, principal)).owners
    if user is not None:
        named = await find_subtree(session, user)
        owners = named if owners is None else owners & named
    return await repository.list_suggestions(session, page, owners, filters)


async def require(session: Session, seen: Sight, suggestion_id: UUID) -> asyncpg.Record:
    """It goes by the owner of its opportunity, else of its account."""
    found = await repository.get_suggestion(session, suggestion_id)
    return _seen(found, seen, suggestion_id)


def _seen(found: asyncpg.Record | None, seen: Sight, suggestion_id: UUID) -> asyncpg.Record:
    if found is None:
        raise SuggestionNotFoundError(suggestion_id)
    if seen.owners is not None and found["owner_id"] not in seen.owners:
        raise SuggestionNotFoundError(suggestion_id)
    return found


async def decide(
    session: WriteSession,
    principal: Principal,
    suggestion_id: UUID,
    *,
    accept: bool,
    reason: str | None,
    if_match: str | None,
) -> None:
    """Decided the same way before, it stays as it was."""
    actor = await writer(session, principal)
    found = _seen(
        await repository.lock(session, suggestion_id),
        await sight(session, as_writer(principal)),
        suggestion_id,
    )
    state = ACCEPTED if accept else DISMISSED
    if found["state"] == state:
        return
    check_version(if_match, found["version"])
    if found["state"] != OPEN:
        raise SuggestionDecidedError(found["state"])
    opportunity_id = found["opportunity_id"]
    if accept and found["kind"] == LOSS:
        await opportunities.change(
            session,
            actor,
            opportunity_id,
            {"renewal_loss_category": found["value"]},
            reason=reason or "Suggested by what is used of the subscription.",
        )
    elif accept:
        opportunity_id = await _open_add_on(session, actor, found)
    now = clock.now()
    row = {
        "id": suggestion_id,
        "state": state,
        "version": found["version"] + 1,
        "opportunity_id": opportunity_id,
        "reason": reason,
        "decided_by": principal.actor,
        "decided_at": now,
        "updated_at": now,
    }
    await repository.SUGGESTIONS.update(session, [row], list(row))


async def _open_add_on(session: WriteSession, actor: Actor, found: asyncpg.Record) -> UUID:
    """At stage 0, under the suggestion's own id, so that it is opened once whatever happens."""
    assert found["kind"] == GROWTH
    if found["owner_external_id"] is None or found["account_external_id"] is None:
        raise AccountWithoutOwnerError
    if not actor.may_write(found["owner_id"]):
        raise NotYourOpportunityError("The account's owner is out of your reach")
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    today = (await get_workspace(session)).calendar.local_date(now)
    statement = {
        "id": found["id"],
        "name": f"{found['account_name'][:200]} - {_NAMES[found['value']]}",
        "type": "add_on",
        "stage": "pending_acceptance",
        "account_external_id": found["account_external_id"],
        "owner_external_id": found["owner_external_id"],
        "subscription_external_id": found["subscription_external_id"],
        "close_date": months_after(today, policy.number("close_date.default_months")),
    }
    stored = sole(await opportunities.upsert_many(session, actor, [statement], recording=False))
    return stored.id


_NAMES = {"uptier": "higher tier", "seats": "more seats", "cross_sell": "another product"}


async def follow(session: WriteSession, opportunity_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """A follower: a renewal was opened, closed or given a category, or an add-on was; or the day
    has come on which the same readings mean something else."""
    found = await repository.subscriptions_to_look_at(session, opportunity_ids)
    await evaluate(session, {row["id"] for row in found})
    workspace = await get_workspace(session)
    now = clock.now()
    today = workspace.calendar.local_date(now)
    policy = await get_policy(session, await version_in_force(session, now))
    due: dict[UUID, date] = {}
    for row in found:
        day = next_look(Term(row["start_date"], row["end_date"]), today, policy)
        if day is not None:
            due[row["opportunity_id"]] = min(due.get(row["opportunity_id"], day), day)
    zone = ZoneInfo(workspace.timezone)
    return {
        id_: datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
        for id_, day in due.items()
    }
