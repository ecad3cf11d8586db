"""A worker that is killed while clocks close deals: each is closed once and told of once.

`LEADLINE_FAULT_KILLS=20 pytest tests/faults/test_clock_faults.py` is the long version.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.kit.ids import new_id
from services.pipeline import following
from tests.faults.conftest import QUARTER
from tests.product import Product

KILLS = int(os.environ.get("LEADLINE_FAULT_KILLS", "4"))
AT_ONCE = 40
_PATIENCE_S = 120.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 30 * KILLS)]

_LONG_AGO = (
    "UPDATE pipeline.opportunities SET created_at = created_at - interval '30 days'",
    "UPDATE pipeline.opportunity_events SET recorded_at = recorded_at - interval '30 days'",
)
_LOOK_AGAIN = """
    INSERT INTO pipeline.rechecks (workspace_id, id, follower, opportunity_id)
    SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::uuid[])
"""
_LEFT = "SELECT count(*) FROM pipeline.opportunities WHERE stage <> 'closed_lost'"
_CLOSINGS = """
    SELECT o.external_id, count(e.version) AS closings
    FROM pipeline.opportunities AS o
    LEFT JOIN pipeline.opportunity_events AS e
      ON e.workspace_id = o.workspace_id AND e.opportunity_id = o.id AND e.actor = 'system'
    GROUP BY o.external_id
"""
_NOTICES = "SELECT kind, opportunity_id, user_id FROM pipeline.notices WHERE kind LIKE 'stale%'"
_FEED = "SELECT kind, subject_id, version FROM pipeline.feed ORDER BY sequence"


def test_a_worker_is_killed_while_it_closes(product: Product) -> None:
    chaos = random.Random(7)
    _company(product)
    count = KILLS * AT_ONCE
    for start in range(0, count, AT_ONCE):
        items = [_deal(number) for number in range(start, start + AT_ONCE)]
        answer = product.call("POST", "/pipeline/v1/opportunities/batch", json={"items": items})
        assert {each["status"] for each in answer["results"]} == {201}, answer
    worker = product.start_worker()
    _wait(product, "SELECT count(*) FROM pipeline.clocks WHERE kind = 'stale'", count)
    ids = [row["id"] for row in _ask(product, "SELECT id FROM pipeline.opportunities ORDER BY id")]
    for statement in _LONG_AGO:
        _ask(product, statement)
    for start in range(0, count, AT_ONCE):
        _look_again(product, ids[start : start + AT_ONCE])
        # A sweep finds them within a second, and closing takes some tenths of one.
        before = _closed(product)
        until = time.monotonic() + 5
        while _closed(product) == before and time.monotonic() < until:
            if chaos.random() < 0.05:
                break
            time.sleep(chaos.random() * 0.1)
        product.kill_worker(worker)
        worker = product.start_worker()
    # The second of two finds what the first one leaves.
    product.start_worker()
    _look_again(product, ids)
    _wait(product, _LEFT, 0)
    product.settled(QUARTER)
    _check(product, count)


def _check(product: Product, count: int) -> None:
    closings = {row["external_id"]: row["closings"] for row in _ask(product, _CLOSINGS)}
    assert closings == {f"B{number}": 1 for number in range(count)}
    told = Counter(row["kind"] for row in _ask(product, _NOTICES))
    # The owner and the manager, of each.
    assert told == {"stale_warning": 2 * count, "stale_auto_closed": 2 * count}
    versions: dict[UUID, int] = {}
    fed: Counter[str] = Counter()
    for row in _ask(product, _FEED):
        fed[row["kind"]] += 1
        if row["kind"] == "opportunity":
            assert row["version"] == versions.get(row["subject_id"], 0) + 1
            versions[row["subject_id"]] = row["version"]
    assert fed["notice"] >= 4 * count
    assert product.audit().get("difference_count", 0) == 0


def _company(product: Product) -> None:
    users = [
        {"external_id": "mia", "name": "Mia", "role": "manager"},
        {"external_id": "ana", "name": "Ana", "role": "rep", "manager_external_id": "mia"},
    ]
    product.call("POST", "/pipeline/v1/users/batch", json={"items": users})
    account = {"name": "Tiny", "employees": 20, "owner_external_id": "ana"}
    product.call("PUT", "/pipeline/v1/accounts/by-external-id/tiny", json=account)
    settings = {"autoclose.mode": "close", "autoclose.notice_days": 0}
    product.call("POST", "/pipeline/v1/policies", json={"settings": settings})


def _deal(number: int) -> dict[str, Any]:
    return {
        "external_id": f"B{number}", "name": f"Deal {number}", "account_external_id": "tiny",
        "owner_external_id": "ana", "stage": "discovery", "amount": "100.00",
        "close_date": "2046-06-30",
    }  # fmt: skip


def _look_again(product: Product, ids: list[UUID]) -> None:
    names = [following.CLOCKS] * len(ids)
    _ask(product, _LOOK_AGAIN, UUID(product.workspace_id), [new_id() for _ in ids], names, ids)


def _closed(product: Product) -> int:
    found: int = _ask(
        product, "SELECT count(*) FROM pipeline.opportunities WHERE stage = 'closed_lost'"
    )[0]["count"]
    return found


def _wait(product: Product, statement: str, count: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while (found := _ask(product, statement)[0]["count"]) != count:
        assert time.monotonic() < until, f"{found} and not {count}: {statement}"
        time.sleep(0.3)


def _ask(product: Product, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(product.servers.postgres.url)
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    return asyncio.run(ask())
