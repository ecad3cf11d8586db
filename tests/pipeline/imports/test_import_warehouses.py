"""Fivetran's tables of Salesforce and HubSpot: joins, windows, pivots, merges and deletions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.imports.harness import Files, Imports, warned
from tests.pipeline.imports.warehouse import HUBSPOT, OPPORTUNITIES, SALESFORCE, STAGES


async def users_of(imports: Imports) -> dict[str, Any]:
    answer = await imports.api.call("GET", "/pipeline/v1/users")
    return {user["external_id"]: user for user in answer["items"]}


async def warnings_of(imports: Imports, report: dict[str, Any], code: str) -> list[str]:
    rows = await imports.errors(report, "warning")
    return sorted(f"{row['file']}:{row['line']}" for row in rows if row["code"] == code)


async def test_salesforce_tables_are_known_by_their_columns(imports: Imports) -> None:
    report = await imports.run(SALESFORCE)
    assert report["mapping"] == "fivetran-salesforce"
    assert {file["name"]: file["role"] for file in report["files"]} == {
        "sf_opportunity_data.csv": "opportunities",
        "user_role.csv": "roles",
        "sf_user.csv": "users",
        "account_data.csv": "accounts",
        "sf_opportunity_history_data.csv": "history",
        "opportunity_line_item.csv": "line_items",
    }
    counts = report["records"]["opportunities"]
    assert (counts["created"], counts["skipped"], counts["failed"]) == (4, 1, 1)


async def test_lines_of_reporting_follow_managers_then_roles(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "salesforce-warehouse")
    users = await users_of(imports)
    managers = {key: user["manager_external_id"] for key, user in users.items()}
    assert managers == {
        "u-vp": None, "u-mgr": "u-vp", "u-rep": "u-mgr", "u-own": "u-vp", "u-new": None,
    }  # fmt: skip
    assert users["u-mgr"]["email"] is None
    assert users["u-own"]["active"] is False
    assert await warnings_of(imports, report, "unreadable_email") == ["sf_user.csv:3"]


async def test_windows_become_versions_in_their_own_order(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    history = await imports.history("o-won")
    assert [each["occurred_at"][:19] for each in history] == [
        "2026-01-02T10:00:00", "2026-02-15T00:00:00", "2026-03-01T09:00:00",
    ]  # fmt: skip
    assert history[1]["changes"]["amount"] == {"from": None, "to": "110000.00"}
    assert history[2]["changes"]["stage"] == {"from": "negotiating", "to": "closed_won"}
    assert await warnings_of(imports, report, "history_overlaps") == ["sf_opportunity_data.csv:2"]
    assert await warnings_of(imports, report, "history_without_record") == [
        "sf_opportunity_history_data.csv:5"
    ]


async def test_unknown_stages_go_by_flags_and_probability_and_are_reported(
    imports: Imports,
) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    stages = {key: (await imports.opportunity(key))["stage"] for key in
              ("o-won", "o-open", "o-lost", "o-lines")}  # fmt: skip
    assert stages == {
        "o-won": "closed_won", "o-open": "technical_evaluation", "o-lost": "closed_lost",
        "o-lines": "discovery",
    }  # fmt: skip
    name = "sf_opportunity_data.csv"
    assert await warnings_of(imports, report, "stage_unknown") == [f"{name}:{n}" for n in (3, 4, 5)]
    assert await warnings_of(imports, report, "probability_out_of_range") == [f"{name}:5"]


async def test_line_items_add_up_and_are_compared(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    lines = await imports.opportunity("o-lines")
    assert (lines["amount"], lines["other_non_recurring_amount"]) == ("3500.50", "500.50")
    assert (await imports.opportunity("o-won"))["amount"] == "120000.00"
    assert (await imports.opportunity("o-open"))["amount"] == "5000.00"
    told = warned(report)
    assert told["amount_is_not_its_lines"] == 1
    assert told["amount_from_lines"] == told["rounded"] == 1
    assert await warnings_of(imports, report, "unreadable_number") == [
        "account_data.csv:3", "opportunity_line_item.csv:6",
    ]  # fmt: skip


async def test_deleted_rows_are_not_made_and_never_silent(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    assert await warnings_of(imports, report, "deleted_left_out") == [
        "account_data.csv:4", "sf_opportunity_data.csv:6", "sf_user.csv:6",
    ]  # fmt: skip
    deleted = OPPORTUNITIES.replace("Closed Won,true,true,false", "Closed Won,true,true,true")
    again = await imports.run(
        SALESFORCE | {"sf_opportunity_data.csv": deleted}, "fivetran-salesforce"
    )
    assert await warnings_of(imports, again, "deleted_kept") == ["sf_opportunity_data.csv:2"]
    assert (await imports.opportunity("o-won"))["stage"] == "closed_won"


async def test_a_date_out_of_range_is_refused_with_line_and_reason(imports: Imports) -> None:
    report = await imports.run(SALESFORCE, "fivetran-salesforce")
    (error,) = await imports.errors(report)
    assert (error["file"], error["line"], error["field"]) == (
        "sf_opportunity_data.csv", 7, "close_date",
    )  # fmt: skip


async def test_a_deal_is_put_together_from_its_tables(imports: Imports) -> None:
    report = await imports.run(HUBSPOT)
    assert report["mapping"] == "fivetran-hubspot"
    won = await imports.opportunity("d-won")
    assert (won["account_external_id"], won["owner_external_id"]) == ("c-1", "7")
    assert won["contact_external_ids"] == ["k-1", "k-2"]
    assert (won["amount"], won["close_date"]) == ("1000.50", "2026-03-01")
    users = await users_of(imports)
    assert (users["7"]["name"], users["7"]["region"]) == ("Ana Lee", "West")
    assert (users["8"]["name"], users["8"]["region"]) == ("Owner 8", "Team t2")
    accounts = (await imports.api.call("GET", "/pipeline/v1/accounts"))["items"]
    assert {each["external_id"]: each["name"] for each in accounts} == {
        "c-1": "Acme", "c-2": "Company c-2",
    }  # fmt: skip


async def test_stages_go_by_label_flags_probability_and_place(imports: Imports) -> None:
    report = await imports.run(HUBSPOT, "hubspot")
    found = {key: (await imports.opportunity(key))["stage"] for key in
             ("d-won", "d-open", "d-lost", "d-bare", "d-into")}  # fmt: skip
    assert found == {
        "d-won": "closed_won", "d-open": "technical_evaluation", "d-lost": "closed_lost",
        "d-bare": "discovery", "d-into": "duplicate",
    }  # fmt: skip
    assert await warnings_of(imports, report, "stage_unknown") == [
        "deal_data.csv:2", "deal_data.csv:3", "deal_data.csv:4", "deal_data.csv:5",
        "deal_property_history_data.csv:7", "deal_stage.csv:2",
    ]  # fmt: skip
    assert {"no_amount", "no_close_date"} <= warned(report).keys()


async def test_properties_and_stages_become_one_history(imports: Imports) -> None:
    report = await imports.run(HUBSPOT, "hubspot")
    history = await imports.history("d-won")
    assert [each["occurred_at"][:16] for each in history] == [
        "2026-01-01T09:00", "2026-02-01T09:00", "2026-02-10T09:00", "2026-03-01T09:00",
        "2026-03-01T12:00",
    ]  # fmt: skip
    first = history[0]["changes"]
    assert (first["name"]["to"], first["amount"]["to"]) == ("First name", "800.00")
    assert first["stage"]["to"] == "discovery"
    assert history[2]["changes"]["close_date"] == {"from": None, "to": "2026-03-01"}
    assert history[4]["changes"]["stage"] == {"from": "discovery", "to": "closed_won"}
    assert report["history"] == {"read": 9, "skipped": 1, "failed": 1}
    (error,) = await imports.errors(report)
    assert (error["file"], error["line"], error["field"]) == (
        "deal_property_history_data.csv", 9, "amount",
    )  # fmt: skip


async def test_merged_deals_are_duplicates_of_what_they_went_into(imports: Imports) -> None:
    report = await imports.run(HUBSPOT, "hubspot")
    merged = await imports.opportunity("d-into")
    assert (merged["stage"], merged["duplicate_of"]) == ("duplicate", "d-won")
    assert await warnings_of(imports, report, "record_not_there") == ["merged_deal.csv:3"]
    later = HUBSPOT | {
        "deal_data.csv": "\n".join(
            line for line in HUBSPOT["deal_data.csv"].split("\n") if "d-open" not in line
        ),
        "merged_deal.csv": "deal_id,merged_deal_id\nd-won,d-open\n",
    }
    await imports.run(later, "hubspot")
    assert (await imports.opportunity("d-open"))["duplicate_of"] == "d-won"
    assert await warnings_of(imports, report, "deleted_left_out") == ["deal_data.csv:7"]


@pytest.mark.parametrize(
    ("files", "mapping"),
    [(SALESFORCE, "fivetran-salesforce"), (HUBSPOT, "fivetran-hubspot")],
    ids=["salesforce", "hubspot"],
)
async def test_the_same_tables_again_change_nothing(
    imports: Imports, files: Files, mapping: str
) -> None:
    await imports.run(files, mapping)
    before = await imports.versions()
    report = await imports.run(files, mapping)
    assert (report["rows"]["created"], report["rows"]["updated"]) == (0, 0)
    assert await imports.versions() == before


@pytest.mark.parametrize(
    ("files", "mapping"),
    [(SALESFORCE, "fivetran-salesforce"), (HUBSPOT, "fivetran-hubspot")],
    ids=["salesforce", "hubspot"],
)
async def test_marks_semicolons_and_line_ends_make_no_difference(
    imports: Imports, other_imports: Imports, files: Files, mapping: str
) -> None:
    plain = await imports.run(files, mapping)
    dressed = {
        name: b"\xef\xbb\xbf" + str(text).replace(",", ";").replace("\n", "\r\n").encode()
        for name, text in files.items()
    }
    # A lone mark is the decimal one in files with semicolons, unless the mapping says.
    amounts = {name: body.replace(b"500.5;", b"500,5;").replace(b"5000.005", b"5000,005")
               .replace(b"1000.5", b"1000,5") for name, body in dressed.items()}  # fmt: skip
    report = await other_imports.run(amounts, mapping)
    assert report["rows"] == plain["rows"]
    assert await other_imports.versions() == await imports.versions()


async def test_a_stage_list_without_labels_still_orders_itself(imports: Imports) -> None:
    shuffled = STAGES.splitlines()
    text = "\n".join([shuffled[0], *reversed(shuffled[1:])])
    await imports.run(HUBSPOT | {"deal_pipeline_stage_data.csv": text}, "hubspot")
    assert (await imports.opportunity("d-open"))["stage"] == "technical_evaluation"
