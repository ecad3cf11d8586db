"""Recording subscriptions. One needs an account, both its days and its ARR."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit import clock
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.pipeline.accounts.repository import ACCOUNTS
from services.pipeline.customers.terms.service import follow_subscriptions
from services.pipeline.hygiene.touching import accounts_touched
from services.pipeline.opportunities import service_order_types as order_types
from services.pipeline.opportunities.service_basis import follow_arr
from services.pipeline.subscriptions.repository import SUBSCRIPTIONS
from services.workspace.workspaces.repository import get_workspace

_DATED = frozenset({"account_id", "end_date"})
"""What order types depend on."""


def _shape(currency: str) -> Shape:
    return Shape(
        kind="subscription",
        required=("account_external_id", "start_date", "end_date", "arr"),
        defaults={
            "account_id": None,
            "currency": currency,
            "seats": None,
            "tier": None,
            "usage": None,
        },
    )


async def upsert_subscriptions(
    session: WriteSession, changes: Sequence[Change], *, if_match: str | None = None
) -> list[Outcome]:
    """One outcome a change, in order. `if_match` is for a single change."""
    now = clock.now()
    shape = _shape((await get_workspace(session)).currency)
    current = await SUBSCRIPTIONS.lock_named(session, (change.external_id for change in changes))
    accounts = await ACCOUNTS.ids_named(
        session, filter(None, (change.stated.get("account_external_id") for change in changes))
    )
    drafts = []
    for change in changes:
        stated = dict(change.stated)
        account = stated.pop("account_external_id", None)
        if account is not None:
            stated["account_id"] = accounts.get(account)
        draft = Draft.begin(change, current.get(change.external_id), stated, shape, now)
        if draft.refusal is None and account is not None and account not in accounts:
            draft.refusal = unknown_reference("/account_external_id", "account", account)
        if draft.refusal is None:
            draft.refusal = _refuse_dates(draft, change)
        drafts.append(draft)
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, SUBSCRIPTIONS, "subscription", changes, drafts)
    outcomes = await store_drafts(session, SUBSCRIPTIONS, drafts, now)
    await follow_subscriptions(session, drafts, now)
    await accounts_touched(session, (draft.row["account_id"] for draft in drafts))
    moved = [draft.row["account_id"] for draft in drafts if _DATED & draft.changed or draft.is_new]
    await order_types.look_again(session, moved)
    await follow_arr(
        session,
        {
            draft.row["id"]: (draft.current["arr"], draft.row["arr"])
            for draft in drafts
            if draft.refusal is None and draft.current is not None and "arr" in draft.changed
        },
    )
    return outcomes


def _refuse_dates(draft: Draft, change: Change) -> InvalidPayloadError | None:
    start, end = draft.row["start_date"], draft.row["end_date"]
    if end > start:
        return None
    field = "end_date" if "end_date" in change.stated else "start_date"
    sentence = f"must be after start_date, which is {start}"
    if field == "start_date":
        sentence = f"must be before end_date, which is {end}; send both to move the subscription"
    return InvalidPayloadError.one(f"/{field}", "dates_out_of_order", sentence)
