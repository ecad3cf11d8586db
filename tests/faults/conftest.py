"""One running product for the module, and a book of writes that were acknowledged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.product import Product
from tests.reference import STAGES, differences, figures

QUARTER, FIRST, LAST = "FY27-Q2", date(2026, 5, 1), date(2026, 7, 31)


class Book:
    """What the client was told is stored, by external id; the reference is computed from it."""

    def __init__(self, product: Product, seed: int) -> None:
        self.product = product
        self.random = random.Random(seed)
        self.prefix = f"S{seed}"
        self.rows: dict[str, dict[str, Any]] = {}

    def write(self, opportunities: int = 60) -> None:
        """One write by upsert, repeated until it is acknowledged."""
        pick = self.random
        name = f"{self.prefix}-{pick.randrange(opportunities)}"
        kind = pick.choice(["new_business", "add_on", "renewal"])
        row = {
            "name": "x",
            "type": kind,
            "owner_external_id": "ana",
            "currency": "USD",
            "stage": pick.choice([*STAGES, "closed_won", "closed_lost"]),
            "amount": f"{pick.randrange(100, 9_000_000) / 100:.2f}",
            "term_months": pick.choice([6, 12, 18, 36]),
            "arr_basis": f"{pick.randrange(100, 900_000) / 100:.2f}"
            if kind == "renewal"
            else "0.00",
            "forecast_category": None,
            "close_date": f"2026-{pick.choice(['06', '07', '08'])}-15",
        }
        self.product.call("PUT", f"/pipeline/v1/opportunities/by-external-id/{name}", json=row)
        self.rows[name] = row

    def check(self, *others: Book) -> None:
        """Figures, once settled, equal the reference; and the audit agrees."""
        rows = [*self.rows.values(), *(row for book in others for row in book.rows.values())]
        answer = self.product.settled(QUARTER)
        found = differences(answer, figures(rows, FIRST, LAST))
        assert not found, found
        report = self.product.audit()
        assert report.get("difference_count", 0) == 0, report


@pytest.fixture
def product() -> Iterator[Product]:
    with Product() as running:
        running.call(
            "PUT", "/pipeline/v1/users/by-external-id/ana",
            json={"name": "Ana", "email": "ana@example.com", "role": "rep"},
        )  # fmt: skip
        yield running
