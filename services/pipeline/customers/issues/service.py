"""Keeping known issues, and counting where they came up."""

from __future__ import annotations

from typing import Any, Final

from services.kit import clock
from services.kit.batch import Change, Stored, sole, unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.ids import new_id
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.pipeline.accounts.repository import ACCOUNTS
from services.pipeline.customers.issues import repository
from services.pipeline.customers.issues.errors import KnownIssueNotFoundError
from services.pipeline.customers.issues.repository import KNOWN_ISSUES

_SHAPE: Final = Shape(
    kind="known issue",
    required=("title", "problem"),
    defaults={"answer": None, "occurrences": 0, "last_occurred_at": None},
)


async def upsert(session: WriteSession, change: Change, *, if_match: str | None) -> Stored:
    """Raises what refuses it."""
    now = clock.now()
    current = await KNOWN_ISSUES.lock_named(session, [change.external_id])
    draft = Draft.begin(change, current.get(change.external_id), change.stated, _SHAPE, now)
    check_if_match(if_match, [draft])
    await refuse_taken_ids(session, KNOWN_ISSUES, "known issue", [change], [draft])
    return sole(await store_drafts(session, KNOWN_ISSUES, [draft], now))


async def require(session: Session, external_id: str) -> Any:
    found = await repository.find_issue(session, external_id)
    if found is None:
        raise KnownIssueNotFoundError(external_id)
    return found


async def note_occurrence(
    session: WriteSession, actor: str, external_id: str, stated: dict[str, Any]
) -> dict[str, Any]:
    """Counting is no new version of the issue: whoever edits it meanwhile is not disturbed."""
    issue = await require(session, external_id)
    name = stated["account_external_id"]
    account_id = (await ACCOUNTS.ids_named(session, [name])).get(name)
    if account_id is None:
        raise unknown_reference("/account_external_id", "account", name)
    row = {
        "id": new_id(),
        "issue_id": issue["id"],
        "account_id": account_id,
        "note": stated["note"],
        "actor": actor,
        "occurred_at": stated["occurred_at"] or clock.now(),
    }
    await repository.insert_occurrence(session, row)
    count = await repository.count_one_more(session, issue["id"], row["occurred_at"])
    return {
        "id": row["id"],
        "issue_external_id": external_id,
        "account_external_id": name,
        "note": row["note"],
        "actor": actor,
        "occurred_at": row["occurred_at"],
        "occurrences": count,
    }
