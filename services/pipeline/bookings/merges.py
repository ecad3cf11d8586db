"""Merging renewals into one, and taking a merger back. The survivor has everybody's basis, the others
are its duplicates and count nowhere, so nothing is counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.kit.errors import FieldProblem, InvalidPayloadError
from services.pipeline.bookings import domain, repository
from services.pipeline.bookings.errors import SpecialCaseError
from services.pipeline.bookings.service import Case, Made
from services.pipeline.opportunities import repository as opportunities
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import STAGE

_REASON = "Merged renewals"


async def merge(case: Case, names: Sequence[str], amount: Decimal | None) -> Made:
    """The other renewals, by external id, become duplicates of this one, which takes over their
    bases. Those merged into it before are passed over."""
    survivor, session = case.row, case.session
    others = await _find(case, names)
    links = await repository.links_of(session, [survivor["id"], *(row["id"] for row in others)])
    merged = {
        row["id"]
        for row in others
        if row["id"] in links
        and links[row["id"]]["kind"] == domain.MERGED
        and links[row["id"]]["source_id"] == survivor["id"]
    }
    new = [row for row in others if row["id"] not in merged]
    # An integration may have opened one again that is merged: its basis is in the survivor's still.
    reopened = [row for row in others if row["id"] in merged and row["stage"] != "duplicate"]
    if not new and not reopened:
        return await case.answer("merged_renewals", [survivor, *others])
    _check(survivor, [*new, *reopened])
    statements = domain.merge(survivor, new, amount) if new else [{"id": survivor["id"]}]
    before = await _before(case)
    return await case.write(
        "merged_renewals",
        [*statements, *domain.close_merged(survivor, reopened)],
        [None, *[domain.MERGED] * len(new), *[None] * len(reopened)],
        reason=_REASON,
        details=[{}, *({"stage": row["stage"], "before": before} for row in new)],
    )


async def take_back(case: Case) -> Made:
    """Every merger into this renewal undone: the others open again where they were, and each has
    its own basis."""
    survivor, session = case.row, case.session
    links = await repository.links_from(session, survivor["id"], [domain.MERGED])
    if not links:
        return await case.answer("merged_renewals", [survivor])
    if not STAGE[survivor["stage"]].is_open:
        raise SpecialCaseError(
            f"The survivor is {STAGE[survivor['stage']].name}, with all the bases it was booked"
            " with: reopen it before the merger is taken back."
        )
    others = await opportunities.lock_many(session, ids=[link["opportunity_id"] for link in links])
    stages = {link["opportunity_id"]: link["details"]["stage"] for link in links}
    before = links[0]["details"]["before"]
    await repository.unlink(session, stages)
    statements = domain.unmerge(
        survivor, _decoded(before), [(row, stages[row["id"]]) for row in others]
    )
    return await case.write(
        "merged_renewals", statements, [None] * len(statements), reason="The merger is taken back"
    )


async def _find(case: Case, names: Sequence[str]) -> list[Row]:
    """In the order named; an unknown one, one out of reach and the survivor itself are refused."""
    rows = await opportunities.lock_many(case.session, external_ids=names)
    reachable = {row["external_id"]: row for row in rows if case.actor.may_write(row["owner_id"])}
    problems = [
        FieldProblem(
            f"/opportunity_external_ids/{place}", "unknown_opportunity",
            f"there is no opportunity {name[:100]!r} that you may merge",
        )
        for place, name in enumerate(names)
        if name not in reachable or reachable[name]["id"] == case.row["id"]
    ]  # fmt: skip
    if problems:
        raise InvalidPayloadError(problems)
    return [reachable[name] for name in dict.fromkeys(names)]


def _check(survivor: Row, others: Sequence[Row]) -> None:
    for row in (survivor, *others):
        is_plain = row["type"] == "renewal" and row["category"] == "standard"
        if not is_plain or not STAGE[row["stage"]].is_open:
            raise SpecialCaseError(
                f"Open renewals of category standard are merged; {domain.name_of(row)[:100]} is"
                f" {STAGE[row['stage']].name}, of type {row['type']} and category"
                f" {row['category']}."
            )
    for name in ("currency", "renewal_loss_category"):
        if any(row[name] != survivor[name] for row in others):
            raise SpecialCaseError(
                f"The renewals differ in {name}, so their amounts do not add up: make it the same"
                " on all of them first."
            )


async def _before(case: Case) -> dict[str, Any]:
    """The survivor's amounts as they were before its first merger."""
    links = await repository.links_from(case.session, case.row["id"], [domain.MERGED])
    if links:
        kept: dict[str, Any] = links[0]["details"]["before"]
        return kept
    return {
        name: None if case.row[column] is None else f"{case.row[column]:.2f}"
        for name, column in domain.MERGE_FIELDS.items()
    }


def _decoded(before: dict[str, Any]) -> dict[str, Decimal | None]:
    return {name: None if text is None else Decimal(text) for name, text in before.items()}
