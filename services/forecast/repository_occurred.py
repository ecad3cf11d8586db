"""Statements that read what had happened up to an instant, as known now.

From sums of whole blocks of days and the entries of the day that had begun; never from the first
entry. What `blocks` says is taken away comes back in rows of its own and is subtracted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from services.forecast.blocks import cover, cover_by_blocks
from services.forecast.domain import ALL_DIMENSIONS, MEASURES, NOTHING, Measures, minus, plus
from services.forecast.question import GroupBy
from services.forecast.repository import SUMS, measures_of, owned
from services.kit.db import Session

_COLUMNS: Final = ", ".join(MEASURES)


def _sums(added: bool, level: int, dimensions: str, bucket: str, owner: str) -> str:
    return f"""
        SELECT {added} AS added, b.owner_id, b.dimensions_id, {_COLUMNS}
        FROM forecast.occurred_buckets b
        WHERE b.workspace_id = $1 AND b.fiscal_quarter = $2 AND b.dimensions_id {dimensions} $3
            AND b.level = {level} AND {bucket} {owner}
    """


def _rest(added: bool, start: str, end: str, owner: str) -> str:
    """Added from `start` to `end`, both in it; taken between them, neither in it."""
    after, before = (">=", "<=") if added else (">", "<")
    return f"""
        SELECT {added} AS added, e.owner_id, e.dimensions_id, {_COLUMNS}
        FROM forecast.entries e
        WHERE e.workspace_id = $1 AND e.fiscal_quarter = $2
            AND e.occurred_at {after} {start} AND e.occurred_at {before} {end} {owner}
    """


def _between(low: str, high: str) -> str:
    return f"b.bucket >= {low} AND b.bucket < {high}"


def _total(owners: list[UUID] | None) -> str:
    of_sums, of_entries = owned("b.", owners), owned("e.", owners)
    return " UNION ALL ".join(
        [
            _sums(True, 2, "=", "b.bucket < $5", of_sums),
            _sums(True, 1, "=", _between("$6", "$7"), of_sums),
            _sums(False, 1, "=", _between("$8", "$9"), of_sums),
            _sums(True, 0, "=", _between("$10", "$11"), of_sums),
            _sums(False, 0, "=", _between("$12", "$13"), of_sums),
            _rest(True, "$14", "$15", of_entries),
            _rest(False, "$16", "$17", of_entries),
        ]
    )


def _by_dimension(owners: list[UUID] | None) -> str:
    """By dimension only the coarsest blocks are kept, so up to 32 days come from the entries."""
    of_sums, of_entries = owned("b.", owners), owned("e.", owners)
    return " UNION ALL ".join(
        [
            _sums(True, 2, "<>", "b.bucket < $5", of_sums),
            _rest(True, "$6", "$7", of_entries),
            _rest(False, "$8", "$9", of_entries),
        ]
    )


def _flat(parts: Iterable[Any]) -> list[Any]:
    """The places of a cover in the order of the parameters."""
    return [value for part in parts for value in (part if isinstance(part, tuple) else (part,))]


async def read_sum(
    session: Session, at: datetime, quarter_key: int, owners: list[UUID] | None
) -> Measures:
    rows = await session.fetch(
        f"SELECT ''::text AS group_key, h.added, {SUMS.format('h.')}"
        f" FROM ({_total(owners)}) AS h GROUP BY h.added",
        session.workspace_id,
        quarter_key,
        ALL_DIMENSIONS,
        owners,
        *_flat(cover(at.astimezone(UTC))),
    )
    return _subtracted(rows).get("", NOTHING)


async def read_groups(
    session: Session, at: datetime, quarter_key: int, group_by: GroupBy, owners: list[UUID] | None
) -> dict[str, Measures]:
    """By owner id, or by a value of one dimension."""
    at = at.astimezone(UTC)
    if group_by is GroupBy.USER:
        key, source, places = "h.owner_id", f"({_total(owners)}) AS h", _flat(cover(at))
    else:
        key, places = f"d.{group_by.value}", _flat(cover_by_blocks(at))
        source = f"""
            ({_by_dimension(owners)}) AS h
            JOIN forecast.dimensions d ON d.workspace_id = $1 AND d.id = h.dimensions_id
        """
    rows = await session.fetch(
        f"SELECT {key}::text AS group_key, h.added, {SUMS.format('h.')}"
        f" FROM {source} GROUP BY {key}, h.added",
        session.workspace_id,
        quarter_key,
        ALL_DIMENSIONS,
        owners,
        *places,
    )
    return _subtracted(rows)


def _subtracted(rows: Iterable[Record]) -> dict[str, Measures]:
    sums: dict[str, Measures] = {}
    for row in rows:
        key = row["group_key"]
        combine = plus if row["added"] else minus
        sums[key] = combine(sums.get(key, NOTHING), measures_of(row))
    return sums
