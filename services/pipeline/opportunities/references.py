"""What a statement refers to, by external id, resolved to records of the workspace.

Holds what the repository found; a name it did not find is the statement's problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID


class OwnerFacts(NamedTuple):
    """A user, as far as an opportunity takes over from one."""

    id: UUID
    external_id: str
    segment: str
    region: str


class AccountFacts(NamedTuple):
    """An account, as far as an opportunity takes over from one; '' where it does not say."""

    id: UUID
    external_id: str | None
    segment: str
    region: str
    vertical: str


@dataclass(slots=True)
class Wanted:
    """The external ids, and ids, a use case must look up."""

    users: set[str] = field(default_factory=set)
    user_ids: set[UUID] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    account_ids: set[UUID] = field(default_factory=set)
    subscriptions: set[str] = field(default_factory=set)
    contacts: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(
            self.users
            or self.user_ids
            or self.accounts
            or self.account_ids
            or self.subscriptions
            or self.contacts
        )

    def add(self, stated: Mapping[str, Any], current: Mapping[str, Any] | None) -> None:
        """What this statement names; and, where it moves a record to another owner or account,
        what that record is connected with, since segment and region may have to follow."""
        owner = stated.get("owner_external_id")
        if owner is not None:
            self.users.add(owner)
        if stated.get("sdr_external_id") is not None:
            self.users.add(stated["sdr_external_id"])
        for split in stated.get("splits") or ():
            self.users.add(split.owner_external_id)
        if stated.get("account_external_id") is not None:
            self.accounts.add(stated["account_external_id"])
        if stated.get("subscription_external_id") is not None:
            self.subscriptions.add(stated["subscription_external_id"])
        self.contacts.update(stated.get("contact_external_ids") or ())
        if current is not None and follows_anew(stated, current):
            self.user_ids.add(current["owner_id"])
            if current["account_id"] is not None:
                self.account_ids.add(current["account_id"])


def follows_anew(stated: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    """Whether segment, region and vertical have to be looked at again: the record moves to another
    owner or account, or no longer states one of them itself."""
    if "owner_external_id" in stated and (
        stated["owner_external_id"] != current["owner_external_id"]
    ):
        return True
    if "account_external_id" in stated and (
        stated["account_external_id"] != current["account_external_id"]
    ):
        return True
    return bool(current["stated_fields"]) and any(
        name in stated and stated[name] is None for name in current["stated_fields"]
    )


class References:
    """What was found."""

    def __init__(
        self,
        users: Iterable[OwnerFacts] = (),
        accounts: Iterable[AccountFacts] = (),
        subscriptions: Mapping[str, UUID] | None = None,
        contacts: Iterable[str] = (),
    ) -> None:
        users, accounts = list(users), list(accounts)
        self.users = {user.external_id: user for user in users}
        self.users_by_id = {user.id: user for user in users}
        self.accounts = {account.external_id: account for account in accounts}
        self.accounts_by_id = {account.id: account for account in accounts}
        self.subscriptions = subscriptions or {}
        self.contacts = frozenset(contacts)
