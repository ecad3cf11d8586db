"""One statement about an activity, made into the row that it would be: what it is about, who did it,
its details, its state and time, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.kit.batch import Change, unknown_reference
from services.kit.errors import InvalidPayloadError, ServiceError
from services.kit.upsert import Draft, Shape
from services.pipeline.activities import domain
from services.pipeline.activities.access import may_see_deal, require_company, require_deal
from services.pipeline.activities.domain import HappenedError, Timing, UnfitError
from services.pipeline.activities.errors import ActivityHappenedError
from services.pipeline.activities.follow_up import steps_of
from services.pipeline.activities.references import References, rebooked_of
from services.pipeline.activities.repository import Company, Deal
from services.pipeline.opportunities.access import Actor

SHAPE: Final = Shape(
    kind="activity",
    required=("kind",),
    defaults={
        **dict.fromkeys(
            (
                "direction", "subject", "body", "state", "occurred_at", "scheduled_for",
                "duration_minutes", "opportunity_id", "account_id", "user_id", "actor", "step",
                "outcome", "purpose", "buyer_stage", "rebooks_id", "details",
            )
        ),
        "contact_external_ids": [],
        "is_qualification": False,
        "is_preparation": False,
        "steps": 0,
    },
)  # fmt: skip
_PLAIN: Final[tuple[str, ...]] = (
    "id", "kind", "direction", "subject", "body", "duration_minutes", "step", "outcome", "purpose",
    "buyer_stage", "contact_external_ids",
)  # fmt: skip
_MISSED: Final = frozenset({domain.NO_SHOW, domain.CANCELLED})


@dataclass(frozen=True, slots=True)
class Around:
    """What drafting depends on beside the statement. `is_recorded`: it tells what is so, and is not
    held to what was there."""

    actor: Actor
    references: References
    now: datetime
    is_recorded: bool


def draft(change: Change, current: dict[str, Any] | None, around: Around) -> Draft:
    """The draft, with its refusal where it may not be."""
    stated = change.stated
    plain = {name: stated[name] for name in _PLAIN if name in stated}
    drafted = Draft.begin(change, current, plain, SHAPE, around.now)
    if not change.external_id and current is None:
        drafted.row["external_id"] = None
    if drafted.refusal is not None:
        return drafted
    try:
        _complete(drafted, stated, around)
    except UnfitError as unfit:
        drafted.refusal = InvalidPayloadError.one(f"/{unfit.name}", unfit.code, unfit.sentence)
    except HappenedError:
        drafted.refusal = ActivityHappenedError(drafted.row["state"])
    except ServiceError as refusal:
        drafted.refusal = refusal
    return drafted


def _complete(drafted: Draft, stated: Mapping[str, Any], around: Around) -> None:
    row, current = drafted.row, drafted.current
    values: dict[str, Any] = _about(current, stated, around)
    _check_contacts(stated, around.references)
    if current is None:
        values["actor"] = around.actor.name
        if row["direction"] is None:
            values["direction"] = domain.default_direction(row["kind"])
    if current is None or "user_external_id" in stated:
        values["user_id"] = _user(current, stated, around)
    if "rebooks" in stated:
        values["rebooks_id"] = _rebooked({**row, **values}, stated["rebooks"], around.references)
    known = None if "details" in stated and stated["details"] is None else row["details"]
    values["details"] = domain.merged_details(row["kind"], known, stated.get("details"))
    timing = domain.timing_of(
        None if current is None else _timing(current),
        stated,
        around.now,
        outcome=row["outcome"],
        is_recorded=around.is_recorded,
    )
    values |= {
        "state": timing.state,
        "occurred_at": timing.occurred_at,
        "scheduled_for": timing.scheduled_for,
        "is_qualification": domain.is_qualification(row["subject"]),
        "is_preparation": domain.is_preparation(row["subject"]),
    }
    drafted.revise(values)
    drafted.revise({"steps": steps_of(drafted.row)})


def _timing(row: Mapping[str, Any]) -> Timing:
    return Timing(row["state"], row["occurred_at"], row["scheduled_for"])


def _about(
    current: Mapping[str, Any] | None, stated: Mapping[str, Any], around: Around
) -> dict[str, Any]:
    """The opportunity and the account, both within the actor's reach; also what it was about."""
    actor, references = around.actor, around.references
    deal = references.deal_of(stated)
    was: Deal | None = None
    if current is not None:
        was = _require_current(current, around)
    if deal is None and was is not None and not _clears_deal(stated):
        deal = was
    company = _company(stated, references)
    if deal is not None:
        if deal is not was:
            _require_new(actor, deal, stated)
        if company is not None and company.id != deal.account_id:
            raise InvalidPayloadError.one(
                "/account_external_id", "different_account", "is not the opportunity's account"
            )
        return {"opportunity_id": deal.id, "account_id": deal.account_id}
    account_id = current["account_id"] if current is not None and company is None else None
    if company is not None and not (current and current["account_id"] == company.id):
        require_company(actor, company)
    if company is not None:
        account_id = company.id
    if account_id is None or ("account_external_id" in stated and company is None):
        raise InvalidPayloadError.one(
            "/opportunity_external_id", "missing", "name an opportunity or an account"
        )
    return {"opportunity_id": None, "account_id": account_id}


