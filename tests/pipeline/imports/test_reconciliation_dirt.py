"""Rows that do not go in, or come twice, are theirs all the same: the files' own sums add up."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from services.pipeline.imports import records
from tests.pipeline.imports.harness import Imports
from tests.pipeline.imports.test_reconciliation import whys

HEAD = (
    "id,name,account_id,amount,close_date,created_date,owner_id,probability,stage_name,is_won,"
    "is_closed,is_deleted\n"
)


def row(key: str, amount: str, *, close: str = "2026-06-20", deleted: str = "false") -> str:
    opened = "2026-02-01 00:00:00"
    return f'{key},N,,"{amount}",{close},{opened},u-rep,10,Prospecting,false,false,{deleted}\n'


async def run(imports: Imports, *rows: str) -> tuple[Any, Any, Any]:
    files = {"sf_opportunity_data.csv": HEAD + "".join(rows)}
    report = await imports.run(files, "fivetran-salesforce")
    found = await imports.reconciliation(report["id"])
    return found["records"][0], found["totals"], await imports.differences(report["id"])


def theirs(totals: Any) -> tuple[int, str]:
    count = sum(line["theirs_count"] for line in totals)
    return count, f"{sum(float(line['theirs_amount']) for line in totals):.2f}"


@pytest.mark.parametrize("between", [0, 600])
async def test_what_was_deleted_and_is_back_counts_as_the_row_that_was_taken(
    imports: Imports, between: int
) -> None:
    """In one batch, and in two."""
    others = [row(f"o-{number}", "1") for number in range(between)]
    first = [row("o-back", "111", deleted="true"), row("o-read", "222", close="31/31/2026")]
    deals, totals, differences = await run(
        imports, *first, *others, row("o-back", "500"), row("o-read", "600"), row("o-back", "7")
    )
    assert (deals["theirs"], deals["ours"]) == (2 + between, 2 + between)
    assert (deals["deleted"], deals["refused"], differences) == (0, 0, [])
    assert theirs(totals) == (2 + between, f"{1100 + between}.00")
    assert all(line["is_equal"] for line in totals)


async def test_what_has_no_key_or_is_no_row_counts(imports: Imports) -> None:
    deals, totals, differences = await run(
        imports, row("o-1", "1,234.50"), row("", "700"), "o-short,only\n", row("o-2", "5")
    )
    assert (deals["theirs"], deals["ours"], deals["refused"], deals["unreadable"]) == (4, 2, 1, 1)
    assert theirs(totals) == (3, "1939.50")
    assert {(each["external_id"], each["line"], each["why"]) for each in differences} == {
        (None, 3, "refused"), (None, 4, "unreadable"),
    }  # fmt: skip


async def test_what_the_database_refuses_counts(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = records.store

    async def picky(session: Any, author: Any, record: str, payloads: Any) -> Any:
        if any(payload["external_id"] == "o-2" for payload in payloads):
            raise asyncpg.NumericValueOutOfRangeError("no room for it")
        return await original(session, author, record, payloads)

    monkeypatch.setattr(records, "store", picky)
    deals, totals, differences = await run(
        imports, *(row(f"o-{number}", "10") for number in range(4)), row("o-\x004", "10")
    )
    assert (deals["theirs"], deals["ours"], deals["refused"]) == (5, 3, 2)
    assert theirs(totals) == (5, "50.00")
    # The second could not even be kept under its own key.
    assert whys(differences) == {("o-2", "record"): "refused", (None, "record"): "refused"}
