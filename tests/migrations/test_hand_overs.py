"""Hand-overs that were there before: who gave them to whom is filled in, also for an owner of the
tables who is no superuser; and what the tables before have no place for goes when they come back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests import servers
from tests.migrations.test_migrations import _alembic, _drop_role, _make_owned_database

WORKSPACE = "01972f6e-7c00-7000-8000-000000000001"
ID = "01972f6e-7c00-7000-8000-0000000000{:02}"
SID, ANA, TEST = ID.format(1), ID.format(2), ID.format(3)
WHEN = "2026-06-01T00:00:00Z"


def _insert(table: str, **values: object) -> str:
    """A row of the workspace; every value as text, which Postgres reads."""
    texts = ", ".join(f"'{value}'" for value in values.values())
    return (
        f"INSERT INTO {table} (workspace_id, {', '.join(values)}) VALUES ('{WORKSPACE}', {texts})"
    )


def _user(user_id: str, name: str) -> str:
    return _insert(
        "workspace.users", id=user_id, external_id=name, version=1, name=name, role="rep",
        plan_type="net", active=True, created_at=WHEN, updated_at=WHEN,
    )  # fmt: skip


def _lead(place: int) -> str:
    return _insert(
        "qualification.leads", id=ID.format(place), version=1, name="Kim", status="qualified",
        status_since=WHEN, score=0, created_at=WHEN, updated_at=WHEN,
    )  # fmt: skip


def _assessment(assessment_id: str, **of: object) -> str:
    return _insert(
        "qualification.assessments", id=assessment_id, policy_version=1, segment="smb",
        evidence="{}", criteria="{}", verdict="accept", is_convertible=True, assessed_at=WHEN,
        assessed_by="system", **of,
    )  # fmt: skip


def _conversion(opportunity_id: str, assessment_id: str, request: str, **of: object) -> str:
    return _insert(
        "qualification.conversions", opportunity_id=opportunity_id, assessment_id=assessment_id,
        request=request, state="opened", requested_at=WHEN, requested_by="system", **of,
    )  # fmt: skip


def _due(place: int, opportunity: int) -> str:
    return _insert(
        "qualification.outbox", id=ID.format(place), kind="conversion_requested",
        subject_id=ID.format(opportunity), version=0, recorded_at=WHEN, due_at=WHEN,
    )  # fmt: skip


def _request(sdr: str) -> str:
    return f'{{"owner_external_id": "ana", "sdr_external_id": "{sdr}"}}'


_WORKSPACE = (
    "INSERT INTO workspace.workspaces (id, slug, name, currency, fiscal_year_start_month,"
    f" timezone, created_at) VALUES ('{WORKSPACE}', 'x', 'X', 'USD', 2, 'UTC', '{WHEN}')"
)
_BEFORE = [
    _WORKSPACE,
    _user(SID, "sid"),
    _user(ANA, "ana"),
    _lead(10),
    _lead(11),
    _assessment(TEST, lead_id=ID.format(10), lead_version=1),
    _conversion(ID.format(20), TEST, _request("sid"), lead_id=ID.format(10)),
    _conversion(ID.format(21), TEST, _request("ana"), lead_id=ID.format(11)),
]
_SINCE = [
    """UPDATE qualification.conversions SET request = request || '{"amount": "1.00"}'""",
    _assessment(ID.format(30), opportunity_id=ID.format(31)),
    _conversion(ID.format(31), ID.format(30), "{}", contact_external_id="kim"),
    _due(40, 20),
    _due(41, 31),
]


@pytest.fixture
def owned_url(worker_name: str) -> Iterator[str]:
    """An empty database of a login that is no superuser."""
    base = servers.SERVERS.fresh_database(f"leadline_given_{worker_name}")
    name, owner = f"leadline_given_{worker_name}_owned", f"leadline_given_{worker_name}_owner"
    parts = urlsplit(base)
    try:
        asyncio.run(_make_owned_database(owner, name))
        netloc = f"{owner}:x@{parts.hostname}:{parts.port}"
        yield urlunsplit(parts._replace(netloc=netloc, path=f"/{name}"))
    finally:
        servers.SERVERS.drop_database(name)
        servers.SERVERS.drop_database(parts.path[1:])
        asyncio.run(_drop_role(owner))


def _run(url: str, *statements: str) -> list[dict[str, Any]]:
    async def run() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL app.workspace_id = '{WORKSPACE}'")
                rows: list[Any] = []
                for statement in statements:
                    rows = await connection.fetch(statement)
                return rows
        finally:
            await connection.close()

    return [dict(row) for row in asyncio.run(run())]


def _migrate(url: str, *words: str) -> None:
    answer = _alembic(url, *words)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_hand_overs_are_kept_both_ways(owned_url: str) -> None:
    _migrate(owned_url, "upgrade", "0007")
    _run(owned_url, *_BEFORE)
    _migrate(owned_url, "upgrade", "0008")
    given = _run(
        owned_url,
        "SELECT sdr_id::text, owner_id::text, is_to_self FROM qualification.conversions"
        " ORDER BY opportunity_id",
    )
    assert given == [
        {"sdr_id": SID, "owner_id": ANA, "is_to_self": False},
        {"sdr_id": ANA, "owner_id": ANA, "is_to_self": True},
    ]
    tests = _run(owned_url, "SELECT is_binding, carried FROM qualification.assessments")
    assert tests == [{"is_binding": True, "carried": None}]
    # What the release before writes still has its place.
    _run(
        owned_url, f"{_BEFORE[-1]} ON CONFLICT (workspace_id, lead_id) DO UPDATE SET reason = NULL"
    )
    _run(owned_url, *_SINCE)
    _migrate(owned_url, "downgrade", "0007")
    left = _run(owned_url, "SELECT lead_id::text, request FROM qualification.conversions")
    assert sorted(row["lead_id"] for row in left) == [ID.format(10), ID.format(11)]
    assert all("amount" not in row["request"] for row in left)
    assert len(_run(owned_url, "SELECT id FROM qualification.assessments")) == 1
    due = _run(owned_url, "SELECT kind, subject_id::text FROM qualification.outbox")
    assert due == [{"kind": "opportunity_requested", "subject_id": ID.format(10)}]
    hidden = _run(
        owned_url,
        "SELECT relforcerowsecurity FROM pg_class WHERE oid = ANY(ARRAY["
        "'qualification.conversions', 'qualification.assessments', 'qualification.outbox',"
        " 'workspace.users']::regclass[])",
    )
    assert [row["relforcerowsecurity"] for row in hidden] == [True] * 4
