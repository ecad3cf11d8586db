"""Tenancy in the database itself: with the application's own checks left out, a session of one
workspace neither sees nor writes another's rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.kit.db import Database
from services.kit.ids import new_id
from tests.client import Api, Stack

ROLES = ("leadline_qualification", "leadline_pipeline", "leadline_forecast", "leadline_worker")
SCHEMAS = ["workspace", "pipeline", "forecast", "qualification"]
# What is about processes and not about anybody's records.
OPERATIONAL = ["forecast.workers"]

_TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relrowsecurity, c.relforcerowsecurity,
           CASE WHEN n.nspname = 'workspace' AND c.relname = 'workspaces' THEN 'id'
                ELSE 'workspace_id' END AS tenant,
           EXISTS (SELECT FROM pg_policies AS p WHERE p.schemaname = n.nspname
                   AND p.tablename = c.relname AND p.qual = 'true') AS discoverable
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p')
      AND format('%I.%I', n.nspname, c.relname) <> ALL($2::text[])
    ORDER BY 1
"""


@pytest.fixture
async def owner(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """The role that migrates; in tests a superuser, whom no policy binds."""
    connection = await asyncpg.connect(stack.database_url)
    yield connection
    await connection.close()


@pytest.fixture(params=ROLES)
async def database(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[Database]:
    connected = await Database.connect(
        stack.database_url, role=request.param, application_name="tests", pool_max=2
    )
    yield connected
    await connected.close()


async def fill(api: Api) -> None:
    """Rows in as many tables as a few requests reach."""
    base = "/pipeline/v1"
    await api.call("PUT", f"{base}/users/by-external-id/bob", json={"name": "Bob"})
    await api.call(
        "PUT",
        f"{base}/users/by-external-id/ana",
        json={"name": "Ana", "manager_external_id": "bob"},
    )
    await api.call("PUT", f"{base}/accounts/by-external-id/acme", json={"name": "Acme"})
    await api.call(
        "PUT",
        f"{base}/contacts/by-external-id/kim",
        json={"name": "Kim", "account_external_id": "acme"},
    )
    await api.call(
        "PUT",
        f"{base}/subscriptions/by-external-id/s1",
        json={
            "account_external_id": "acme",
            "start_date": "2026-01-01",
            "end_date": "2026-12-31",
            "arr": 10,
        },
    )
    opportunity = {
        "name": "Acme",
        "owner_external_id": "ana",
        "account_external_id": "acme",
        "type": "new_business",
        "stage": "scoping",
        "amount": "100.00",
        "currency": "USD",
        "close_date": "2026-12-31",
    }
    await api.call("PUT", f"{base}/opportunities/by-external-id/o1", json=opportunity)
    await api.settle()
    await api.call(
        "PUT",
        f"{base}/opportunities/by-external-id/o1",
        json={"next_step": "Call"},
    )
    await api.request(
        "POST",
        f"{base}/users/batch",
        json={"items": []},
        headers={"Idempotency-Key": "k"},
    )


async def test_every_table_has_it_forced(owner: asyncpg.Connection) -> None:
    tables = await owner.fetch(_TABLES, SCHEMAS, OPERATIONAL)
    assert len(tables) > 20
    bare = [t["name"] for t in tables if not (t["relrowsecurity"] and t["relforcerowsecurity"])]
    assert bare == []


async def test_every_table_belongs_to_a_workspace(owner: asyncpg.Connection) -> None:
    without = await owner.fetch(
        """
        SELECT format('%I.%I', n.nspname, c.relname) AS name
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = c.oid AND a.attname = 'workspace_id')
        """,
        SCHEMAS,
    )
    assert {row["name"] for row in without} == {"workspace.workspaces", *OPERATIONAL}


async def test_no_role_is_above_it(owner: asyncpg.Connection) -> None:
    roles = await owner.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles"
        " WHERE rolname = ANY($1::text[])",
        list(ROLES),
    )
    assert {row["rolname"] for row in roles} == set(ROLES)
    assert not any(row["rolsuper"] or row["rolbypassrls"] for row in roles)


async def test_only_the_worker_looks_further(owner: asyncpg.Connection) -> None:
    wider = await owner.fetch(
        "SELECT tablename, roles::text[], cmd FROM pg_policies"
        " WHERE schemaname = ANY($1::text[]) AND qual = 'true'",
        SCHEMAS,
    )
    assert {(tuple(row["roles"]), row["cmd"]) for row in wider} == {
        (("leadline_worker",), "SELECT")
    }


async def test_sees_nothing_of_another_workspace(
    api: Api, other_api: Api, owner: asyncpg.Connection, database: Database
) -> None:
    await fill(api)
    await fill(other_api)
    full = 0
    for table in await owner.fetch(_TABLES, SCHEMAS, OPERATIONAL):
        name, tenant = table["name"], table["tenant"]
        if not await owner.fetchval(
            "SELECT has_table_privilege($1, $2, 'SELECT')", database.role, name
        ):
            continue
        if table["discoverable"] and database.role == "leadline_worker":
            continue
        others = await owner.fetchval(
            f"SELECT count(*) FROM {name} WHERE {tenant} = $1", other_api.workspace_id
        )
        full += bool(others)
        async with database.read(api.workspace_id) as session:
            # No WHERE: only row-level security stands between the two.
            seen = await session.fetch(f"SELECT DISTINCT {tenant} AS id FROM {name}")
        assert {row["id"] for row in seen} <= {api.workspace_id}, name
        async with database.read(None) as session:
            assert await session.fetchval(f"SELECT count(*) FROM {name}") == 0, name
    # Enough tables held rows of the other workspace for this to mean something.
    assert full >= 5


async def test_writes_nothing_of_another_workspace(
    api: Api, other_api: Api, owner: asyncpg.Connection
) -> None:
    await fill(other_api)
    worker = api.database()
    for table in await owner.fetch(_TABLES, SCHEMAS, OPERATIONAL):
        name, tenant = table["name"], table["tenant"]
        for verb, privilege in (
            (f"DELETE FROM {name}", "DELETE"),
            (_touch(name, tenant), "UPDATE"),
        ):
            allowed = await owner.fetchval(
                "SELECT has_table_privilege('leadline_worker', $1, $2)", name, privilege
            )
            if not allowed:
                continue
            before = await owner.fetchval(
                f"SELECT count(*) FROM {name} WHERE {tenant} = $1", other_api.workspace_id
            )
            async with worker.write(new_id()) as session:
                tag = await session.execute(verb)
            assert tag.split()[-1] == "0", name
            after = await owner.fetchval(
                f"SELECT count(*) FROM {name} WHERE {tenant} = $1", other_api.workspace_id
            )
            assert after == before, name


def _touch(name: str, tenant: str) -> str:
    return f"UPDATE {name} SET {tenant} = {tenant}"


async def test_inserts_nothing_for_another_workspace(api: Api, other_api: Api) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with api.database().write(api.workspace_id) as session:
            await session.execute(
                """
                INSERT INTO pipeline.feed
                    (workspace_id, sequence, kind, subject_id, version, posted_at)
                VALUES ($1, 99, 'test', $1, 1, '2026-01-01')
                """,
                other_api.workspace_id,
            )
