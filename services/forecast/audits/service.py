"""Audits: the figures worked out from the opportunity rows alone, against all the ledger holds.

Everything is compared in one snapshot, so writers and the worker go on meanwhile: an opportunity
with pending events is compared as it stood before the first of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from services.forecast import posting
from services.forecast.audits import comparisons, repository
from services.forecast.audits.comparisons import Mismatch, Mismatches
from services.forecast.audits.errors import AuditNotFoundError
from services.forecast.audits.repository import Audit
from services.forecast.domain import (
    MEASURES,
    NOTHING,
    Measures,
    minus,
    plus,
)
from services.forecast.drafting import CellKey
from services.forecast.truth import Actual, actual_of, contributor_of, scan
from services.kit.auth import Principal
from services.kit.db import Database, ReadSession, WriteSession
from services.kit.ids import new_id
from services.kit.money import text

DIFFERENCES_MAX: Final = 1_000
"""Differences that are listed; all of them are counted."""

_REPORT_EVERY: Final = 50_000
_AUDITORS: Final = ("admin", "integration", "sales_ops", "analyst")

Progress = Callable[[int], Any]


@dataclass(slots=True)
class AuditResult:
    """What an audit found. `sequence` is what the ledger had taken in."""

    sequence: int = 0
    opportunities: int = 0
    difference_count: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return self.difference_count == 0

    def add(self, difference: dict[str, Any]) -> None:
        self.difference_count += 1
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(difference)


async def request_audit(session: WriteSession, caller: Principal) -> Audit:
    """The worker runs it within seconds."""
    caller.require(*_AUDITORS)
    audit_id = new_id()
    await repository.insert_audit(session, audit_id, caller.actor)
    return await _require(session, audit_id)


async def read_audit(session: ReadSession, caller: Principal, audit_id: UUID) -> Audit:
    caller.require(*_AUDITORS)
    return await _require(session, audit_id)


async def _require(session: ReadSession | WriteSession, audit_id: UUID) -> Audit:
    audit = await repository.find_audit(session, audit_id)
    if audit is None:
        raise AuditNotFoundError(audit_id)
    return audit


async def audit(
    database: Database, workspace_id: UUID, progress: Progress | None = None
) -> AuditResult:
    """Compares every opportunity, every total, every entry, every kept balance and every day
    block. The database must be connected with the worker's role."""
    result = AuditResult()
    async with database.read(workspace_id) as session:
        result.sequence = await posting.read_sequence(session)
        corrections = await _audit_positions(session, result, progress)
        packed = [
            {"q": key[0], "d": str(key[1]), "w": str(key[2]), **posting.pack(measures)}
            for key, measures in corrections.items()
        ]
        limit = DIFFERENCES_MAX
        for table, found in (
            ("cells", await comparisons.cells_by_positions(session, limit, packed)),
            ("entries", await comparisons.entries_by_positions(session, limit, packed)),
            ("cell_history", await comparisons.history_by_cells(session, limit)),
            ("occurred_buckets", await comparisons.buckets_by_entries(session, limit)),
        ):
            _add_mismatches(result, table, found)
    return result


async def _audit_positions(
    session: ReadSession, result: AuditResult, progress: Progress | None
) -> dict[CellKey, Measures]:
    """Row by row; what the wrong ones are off by, per cell."""
    contribute = await contributor_of(session)
    corrections: defaultdict[CellKey, Measures] = defaultdict(lambda: NOTHING)
    reported = 0
    async for scanned in scan(session, contribute):
        result.opportunities += scanned.looked_at
        if scanned.suspects:
            actual = await actual_of(session, scanned.suspects, contribute)
            held = await posting.load_holdings(session, scanned.suspects)
            for opportunity_id in scanned.suspects:
                difference = _position_difference(
                    opportunity_id, actual[opportunity_id], held.get(opportunity_id), corrections
                )
                if difference is not None:
                    result.add(difference)
        if progress is not None and result.opportunities - reported >= _REPORT_EVERY:
            reported = result.opportunities
            outcome = progress(reported)
            if asyncio.iscoroutine(outcome):
                await outcome
    return corrections


def _position_difference(
    opportunity_id: UUID,
    actual: Actual,
    held: posting.Holding | None,
    corrections: defaultdict[CellKey, Measures],
) -> dict[str, Any] | None:
    expected = posting.holding_of(actual)
    if expected == held:
        return None
    for holding, sign in ((expected, plus), (held, minus)):
        if holding is not None:
            corrections[holding.cell] = sign(corrections[holding.cell], holding.measures)
    return {
        "table": "positions",
        "opportunity_id": str(opportunity_id),
        "expected": None if expected is None else _described(expected),
        "found": None if held is None else _described(held),
    }


def _described(holding: posting.Holding) -> dict[str, Any]:
    quarter, combination, owner = holding.cell
    return {
        "version": holding.version,
        "fiscal_quarter": quarter,
        "owner_id": str(owner),
        "dimensions_id": str(combination),
        "measures": _amounts(holding.measures),
        "inputs": holding.inputs,
    }


def _amounts(measures: Measures) -> dict[str, str | int]:
    return {
        name: value if isinstance(value, int) else text(value)
        for name, value in zip(MEASURES, measures, strict=True)
        if value
    }


def _add_mismatches(result: AuditResult, table: str, mismatches: Mismatches) -> None:
    for mismatch in mismatches.rows:
        result.add(_described_mismatch(table, mismatch))
    result.difference_count += mismatches.total - len(mismatches.rows)


def _described_mismatch(table: str, mismatch: Mismatch) -> dict[str, Any]:
    names = comparisons.BUCKET if table == "occurred_buckets" else comparisons.CELL
    off = {
        name: {"expected": str(expected), "found": str(found)}
        for name, expected, found in zip(MEASURES, mismatch.expected, mismatch.found, strict=True)
        if expected != found
    }
    key = {
        name: value if isinstance(value, int) else str(value)
        for name, value in zip(names, mismatch.key, strict=True)
    }
    return {"table": table, **key, "measures": off}
