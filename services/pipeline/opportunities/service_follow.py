"""What happens to opportunities because of something else: their account changed, a policy came
into force, qualification handed a lead over. Set-based; closed opportunities keep their stamp.

Published, through `service`: `follow_accounts`, `apply_policy`, `open_requested`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from services.kit import clock
from services.kit.batch import Stored, sole
from services.kit.db import WriteSession
from services.pipeline.opportunities import events, repository
from services.pipeline.opportunities.access import SYSTEM
from services.pipeline.opportunities.context import circumstances_of
from services.pipeline.opportunities.decisions import rederive
from services.pipeline.opportunities.domain import months_after
from services.pipeline.opportunities.drafts import (
    ACCOUNT_FOLLOWED,
    POLICY_APPLIED,
    Change,
    Circumstances,
)
from services.pipeline.opportunities.merge import UNKNOWN_SEGMENT, follow
from services.pipeline.opportunities.record import Row, figure_state
from services.pipeline.opportunities.references import References, Wanted
from services.pipeline.opportunities.service_batch import upsert_many
from services.pipeline.opportunities.stages import OPEN_STAGES
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.workspaces.repository import get_workspace


class RequestedOpportunity(Protocol):
    """What qualification says of an opportunity it wants opened; None is not said."""

    @property
    def opportunity_id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def account_external_id(self) -> str | None: ...
    @property
    def owner_external_id(self) -> str: ...
    @property
    def sdr_external_id(self) -> str | None: ...
    @property
    def source_kind(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...
    @property
    def use_case(self) -> str | None: ...
    @property
    def seats(self) -> int | None: ...
    @property
    def next_step(self) -> str | None: ...
    @property
    def next_step_date(self) -> date | None: ...
    @property
    def contact_external_ids(self) -> list[str]: ...
    @property
    def segment(self) -> str | None: ...
    @property
    def amount(self) -> Decimal | None: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def close_date(self) -> date | None: ...
    @property
    def requested_at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...


async def follow_accounts(session: WriteSession, actor: str, account_ids: Sequence[UUID]) -> int:
    """Gives the accounts' open opportunities their segment, region and vertical, where they do not
    state their own; how many changed. Call it in the transaction that changed the accounts."""
    now = clock.now()
    circumstances = await circumstances_of(session, SYSTEM, now=now, is_recording=True)
    ids = await repository.ids_of_accounts(session, account_ids, OPEN_STAGES)
    rows = await repository.lock_many(session, ids=ids)
    # Who was closed or moved to another account while this waited for the lock is left out.
    moved = frozenset(account_ids)
    rows = [row for row in rows if row["account_id"] in moved and row["stage"] in OPEN_STAGES]
    references = await _connected(session, rows)
    changes = []
    for current in rows:
        row = _followed(current, references)
        change = rederive(current, row, circumstances, kind=ACCOUNT_FOLLOWED, occurred_at=now)
        if change is not None:
            changes.append(change)
    await _store(session, changes, actor, now)
    return len(changes)


async def apply_policy(
    session: WriteSession, version: int, *, after: UUID | None, limit: int
) -> UUID | None:
    """Derives the next `limit` open opportunities after `after` anew under a policy version that is
    in force, as of the instant it came into force. Answers where it stopped, None at the end.

    A new version is written only where something follows differently: elsewhere the old policy
    version still gives the same answer.
    """
    now = clock.now()
    circumstances = await circumstances_of(
        session, SYSTEM, now=now, is_recording=True, policy_version=version
    )
    effective_from = await repository.policy_effective_from(session, version)
    ids = await repository.ids_after(session, after, OPEN_STAGES, limit)
    rows = [
        row
        for row in await repository.lock_many(session, ids=ids)
        if row["policy_version"] < version and row["stage"] in OPEN_STAGES
    ]
    references = await _connected(session, rows)
    accounts = await repository.resegmented(
        session, references.accounts_by_id, circumstances.policy
    )
    references.accounts_by_id = accounts
    changes = []
    for current in rows:
        row = _followed(current, references)
        if not await _follows_differently(session, current, row, circumstances):
            continue
        change = rederive(
            current, row, circumstances, kind=POLICY_APPLIED, occurred_at=effective_from
        )
        if change is not None:
            changes.append(change)
    await _store(session, changes, SYSTEM.name, now)
    return ids[-1] if len(ids) == limit else None


async def _follows_differently(
    session: WriteSession, current: Row, row: Row, circumstances: Circumstances
) -> bool:
    if row["segment"] != current["segment"]:
        return True
    before = figure_state(current, await get_policy(session, current["policy_version"]))
    after = figure_state(current, circumstances.policy)
    return before != after


def _followed(current: Row, references: References) -> Row:
    row = dict(current)
    follow(
        row,
        references.accounts_by_id.get(row["account_id"]),
        references.users_by_id.get(row["owner_id"]),
    )
    return row


async def _connected(session: WriteSession, rows: Iterable[Row]) -> References:
    wanted = Wanted()
    for row in rows:
        wanted.user_ids.add(row["owner_id"])
        if row["account_id"] is not None:
            wanted.account_ids.add(row["account_id"])
    return await repository.find_references(session, wanted)


async def _store(
    session: WriteSession, changes: Sequence[Change], actor: str, now: datetime
) -> None:
    await repository.update_rows(session, [change.row for change in changes])
    await events.record_many(session, changes, actor, now)


async def open_requested(session: WriteSession, request: RequestedOpportunity) -> Stored:
    """Opens the opportunity a converted lead becomes, at stage 0. Opened before, by this id, it is
    left as it is now. Raises the ServiceError that refuses it."""
    rows = await repository.lock_many(session, ids=[request.opportunity_id])
    for row in rows:
        return Stored(row["id"], row["version"], created=False, changed=False, record=row)
    statement: dict[str, Any] = {
        "id": request.opportunity_id,
        "name": request.name,
        "account_external_id": request.account_external_id,
        "owner_external_id": request.owner_external_id,
        "sdr_external_id": request.sdr_external_id,
        "source_kind": request.source_kind,
        "use_case": request.use_case,
        "seats": request.seats,
        "next_step": request.next_step,
        "next_step_date": request.next_step_date,
        "contact_external_ids": request.contact_external_ids,
        "amount": request.amount,
        "close_date": request.close_date or await _default_close_date(session, request),
        "stage": "pending_acceptance",
        "occurred_at": request.requested_at,
    }
    for name in ("region", "currency"):
        if getattr(request, name) is not None:
            statement[name] = getattr(request, name)
    if await _states_segment(session, request):
        statement["segment"] = request.segment
    return sole(await upsert_many(session, replace(SYSTEM, name=request.actor), [statement]))


async def _default_close_date(session: WriteSession, request: RequestedOpportunity) -> date:
    """So many months of the policy after the day, as the company counts it, of the request."""
    workspace = await get_workspace(session)
    policy = await get_policy(session, await version_in_force(session, request.requested_at))
    today = workspace.calendar.local_date(request.requested_at)
    return months_after(today, policy.number("close_date.default_months"))


async def _states_segment(session: WriteSession, request: RequestedOpportunity) -> bool:
    """The account's segment is the opportunity's, and goes on being so; what the test found speaks
    where the account has none. No head count makes a public customer, so that is always stated."""
    if request.segment is None or request.segment == "public_sector":
        return request.segment is not None
    wanted = Wanted()
    if request.account_external_id is not None:
        wanted.accounts.add(request.account_external_id)
    references = await repository.find_references(session, wanted)
    account = references.accounts.get(request.account_external_id or "")
    return account is None or account.segment == UNKNOWN_SEGMENT
