"""The rank of an organisation: given by an owner of its territory for a fiscal year, with reason
and sources. Rankings are kept; the latest is in force, and says what it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.auth import Principal
from services.kit.batch import unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.qualification.opportunities.repository import get_accounts
from services.qualification.territories import repository
from services.qualification.territories.domain import (
    Ranking,
    Refusal,
    lacks_of,
    rank_text,
    ranks_of,
)
from services.qualification.territories.errors import NotYourRankError
from services.qualification.territories.repository_plan import (
    RANKS,
    ranks_given,
    ranks_in_force,
)
from services.qualification.territories.service import (
    require_organisation,
    require_territory,
    require_writable,
)
from services.qualification.territories.service_map import face_of, organisations_with_accounts
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import UNKNOWN_SEGMENT, Policy
from services.workspace.users.reach import RECORDERS
from services.workspace.users.repository import USERS
from services.workspace.workspaces.repository import get_workspace

_TOLD = ("rank", "reason", "sources", "ranked_by_id", "fiscal_year")


async def put_rank(
    session: WriteSession,
    principal: Principal,
    organisation_id: UUID,
    stated: Mapping[str, Any],
    *,
    if_match: str | None,
) -> int:
    """A new ranking, unless it says what the one before it says; the status to answer with."""
    organisation = await require_organisation(session, organisation_id)
    territory = await require_writable(session, principal, organisation["territory_id"])
    await repository.lock_organisations(session, [organisation_id])
    given = await ranks_given(session, organisation_id)
    check_version(if_match, len(given))
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    segment = await _segment_of(session, organisation, territory, policy)
    if stated["rank"] not in ranks_of(segment):
        allowed = ", ".join(rank_text(rank) for rank in ranks_of(segment))
        raise InvalidPayloadError.one(
            "/rank", "not_of_segment", f"must be one of {allowed} in the segment {segment}"
        )
    ranked_at = stated.get("occurred_at") or now
    row = {
        "rank": stated["rank"],
        "ranked_by_id": await _ranker(session, principal, stated),
        "fiscal_year": await _fiscal_year(session, ranked_at),
    }
    row |= _reasons(stated, row, given)
    same = [each for each in given if each["ranked_at"] == ranked_at]
    if stated.get("occurred_at") is None:
        same += given[:1]
    if any(all(each[name] == row[name] for name in _TOLD) for each in same):
        return 200
    row |= {
        "id": new_id(),
        "organisation_id": organisation_id,
        "segment": segment,
        "ranked_at": ranked_at,
        "recorded_at": now,
        "actor": principal.actor,
        "policy_version": policy.version,
    }
    await RANKS.insert(session, [row])
    return 200 if given else 201


def _reasons(
    stated: Mapping[str, Any], row: Mapping[str, Any], given: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Reason and sources: what is left out stays as the same person gave it this fiscal year."""
    kept: Mapping[str, Any] = {"reason": None, "sources": []}
    if given and all(given[0][name] == row[name] for name in ("ranked_by_id", "fiscal_year")):
        kept = given[0]
    reason = stated["reason"] if "reason" in stated else kept["reason"]
    sources = stated["sources"] if "sources" in stated else kept["sources"]
    return {"reason": reason, "sources": list(sources or ())}


async def _ranker(session: Session, principal: Principal, stated: Mapping[str, Any]) -> UUID | None:
    """In whose name it is: the caller's, or whom a recorder names."""
    named = stated.get("ranked_by_external_id")
    if named is None:
        return principal.user_id
    user_id = (await USERS.ids_named(session, [named])).get(named)
    if user_id is None:
        raise unknown_reference("/ranked_by_external_id", "user", named)
    if user_id != principal.user_id and not principal.has(*RECORDERS):
        raise NotYourRankError
    return user_id


async def _fiscal_year(session: Session, at: datetime) -> int:
    calendar = (await get_workspace(session)).calendar
    return calendar.fiscal_year(calendar.local_date(at))


async def _segment_of(
    session: Session, organisation: Mapping[str, Any], territory: Mapping[str, Any], policy: Policy
) -> str:
    account: Mapping[str, Any] = {}
    named = organisation["account_external_id"]
    if named is not None:
        account = (await get_accounts(session, [named])).get(named, {})
    return segment_of(organisation["employees"], account, territory["segment"], policy)


