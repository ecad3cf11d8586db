"""How the customers of a territory buy: its verticals with their routes, strategy and objectives,
and the extended team it is worked with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.rows import merge
from services.qualification.territories import repository
from services.qualification.territories.domain import (
    ROLES,
    ROUTES,
    TOP_VERTICALS,
    most_common_routes,
    top_verticals,
)
from services.qualification.territories.errors import VerticalNotFoundError
from services.qualification.territories.repository_plan import (
    TEAMS,
    VERTICAL_PLANS,
    get_team,
    vertical_plans,
)
from services.qualification.territories.service import require_territory, require_writable
from services.qualification.territories.service_map import (
    face_of,
    organisations_with_accounts,
)
from services.workspace.users.repository import USERS, user_names

_NO_PLAN: Mapping[str, Any] = {"version": 0, "routes_strategy": None, "objectives": []}


async def read_verticals(session: Session, territory_id: UUID) -> dict[str, Any]:
    """Every vertical that an organisation is of, or that something is planned in."""
    territory = await require_territory(session, territory_id)
    found = await organisations_with_accounts(session, territory_id)
    plans = await vertical_plans(session, territory_id)
    organisations = [organisation for organisation, _ in found]
    named = [each["vertical"] for each in organisations if each["vertical"] is not None]
    counted = top_verticals(named)
    top = [vertical for vertical, _ in counted[:TOP_VERTICALS]]
    listed = [vertical for vertical, _ in counted]
    listed += [vertical for vertical in plans if vertical not in set(listed)]
    return {
        "territory": face_of(territory),
        "organisations": len(organisations),
        "without_vertical": len(organisations) - len(named),
        "top_three": top,
        "items": [
            _vertical(
                vertical,
                [each for each in organisations if each["vertical"] == vertical],
                plans.get(vertical, _NO_PLAN),
                is_top=vertical in top,
            )
            for vertical in listed
        ],
    }


def _vertical(
    vertical: str,
    organisations: Sequence[Mapping[str, Any]],
    plan: Mapping[str, Any],
    *,
    is_top: bool,
) -> dict[str, Any]:
    routes = dict.fromkeys((*ROUTES, "unstated"), 0)
    for organisation in organisations:
        routes[organisation["route_to_market"] or "unstated"] += 1
    return {
        "vertical": vertical,
        "version": plan["version"],
        "organisations": len(organisations),
        "is_top_three": is_top,
        "routes": routes,
        "most_common_routes": most_common_routes(routes),
        "routes_strategy": plan["routes_strategy"],
        "objectives": plan["objectives"],
    }


async def read_vertical(session: Session, territory_id: UUID, vertical: str) -> dict[str, Any]:
    """One of them. Raises VerticalNotFoundError."""
    verticals = await read_verticals(session, territory_id)
    found: dict[str, Any] | None = next(
        (each for each in verticals["items"] if each["vertical"] == vertical), None
    )
    if found is None:
        raise VerticalNotFoundError(vertical)
    return found


async def put_vertical(
    session: WriteSession,
    principal: Principal,
    territory_id: UUID,
    vertical: str,
    stated: Mapping[str, Any],
    *,
    if_match: str | None,
) -> int:
    """Merges into what is planned in the vertical; the status to answer with."""
    await require_writable(session, principal, territory_id)
    await repository.lock_territory(session, territory_id)
    current = (await vertical_plans(session, territory_id)).get(vertical)
    values = dict(stated)
    if "objectives" in values:
        values["objectives"] = [_objective(each) for each in values["objectives"] or ()]
    return await _put(
        session,
        VERTICAL_PLANS,
        current,
        values,
        {"territory_id": territory_id, "vertical": vertical, "routes_strategy": None}
        | {"objectives": [], "updated_by": principal.actor},
        if_match,
    )


def _objective(stated: Mapping[str, Any]) -> dict[str, Any]:
    """With every field there, so that the same objective is stored in the same words."""
    return {
        "text": stated["text"],
        "tactics": [
            {"owner": None, "due_on": None, "is_done": False} | dict(tactic)
            for tactic in stated.get("tactics") or ()
        ],
    }


async def _put(
    session: WriteSession,
    rows: Any,
    current: dict[str, Any] | None,
    values: Mapping[str, Any],
    blank: Mapping[str, Any],
    if_match: str | None,
) -> int:
    """Inserts a record or merges into it under its next version. The territory is locked."""
    check_version(if_match, current["version"] if current else 0)
    now = clock.now()
    if current is None:
        row = {"id": new_id(), "version": 1, "created_at": now, "updated_at": now}
        await rows.insert(session, [row | dict(blank) | dict(values)])
        return 201
    merged = merge(current, values)
    if merged is not None:
        told = {"version": current["version"] + 1, "updated_at": now}
        await rows.update(session, [merged | told | {"updated_by": blank["updated_by"]}])
    return 200


async def read_team(session: Session, territory_id: UUID) -> dict[str, Any]:
    """Everybody by role, and the roles nobody has."""
    await require_territory(session, territory_id)
    return _team(territory_id, await get_team(session, territory_id))


def _team(territory_id: UUID, stored: Mapping[str, Any] | None) -> dict[str, Any]:
    people = stored["people"] if stored is not None else {}
    roles = {role: people.get(role, []) for role in ROLES}
    return {
        "territory_id": territory_id,
        "version": stored["version"] if stored is not None else 0,
        "roles": roles,
        "missing_roles": [role for role, persons in roles.items() if not persons],
    }


async def put_team(
    session: WriteSession,
    principal: Principal,
    territory_id: UUID,
    stated: Mapping[str, Any],
    *,
    if_match: str | None,
) -> int:
    """Merges role by role; the status to answer with."""
    await require_writable(session, principal, territory_id)
    await repository.lock_territory(session, territory_id)
    current = await get_team(session, territory_id)
    users = await _users_named(
        session,
        (person.get("user_external_id") for each in stated.values() for person in each or ()),
    )
    people = dict(current["people"]) if current is not None else {}
    for role, persons in stated.items():
        people[role] = [
            _person(person, users, f"/{role}/{place}") for place, person in enumerate(persons or ())
        ]
    return await _put(
        session,
        TEAMS,
        current,
        {"people": people},
        {"territory_id": territory_id, "updated_by": principal.actor},
        if_match,
    )


async def _users_named(session: Session, external_ids: Iterable[str | None]) -> dict[str, str]:
    """The names of those that are there, by external id."""
    ids = await USERS.ids_named(session, [each for each in external_ids if each is not None])
    return {
        user.external_id: user.name for user in (await user_names(session, ids.values())).values()
    }


def _person(
    stated: Mapping[str, Any], users: Mapping[str, str], pointer: str
) -> dict[str, str | None]:
    user = stated.get("user_external_id")
    if user is not None and user not in users:
        raise unknown_reference(f"{pointer}/user_external_id", "user", user)
    name = stated.get("name") or users.get(user or "")
    if name is None:
        raise InvalidPayloadError.one(
            f"{pointer}/name", "missing", "is required for somebody who is no user here"
        )
    return {"name": name, "user_external_id": user, "email": stated.get("email")}
