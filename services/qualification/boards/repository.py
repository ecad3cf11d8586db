"""Statements of day lists: all sections in one, and as many more as there are kinds of things on
them, however long a list is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.db import ReadSession
from services.qualification.boards.parameters import Parameters
from services.qualification.boards.section import COLUMNS, Build, Look, Section


@dataclass(slots=True)
class Found:
    """A section: how much is on it, how much of that is overdue, and the first of it."""

    count: int = 0
    overdue: int = 0
    rows: list[asyncpg.Record] = field(default_factory=list)


async def list_sections(
    session: ReadSession, look: Look, builds: Sequence[Build], limit: int
) -> dict[str, Found]:
    """Every section by name, also those with nothing on them."""
    given = Parameters()
    sections = [build(look, given) for build in builds]
    branches = [_listed(section, look, given, limit) for section in sections]
    rows = await session.fetch(" UNION ALL ".join(branches), session.workspace_id, *given.values)
    found = {section.name: Found() for section in sections}
    for row in sorted(rows, key=lambda row: row["place"]):
        section = found[row["section"]]
        section.count, section.overdue = row["total"], row["overdue_total"]
        section.rows.append(row)
    return found


def _listed(section: Section, look: Look, given: Parameters, limit: int) -> str:
    columns = ", ".join(
        f"({section.columns.get(name, 'NULL')})::{kind} AS {name}" for name, kind in COLUMNS.items()
    )
    return f"""(
        SELECT '{section.name}' AS section, row_number() OVER (ORDER BY {section.order}) AS place,
            count(*) OVER () AS total,
            count(*) FILTER (WHERE {section.overdue}) OVER () AS overdue_total,
            {section.who or "NULL"}::uuid AS user_id, ({section.overdue}) IS TRUE AS is_overdue,
            {columns}
        FROM {section.source} WHERE {section.where}{_whose(section, look, given)}
        ORDER BY place LIMIT {int(limit)}
    )"""


def _whose(section: Section, look: Look, given: Parameters) -> str:
    if look.ids is None or section.who is None:
        return ""
    if len(look.ids) == 1:
        # One is not a list: Postgres takes a list for longer and plans anew for every reader.
        return f" AND ({section.who}) = {given.given('id', look.ids[0], 'uuid')}"
    return f" AND ({section.who}) = ANY({given.given('ids', look.ids, 'uuid[]')})"


@dataclass(frozen=True, slots=True)
class Count:
    """How much of a section is one person's (None: nobody's), and how much of it is overdue."""

    section: str
    user_id: UUID | None
    count: int
    overdue: int


async def count_sections(session: ReadSession, look: Look, builds: Sequence[Build]) -> list[Count]:
    """Of every person who has something in a section."""
    given = Parameters()
    branches = []
    for build in builds:
        section = build(look, given)
        branches.append(
            f"(SELECT '{section.name}' AS section, {section.who or 'NULL'}::uuid AS user_id,"
            f" count(*) AS count, count(*) FILTER (WHERE {section.overdue}) AS overdue"
            f" FROM {section.source} WHERE {section.where}{_whose(section, look, given)}"
            " GROUP BY 2)"
        )
    rows = await session.fetch(" UNION ALL ".join(branches), session.workspace_id, *given.values)
    return [Count(**dict(row)) for row in rows if row["count"]]


async def describe_leads(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """How leads on a list are recognised."""
    rows = await session.fetch(
        """
        SELECT id, external_id, name, company, status, score FROM qualification.leads
        WHERE workspace_id = $1 AND id = ANY($2::uuid[])
        """,
        session.workspace_id,
        list(ids),
    )
    return {row["id"]: dict(row) for row in rows}
