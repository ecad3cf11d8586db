"""Statements of reconciliations: what the files say, and what is stored under the same keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.pipeline.imports.reconciliation.collecting import Stated

KEPT_IMPORTS: Final = 10
"""Imports of a workspace whose rows are kept; older ones can be reconciled no more."""

# The table a record's key is looked up in. The names are ours, never a caller's.
_TABLES: Final = {
    "users": "workspace.users",
    "accounts": "pipeline.accounts",
    "contacts": "pipeline.contacts",
    "subscriptions": "pipeline.subscriptions",
    "opportunities": "pipeline.opportunities",
}
_STANDING: Final = """
    CASE o.stage WHEN 'closed_won' THEN 'won' WHEN 'closed_lost' THEN 'lost'
        WHEN 'unqualified' THEN 'lost' WHEN 'duplicate' THEN 'none' ELSE 'open' END"""


async def add(
    session: WriteSession, import_id: UUID, record: str, rows: Sequence[Stated], *, is_latest: bool
) -> None:
    """The first row of a key is the record's, as it is for the import, unless it is one of a file
    that did not go in and a later one of it does; where every row is a version (`is_latest`), the
    latest, with what it leaves out from those before. One row a key."""
    if not rows:
        return
    await session.execute(
        """
        INSERT INTO pipeline.reconciliation_rows AS r (workspace_id, import_id, record, key, file,
            line, state, standing, amount, currency, close_date, occurred_at, codes)
        SELECT $1, $2, $3, u.key, u.file, u.line, u.state, u.standing, u.amount, u.currency,
            u.close_date, u.occurred_at, string_to_array(u.codes, ',')
        FROM unnest($4::text[], $5::int[], $6::bigint[], $7::text[], $8::text[], $9::numeric[],
            $10::text[], $11::date[], $12::timestamptz[], $13::text[])
            AS u (key, file, line, state, standing, amount, currency, close_date, occurred_at,
                codes)
        ON CONFLICT (workspace_id, import_id, record, key) DO UPDATE SET
            file = excluded.file, line = excluded.line, state = excluded.state,
            standing = CASE WHEN $14 THEN coalesce(nullif(excluded.standing, 'none'), r.standing)
                ELSE excluded.standing END,
            amount = coalesce(excluded.amount, CASE WHEN $14 THEN r.amount END),
            currency = coalesce(excluded.currency, CASE WHEN $14 THEN r.currency END),
            close_date = coalesce(excluded.close_date, CASE WHEN $14 THEN r.close_date END),
            occurred_at = excluded.occurred_at, codes = excluded.codes
        WHERE CASE WHEN $14 THEN (excluded.occurred_at >= r.occurred_at) IS NOT FALSE
            ELSE r.state <> 'stated' AND excluded.state = 'stated' AND r.file = excluded.file END
        """,
        session.workspace_id, import_id, record,
        [row.key for row in rows], [row.file for row in rows], [row.line for row in rows],
        [row.state for row in rows], [row.standing for row in rows],
        [row.amount for row in rows], [row.currency for row in rows],
        [row.close_date for row in rows], [row.occurred_at for row in rows],
        [",".join(row.codes) for row in rows], is_latest,
    )  # fmt: skip


async def refuse(
    session: WriteSession, import_id: UUID, record: str, refused: dict[str, str]
) -> None:
    """What the records' own service did not take, by key, with its code."""
    if not refused:
        return
    await session.execute(
        """
        UPDATE pipeline.reconciliation_rows AS r
        SET state = 'refused', codes = r.codes || u.code
        FROM unnest($4::text[], $5::text[]) AS u (key, code)
        WHERE r.workspace_id = $1 AND r.import_id = $2 AND r.record = $3 AND r.key = u.key
        """,
        session.workspace_id, import_id, record, list(refused), list(refused.values()),
    )  # fmt: skip


async def forget_old(session: WriteSession) -> None:
    """All but the newest imports' rows."""
    await session.execute(
        """
        DELETE FROM pipeline.reconciliation_rows
        WHERE workspace_id = $1 AND import_id NOT IN (
            SELECT id FROM pipeline.imports WHERE workspace_id = $1 ORDER BY id DESC LIMIT $2
        )
        """,
        session.workspace_id,
        KEPT_IMPORTS,
    )


async def remove(session: WriteSession, import_id: UUID) -> None:
    """Of one import."""
    await session.execute(
        "DELETE FROM pipeline.reconciliation_rows WHERE workspace_id = $1 AND import_id = $2",
        session.workspace_id,
        import_id,
    )


async def kinds(session: Session, import_id: UUID) -> list[dict[str, Any]]:
    """Of each kind, how many the files hold, by what is said of them, and how many are here."""
    found = []
    for record, table in _TABLES.items():
        counted = " AND t.stage <> 'duplicate'" if record == "opportunities" else ""
        row = await session.fetchrow(
            f"""
            SELECT count(*) AS rows,
                count(*) FILTER (WHERE state <> 'deleted' AND standing IS DISTINCT FROM 'none')
                    AS theirs,
                count(t.external_id) AS ours,
                count(*) FILTER (WHERE state = 'deleted') AS deleted,
                count(*) FILTER (WHERE state <> 'deleted' AND standing = 'none') AS merged,
                count(*) FILTER (WHERE state = 'refused') AS refused,
                count(*) FILTER (WHERE state = 'left_out') AS left_out,
                count(*) FILTER (WHERE state = 'unreadable') AS unreadable
            FROM pipeline.reconciliation_rows AS r
            LEFT JOIN {table} AS t ON t.workspace_id = $1 AND t.external_id = r.key {counted}
            WHERE r.workspace_id = $1 AND r.import_id = $2 AND r.record = $3
            """,
            session.workspace_id, import_id, record,
        )  # fmt: skip
        if row is not None and row["rows"]:
            found.append({"record": record, **dict(row)})
    return found


