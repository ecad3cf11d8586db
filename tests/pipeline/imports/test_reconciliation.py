"""What the files add up to, against what is stored: counts, sums, and every record that differs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.imports.reconciliation import repository
from services.pipeline.imports.reconciliation.domain import (
    STANDINGS,
    Circumstances,
    lines_of,
    reason,
)
from tests.pipeline.imports.harness import Imports
from tests.pipeline.imports.test_import_history import CRM
from tests.pipeline.imports.warehouse import HUBSPOT, OPPORTUNITIES, SALESFORCE


def kinds(found: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {each["record"]: (each["theirs"], each["ours"]) for each in found["records"]}


def whys(differences: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    return {(each["external_id"], each["field"]): each["why"] for each in differences}


async def test_totals_are_the_files_own_and_not_the_mappings(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    found = await imports.reconciliation(report["id"])
    assert kinds(found) == {"users": (4, 4), "accounts": (2, 2), "opportunities": (5, 4)}
    (sums,) = found["sums"]
    assert sums == {
        "currency": "USD", "theirs_amount": "125910.005", "ours_amount": "129400.50",
        "theirs_won": "120000.00", "ours_won": "120000.00", "theirs_open": "5010.005",
        "ours_open": "8500.50",
    }  # fmt: skip
    shown = {(each["fiscal_quarter"], each["standing"]): each for each in found["totals"]}
    won = next(each for key, each in shown.items() if key[1] == "won")
    assert (won["theirs_count"], won["ours_count"], won["is_equal"]) == (1, 1, True)
    assert sum(each["theirs_count"] for each in found["totals"]) == 5
    assert sum(each["ours_count"] for each in found["totals"]) == 4


async def test_every_difference_says_why(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    differences = await imports.differences(report["id"])
    assert whys(differences) == {
        ("o-far", "record"): "date_out_of_range",
        ("o-lines", "amount"): "amount_from_lines",
        ("o-open", "amount"): "rounded",
    }
    (rounded,) = [each for each in differences if each["external_id"] == "o-open"]
    assert (rounded["theirs"], rounded["ours"], rounded["line"]) == ("5000.005", "5000.00", 3)
    assert rounded["file"] == "sf_opportunity_data.csv"


async def test_deleted_there_and_changed_here_show_as_such(imports: Imports) -> None:
    await imports.run(SALESFORCE, "fivetran-salesforce")
    deleted = OPPORTUNITIES.replace("Closed Won,true,true,false", "Closed Won,true,true,true")
    report = await imports.run(
        SALESFORCE | {"sf_opportunity_data.csv": deleted}, "fivetran-salesforce"
    )
    opened = await imports.opportunity("o-open")
    await imports.api.call(
        "PATCH", f"/pipeline/v1/opportunities/{opened['id']}", json={"amount": "6000.00"},
        headers={"If-Match": f'"{opened["version"]}"'},
    )  # fmt: skip
    told = whys(await imports.differences(report["id"]))
    assert told[("o-won", "record")] == "deleted"
    assert told[("o-open", "amount")] == "changed_since"


async def test_merged_deals_count_on_neither_side(imports: Imports) -> None:
    report = await imports.run(HUBSPOT, "hubspot")
    found = await imports.reconciliation(report["id"])
    deals = next(each for each in found["records"] if each["record"] == "opportunities")
    assert (deals["theirs"], deals["ours"], deals["merged"], deals["deleted"]) == (4, 4, 1, 1)
    assert deals["differing"] == 0
    await imports.run(
        HUBSPOT | {"merged_deal.csv": "deal_id,merged_deal_id\nd-won,d-into\nd-won,d-open\n"},
        "hubspot",
    )
    assert whys(await imports.differences(report["id"])) == {("d-open", "standing"): "merged"}


async def test_a_lost_deals_zero_is_told_as_such(imports: Imports) -> None:
    report = await imports.run(CRM, "maven")
    found = await imports.reconciliation(report["id"])
    assert all(each["is_equal"] for each in found["totals"])
    assert whys(await imports.differences(report["id"])) == {("A2", "amount"): "zero_left_out"}


@pytest.mark.parametrize("role", ["rep", "sdr", "manager"])
async def test_whoever_reads_no_imports_reads_no_reconciliation(
    imports: Imports, role: str
) -> None:
    report = await imports.run(CRM, "maven")
    client = await imports.api.client_for(role)
    async with client:
        for path in ("", "/differences"):
            answer = await client.request(
                "GET", f"/pipeline/v1/imports/{report['id']}/reconciliation{path}"
            )
            assert answer.status_code == 403


async def test_it_is_read_page_by_page_and_as_csv(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    path = f"/pipeline/v1/imports/{report['id']}/reconciliation"
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await imports.api.call("GET", f"{path}/differences", params={"limit": 1} | cursor)
        seen += [each["external_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["o-far", "o-lines", "o-open"]
    answer = await imports.api.request("GET", path, params={"format": "csv"})
    assert answer.text.splitlines()[0].startswith("currency,fiscal_quarter,standing,theirs_count")
    assert len(answer.text.splitlines()) == 1 + 5


async def test_versions_of_one_record_count_once_as_the_latest(imports: Imports) -> None:
    await imports.api.call("PUT", "/pipeline/v1/users/by-external-id/u", json={"name": "U"})
    body = (
        "external_id,name,type,stage,owner_external_id,amount,close_date,occurred_at\n"
        "v,V,new_business,discovery,u,10,2026-03-01,2026-01-01T00:00:00Z\n"
        "v,V,new_business,closed_won,u,20,2026-03-01,2026-03-01T00:00:00Z\n"
    )
    report = await imports.run({"opportunities.csv": body}, "generic-csv")
    found = await imports.reconciliation(report["id"])
    (line,) = found["totals"]
    assert (line["standing"], line["theirs_count"], line["theirs_amount"]) == ("won", 1, "20.00")
    assert found["differing"] == 0


async def test_only_the_newest_imports_are_kept(imports: Imports, monkeypatch: Any) -> None:
    monkeypatch.setattr(repository, "KEPT_IMPORTS", 1)
    first = await imports.run(SALESFORCE, "fivetran-salesforce")
    second = await imports.run(SALESFORCE, "fivetran-salesforce")
    answer = await imports.api.request("GET", f"/pipeline/v1/imports/{first['id']}/reconciliation")
    assert (answer.status_code, answer.json()["code"]) == (409, "reconciliation_gone")
    assert (await imports.reconciliation(second["id"]))["differing"] == 3


async def test_another_workspace_finds_nothing(imports: Imports, other_imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    for path in ("", "/differences"):
        answer = await other_imports.api.request(
            "GET", f"/pipeline/v1/imports/{report['id']}/reconciliation{path}"
        )
        assert answer.status_code == 404


DAYS = st.none() | st.dates(date(2025, 1, 1), date(2027, 12, 31))
ROWS = st.lists(
    st.fixed_dictionaries({
        "currency": st.sampled_from(["USD", "EUR"]), "close_date": DAYS,
        "standing": st.sampled_from(STANDINGS), "count": st.integers(1, 5),
        "amount": st.none() | st.decimals(-100, 100, places=2),
    }),
    max_size=20,
)  # fmt: skip


@given(ROWS, ROWS)
def test_no_row_is_lost_when_days_become_quarters(theirs: Any, ours: Any) -> None:
    lines = lines_of(theirs, ours, lambda day: day.year * 10 + (day.month + 2) // 3)
    for rows, side in ((theirs, "theirs"), (ours, "ours")):
        sides = [getattr(line, side) for line in lines.values()]
        assert sum(each.count for each in sides) == sum(row["count"] for row in rows)
        assert sum((each.amount for each in sides), Decimal()) == sum(
            ((row["amount"] or Decimal()) for row in rows), Decimal()
        )


@given(
    st.sampled_from(["record", "amount", "close_date", "currency", "standing"]),
    st.sampled_from(["stated", "deleted", "left_out", "refused"]),
    st.sets(st.sampled_from(["stage_unknown", "rounded", "unreadable_date", "other"])),
    st.booleans(),
)
def test_every_difference_has_a_reason(field: str, state: str, codes: Any, is_later: bool) -> None:
    around = Circumstances(state, frozenset(codes), is_here=True, is_later=is_later)
    assert reason(field, "a", "b", around)
