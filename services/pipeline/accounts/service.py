"""Recording accounts: families without circles, segments by the policy in force.

Items of one request are decided together, since a parent may be defined by a later item. Open
opportunities follow their account's segment, vertical and region unless they state their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import WriteSession
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.pipeline.accounts import repository
from services.pipeline.accounts.domain import circle_through
from services.pipeline.accounts.errors import AccountFamilyCycleError
from services.pipeline.opportunities import service as opportunities
from services.pipeline.opportunities import service_order_types as order_types
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import UNKNOWN_SEGMENT, Policy
from services.workspace.users.repository import USERS, lock_hierarchy

_SHAPE = Shape(
    kind="account",
    required=("name",),
    defaults={
        "employees": None,
        "segment": UNKNOWN_SEGMENT,
        "vertical": None,
        "region": None,
        "route_to_market": None,
        "parent_id": None,
        "owner_id": None,
    },
)
_CHUNK = 1000
_FOLLOWED = frozenset({"segment", "vertical", "region"})


async def upsert_accounts(
    session: WriteSession,
    actor: str,
    changes: Sequence[Change],
    *,
    if_match: str | None = None,
) -> list[Outcome]:
    """One outcome a change, in order. `if_match` is for a single change."""
    now = clock.now()
    parents: set[str] = {
        change.stated["parent_external_id"]
        for change in changes
        if change.stated.get("parent_external_id") is not None
    }
    if parents:
        # Two requests that set parents at once could each be without a circle and both not.
        await lock_hierarchy(session)
    current = await repository.ACCOUNTS.lock_named(
        session, (change.external_id for change in changes)
    )
    owners = await USERS.ids_named(
        session, filter(None, (change.stated.get("owner_external_id") for change in changes))
    )
    policy = await get_policy(session, await version_in_force(session, now))
    drafts = [
        _draft(change, current.get(change.external_id), owners, policy, now) for change in changes
    ]
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, repository.ACCOUNTS, "account", changes, drafts)
    named = [
        (draft, change.stated["parent_external_id"])
        for draft, change in zip(drafts, changes, strict=True)
        if "parent_external_id" in change.stated
    ]
    known = {name: row["id"] for name, row in current.items()}
    known |= await repository.ACCOUNTS.ids_named(session, parents - known.keys())
    await _decide_parents(session, drafts, named, known)
    outcomes = await store_drafts(session, repository.ACCOUNTS, drafts, now)
    await _let_opportunities_follow(session, actor, drafts)
    return outcomes


def _draft(
    change: Change,
    current: dict[str, Any] | None,
    owners: dict[str, UUID],
    policy: Policy,
    now: datetime,
) -> Draft:
    stated = dict(change.stated)
    stated.pop("parent_external_id", None)
    owner = stated.pop("owner_external_id", None)
    if "owner_external_id" in change.stated:
        stated["owner_id"] = owners.get(owner)
    draft = Draft.begin(change, current, stated, _SHAPE, now)
    if draft.refusal is None and owner is not None and owner not in owners:
        draft.refusal = unknown_reference("/owner_external_id", "user", owner)
    draft.revise({"segment": policy.segment_of(draft.row["employees"])})
    return draft


async def _decide_parents(
    session: WriteSession,
    drafts: list[Draft],
    named: list[tuple[Draft, str | None]],
    known: dict[str, UUID],
) -> None:
    """Gives each draft its parent or refuses it. A refused new account takes those with it that
    name it as their parent, so what is left is decided anew until nothing changes."""
    if not named:
        return
    above = await repository.parents_above(session, known.values())
    while True:
        ids = _refuse_unknown_parents(drafts, named, known)
        for draft, parent in named:
            draft.revise({"parent_id": None if parent is None else ids.get(parent)})
        standing = [draft for draft, _ in named if draft.refusal is None]
        family = above | {draft.row["id"]: draft.row["parent_id"] for draft in standing}
        for draft in reversed(standing):
            chain = circle_through(draft.row["id"], family)
            if chain is not None:
                names = await repository.external_ids(session, chain)
                names |= {each.row["id"]: each.external_id for each in drafts}
                draft.refusal = AccountFamilyCycleError([names[each] for each in chain])
                break
        else:
            return


def _refuse_unknown_parents(
    drafts: list[Draft], named: list[tuple[Draft, str | None]], known: dict[str, UUID]
) -> dict[str, UUID]:
    """The ids of every account that is there or will be."""
    while True:
        ids = known | {
            draft.external_id: draft.row["id"]
            for draft in drafts
            if draft.refusal is None and draft.is_new
        }
        unknown = [
            (draft, parent)
            for draft, parent in named
            if draft.refusal is None and parent is not None and parent not in ids
        ]
        if not unknown:
            return ids
        for draft, parent in unknown:
            draft.refusal = unknown_reference("/parent_external_id", "account", str(parent))


async def _let_opportunities_follow(session: WriteSession, actor: str, drafts: list[Draft]) -> None:
    moved = [
        draft.row["id"]
        for draft in drafts
        if draft.refusal is None and not draft.is_new and not _FOLLOWED.isdisjoint(draft.changed)
    ]
    if moved:
        await opportunities.follow_accounts(session, actor, moved)
    family = [draft for draft in drafts if draft.refusal is None and "parent_id" in draft.changed]
    if family:
        # The family it left, too: what was bought here is bought there no more.
        before = [draft.current["parent_id"] for draft in family if draft.current is not None]
        await order_types.look_again(session, [*before, *(draft.row["id"] for draft in family)])


async def resegment(session: WriteSession, policy: Policy) -> int:
    """A policy has come into force: every account gets the segment it says, a thousand at a time;
    how many changed. Opportunities are not touched here."""
    now = clock.now()
    count = 0
    after = None
    while True:
        rows = await repository.lock_after(session, after, _CHUNK)
        changed = [
            {
                "id": row["id"],
                "segment": policy.segment_of(row["employees"]),
                "version": row["version"] + 1,
                "updated_at": now,
            }
            for row in rows
            if policy.segment_of(row["employees"]) != row["segment"]
        ]
        await repository.ACCOUNTS.update(session, changed, ["segment", "version", "updated_at"])
        count += len(changed)
        if len(rows) < _CHUNK:
            return count
        after = rows[-1]["id"]