async def theirs_by_day(session: Session, import_id: UUID, currency: str) -> list[dict[str, Any]]:
    """What the files add up to. `currency` is meant where a row names none."""
    rows = await session.fetch(
        """
        SELECT coalesce(currency, $3) AS currency, close_date, standing, count(*) AS count,
            sum(amount) AS amount
        FROM pipeline.reconciliation_rows
        WHERE workspace_id = $1 AND import_id = $2 AND record = 'opportunities'
          AND state <> 'deleted' AND standing <> 'none'
        GROUP BY 1, 2, 3
        """,
        session.workspace_id, import_id, currency,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def ours_by_day(session: Session, import_id: UUID) -> list[dict[str, Any]]:
    """What is stored under the files' keys, whatever they say of it."""
    rows = await session.fetch(
        f"""
        SELECT o.currency, o.close_date, {_STANDING} AS standing, count(*) AS count,
            sum(o.amount) AS amount
        FROM pipeline.reconciliation_rows AS r
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.external_id = r.key
        WHERE r.workspace_id = $1 AND r.import_id = $2 AND r.record = 'opportunities'
          AND r.standing IS NOT NULL AND o.stage <> 'duplicate'
        GROUP BY 1, 2, 3
        """,
        session.workspace_id,
        import_id,
    )
    return [dict(row) for row in rows]


def _differing(record: str) -> str:
    """Rows of (field, theirs, ours) wherever the two differ."""
    if record != "opportunities":
        return f"""
            SELECT r.*, 'record' AS field, CASE r.state WHEN 'deleted' THEN 'deleted' ELSE 'there'
                END AS theirs, CASE WHEN t.external_id IS NULL THEN 'not here' ELSE 'here' END
                AS ours, t.external_id IS NOT NULL AS is_here, t.updated_at,
                NULL::timestamptz AS happened_at
            FROM pipeline.reconciliation_rows AS r
            LEFT JOIN {_TABLES[record]} AS t ON t.workspace_id = $1 AND t.external_id = r.key
            WHERE r.workspace_id = $1 AND r.import_id = $2 AND r.record = $3
              AND (r.state = 'deleted') = (t.external_id IS NOT NULL)"""
    # Records that differ first, fields then: hardly any do, and telling fields apart costs most.
    return f"""
        SELECT r.*, d.field, d.theirs, d.ours, o.id IS NOT NULL AS is_here, o.updated_at,
            o.occurred_at AS happened_at
        FROM pipeline.reconciliation_rows AS r
        LEFT JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.external_id = r.key
        CROSS JOIN LATERAL (VALUES
            ('amount', r.amount::text, o.amount::text,
                o.id IS NOT NULL AND r.amount IS DISTINCT FROM o.amount AND r.standing <> 'none'),
            ('close_date', r.close_date::text, o.close_date::text,
                o.id IS NOT NULL AND r.close_date IS DISTINCT FROM o.close_date
                AND r.standing <> 'none'),
            ('currency', coalesce(r.currency, $5), o.currency,
                o.id IS NOT NULL AND coalesce(r.currency, $5) <> o.currency
                AND r.standing <> 'none'),
            ('record', CASE r.state WHEN 'deleted' THEN 'deleted' ELSE 'there' END,
                CASE WHEN o.id IS NULL THEN 'not here' ELSE 'here' END,
                CASE WHEN r.standing = 'none' THEN false
                    ELSE (r.state = 'deleted') = (o.id IS NOT NULL) END),
            ('standing', r.standing, CASE WHEN o.id IS NOT NULL THEN {_STANDING} END,
                o.id IS NOT NULL AND r.standing <> {_STANDING})
        ) AS d (field, theirs, ours, is_different)
        WHERE r.workspace_id = $1 AND r.import_id = $2 AND r.record = $3
          AND (o.id IS NULL OR r.state = 'deleted' OR r.amount IS DISTINCT FROM o.amount
            OR r.close_date IS DISTINCT FROM o.close_date
            OR coalesce(r.currency, $5) <> o.currency OR r.standing <> {_STANDING})
          AND d.is_different AND (r.state <> 'deleted' OR d.field = 'record')"""


async def differences(
    session: Session, import_id: UUID, record: str, after: Sequence[str] | None, limit: int,
    currency: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """Of one kind, in the order of keys and fields, behind `after`."""
    key, field = after or ("", "")
    # Kinds without money have no use for the currency, but statements take the same parameters.
    rows = await session.fetch(
        f"""
        SELECT * FROM ({_differing(record)}) AS found
        WHERE (key, field) > ($4::text, $6::text) AND $5::text IS NOT NULL
        ORDER BY key, field LIMIT $7
        """,
        session.workspace_id, import_id, record, key, currency, field, limit,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def count_differences(
    session: Session, import_id: UUID, record: str, currency: str
) -> tuple[int, int]:
    """Records that differ, and fields of them that do."""
    row = await session.fetchrow(
        f"""
        SELECT count(DISTINCT key) AS records, count(*) AS fields
        FROM ({_differing(record)}) AS found
        WHERE $4::text = '' AND $5::text IS NOT NULL
        """,
        session.workspace_id, import_id, record, "", currency,
    )  # fmt: skip
    assert row is not None
    return row["records"], row["fields"]
