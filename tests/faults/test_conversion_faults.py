"""Hand-overs under fire: whatever is killed between verdict and opportunity, each lead becomes one
opportunity and one contact, once.

`LEADLINE_FAULT_KILLS=100 pytest tests/faults/test_conversion_faults.py -s` is the long version; it
prints what it counted.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from tests.product import Product
from tests.qualification.test_acceptance import GOOD

KILLS = int(os.environ.get("LEADLINE_FAULT_KILLS", "8"))
LEADS_AT_ONCE = 12

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + 30 * KILLS)]

_PATIENCE_S = 60.0
LEADS = "/qualification/v1/leads"

_COUNTED = """
    SELECT l.external_id,
      (SELECT c.opportunity_id FROM qualification.conversions AS c
       WHERE c.workspace_id = l.workspace_id AND c.lead_id = l.id) AS opportunity_id,
      (SELECT count(*) FROM qualification.conversions AS c
       WHERE c.workspace_id = l.workspace_id AND c.lead_id = l.id AND c.state = 'opened'
         AND c.settled_at IS NOT NULL) AS settled,
      (SELECT count(*) FROM pipeline.opportunities AS o
       WHERE o.workspace_id = l.workspace_id
         AND o.contact_external_ids = ARRAY[l.external_id]) AS opportunities,
      (SELECT count(*) FROM pipeline.opportunities AS o
       JOIN qualification.conversions AS c ON c.workspace_id = o.workspace_id
        AND c.opportunity_id = o.id
       WHERE o.workspace_id = l.workspace_id AND c.lead_id = l.id
         AND o.stage = 'pending_acceptance' AND o.version = 1) AS as_promised,
      (SELECT count(*) FROM pipeline.opportunity_events AS e
       JOIN qualification.conversions AS c ON c.workspace_id = e.workspace_id
        AND c.opportunity_id = e.opportunity_id
       WHERE e.workspace_id = l.workspace_id AND c.lead_id = l.id) AS events,
      (SELECT count(*) FROM pipeline.contacts AS p
       WHERE p.workspace_id = l.workspace_id AND p.external_id = l.external_id
         AND p.version = 1) AS contacts,
      (SELECT count(*) FROM qualification.lead_moves AS m
       WHERE m.workspace_id = l.workspace_id AND m.lead_id = l.id
         AND m.to_status = 'qualified') AS moves
    FROM qualification.leads AS l
"""
_TOTALS = """
    SELECT (SELECT count(*) FROM pipeline.opportunities) AS opportunities,
           (SELECT count(*) FROM pipeline.contacts) AS contacts,
           (SELECT count(*) FROM pipeline.accounts) AS accounts,
           (SELECT count(*) FROM qualification.outbox) AS due
"""


class Handed:
    """Leads that were taken through the test and converted, each acknowledged to its client."""

    def __init__(self, product: Product, seed: int) -> None:
        self.product = product
        self.random = random.Random(seed)
        self.promised: dict[str, str] = {}

    def hand_over(self, count: int) -> None:
        """`count` more leads, each with its verdict and then its conversion."""
        for _ in range(count):
            name = f"L-{len(self.promised):04}"
            company = f"company-{self.random.randrange(5)}"
            lead = self.product.call(
                "PUT",
                f"{LEADS}/by-external-id/{name}",
                json={
                    "name": name,
                    "company": company,
                    "account_external_id": company,
                    "owner_external_id": "ana",
                    "email": f"{name}@acme.example",
                },
            )
            path = f"{LEADS}/{lead['id']}"
            verdict = self.product.call("POST", f"{path}/assessments", json=GOOD)
            assert verdict["verdict"] == "accept"
            asked = self.product.call("POST", f"{path}/conversion")
            self.promised[name] = asked["opportunity_id"]

    def waiting(self) -> int:
        page = self.product.call(
            "GET", "/qualification/v1/conversions", params={"state": "requested", "limit": 200}
        )
        return len(page["items"])

    def settle(self) -> None:
        end = time.monotonic() + _PATIENCE_S
        while (left := self.waiting()) > 0:
            assert time.monotonic() < end, f"{left} hand-overs are never settled"
            time.sleep(0.05)

    def count(self) -> dict[str, int]:
        """Every lead has one of each, by the id it was promised, and there is nothing else.
        Answers with the totals."""
        leads, totals = asyncio.run(_counted(self.product))
        told = {row.pop("external_id"): str(row.pop("opportunity_id")) for row in leads}
        assert told == self.promised
        wrong = [row for row in leads if set(row.values()) != {1}]
        assert not wrong, wrong[:5]
        assert totals["opportunities"] == totals["contacts"] == len(self.promised)
        assert totals["accounts"] <= 5
        assert totals["due"] == 0
        return totals


async def _counted(product: Product) -> tuple[list[dict[str, Any]], dict[str, int]]:
    assert product.servers.postgres is not None
    connection = await asyncpg.connect(product.servers.postgres.url)
    try:
        leads = [dict(row) for row in await connection.fetch(_COUNTED)]
        return leads, dict(await connection.fetchrow(_TOTALS))
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def handed() -> Iterator[Handed]:
    """One product and all its leads: the next test begins with what the one before left."""
    with Product() as running:
        running.call(
            "PUT", "/pipeline/v1/users/by-external-id/ana",
            json={"name": "Ana", "email": "ana@example.com", "role": "rep"},
        )  # fmt: skip
        yield Handed(running, 1)


@pytest.fixture
def product(handed: Handed) -> Iterator[Product]:
    yield handed.product
    for worker in list(handed.product.workers):
        handed.product.kill_worker(worker)


def test_the_worker_is_killed_between_verdict_and_opportunity(
    product: Product, handed: Handed
) -> None:
    mid_work = 0
    for _ in range(KILLS):
        worker = product.start_worker()
        # Asked for while it starts, so that it has a row of them to work through.
        handed.hand_over(LEADS_AT_ONCE)
        before, end = handed.waiting(), time.monotonic() + _PATIENCE_S
        while 0 < before <= handed.waiting():
            assert time.monotonic() < end, "the worker opens nothing"
        time.sleep(handed.random.random() * 0.02)
        product.kill_worker(worker)
        mid_work += handed.waiting() > 0
    product.start_worker()
    handed.settle()
    totals = handed.count()
    report = product.audit()
    assert report.get("difference_count", 0) == 0, report
    sys.stdout.write(f"\n{KILLS} kills, {mid_work} of them with work left over: {totals}\n")
    assert mid_work > 0, "no kill met the worker at work"


def test_redis_is_wiped_and_stopped_meanwhile(product: Product, handed: Handed) -> None:
    assert product.servers.valkey is not None
    product.start_worker()
    for _ in range(3):
        writer = threading.Thread(target=handed.hand_over, args=(LEADS_AT_ONCE,))
        writer.start()
        product.wipe_redis()
        writer.join()
    product.servers.valkey.stop(hard=True)
    handed.hand_over(LEADS_AT_ONCE)
    # Nothing rings any more: the sweep finds them.
    handed.settle()
    product.servers.valkey.start()
    handed.count()


def test_the_api_is_killed_while_it_converts(product: Product, handed: Handed) -> None:
    product.start_worker()
    writer = threading.Thread(target=handed.hand_over, args=(3 * LEADS_AT_ONCE,))
    writer.start()
    for _ in range(2):
        time.sleep(0.1 + handed.random.random() * 0.2)
        product.kill_gateway()
        product.call("GET", "/pipeline/v1/workspace")
    writer.join()
    handed.settle()
    handed.count()