def segment_of(
    employees: int | None, account: Mapping[str, Any], territory_segment: str | None, policy: Policy
) -> str:
    """The account's, which looks at its whole family; else by head count; else the territory's."""
    segment: str = account.get("segment") or UNKNOWN_SEGMENT
    if segment == UNKNOWN_SEGMENT:
        segment = policy.segment_of(employees)
    if segment == UNKNOWN_SEGMENT and territory_segment is not None:
        segment = territory_segment
    return segment


async def read_rank(session: Session, organisation_id: UUID) -> dict[str, Any]:
    """The rank in force, what it lacks, and every ranking there was."""
    organisation = await require_organisation(session, organisation_id)
    territory = await require_territory(session, organisation["territory_id"])
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    segment = await _segment_of(session, organisation, territory, policy)
    fiscal_year = await _fiscal_year(session, now)
    given = await ranks_given(session, organisation_id)
    ranking = _ranking(given[0]) if given else None
    lacks = lacks_of(
        ranking, segment=segment, fiscal_year=fiscal_year, owner_ids=territory["owner_ids"]
    )
    return {
        "organisation_id": organisation_id,
        "organisation_external_id": organisation["external_id"],
        "organisation": organisation["name"],
        "version": len(given),
        "segment": segment,
        "allowed_ranks": [rank_text(rank) for rank in ranks_of(segment)],
        "fiscal_year": year_label(fiscal_year),
        "rank": None if ranking is None else rank_text(ranking.rank),
        "is_complete": not lacks,
        "lacks": [lack._asdict() for lack in lacks],
        "history": [_given(row) for row in given],
    }


async def read_ranks(session: Session, territory_id: UUID) -> dict[str, Any]:
    """Every active organisation with its rank and what that lacks."""
    territory = await require_territory(session, territory_id)
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    fiscal_year = await _fiscal_year(session, now)
    found = await organisations_with_accounts(session, territory_id)
    in_force = await ranks_in_force(session, [organisation["id"] for organisation, _ in found])
    items = []
    for organisation, account in found:
        row = in_force.get(organisation["id"])
        segment = segment_of(organisation["employees"], account, territory["segment"], policy)
        lacks = lacks_of(
            None if row is None else _ranking(row),
            segment=segment,
            fiscal_year=fiscal_year,
            owner_ids=territory["owner_ids"],
        )
        items.append((row, organisation, _rank_row(organisation, segment, row, lacks)))
    items.sort(key=_by_rank)
    complete = sum(each["is_complete"] for _, _, each in items)
    return {
        "territory": face_of(territory),
        "fiscal_year": year_label(fiscal_year),
        "complete": complete,
        "lacking": len(items) - complete,
        "items": [each for _, _, each in items],
    }


def _by_rank(item: tuple[Mapping[str, Any] | None, Mapping[str, Any], Any]) -> tuple[Any, ...]:
    row, organisation, _ = item
    rank = Decimal("Infinity") if row is None else row["rank"]
    return rank, organisation["name"].casefold(), organisation["external_id"]


def _ranking(row: Mapping[str, Any]) -> Ranking:
    return Ranking(**{name: row[name] for name in Ranking.__dataclass_fields__})


def _rank_row(
    organisation: Mapping[str, Any],
    segment: str,
    row: Mapping[str, Any] | None,
    lacks: Sequence[Refusal],
) -> dict[str, Any]:
    given = {} if row is None else _given(row)
    return {
        "organisation_id": organisation["id"],
        "organisation_external_id": organisation["external_id"],
        "organisation": organisation["name"],
        "segment": segment,
        "rank": given.get("rank"),
        "reason": given.get("reason"),
        "sources": given.get("sources", []),
        "ranked_fiscal_year": given.get("fiscal_year"),
        "ranked_by_external_id": given.get("ranked_by_external_id"),
        "ranked_at": given.get("ranked_at"),
        "is_complete": not lacks,
        "lacks": [lack._asdict() for lack in lacks],
    }


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rank": rank_text(row["rank"]),
        "reason": row["reason"],
        "sources": row["sources"],
        "segment": row["segment"],
        "fiscal_year": year_label(row["fiscal_year"]),
        "ranked_by_external_id": row["ranked_by_external_id"],
        "ranked_at": row["ranked_at"],
        "recorded_at": row["recorded_at"],
        "actor": row["actor"],
        "policy_version": row["policy_version"],
    }


def year_label(fiscal_year: int) -> str:
    return f"FY{fiscal_year % 100:02d}"
