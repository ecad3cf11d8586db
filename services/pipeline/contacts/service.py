"""Recording contacts. A contact may be known before its account is."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit import clock
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import WriteSession
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.pipeline.accounts.repository import ACCOUNTS
from services.pipeline.contacts.repository import CONTACTS
from services.pipeline.hygiene.touching import accounts_touched

_SHAPE = Shape(
    kind="contact",
    required=(),
    defaults={
        "name": None,
        "account_id": None,
        "email": None,
        "title": None,
        "persona": None,
        "buying_role": None,
        "champion": False,
        "left_at": None,
    },
)


async def upsert_contacts(
    session: WriteSession, changes: Sequence[Change], *, if_match: str | None = None
) -> list[Outcome]:
    """One outcome a change, in order. `if_match` is for a single change."""
    now = clock.now()
    current = await CONTACTS.lock_named(session, (change.external_id for change in changes))
    accounts = await ACCOUNTS.ids_named(
        session, filter(None, (change.stated.get("account_external_id") for change in changes))
    )
    drafts = []
    for change in changes:
        stated = dict(change.stated)
        account = stated.pop("account_external_id", None)
        if "account_external_id" in change.stated:
            stated["account_id"] = accounts.get(account)
        known = current.get(change.external_id)
        if stated.get("name", known and known["name"]) is None:
            stated["name"] = change.external_id
        draft = Draft.begin(change, known, stated, _SHAPE, now)
        if draft.refusal is None and account is not None and account not in accounts:
            draft.refusal = unknown_reference("/account_external_id", "account", account)
        drafts.append(draft)
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, CONTACTS, "contact", changes, drafts)
    outcomes = await store_drafts(session, CONTACTS, drafts, now)
    # A champion who left, or came from another account, is missed at both.
    seen = [each for draft in drafts for each in (draft.row, draft.current) if each is not None]
    await accounts_touched(session, (each["account_id"] for each in seen if each["champion"]))
    return outcomes
