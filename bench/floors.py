"""The floors: what FastAPI, uvicorn and asyncpg do with the same work and nothing around it.

`python -m bench.floors PORT` serves the bare endpoints with the settings the product is served
with. They do no checks, know no tenants and use the plain pool; the tables have the product's
columns and indexes, and no foreign keys.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from services.forecast.domain import ALL_DIMENSIONS
from services.forecast.repository import SUMS
from services.kit.ids import new_id

TABLES: Final = ("opportunities", "opportunity_events", "outbox")
CELLS_SUM: Final = f"""
    SELECT {SUMS.format("c.")} FROM forecast.cells c
    WHERE c.workspace_id = $1 AND c.fiscal_quarter = $2 AND c.dimensions_id = $3
"""
_answers: dict[tuple[UUID, int], bytes] = {}


class Amount(BaseModel):
    """All the bare endpoint takes."""

    amount: Decimal


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        os.environ["LEADLINE_DATABASE_URL"], min_size=1, max_size=10
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan)


@app.get("/healthz")
async def healthz() -> Response:
    return Response(b"{}")


@app.patch("/{workspace_id}/{opportunity_id}")
async def patch(
    workspace_id: UUID, opportunity_id: UUID, body: Amount, request: Request
) -> Response:
    """One update and two inserts in a transaction."""
    now, event_id = datetime.now(UTC), new_id()
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        version = await connection.fetchval(
            """
            UPDATE bench.opportunities SET amount = $3, net_arr = $3, version = version + 1,
                updated_at = $4
            WHERE workspace_id = $1 AND id = $2 RETURNING version
            """,
            workspace_id, opportunity_id, body.amount, now,
        )  # fmt: skip
        changes = orjson.dumps({"amount": str(body.amount)}).decode()
        await connection.execute(
            """
            INSERT INTO bench.opportunity_events (workspace_id, opportunity_id, version, id, kind,
                changes, previous, occurred_at, recorded_at, actor)
            VALUES ($1, $2, $3, $4, 'changed', $5, $5, $6, $6, 'bench')
            """,
            workspace_id, opportunity_id, version, event_id, changes, now,
        )  # fmt: skip
        await connection.execute(
            """
            INSERT INTO bench.outbox
                (workspace_id, id, kind, subject_id, version, event_id, recorded_at, due_at)
            VALUES ($1, $2, 'opportunity', $3, $4, $5, $6, $6)
            """,
            workspace_id, new_id(), opportunity_id, version, event_id, now,
        )  # fmt: skip
    content = {"id": str(opportunity_id), "version": version, "amount": str(body.amount)}
    return Response(orjson.dumps(content), media_type="application/json")


@app.put("/answers/{workspace_id}/{fiscal_quarter}")
async def put_answer(workspace_id: UUID, fiscal_quarter: int, request: Request) -> Response:
    """The bytes the endpoint below answers with: those of the product."""
    _answers[workspace_id, fiscal_quarter] = await request.body()
    return Response(b"{}")


@app.get("/sums/{workspace_id}/{fiscal_quarter}")
async def sums(workspace_id: UUID, fiscal_quarter: int, request: Request) -> Response:
    """The same sum over the same rows, and the same bytes."""
    async with request.app.state.pool.acquire() as connection:
        await connection.fetchrow(CELLS_SUM, workspace_id, fiscal_quarter, ALL_DIMENSIONS)
    return Response(_answers[workspace_id, fiscal_quarter], media_type="application/json")


async def make_tables(database_url: str) -> None:
    """The floor's own tables, with the product's rows in the first."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        for table in TABLES:
            await connection.execute(
                f"CREATE TABLE bench.{table} (LIKE pipeline.{table} INCLUDING ALL)"
            )
        await connection.execute(
            "INSERT INTO bench.opportunities SELECT * FROM pipeline.opportunities"
        )
        await connection.execute("VACUUM ANALYZE bench.opportunities")
    finally:
        await connection.close()


async def copy_rows(connection: asyncpg.Connection, rows: Sequence[Sequence[Any]]) -> None:
    """The fastest way rows get into that table, durable when it returns."""
    await connection.copy_records_to_table("opportunities", schema_name="bench", records=rows)


def main() -> None:
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
