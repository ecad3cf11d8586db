"""Recording divisions, what they are part of, and what is said of their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import FieldProblem, InvalidPayloadError, ServiceError
from services.kit.ids import new_id
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.qualification.territories import repository
from services.qualification.territories.colours import Statement, says_nothing_new, standing_at
from services.qualification.territories.domain import check_devops, practises_devops
from services.qualification.territories.errors import (
    ContradictoryColourError,
    DivisionCircleError,
    DivisionNotFoundError,
)
from services.qualification.territories.repository import DIVISIONS, STATEMENTS
from services.qualification.territories.service import (
    name_by_default,
    require_organisation,
    require_writable,
)
from services.workspace.users.repository import user_names

_DIVISION = Shape(
    kind="division",
    required=(),
    defaults={
        "organisation_id": None,
        "parent_id": None,
        "name": None,
        "kind": "division",
        "practises_devops": None,
        "users": None,
        "contact": None,
        "note": None,
        "early_adopter": False,
        "active": True,
        "statements": 0,
    },
)
_OF_A_STATEMENT = ("said_by", "occurred_at", "evidence")


class _Told(NamedTuple):
    """Who tells it, as `said_by` has it by default and as the history names the caller; when."""

    said_by: str
    actor: str
    now: datetime


async def upsert_divisions(
    session: WriteSession,
    principal: Principal,
    organisation_id: UUID,
    changes: Sequence[Change],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """One outcome a change, in order. A colour that says something new becomes a statement; what
    was said before stays. `if_match` is for a single change."""
    organisation = await require_organisation(session, organisation_id)
    await require_writable(session, principal, organisation["territory_id"])
    await repository.lock_organisations(session, [organisation_id])
    told = _Told(await _name_of(session, principal), principal.actor, clock.now())
    stored = await repository.divisions_of(session, [organisation_id])
    known = {external_id: row for (_, external_id), row in stored.items()}
    named = [known[each.external_id]["id"] for each in changes if each.external_id in known]
    said = await repository.statements_of(session, named)

    drafts: list[Draft] = []
    statements: list[Statement | None] = []
    for change in changes:
        current = known.get(change.external_id)
        draft = _draft(change, current, organisation_id, told.now)
        before = said.get(draft.row["id"], []) if current is not None else []
        statement = None
        if draft.refusal is None:
            try:
                statement = _state(draft, change.stated, before, told)
            except ServiceError as refusal:
                draft.refusal = refusal
        drafts.append(draft)
        statements.append(statement)
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, DIVISIONS, "division", changes, drafts)
    _decide_parents(drafts, changes, known)

    outcomes = await store_drafts(session, DIVISIONS, drafts, told.now)
    new = [
        asdict(statement) | {"actor": told.actor}
        for draft, statement in zip(drafts, statements, strict=True)
        if draft.refusal is None and statement is not None
    ]
    await STATEMENTS.insert(session, new)
    return outcomes


async def upsert_divisions_of_territory(
    session: WriteSession,
    principal: Principal,
    territory_id: UUID,
    changes: Sequence[tuple[str, Change]],
) -> list[Outcome]:
    """As `upsert_divisions`, each change with the external id of its organisation, which is one
    of the territory's."""
    await require_writable(session, principal, territory_id)
    there = await repository.organisations_named(
        session, territory_id, {each for each, _ in changes}
    )
    outcomes: dict[int, Outcome] = {}
    of_organisation: dict[UUID, list[int]] = {}
    for place, (name, _) in enumerate(changes):
        if name in there:
            of_organisation.setdefault(there[name], []).append(place)
        else:
            outcomes[place] = unknown_reference("/organisation_external_id", "organisation", name)
    # In the order of their ids, as everybody locks organisations.
    for organisation_id, places in sorted(of_organisation.items()):
        stored = await upsert_divisions(
            session, principal, organisation_id, [changes[place][1] for place in places]
        )
        outcomes.update(zip(places, stored, strict=True))
    return [outcomes[place] for place in range(len(changes))]


async def _name_of(session: Session, principal: Principal) -> str:
    if principal.user_id is None:
        return principal.name
    names = await user_names(session, [principal.user_id])
    return names[principal.user_id].name


def _draft(
    change: Change, current: dict[str, Any] | None, organisation_id: UUID, now: datetime
) -> Draft:
    stated = {**change.stated, "organisation_id": organisation_id}
    for name in ("parent_external_id", "colour", "practises_devops", *_OF_A_STATEMENT):
        stated.pop(name, None)
    name_by_default(stated, current, change.external_id)
    return Draft.begin(change, current, stated, _DIVISION, now)


