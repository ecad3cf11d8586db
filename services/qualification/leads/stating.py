"""What a payload makes of a lead: its fields as columns, its status as a move.

Here the rules of the life cycle meet what a caller states: who may state what, and what must be
said with it. Pure but for the errors it raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.kit.auth import Principal
from services.kit.batch import required, unknown_reference
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.qualification.leads import repository
from services.qualification.leads.access import is_recorder, own_leads_only, require_yours
from services.qualification.leads.changes import LeadChange
from services.qualification.leads.domain import (
    REASONS,
    check_first_status,
    check_move,
    check_reason,
)
from services.qualification.leads.draft import Draft
from services.qualification.leads.errors import LeadNotYoursError, LeadStatusError
from services.qualification.leads.record import Lead
from services.workspace.policy import Policy
from services.workspace.users.reach import as_writer

Values = Mapping[str, Any]

HOLDERS = {"sdr_external_id": "sdr_id", "owner_external_id": "owner_id"}
_DEFAULTS = {"tools": [], "key_account": False, "unsubscribed": False}
_OF_STATUS = ("status", "status_reason", "status_details", "recycle_until")
_NOT_COLUMNS = (*_OF_STATUS, "id", "external_id", "occurred_at", "score", "unsubscribed")


@dataclass(frozen=True, slots=True)
class Telling:
    """Who tells something, when, and by which rules. `today` is the company's; `is_binding` where
    the life cycle binds everybody, as it does for a PATCH."""

    principal: Principal
    policy: Policy
    users: Mapping[str, UUID]
    now: datetime
    today: date
    is_binding: bool

    @property
    def binds(self) -> bool:
        """A record of another system states the status as it is there; anybody else is bound."""
        return self.is_binding or not is_recorder(self.principal)

    def draft(self, before: Lead | None, lead: Lead, values: Values) -> Draft:
        at = values.get("occurred_at") or self.now
        actor = self.principal.actor
        return Draft(before, lead, self.policy, at=at, now=self.now, actor=actor)


def _facts(telling: Telling, values: Values) -> dict[str, Any]:
    """The payload as columns. Raises where it names a user that is not there."""
    facts: dict[str, Any] = {}
    for name, value in values.items():
        column = HOLDERS.get(name)
        if column is not None:
            if value is not None and value not in telling.users:
                raise unknown_reference(f"/{name}", "user", value)
            facts[column] = None if value is None else telling.users[value]
        elif name == "score":
            facts["stated_score"] = value
        elif name not in _NOT_COLUMNS:
            facts[name] = _DEFAULTS.get(name) if value is None else value
    return facts


def new_lead(telling: Telling, values: Values) -> LeadChange:
    """A lead that was not there. Who only sees its own leads holds what it creates; its own lead
    is its to qualify and to sell."""
    if not values.get("name"):
        raise required(["name"], "lead")
    principal = telling.principal
    facts = _facts(telling, values)
    if own_leads_only(as_writer(principal)):
        facts.setdefault("owner_id", principal.user_id)
        facts.setdefault("sdr_id", principal.user_id)
        if principal.user_id is None or principal.user_id not in (
            facts["owner_id"],
            facts["sdr_id"],
        ):
            raise LeadNotYoursError
    elif not principal.has("admin", "integration", "sales_ops", "manager"):
        facts.setdefault("sdr_id", principal.user_id)
    status = values.get("status", "raw")
    refusal = check_first_status(status) if telling.binds else None
    if refusal is not None:
        raise LeadStatusError(refusal)
    blank = _blank(telling, values, status)
    draft = telling.draft(None, blank, values)
    _check_status_fields(telling, None, blank, values)
    draft.put(facts)
    draft.begin(status, values.get("status_reason"), values.get("status_details"))
    _put_rest(telling, draft, None, values)
    change = draft.change()
    assert change is not None
    return change


def _blank(telling: Telling, values: Values, status: str) -> Lead:
    columns: dict[str, Any] = dict.fromkeys(repository.COLUMNS) | _DEFAULTS
    columns |= {
        "id": values.get("id") or new_id(),
        "external_id": values.get("external_id"),
        "version": 1,
        "score": 0,
        "behaviour_points": 0,
        "demographic_points": 0,
        "mql_count": 0,
        "status": status,
        "status_since": telling.now,
        "created_at": telling.now,
        "updated_at": telling.now,
    }
    return Lead(**columns)


def merged(telling: Telling, lead: Lead, values: Values) -> LeadChange | None:
    """The lead with the values in it; None where nothing changes."""
    require_yours(telling.principal, lead)
    stated = _facts(telling, values)
    holds_both = lead.sdr_id is not None and lead.sdr_id == lead.owner_id
    if holds_both and telling.binds and "owner_id" in stated:
        # Who qualifies and sells a lead gives it away whole, unless told otherwise.
        stated.setdefault("sdr_id", stated["owner_id"])
    facts = {name: value for name, value in stated.items() if getattr(lead, name) != value}
    _check_status_fields(telling, lead, lead, values)
    draft = telling.draft(lead, lead, values)
    if facts:
        draft.put(facts)
    status = values.get("status", lead.status)
    if status != lead.status:
        refusal = check_move(lead.status, status) if telling.binds else None
        if refusal is not None:
            raise LeadStatusError(refusal)
        draft.move(status, values.get("status_reason"), values.get("status_details"))
    else:
        draft.restate(
            **{name: values[name] for name in ("status_reason", "status_details") if name in values}
        )
    _put_rest(telling, draft, lead, values)
    return draft.change()


def _put_rest(telling: Telling, draft: Draft, before: Lead | None, values: Values) -> None:
    """What depends on the status the lead has by now, and what may still move it."""
    if "recycle_until" in values:
        draft.sleep_until(values["recycle_until"])
    has_left = bool(values.get("unsubscribed")) and not draft.lead.unsubscribed
    if has_left:
        draft.unsubscribe()
    elif "unsubscribed" in values:
        draft.restate(unsubscribed=bool(values["unsubscribed"]))
    if "status" in values:
        return
    had = None if before is None else before.score
    is_stated = values.get("score") is not None and is_recorder(telling.principal)
    if had is None or draft.lead.score > had:
        draft.advance(is_stated=is_stated)


def _check_status_fields(telling: Telling, before: Lead | None, lead: Lead, values: Values) -> None:
    status = values.get("status", lead.status)
    is_new_status = before is None or status != before.status
    stated = values.get("status_reason")
    if status in REASONS and (is_new_status or "status_reason" in values):
        had = None if is_new_status else lead.status_reason
        is_needed = telling.binds and (is_new_status or had is not None)
        refusal = check_reason(status, stated, is_needed=is_needed)
        if refusal is not None and (stated is None or stated != had):
            raise InvalidPayloadError.one("/status_reason", refusal.code, refusal.message)
    until = values.get("recycle_until")
    if until is None or (not is_new_status and until == lead.recycle_until):
        return
    if status != "recycle":
        raise InvalidPayloadError.one(
            "/recycle_until", "not_recycled", "is for a lead whose status is recycle"
        )
    if until < telling.today and telling.binds:
        raise InvalidPayloadError.one(
            "/recycle_until", "date_in_the_past", f"must be {telling.today} or later"
        )
