"""Recording resources: created or merged by external id."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit import clock
from services.kit.batch import Change, Outcome
from services.kit.db import WriteSession
from services.kit.upsert import Draft, Shape, check_if_match, refuse_taken_ids, store_drafts
from services.qualification.touches.resources.repository import RESOURCES

WRITERS = ("admin", "integration", "sales_ops", "manager")

_SHAPE = Shape(
    kind="resource",
    required=(),
    defaults={
        "title": None,
        "use_case": None,
        "kind": None,
        "url": None,
        "persona": None,
        "buyer_stage": None,
        "active": True,
    },
)


async def upsert_resources(
    session: WriteSession, changes: Sequence[Change], *, if_match: str | None = None
) -> list[Outcome]:
    """One outcome a change, in order. `if_match` is for a single change."""
    now = clock.now()
    current = await RESOURCES.lock_named(session, (change.external_id for change in changes))
    drafts = []
    for change in changes:
        stated = dict(change.stated)
        known = current.get(change.external_id)
        if stated.get("title", known and known["title"]) is None:
            stated["title"] = change.external_id
        drafts.append(Draft.begin(change, known, stated, _SHAPE, now))
    check_if_match(if_match, drafts)
    await refuse_taken_ids(session, RESOURCES, "resource", changes, drafts)
    return await store_drafts(session, RESOURCES, drafts, now)
