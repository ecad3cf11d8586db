"""The checklist of an opportunity: what people attest about it, item by item. Read, merged, kept
with who said it and when, and every change with what it was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.db import Session, WriteSession
from services.kit.errors import FieldProblem, InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import after_number
from services.pipeline import following
from services.pipeline.gates.domain import attested_codes
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.listing import actor_names
from services.pipeline.opportunities.service import lock_writable
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy

_OPEN: Final[Mapping[str, Any]] = {"state": "open", "note": None, "url": None}
_SAID: Final = ("state", "note", "url")

Items = dict[str, dict[str, Any]]


async def read(session: Session, opportunity_id: UUID) -> dict[str, Any]:
    """Every item there can be under the policy in force, and those said under earlier ones."""
    policy = await get_policy(session, await version_in_force(session, clock.now()))
    version, items = await _stored(session, opportunity_id)
    names = await actor_names(session, [item["actor"] for item in items.values()])
    return _told(opportunity_id, version, items, policy, names)


def _told(
    opportunity_id: UUID, version: int, items: Items, policy: Policy, names: Mapping[str, str]
) -> dict[str, Any]:
    codes = attested_codes(policy)
    found = {}
    for code in [*codes, *(each for each in items if each not in codes)]:
        item = items.get(code)
        actor = None if item is None else item["actor"]
        found[code] = {
            "message": codes.get(code),
            **{name: (item or _OPEN)[name] for name in _SAID},
            "actor": actor,
            "actor_name": names.get(actor or ""),
            "changed_at": None if item is None else item["changed_at"],
        }
    return {"opportunity_id": opportunity_id, "version": version, "items": found}


async def write(
    session: WriteSession,
    actor: Actor,
    opportunity_id: UUID,
    stated: Mapping[str, Mapping[str, Any] | None],
    *,
    if_match: str | None = None,
) -> dict[str, Any]:
    """Merges what is stated: an absent item or field is unchanged, null clears it. The opportunity
    is locked, so that nobody moves it on what is just being taken back."""
    await lock_writable(session, actor, opportunity_id)
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    version, items = await _stored(session, opportunity_id)
    check_version(if_match, version)
    merged = merge(items, stated, set(attested_codes(policy)), actor.name, now)
    changes = [code for code in stated if merged.get(code) != items.get(code)]
    if changes:
        version += 1
        await _store(session, opportunity_id, version, merged, now)
        await _keep(session, opportunity_id, version, items, merged, changes, actor.name, now)
        await following.recheck(session, [opportunity_id])
    return await read(session, opportunity_id)


def merge(
    items: Items,
    stated: Mapping[str, Mapping[str, Any] | None],
    codes: set[str],
    author: str,
    at: datetime,
) -> Items:
    """Raises InvalidPayloadError with everything wrong in what is stated."""
    merged, problems = dict(items), []
    for code, fields in stated.items():
        if code not in codes and code not in items:
            message = "is no item of the policy in force; GET the checklist names them"
            problems.append(FieldProblem(f"/items/{code[:100]}", "unknown_item", message))
            continue
        before = items.get(code)
        said = dict(_OPEN) if fields is None else {**(before or _OPEN), **_cleared(fields)}
        said = {name: said[name] for name in _SAID}
        if said["state"] == "not_applicable" and not said["note"]:
            message = "says why it does not apply"
            problems.append(FieldProblem(f"/items/{code}/note", "note_missing", message))
        elif said == _OPEN:
            merged.pop(code, None)
        elif before is None or said != {name: before[name] for name in _SAID}:
            merged[code] = {**said, "actor": author, "changed_at": clock.isoformat(at)}
    if problems:
        raise InvalidPayloadError(problems)
    return merged


def _cleared(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _OPEN[name] if value is None else value for name, value in fields.items()}


async def _stored(session: Session, opportunity_id: UUID) -> tuple[int, Items]:
    row = await session.fetchrow(
        "SELECT version, items FROM pipeline.checklists"
        " WHERE workspace_id = $1 AND opportunity_id = $2",
        session.workspace_id,
        opportunity_id,
    )
    return (0, {}) if row is None else (row["version"], row["items"])


async def _store(
    session: WriteSession, opportunity_id: UUID, version: int, items: Items, now: datetime
) -> None:
    await session.execute(
        """
        INSERT INTO pipeline.checklists
            (workspace_id, opportunity_id, version, items, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $5)
        ON CONFLICT (workspace_id, opportunity_id) DO UPDATE SET
            version = excluded.version, items = excluded.items, updated_at = excluded.updated_at
        """,
        session.workspace_id,
        opportunity_id,
        version,
        items,
        now,
    )


async def _keep(
    session: WriteSession,
    opportunity_id: UUID,
    version: int,
    before: Items,
    after: Items,
    codes: Sequence[str],
    author: str,
    now: datetime,
) -> None:
    await session.execute(
        """
        INSERT INTO pipeline.checklist_changes
            (workspace_id, opportunity_id, version, code, before, after, actor, changed_at)
        SELECT $1::uuid, $2::uuid, $3::integer, c.code, c.before, c.after, $5, $6
        FROM json_to_recordset($4::json) AS c (code text, before jsonb, after jsonb)
        """,
        session.workspace_id,
        opportunity_id,
        version,
        [{"code": code, "before": before.get(code), "after": after.get(code)} for code in codes],
        author,
        now,
    )


async def list_changes(
    session: Session, opportunity_id: UUID, page: PageRequest
) -> list[dict[str, Any]]:
    """Saves, the oldest first, each with what it changed; one more than the page holds."""
    rows = await session.fetch(
        """
        SELECT version, min(actor) AS actor, min(changed_at) AS changed_at,
            jsonb_object_agg(code, jsonb_build_object('from', before, 'to', after)) AS changes
        FROM pipeline.checklist_changes
        WHERE workspace_id = $1 AND opportunity_id = $2 AND version > $3
        GROUP BY version ORDER BY version LIMIT $4
        """,
        session.workspace_id,
        opportunity_id,
        after_number(page) or 0,
        page.limit + 1,
    )
    names = await actor_names(session, [row["actor"] for row in rows])
    return [{**dict(row), "actor_name": names.get(row["actor"])} for row in rows]
