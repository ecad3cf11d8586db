"""Use cases of reconciliations: add both sides up, and list what differs. Reads only; the sums are
added up by the database, so that a million rows cost no memory here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.db import Session
from services.kit.pagination import PageRequest
from services.pipeline.imports import repository as imports
from services.pipeline.imports.errors import ImportNotFoundError, ReconciliationGoneError
from services.pipeline.imports.reconciliation import repository
from services.pipeline.imports.reconciliation.collecting import RECORDS
from services.pipeline.imports.reconciliation.domain import (
    NAMELESS,
    OPEN,
    WON,
    Circumstances,
    Group,
    Line,
    later,
    lines_of,
    reason,
)
from services.workspace.workspaces.repository import get_workspace


async def _found(session: Session, import_id: UUID) -> asyncpg.Record:
    found = await imports.get(session, import_id)
    if found is None:
        raise ImportNotFoundError(import_id)
    return found


async def reconcile(session: Session, import_id: UUID) -> dict[str, Any]:
    """Against what is stored now. Raises ImportNotFoundError, and ReconciliationGoneError where
    the files' rows are not kept."""
    found = await _found(session, import_id)
    workspace = await get_workspace(session)
    kinds = await repository.kinds(session, import_id)
    if not kinds and found["counts"]:
        raise ReconciliationGoneError(import_id)
    records, fields = [], 0
    for kind in kinds:
        differing, its_fields = await repository.count_differences(
            session, import_id, kind["record"], workspace.currency
        )
        fields += its_fields
        names = (
            "record", "theirs", "ours", "deleted", "merged", "refused", "left_out", "unreadable",
        )  # fmt: skip
        records.append({name: kind[name] for name in names} | {"differing": differing})
    lines = lines_of(
        await repository.theirs_by_day(session, import_id, workspace.currency),
        await repository.ours_by_day(session, import_id),
        workspace.calendar.quarter_key,
    )
    return {
        "import_id": import_id,
        "mapping": found["mapping_name"],
        "status": found["status"],
        "made_at": clock.now(),
        "is_equal": fields == 0,
        "records": records,
        "sums": _sums(lines),
        "totals": [
            _shown(group, line, workspace.calendar.from_key(group[1]).label if group[1] else None)
            for group, line in lines.items()
        ],
        "differing": fields,
    }


def _shown(group: Group, line: Line, quarter: str | None) -> dict[str, Any]:
    return {
        "currency": group[0],
        "fiscal_quarter": quarter,
        "standing": group[2],
        "theirs_count": line.theirs.count,
        "ours_count": line.ours.count,
        "theirs_amount": _text(line.theirs.amount),
        "ours_amount": _text(line.ours.amount),
        "amount_difference": _text(line.ours.amount - line.theirs.amount),
        "is_equal": line.is_equal,
    }


def _sums(lines: dict[Group, Line]) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for (currency, _, standing), line in lines.items():
        of_currency = sums.setdefault(
            currency,
            {f"{side}_{name}": Decimal() for name in ("amount", WON, OPEN)
             for side in ("theirs", "ours")},
        )  # fmt: skip
        for side, amount in (("theirs", line.theirs.amount), ("ours", line.ours.amount)):
            of_currency[f"{side}_amount"] += amount
            if standing in (WON, OPEN):
                of_currency[f"{side}_{standing}"] += amount
    return [
        {"currency": currency, **{name: _text(amount) for name, amount in totals.items()}}
        for currency, totals in sums.items()
    ]


def _text(amount: Decimal) -> str:
    """With two places, or as many as the files have."""
    exact = amount.normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{amount:.{places}f}"


async def list_differences(
    session: Session, import_id: UUID, page: PageRequest
) -> tuple[list[dict[str, Any]], str | None]:
    """In the order of kinds, keys and fields."""
    found = await _found(session, import_id)
    workspace = await get_workspace(session)
    names = {file["number"]: file["name"] for file in found["files"]}
    after = [str(part) for part in page.after] if page.after else None
    begin = RECORDS.index(after[0]) if after is not None and after[0] in RECORDS else 0
    rows: list[dict[str, Any]] = []
    for record in RECORDS[begin:]:
        behind = after[1:] if after is not None and record == after[0] else None
        wanted = page.limit + 1 - len(rows)
        if wanted <= 0:
            break
        rows += await repository.differences(
            session, import_id, record, behind, wanted, workspace.currency
        )
    kept, cursor = page.cut(rows, lambda row: [row["record"], row["key"], row["field"]])
    return [_difference(row, names, found) for row in kept], cursor


def _difference(
    row: dict[str, Any], names: dict[int, str], found: asyncpg.Record
) -> dict[str, Any]:
    around = Circumstances(
        row["state"],
        frozenset(row["codes"]),
        row["is_here"],
        later(row["updated_at"], row["happened_at"], found["finished_at"], row["occurred_at"]),
    )
    return {
        "record": row["record"],
        "external_id": None if row["key"].startswith(NAMELESS) else row["key"],
        "file": names.get(row["file"], ""),
        "line": row["line"],
        "field": row["field"],
        "theirs": row["theirs"],
        "ours": row["ours"],
        "why": reason(row["field"], row["theirs"], row["ours"], around),
    }
