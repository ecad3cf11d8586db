"""Merging a statement into a row: an absent field is left alone, null clears.

Fields that follow the account or the owner (`FOLLOWING`) do so until they are stated; stating
null lets them follow again. Nothing here looks at what the record's state allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.kit.errors import FieldProblem
from services.kit.money import ZERO
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.references import (
    AccountFacts,
    OwnerFacts,
    References,
    follows_anew,
)

UNKNOWN_SEGMENT: Final = "unknown"

_PLAIN: Final = frozenset(
    {
        "external_id", "name", "type", "stage", "renewal_loss_category", "amount", "currency",
        "term_months", "true_up_amount", "services_amount", "other_non_recurring_amount",
        "arr_basis", "expected_renewed_arr", "close_date", "next_step", "next_step_date",
        "source_kind", "category", "parent_external_id", "renewal_date", "quote_start_date",
        "submitted_at", "duplicate_of", "seats", "use_case", "route_to_market", "buyer_stage",
        "lost_reason", "lost_details",
    }
)  # fmt: skip
_REQUIRED: Final = ("name", "type", "stage", "owner_external_id")
_CLEARED_TO: Final[Mapping[str, Any]] = {
    "renewal_loss_category": "none",
    "true_up_amount": ZERO,
    "services_amount": ZERO,
    "other_non_recurring_amount": ZERO,
    "arr_basis": ZERO,
    "category": "standard",
}
_DERIVED: Final = ("segment", "region", "order_type")


def apply_values(row: Row, stated: Mapping[str, Any], currency: str) -> list[FieldProblem]:
    """The fields that mean what they say. `currency` is the workspace's own, for null."""
    problems = []
    for name, value in stated.items():
        if value is None and name in _REQUIRED:
            problems.append(FieldProblem(f"/{name}", "not_nullable", "cannot be cleared"))
        elif name in _PLAIN:
            row[name] = _CLEARED_TO.get(name) if value is None else value
    if row["currency"] is None:
        row["currency"] = currency
    if row["name"] is None and "name" not in stated:
        problems.append(FieldProblem("/name", "missing", "is required for a new opportunity"))
    if "net_arr" in stated:
        row["stated_net_arr"] = stated["net_arr"]
    if stated.get("net_arr_source") == "computed":
        row["stated_net_arr"] = None
    if "id" in stated and stated["id"] not in (None, row["id"]):
        problems.append(
            FieldProblem("/id", "different_id", f"the record's id is {row['id']}; leave it out")
        )
    _state_derived(row, stated)
    return problems


def _state_derived(row: Row, stated: Mapping[str, Any]) -> None:
    """Marks what is stated. Repeating the value a field has anyway states nothing, so that a
    client may send back what it read."""
    for name in _DERIVED:
        if name not in stated:
            continue
        value, marks = stated[name], row["stated_fields"]
        if value is None:
            row["stated_fields"] = [mark for mark in marks if mark != name]
        elif value != row[name]:
            row[name] = value
            if name not in marks:
                row["stated_fields"] = sorted([*marks, name])


def apply_references(
    row: Row, current: Row | None, stated: Mapping[str, Any], references: References
) -> list[FieldProblem]:
    """The fields that name other records, and what the record takes over from them."""
    problems: list[FieldProblem] = []
    _refer_to_users(row, stated, references, problems)
    account = stated.get("account_external_id")
    if account is not None:
        found = references.accounts.get(account)
        if found is None:
            problems.append(_unknown("/account_external_id", "account", account))
        else:
            row["account_id"], row["account_external_id"] = found.id, found.external_id
    elif "account_external_id" in stated:
        row["account_id"] = row["account_external_id"] = None
    _refer_to_subscription(row, stated, references, problems)
    contacts = stated.get("contact_external_ids")
    if contacts:
        problems += _unknown_contacts(contacts, references)
        row["contact_external_ids"] = list(dict.fromkeys(contacts))
    elif "contact_external_ids" in stated:
        row["contact_external_ids"] = []
    if not problems and (current is None or follows_anew(stated, current)):
        _follow(row, references)
    return problems


def _refer_to_users(
    row: Row, stated: Mapping[str, Any], references: References, problems: list[FieldProblem]
) -> None:
    for field, column in (("owner_external_id", "owner_id"), ("sdr_external_id", "sdr_id")):
        name = stated.get(field)
        if name is not None:
            user = references.users.get(name)
            if user is None:
                problems.append(_unknown(f"/{field}", "user", name))
            else:
                row[column], row[field] = user.id, user.external_id
        elif field in stated and field != "owner_external_id":
            row[column] = row[field] = None
    if "splits" in stated:
        splits = stated["splits"] or []
        for place, split in enumerate(splits):
            if split.owner_external_id not in references.users:
                pointer = f"/splits/{place}/owner_external_id"
                problems.append(_unknown(pointer, "user", split.owner_external_id))
        row["splits"] = [
            {"owner_external_id": split.owner_external_id, "percent": f"{split.percent:.2f}"}
            for split in splits
        ]


def _refer_to_subscription(
    row: Row, stated: Mapping[str, Any], references: References, problems: list[FieldProblem]
) -> None:
    if "subscription_external_id" not in stated:
        return
    name = stated["subscription_external_id"]
    found = references.subscriptions.get(name) if name is not None else None
    if name is not None and found is None:
        problems.append(_unknown("/subscription_external_id", "subscription", name))
        return
    row["subscription_id"], row["subscription_external_id"] = found, name


def _unknown_contacts(contacts: list[str], references: References) -> list[FieldProblem]:
    return [
        _unknown(f"/contact_external_ids/{place}", "contact", name)
        for place, name in enumerate(contacts)
        if name not in references.contacts
    ]


def _unknown(pointer: str, kind: str, name: str) -> FieldProblem:
    return FieldProblem(
        pointer,
        f"unknown_{kind}",
        f"there is no {kind} {name[:100]!r} in this workspace; create it first, or correct the name",
    )


def _follow(row: Row, references: References) -> None:
    follow(
        row,
        references.accounts_by_id.get(row["account_id"]),
        references.users_by_id.get(row["owner_id"]),
    )


def follow(row: Row, account: AccountFacts | None, owner: OwnerFacts | None) -> None:
    """Segment, region and vertical as the account has them, else the owner, where the record does
    not state them itself."""
    marks = row["stated_fields"]
    take: dict[str, Callable[[Any], str]] = {
        "segment": lambda source: "" if source.segment == UNKNOWN_SEGMENT else source.segment,
        "region": lambda source: source.region,
    }
    for name, read in take.items():
        if name not in marks:
            row[name] = (account and read(account)) or (owner and read(owner)) or ""
    if not row["segment"]:
        row["segment"] = UNKNOWN_SEGMENT
    row["vertical"] = account.vertical if account else ""
