"""Sends what is due to one webhook: claim, send outside any transaction, write down what became of it.

At least once: a process that dies between a reply and its record sends again, under the same message
id. One subject's messages are sent one after the other, and a later one never before an earlier one
is settled; different subjects go side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from standardwebhooks.webhooks import Webhook as Signer

from services.kit import clock
from services.kit.answers import to_json
from services.kit.db import Database, WriteSession
from services.kit.ids import new_id
from services.kit.logging import get_logger
from services.kit.outgoing import Outgoing
from services.pipeline.changes.repository import read_entries, read_feed
from services.pipeline.changes.service import tell_entries
from services.pipeline.webhooks import queue
from services.pipeline.webhooks.domain import (
    DELIVERED,
    DISABLED,
    FAILED,
    FAILURES_TO_HOLD,
    FIGURES_CHANGED,
    PENDING,
    PROBE_EVERY,
    RETRY_PAUSES,
    TEST,
    Reply,
    event_type,
    message_id,
    pause_after,
    wants,
)

log = get_logger(__name__)

PAGE: Final = 64
LEASE: Final = timedelta(seconds=60)
# No request begins later than this, so that with its timeout all is written before the lease ends.
_SENDING_S: Final = 30.0
_AT_A_TIME: Final = 8
GONE: Final = "the receiver answered 410 Gone"

FigureSource = Callable[[UUID, int], Awaitable[tuple[int, dict[str, dict[str, Any]]]]]
"""Of a workspace, behind a sequence: the newest sequence, and the figures of each fiscal quarter
that changed since."""


@dataclass(slots=True)
class Message:
    """One message on its way. `row_id` where it waited already; `reply` None: it was not tried."""

    message_id: str
    event_type: str
    sequence: int
    subject_id: UUID | None
    body: bytes
    attempts: int = 0
    row_id: UUID | None = None
    is_held: bool = False
    reply: Reply | None = None
    at: datetime | None = None


@dataclass(slots=True)
class _Round:
    """What one claim found to do."""

    webhook: asyncpg.Record
    token: UUID
    messages: list[Message] = field(default_factory=list)
    position: int = 0
    is_probe: bool = False
    has_more: bool = False
    # Whether figures were asked for, how far they go, and what there was to say.
    has_asked: bool = False
    figures_position: int = 0
    figures: list[Message] = field(default_factory=list)

    @property
    def replies(self) -> list[Reply]:
        return [m.reply for m in (*self.messages, *self.figures) if m.reply is not None]


class Delivery:
    """Sends for every webhook of this process."""

    def __init__(
        self,
        database: Database,
        outgoing: Outgoing,
        figures: FigureSource,
        *,
        concurrency: int,
    ) -> None:
        self._database = database
        self._outgoing = outgoing
        self._figures = figures
        self._places = asyncio.Semaphore(concurrency)

    async def deliver(self, workspace_id: UUID, webhook_id: UUID) -> bool:
        """One round; says whether more is likely to be due at once."""
        found = await self._claim(workspace_id, webhook_id)
        if found is None:
            return False
        await self._add_figures(workspace_id, found)
        await self._send(found)
        return await self._record(workspace_id, found)

    async def _claim(self, workspace_id: UUID, webhook_id: UUID) -> _Round | None:
        now, token = clock.now(), new_id()
        async with self._database.write(workspace_id) as session:
            webhook = await queue.claim(session, webhook_id, token, now, now + LEASE)
            if webhook is None:
                return None
            found = _Round(webhook, token, position=webhook["position"])
            due = await queue.due_deliveries(session, webhook_id, now, PAGE)
            if not due and webhook["probe_at"] is not None and webhook["probe_at"] <= now:
                due = await queue.oldest_delivery(session, webhook_id)
                found.is_probe = bool(due)
            found.messages = await _waiting_messages(session, due)
            if webhook["failures"] < FAILURES_TO_HOLD:
                await _add_fresh(session, found)
            found.has_more = found.has_more or len(due) == PAGE
        return found

    async def _add_figures(self, workspace_id: UUID, found: _Round) -> None:
        webhook = found.webhook
        is_due = webhook["figures_due_at"] is None or webhook["figures_due_at"] <= clock.now()
        if not (is_due and wants(webhook["event_types"], FIGURES_CHANGED)):
            return
        sequence, quarters = await self._figures(workspace_id, webhook["figures_position"])
        found.has_asked, found.figures_position = True, sequence
        for quarter, figures in quarters.items():
            name = message_id(webhook["id"], sequence, f"_{quarter}")
            body = _body(FIGURES_CHANGED, figures["as_of"], figures)
            found.figures.append(Message(name, FIGURES_CHANGED, sequence, None, body))

    async def _send(self, found: _Round) -> None:
        by_subject: dict[object, list[Message]] = {}
        for message in found.messages:
            if not message.is_held:
                by_subject.setdefault(message.subject_id or message.message_id, []).append(message)
        groups = [*by_subject.values(), found.figures]
        ends_at = asyncio.get_running_loop().time() + _SENDING_S
        own = asyncio.Semaphore(_AT_A_TIME)

        async def send_group(group: list[Message]) -> None:
            async with own:
                for message in group:
                    if _is_pointless(found) or asyncio.get_running_loop().time() >= ends_at:
                        return
                    async with self._places:
                        await self._post(found.webhook, message)
                    assert message.reply is not None
                    if not message.reply.is_delivered:
                        return

        await asyncio.gather(*(send_group(group) for group in groups if group))

    async def _post(self, webhook: asyncpg.Record, message: Message) -> None:
        message.at = clock.now()
        text = message.body.decode()
        secrets = [webhook["secret"]]
        if webhook["previous_secret"] and webhook["previous_secret_until"] > message.at:
            secrets.append(webhook["previous_secret"])
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Leadline",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(int(message.at.timestamp())),
            "webhook-signature": " ".join(
                Signer(secret).sign(message.message_id, message.at, text) for secret in secrets
            ),
        }
        message.reply = Reply(*await self._outgoing.post(webhook["url"], message.body, headers))

    async def _record(self, workspace_id: UUID, found: _Round) -> bool:
        now, webhook_id = clock.now(), found.webhook["id"]
        was_held = found.webhook["failures"] >= FAILURES_TO_HOLD
        values = _webhook_values(found, now)
        async with self._database.write(workspace_id) as session:
            if not await queue.settle(session, webhook_id, found.token, values):
                log.warning("webhook_lease_lost", webhook_id=str(webhook_id))
                return False
            rows = [_result(found, message, now) for message in found.messages]
            rows += [_figure_result(found, message, now) for message in found.figures]
            await queue.write_results(session, [row for row in rows if row is not None])
            is_well = values["failures"] == 0 and bool(found.replies)
            if was_held and is_well:
                await queue.make_waiting_due(session, webhook_id, now)
        if values.get("state") == DISABLED:
            log.warning("webhook_disabled", webhook_id=str(webhook_id), reason=GONE)
            return False
        # What was waiting may have had something of its subject behind it.
        has_cleared = any(m.row_id is not None and m.reply is not None for m in found.messages)
        return values["failures"] == 0 and (found.has_more or was_held or has_cleared)


async def _waiting_messages(session: WriteSession, rows: Sequence[asyncpg.Record]) -> list[Message]:
    """With what the feed says of each; a test message is about nothing."""
    entries = await read_entries(session, {row["sequence"] for row in rows if row["sequence"]})
    told = {entry["sequence"]: entry for entry in await tell_entries(session, entries)}
    messages = []
    for row in rows:
        if row["event_type"] == TEST:
            body = _body(TEST, row["created_at"], {"message": "This is a test."})
        else:
            entry = told[row["sequence"]]
            body = _body(row["event_type"], entry["posted_at"], entry)
        messages.append(
            Message(
                row["message_id"], row["event_type"], row["sequence"], row["subject_id"], body,
                attempts=row["attempts"], row_id=row["id"],
            )
        )  # fmt: skip
    return messages


async def _add_fresh(session: WriteSession, found: _Round) -> None:
    """The next entries of the feed; one whose subject has something waiting waits behind it."""
    webhook_id = found.webhook["id"]
    waiting, subjects = await queue.waiting_subjects(session, webhook_id)
    if waiting >= queue.WAITING_MAX:
        return
    rows = await read_feed(session, found.position, PAGE)
    if not rows:
        return
    found.position = rows[-1]["sequence"]
    found.has_more = len(rows) == PAGE
    wanted = [
        row
        for row in rows
        if wants(found.webhook["event_types"], event_type(row["subject"], row["version"]))
    ]
    for entry in await tell_entries(session, wanted):
        name = event_type(entry["subject"], entry["version"])
        found.messages.append(
            Message(
                message_id(webhook_id, entry["sequence"]), name, entry["sequence"],
                entry["subject_id"], _body(name, entry["posted_at"], entry),
                is_held=entry["subject_id"] in subjects,
            )
        )  # fmt: skip


def _body(name: str, at: Any, data: Any) -> bytes:
    return to_json({"type": name, "timestamp": at, "data": data})


def _is_pointless(found: _Round) -> bool:
    """The receiver is gone, or has only failed in this round."""
    replies = found.replies
    if any(reply.is_gone for reply in replies):
        return True
    failed = sum(not reply.is_delivered for reply in replies)
    return failed >= FAILURES_TO_HOLD and failed == len(replies)


def _webhook_values(found: _Round, now: datetime) -> dict[str, Any]:
    """Where the webhook stands after the round."""
    webhook, replies = found.webhook, found.replies
    failed = sum(not reply.is_delivered for reply in replies)
    failures = webhook["failures"]
    if replies:
        failures = failures + failed if failed == len(replies) else 0
    values: dict[str, Any] = {
        "position": found.position,
        "failures": failures,
        "probe_at": now + PROBE_EVERY if failures >= FAILURES_TO_HOLD else None,
    }
    if found.has_asked:
        values |= _figure_values(found, now)
    if any(reply.is_gone for reply in replies):
        values |= {"state": DISABLED, "reason": GONE, "updated_at": now}
    return values


def _figure_values(found: _Round, now: datetime) -> dict[str, Any]:
    """The figures sent are always the newest, so they are never given up."""
    replies = [message.reply for message in found.figures]
    if all(reply is not None and reply.is_delivered for reply in replies):
        return {
            "figures_position": found.figures_position,
            "figures_attempts": 0,
            "figures_due_at": None,
        }
    attempts = min(found.webhook["figures_attempts"] + 1, len(RETRY_PAUSES))
    return {
        "figures_attempts": attempts,
        "figures_due_at": now + RETRY_PAUSES[attempts - 1],
    }


def _result(found: _Round, message: Message, now: datetime) -> dict[str, Any] | None:
    """The row of a message after the round; None where it stays as it is."""
    reply = message.reply
    if reply is None:
        if message.row_id is not None:
            return None
        # Taken out of the feed and not sent: what is before it holds it back, or a pause does.
        due_at = now if message.is_held else now + RETRY_PAUSES[0]
        return _row(found, message, now, PENDING, due_at, [])
    attempt = [_attempt(message, reply)]
    if reply.is_delivered:
        message.attempts += 1
        return _row(found, message, now, DELIVERED, now, attempt)
    if found.is_probe:
        return None
    message.attempts += 1
    pause = pause_after(message.attempts)
    if pause is None:
        return _row(found, message, now, FAILED, now, attempt)
    return _row(found, message, now, PENDING, now + pause, attempt)


def _figure_result(found: _Round, message: Message, now: datetime) -> dict[str, Any] | None:
    if message.reply is None:
        return None
    state = DELIVERED if message.reply.is_delivered else FAILED
    message.attempts = 1
    return _row(found, message, now, state, now, [_attempt(message, message.reply)])


def _attempt(message: Message, reply: Reply) -> dict[str, Any]:
    assert message.at is not None
    return {
        "at": clock.isoformat(message.at),
        "status": reply.status,
        "error": reply.error,
        "milliseconds": reply.milliseconds,
    }


def _row(
    found: _Round,
    message: Message,
    now: datetime,
    state: str,
    due_at: datetime,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "id": message.row_id or new_id(),
        "webhook_id": found.webhook["id"],
        "message_id": message.message_id,
        "event_type": message.event_type,
        "sequence": message.sequence,
        "subject_id": message.subject_id,
        "state": state,
        "attempts": message.attempts,
        "due_at": due_at,
        "history": history,
        "created_at": now,
        "settled_at": None if state == PENDING else now,
    }
