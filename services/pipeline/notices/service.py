"""Telling people something once, and what they have read of it.

Published: `notify` and `notify_many`, for whoever in pipeline has something to say. A notice is in
the change feed too, so that webhooks carry it to where people look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import Session, WriteSession
from services.kit.errors import ForbiddenError
from services.kit.ids import new_id
from services.kit.pagination import PageRequest
from services.pipeline.notices import repository
from services.pipeline.notices.errors import NoticeNotFoundError
from services.workspace.outbox import KIND_NOTICE, OUTBOX
from services.workspace.users.reach import WRITE_ALL, find_subtree, sight

_SUBJECT_MAX: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is said to some people; `key` names the occasion among those of its kind."""

    kind: str
    key: str
    user_ids: tuple[UUID, ...]
    subject: str
    message: str
    opportunity_id: UUID | None = None
    account_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


async def notify(
    session: WriteSession,
    *,
    kind: str,
    user_ids: Iterable[UUID],
    subject: str,
    message: str,
    key: str,
    opportunity_id: UUID | None = None,
    account_id: UUID | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Tells each of these people once: the same kind and key a second time is nothing new."""
    said = Message(
        kind=kind,
        key=key,
        user_ids=tuple(user_ids),
        subject=subject,
        message=message,
        opportunity_id=opportunity_id,
        account_id=account_id,
        details=details or {},
    )
    await notify_many(session, [said])


async def notify_many(session: WriteSession, messages: Sequence[Message]) -> None:
    """As `notify`, all of them in two statements, in this order."""
    rows = [
        {
            "id": new_id(),
            "kind": each.kind,
            "key": each.key,
            "user_id": user_id,
            "subject": each.subject[:_SUBJECT_MAX],
            "message": each.message,
            "opportunity_id": each.opportunity_id,
            "account_id": each.account_id,
            "details": each.details,
        }
        for each in messages
        for user_id in dict.fromkeys(each.user_ids)
    ]
    if not rows:
        return
    added = await repository.add(session, rows, clock.now())
    if added:
        await OUTBOX.append_many(session, kind=KIND_NOTICE, rows=[(id_, 1, id_) for id_ in added])


async def read_notices(
    session: Session,
    principal: Principal,
    page: PageRequest,
    *,
    user: str | None,
    is_unread: bool,
    kind: str | None,
    opportunity_id: UUID | None,
) -> list[dict[str, Any]]:
    """One's own, or everybody's for a token of nobody's; `user` asks for somebody's and those
    below, as far as the caller reaches."""
    reached = (await sight(session, principal)).owners
    users: Collection[UUID] | None
    if user is not None:
        named = await find_subtree(session, user)
        users = named if reached is None else named & reached
    elif principal.user_id is not None:
        users = (principal.user_id,)
    else:
        users = reached
    rows = await repository.list_notices(
        session, page, users, is_unread=is_unread, kind=kind, opportunity_id=opportunity_id
    )
    return [dict(row) for row in rows]


async def mark_one(session: WriteSession, principal: Principal, notice_id: UUID) -> dict[str, Any]:
    """The notice as it is then. Read is what its person has read: nobody else says so, but who
    writes everybody's records."""
    reached = (await sight(session, principal)).owners
    found = await repository.get_notices(session, [notice_id])
    if not found or not (reached is None or found[0]["user_id"] in reached):
        raise NoticeNotFoundError(notice_id)
    if not principal.roles & WRITE_ALL and found[0]["user_id"] != principal.user_id:
        raise ForbiddenError("Only the person a notice is for says that it was read.")
    await repository.mark_read(session, None, clock.now(), ids=[notice_id])
    (row,) = await repository.get_notices(session, [notice_id])
    return {name: value for name, value in row.items() if name != "user_id"}


async def mark_many(
    session: WriteSession,
    principal: Principal,
    *,
    ids: Collection[UUID] | None,
    up_to: datetime | None,
) -> int:
    """One's own; a token of nobody's that writes everybody's records may name any."""
    await sight(session, principal)
    user_id = principal.user_id
    if user_id is None and (ids is None or not principal.roles & WRITE_ALL):
        raise ForbiddenError("The token belongs to no user, so it has no notices of its own.")
    if ids is not None and principal.roles & WRITE_ALL:
        user_id = None
    return await repository.mark_read(session, user_id, clock.now(), ids=ids, up_to=up_to)