def _clears_deal(stated: Mapping[str, Any]) -> bool:
    return any(
        name in stated and stated[name] is None
        for name in ("opportunity_external_id", "opportunity_id")
    )


def _require_current(current: Mapping[str, Any], around: Around) -> Deal | None:
    if current["opportunity_id"] is not None:
        deal = around.references.deals[current["opportunity_id"]]
        require_deal(around.actor, deal)
        return deal
    require_company(around.actor, around.references.companies[current["account_id"]])
    return None


def _require_new(actor: Actor, deal: Deal, stated: Mapping[str, Any]) -> None:
    """What is out of sight is not told apart from what is not there."""
    if not may_see_deal(actor, deal):
        name = "opportunity_external_id" if stated.get("opportunity_external_id") else None
        name = name or "opportunity_id"
        raise unknown_reference(f"/{name}", "opportunity", str(stated.get(name)))
    require_deal(actor, deal)


def _company(stated: Mapping[str, Any], references: References) -> Company | None:
    if stated.get("account_id") is not None:
        return references.companies.get(stated["account_id"])
    name = stated.get("account_external_id")
    if name is None:
        return None
    if name not in references.companies_named:
        raise unknown_reference("/account_external_id", "account", name)
    return references.companies_named[name]


def _check_contacts(stated: Mapping[str, Any], references: References) -> None:
    for place, name in enumerate(stated.get("contact_external_ids") or ()):
        if name not in references.contacts:
            raise unknown_reference(f"/contact_external_ids/{place}", "contact", name)


def _user(
    current: Mapping[str, Any] | None, stated: Mapping[str, Any], around: Around
) -> UUID | None:
    name = stated.get("user_external_id")
    if name is None:
        return None if "user_external_id" in stated else around.actor.user_id
    user_id = around.references.users.get(name)
    if user_id is None:
        raise unknown_reference("/user_external_id", "user", name)
    is_kept = current is not None and current["user_id"] == user_id
    if not is_kept and not around.actor.may_write(user_id):
        raise InvalidPayloadError.one(
            "/user_external_id", "out_of_reach", "must be yourself, or one of your reports"
        )
    return user_id


def _rebooked(row: Mapping[str, Any], name: str | None, references: References) -> UUID | None:
    if name is None:
        return None
    found = rebooked_of(references, name)
    if found is not None and found["id"] == row["rebooks_id"]:
        # Said before, and true then: what happened since does not undo it.
        kept: UUID = found["id"]
        return kept
    pair = ("opportunity_id", "account_id")
    if found is None or [found[each] for each in pair] != [row[each] for each in pair]:
        raise unknown_reference("/rebooks", "activity of this opportunity or account", name)
    if found["state"] not in _MISSED or found["id"] == row["id"]:
        raise InvalidPayloadError.one(
            "/rebooks", "not_missed", "must be one nobody came to, or one that was called off"
        )
    id_: UUID = found["id"]
    return id_