def _state(
    draft: Draft, stated: Mapping[str, Any], before: Sequence[Statement], told: _Told
) -> Statement | None:
    """The statement a change makes, None where it says nothing new. Raises where colour and DevOps
    contradict each other, in the request or with what holds already."""
    devops = stated.get("practises_devops")
    standing = standing_at(before, told.now)
    colour_now = None if standing is None else standing.colour
    if "colour" not in stated:
        _refuse_loose(stated)
        _refuse_contradiction(colour_now, devops)
        if "practises_devops" in stated:
            draft.revise({"practises_devops": practises_devops(colour_now, devops)})
        return None
    _refuse_contradiction(stated["colour"], devops)
    statement = None
    if not says_nothing_new(
        before,
        stated["colour"],
        **{name: stated.get(name) for name in _OF_A_STATEMENT},
    ):
        statement = Statement(
            id=new_id(),
            division_id=draft.row["id"],
            colour=stated["colour"],
            said_by=stated.get("said_by") or told.said_by,
            evidence=stated.get("evidence"),
            occurred_at=stated.get("occurred_at") or told.now,
            recorded_at=told.now,
        )
        draft.revise({"statements": draft.row["statements"] + 1})
        standing = standing_at([*before, statement], told.now)
        colour_now = None if standing is None else standing.colour
    if colour_now is None and "practises_devops" not in stated:
        devops = draft.row["practises_devops"]
    draft.revise({"practises_devops": practises_devops(colour_now, devops)})
    return statement


def _refuse_loose(stated: Mapping[str, Any]) -> None:
    loose = [name for name in _OF_A_STATEMENT if stated.get(name) is not None]
    if loose:
        raise InvalidPayloadError(
            [
                FieldProblem(f"/{name}", "colour_missing", "belongs to a colour; send `colour` too")
                for name in loose
            ]
        )


def _refuse_contradiction(colour: str | None, devops: bool | None) -> None:
    refusal = check_devops(colour, devops)
    if refusal is not None:
        raise ContradictoryColourError(refusal)


def _decide_parents(
    drafts: Sequence[Draft], changes: Sequence[Change], known: Mapping[str, Mapping[str, Any]]
) -> None:
    """Gives each draft its parent or refuses it. A refused new division takes those with it that
    name it as their parent, so what is left is decided anew until nothing changes."""
    named = [
        (draft, change.stated["parent_external_id"])
        for draft, change in zip(drafts, changes, strict=True)
        if "parent_external_id" in change.stated
    ]
    is_decided = not named
    while not is_decided:
        there = {name: row["id"] for name, row in known.items()}
        there |= {each.external_id: each.row["id"] for each in drafts if each.refusal is None}
        standing = [(draft, parent) for draft, parent in named if draft.refusal is None]
        is_decided = True
        for draft, parent in standing:
            if parent is not None and parent not in there:
                draft.refusal = unknown_reference("/parent_external_id", "division", parent)
                is_decided = False
            else:
                draft.revise({"parent_id": None if parent is None else there[parent]})
        if is_decided:
            is_decided = not _refuse_circle([draft for draft, _ in standing], drafts, known)


def _refuse_circle(
    standing: Sequence[Draft], drafts: Sequence[Draft], known: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Refuses the last draft that closes a circle of parents; whether there was one."""
    rows = {row["id"]: row for row in known.values()}
    rows |= {each.row["id"]: each.row for each in drafts if each.refusal is None}
    for draft in reversed(standing):
        start = draft.row["id"]
        chain = [draft.external_id]
        seen = {start}
        above = draft.row["parent_id"]
        while above is not None and above not in seen:
            seen.add(above)
            chain.append(rows[above]["external_id"])
            above = rows[above]["parent_id"]
        if above == start:
            draft.refusal = DivisionCircleError([*chain, draft.external_id])
            return True
    return False


async def require_division(session: Session, division_id: UUID) -> dict[str, Any]:
    """The division with the colour that holds now. Raises DivisionNotFoundError."""
    row = await repository.get_division(session, division_id)
    if row is None:
        raise DivisionNotFoundError(division_id)
    (division,) = await with_colours(session, [row])
    return division


async def with_colours(session: Session, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Divisions as stored, with the colour that holds now and who said so."""
    held = await repository.standings(session, [row["id"] for row in rows], clock.now())
    answers = []
    for row in rows:
        standing = held.get(row["id"])
        answer = dict(row) | {
            "colour": standing and standing.colour,
            "colour_since": standing and standing.since,
            "said_by": standing and standing.said_by,
            "stated_at": standing and standing.stated_at,
            "evidence": standing and standing.evidence,
        }
        answers.append(answer)
    return answers
