"""Components of the sales operation and how complete it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.rows import merge
from services.pipeline.operations import domain, repository
from services.pipeline.operations.domain import Stated
from services.qualification.views import operation_seen
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.users.repository import USERS
from services.workspace.workspaces.repository import get_workspace

WRITERS: Final = ("admin", "integration", "sales_ops")
_BLANK: Final[Mapping[str, Any]] = {
    "summary": None,
    "document_url": None,
    "owner_id": None,
    "reviewed_on": None,
    "items": [],
}


async def read_component(session: Session, component: str) -> dict[str, Any]:
    """What is said of a component; version 0 while nothing is."""
    row = (await repository.components(session)).get(component)
    if row is None:
        told = {**_BLANK, "component": component, "version": 0, "updated_at": None}
        return {**told, "owner_external_id": None}
    return dict(row)


async def put_component(
    session: WriteSession,
    principal: Principal,
    component: str,
    stated: Mapping[str, Any],
    if_match: str | None,
) -> None:
    """Merges what is stated; what changes nothing makes no new version."""
    principal.require(*WRITERS)
    now = clock.now()
    current = await repository.lock_component(session, component)
    # Every component is there to be read, as version 0 while nothing is said of it.
    check_version(if_match, 0 if current is None else current["version"])
    values = await _columns(session, stated)
    blank = {
        **_BLANK, "id": new_id(), "component": component, "version": 0, "created_at": now,
        "updated_at": now,
    }  # fmt: skip
    row = merge(current or blank, values)
    if row is None:
        return
    row |= {"version": row["version"] + 1, "updated_at": now}
    if current is None:
        await repository.COMPONENTS.insert(session, [row])
    else:
        await repository.COMPONENTS.update(session, [row])
    told = await read_component(session, component)
    body = {name: told[name] for name in ("summary", "document_url", "owner_external_id", "items")}
    body["reviewed_on"] = None if row["reviewed_on"] is None else row["reviewed_on"].isoformat()
    await repository.insert_version(session, row, body, principal.actor)


async def _columns(session: Session, stated: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(stated)
    if "owner_external_id" in values:
        owner = values.pop("owner_external_id")
        values["owner_id"] = await owner_named(session, owner)
    if "items" in values:
        values["items"] = [part.model_dump(exclude_none=True) for part in values["items"] or ()]
    return values


async def owner_named(session: Session, external_id: str | None) -> Any:
    """The id of a user; raises InvalidPayloadError where there is none."""
    if external_id is None:
        return None
    found = await USERS.ids_named(session, [external_id])
    if external_id not in found:
        raise unknown_reference("/owner_external_id", "user", external_id)
    return found[external_id]


async def read_completeness(session: Session) -> dict[str, Any]:
    """Per component what is missing and how to supply it."""
    now = clock.now()
    calendar = (await get_workspace(session)).calendar
    policy = await get_policy(session, await version_in_force(session, now))
    rows = await repository.components(session)
    seen = await repository.seen(session) | await operation_seen(session)
    today = calendar.local_date(now)
    parts = [
        domain.completeness(
            component, _stated(rows.get(component)), seen, today,
            policy.number("operation.review_days"),
        )
        for component in domain.COMPONENTS
    ]  # fmt: skip
    return {"as_of": now, "score": domain.overall(parts), "components": parts}


def _stated(row: Mapping[str, Any] | None) -> Stated:
    if row is None:
        return Stated()
    reviewed_on: date | None = row["reviewed_on"]
    return Stated(
        summary=row["summary"],
        document_url=row["document_url"],
        owner_id=row["owner_id"],
        reviewed_on=reviewed_on,
        kinds=frozenset(part["kind"] for part in row["items"]),
    )
