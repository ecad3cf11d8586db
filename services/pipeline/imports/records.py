"""The kinds of records an import makes: their fields, how those are written in a file, and whose
service stores them. The one place that knows each record's payload; it decides nothing.

Pipeline's own kinds are here; a service above it adds its own with `register`, at start-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from services.kit.app import field_problems
from services.kit.batch import Change, Outcome
from services.kit.db import WriteSession
from services.kit.errors import InvalidPayloadError, ServiceError
from services.kit.schemas import StrictModel
from services.pipeline.accounts.schemas import AccountItem
from services.pipeline.accounts.service import upsert_accounts
from services.pipeline.activities.schemas import ActivityItem
from services.pipeline.contacts.schemas import ContactItem
from services.pipeline.contacts.service import upsert_contacts
from services.pipeline.imports import told
from services.pipeline.imports.activity_kind import TYPES as ACTIVITY_TYPES
from services.pipeline.imports.activity_kind import store_activities
from services.pipeline.imports.errors import RecordKindTakenError
from services.pipeline.opportunities.access import actor_of
from services.pipeline.opportunities.schemas import OpportunityWrite
from services.pipeline.opportunities.service_batch import upsert_many
from services.pipeline.subscriptions.schemas import SubscriptionItem
from services.pipeline.subscriptions.service import upsert_subscriptions
from services.workspace.users.schemas import UserItem
from services.workspace.users.service import upsert_users

_MONEY = "amount true_up_amount services_amount other_non_recurring_amount arr_basis"
_TYPES: dict[str, str] = {
    **dict.fromkeys([*_MONEY.split(), "expected_renewed_arr", "net_arr", "arr"], "money"),
    **dict.fromkeys(["term_months", "seats", "employees"], "integer"),
    **dict.fromkeys(
        ["close_date", "next_step_date", "renewal_date", "quote_start_date", "start_date",
         "end_date", "left_at"],
        "date",
    ),
    **dict.fromkeys(["submitted_at", "occurred_at", "effective_from"], "instant"),
    **dict.fromkeys(["active", "champion"], "boolean"),
    "contact_external_ids": "list",
    "splits": "json",
    "usage": "json",
    **ACTIVITY_TYPES,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Author:
    """Who sent the import: what is stored is stored in that name."""

    name: str
    roles: frozenset[str]

    @property
    def user_id(self) -> UUID | None:
        """Where the sender's token belonged to a person."""
        kind, _, text = self.name.partition(":")
        return UUID(text) if kind == "user" else None


Store = Callable[[WriteSession, Author, list[Any]], Awaitable[list[Outcome]]]
Settle = Callable[[WriteSession, told.Rows, bool], Awaitable[list[list[told.Note]]]]


def _changes(payloads: list[Any]) -> list[Change]:
    return [Change.of(payload.external_id, payload) for payload in payloads]


async def _store_users(session: WriteSession, author: Author, payloads: list[Any]) -> list[Outcome]:
    return await upsert_users(session, author.name, _changes(payloads))


async def _store_accounts(
    session: WriteSession, author: Author, payloads: list[Any]
) -> list[Outcome]:
    return await upsert_accounts(session, author.name, _changes(payloads))


async def _store_contacts(
    session: WriteSession, author: Author, payloads: list[Any]
) -> list[Outcome]:
    return await upsert_contacts(session, _changes(payloads))


async def _store_subscriptions(
    session: WriteSession, author: Author, payloads: list[Any]
) -> list[Outcome]:
    return await upsert_subscriptions(session, _changes(payloads))


async def _store_opportunities(
    session: WriteSession, author: Author, payloads: list[Any]
) -> list[Outcome]:
    actor = await actor_of(session, name=author.name, roles=author.roles, user_id=author.user_id)
    statements = [payload.stated() for payload in payloads]
    return await upsert_many(session, actor, statements, recording=True)


@dataclass(frozen=True, slots=True)
class RecordKind:
    """`references` are fields that name another record, and which kind that is; `parent` is the
    one that names a record of the same kind, perhaps further down in the file.

    A kind with a history has `settle`: before a batch is stored it takes out, in place, what was
    told already, and returns each row's notes. Its flag says whether every row is a version.
    `types` are those of fields that are not text."""

    model: type[StrictModel]
    table: str
    store: Store
    references: dict[str, str]
    parent: str | None = None
    settle: Settle | None = None
    types: Mapping[str, str] = field(default_factory=dict)


RECORDS: dict[str, RecordKind] = {
    "users": RecordKind(UserItem, "workspace.users", _store_users, {}, "manager_external_id"),
    "accounts": RecordKind(
        AccountItem,
        "pipeline.accounts",
        _store_accounts,
        {"owner_external_id": "users"},
        "parent_external_id",
    ),
    "contacts": RecordKind(
        ContactItem, "pipeline.contacts", _store_contacts, {"account_external_id": "accounts"}
    ),
    "subscriptions": RecordKind(
        SubscriptionItem,
        "pipeline.subscriptions",
        _store_subscriptions,
        {"account_external_id": "accounts"},
    ),
    "opportunities": RecordKind(
        OpportunityWrite,
        "pipeline.opportunities",
        _store_opportunities,
        {
            "owner_external_id": "users",
            "sdr_external_id": "users",
            "account_external_id": "accounts",
        },
        settle=told.drop_known_versions,
    ),
    "activities": RecordKind(
        ActivityItem,
        "pipeline.activities",
        store_activities,
        {"user_external_id": "users", "account_external_id": "accounts"},
    ),
}


def register(name: str, kind: RecordKind) -> None:
    """Adds a kind of another service; the same one again is no change. Before any mapping that
    names it is read. Raises RecordKindTakenError."""
    if RECORDS.setdefault(name, kind) is not kind:
        raise RecordKindTakenError(name)
    for field_name, type_ in kind.types.items():
        if _TYPES.setdefault(field_name, type_) != type_:
            raise RecordKindTakenError(f"{name}.{field_name}")


@lru_cache(maxsize=16)
def field_names(record: str) -> frozenset[str]:
    """What a mapping may fill in; fields that only answers carry are left out."""
    return frozenset(
        name
        for name, field in RECORDS[record].model.model_fields.items()
        if not _is_read_only(field.json_schema_extra) and name != "id"
    )


def _is_read_only(extra: Any) -> bool:
    return isinstance(extra, dict) and bool(extra.get("readOnly"))


def type_of(field: str) -> str:
    """How the field is written unless a mapping says otherwise."""
    return _TYPES.get(field, "text")


async def store(
    session: WriteSession, author: Author, record: str, payloads: Sequence[dict[str, Any]]
) -> list[Outcome]:
    """One outcome a payload, in order. Each is checked by the very schema of the API first."""
    kind = RECORDS[record]
    outcomes: list[Outcome | None] = [None] * len(payloads)
    valid: list[StrictModel] = []
    places: list[int] = []
    for place, payload in enumerate(payloads):
        try:
            valid.append(kind.model.model_validate(payload))
            places.append(place)
        except ValidationError as error:
            outcomes[place] = _invalid(error)
    if valid:
        stored = await kind.store(session, author, valid)
        for place, outcome in zip(places, stored, strict=True):
            outcomes[place] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


def _invalid(error: ValidationError) -> ServiceError:
    details: list[Any] = list(error.errors(include_url=False, include_context=False))
    return InvalidPayloadError(field_problems(details))
