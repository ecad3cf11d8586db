"""Leads that were there before their life was kept: what they already tell is filled in, also for
an owner of the tables who is no superuser and whose rows row-level security would hide."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests import servers
from tests.migrations.test_migrations import (
    _alembic,
    _drop_role,
    _make_owned_database,
)

WORKSPACE = "01972f6e-7c00-7000-8000-000000000001"
LEAD = "01972f6e-7c00-7000-8000-0000000000{:02}"


@pytest.fixture
def owned_url(worker_name: str) -> Iterator[str]:
    """An empty database of a login that is no superuser."""
    base = servers.SERVERS.fresh_database(f"leadline_life_{worker_name}")
    name, owner = f"leadline_life_{worker_name}_owned", f"leadline_life_{worker_name}_owner"
    parts = urlsplit(base)
    try:
        asyncio.run(_make_owned_database(owner, name))
        netloc = f"{owner}:x@{parts.hostname}:{parts.port}"
        yield urlunsplit(parts._replace(netloc=netloc, path=f"/{name}"))
    finally:
        servers.SERVERS.drop_database(name)
        servers.SERVERS.drop_database(parts.path[1:])
        asyncio.run(_drop_role(owner))


async def _run(url: str, *statements: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL app.workspace_id = '{WORKSPACE}'")
            rows: list[Any] = []
            for statement in statements:
                rows = await connection.fetch(statement)
            return [dict(row) for row in rows]
    finally:
        await connection.close()


def test_what_leads_tell_is_filled_in(owned_url: str) -> None:
    assert _alembic(owned_url, "upgrade", "0006").returncode == 0
    statuses = [("raw", 0, None), ("mql", 120, "Kim@Acme.Example"), ("qualified", 7, None)]
    asyncio.run(
        _run(
            owned_url,
            *(
                "INSERT INTO qualification.leads (workspace_id, id, version, name, email, status,"
                " status_since, score, created_at, updated_at) VALUES"
                f" ('{WORKSPACE}', '{LEAD.format(place)}', 1, 'Kim',"
                f" {'NULL' if email is None else repr(email)}, '{status}',"
                f" '2026-06-01T00:00:00Z', {score}, '2026-05-01T00:00:00Z', '2026-06-02T00:00:00Z')"
                for place, (status, score, email) in enumerate(statuses)
            ),
        )
    )
    answer = _alembic(owned_url, "upgrade", "head")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    leads = asyncio.run(_run(owned_url, "SELECT * FROM qualification.leads ORDER BY id"))
    assert [lead["stated_score"] for lead in leads] == [None, 120, 7]
    assert [lead["mql_count"] for lead in leads] == [0, 1, 0]
    assert [lead["email_domain"] for lead in leads] == [None, "acme.example", None]
    since = leads[0]["status_since"]
    assert [lead["first_mql_at"] for lead in leads] == [None, since, None]
    assert [lead["sql_at"] for lead in leads] == [None, None, since]
    moves = asyncio.run(_run(owned_url, "SELECT * FROM qualification.lead_moves ORDER BY lead_id"))
    assert [(move["from_status"], move["to_status"], move["occurred_at"]) for move in moves] == [
        (None, status, since) for status, _, _ in statuses
    ]
    hidden = asyncio.run(
        _run(
            owned_url,
            "SELECT relforcerowsecurity FROM pg_class WHERE oid = ANY(ARRAY["
            "'qualification.leads', 'qualification.lead_moves']::regclass[])",
        )
    )
    assert all(row["relforcerowsecurity"] for row in hidden)
