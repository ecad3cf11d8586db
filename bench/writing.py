"""Writing over HTTP: one row against a bare endpoint, and batches against COPY."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from bench import floors, load
from bench.client import Connection
from bench.reading import CONNECTIONS, compare
from bench.results import Result, measured
from bench.run import Run, opportunity_path, this_quarter, wait
from services.kit.ids import new_id

BATCH = 1_000
ROWS = 256
"""Opportunities that are changed in turn; each connection has its own."""


def patch(run: Run) -> list[Result]:
    """A change of amount. The worker does not run while the two are compared, since the bare
    endpoint has none; the rate with it running is told beside."""
    product = run.product("small")
    workspace_id = run.big("small")
    token = wait(product.make_key(workspace_id))
    ids = run.open_opportunities("small", workspace_id, ROWS)
    wait(floors.make_tables(product.database_url))
    body = '{"amount":"%d.00"}'
    with product.serving() as gateway, product.floor() as floor:
        ours = {
            "token": token,
            "requests": [
                {"method": "PATCH", "path": opportunity_path(each), "body": body} for each in ids
            ],
        }
        bare = {
            "requests": [
                {"method": "PATCH", "path": f"/{workspace_id}/{each}", "body": body} for each in ids
            ]
        }
        rates = compare(run, {"product": (gateway, ours), "floor": (floor, bare)})
        with product.working():
            beside = [
                load.run(
                    {"kind": "closed", "connections": CONNECTIONS, "address": gateway.address,
                     **ours, "seconds": run.sizes.side_s, "first_number": 900_000 + 100_000 * number}
                )["rate"]
                for number in range(3)
            ]  # fmt: skip
    name = "PATCH of one row / bare endpoint: one update, two inserts"
    return [
        rates.result(name, at_least=0.3),
        measured(name, "the same with the worker posting beside", beside, "/s"),
    ]


def batch_upsert(run: Run) -> list[Result]:
    """New opportunities in batches of a thousand, one request after the other, against COPY of the
    very rows they became. The worker does not run: COPY has none either."""
    product = run.product("small")
    workspace_id = run.big("small")
    token = wait(product.make_key(workspace_id))
    wait(floors.make_tables(product.database_url))
    with product.serving() as gateway:
        return wait(_batch_upsert(run, product.database_url, gateway.address, token, workspace_id))


async def _batch_upsert(
    run: Run, database_url: str, address: str, token: str, workspace_id: UUID
) -> list[Result]:
    count = BATCH * run.sizes.batches
    http: list[float] = []
    copy: list[float] = []
    connection = await asyncpg.connect(database_url)
    try:
        async with Connection(address, token) as client:
            for round_ in range(run.sizes.rounds + 1):
                tag = f"batch-{new_id()}"
                bodies = [_body(tag, first) for first in range(0, count, BATCH)]
                started = time.perf_counter()
                for body in bodies:
                    await _send(client, body)
                took = time.perf_counter() - started
                rows = await _rows(connection, workspace_id, tag, count)
                started = time.perf_counter()
                await floors.copy_rows(connection, rows)
                if round_:
                    http.append(took)
                    copy.append(time.perf_counter() - started)
    finally:
        await connection.close()
    ratios = [ours / floor for ours, floor in zip(http, copy, strict=True)]
    detail = (
        f"{median(http):.2f} s ({1e6 * median(http) / count:.0f} us a row)"
        f" against {1000 * median(copy):.0f} ms"
    )
    return [
        measured(
            "batch upsert / COPY", f"{count:,} new opportunities", ratios, "x", at_most=12,
            detail=detail,
        )
    ]  # fmt: skip


def _body(tag: str, first: int) -> bytes:
    """A thousand records as a CRM sends them."""
    quarter = this_quarter()
    stages = ("discovery", "scoping", "technical_evaluation", "proposal", "negotiating")
    return orjson.dumps(
        {
            "items": [
                {
                    "external_id": f"{tag}-{number}",
                    "name": f"Opportunity {number}",
                    "account_external_id": f"a{number % 300 + 1}",
                    "owner_external_id": f"u{number % 400 + 70}",
                    "type": "new_business" if number % 3 else "add_on",
                    "stage": stages[number % len(stages)],
                    "amount": f"{10_000 + number * 37 % 90_000}.00",
                    "currency": "USD",
                    "term_months": 12 * (number % 3 + 1),
                    "close_date": (
                        quarter.first_day + timedelta(days=number % quarter.days)
                    ).isoformat(),
                    "next_step": "Security review",
                    "source_kind": "outbound",
                    "segment": "mid_market",
                    "region": "EMEA",
                }
                for number in range(first, first + BATCH)
            ]
        }
    )


async def _send(client: Connection, body: bytes) -> None:
    status, answer = await client.send("POST", "/pipeline/v1/opportunities/batch", body)
    assert status == 207, answer[:1000]
    assert answer.count(b'"status":201') == BATCH, answer[:1000]


async def _rows(
    connection: asyncpg.Connection, workspace_id: UUID, tag: str, count: int
) -> Sequence[Sequence[Any]]:
    rows = await connection.fetch(
        "SELECT * FROM pipeline.opportunities"
        " WHERE workspace_id = $1 AND external_id LIKE $2 ORDER BY id",
        workspace_id,
        f"{tag}-%",
    )
    assert len(rows) == count
    return [tuple(row) for row in rows]
