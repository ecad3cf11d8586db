"""Exports become backdated versions, in the opportunity's own order of time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from tests.pipeline.imports.harness import Imports, warned

TEAMS = """sales_agent,manager,regional_office
Ann Lee,Mo Hart,East
Bo Kim,Mo Hart,East
Cy Ray,Di Fox,West
"""
ACCOUNTS = """account,sector,year_established,revenue,employees,office_location,subsidiary_of
Acme,technolgy,1996,1100.04,2822,United States,Umbrella
Umbrella,medical,1990,10.0,150,Philipines,
"""
PRODUCTS = "product,series,sales_price\nGTX Pro,GTX,4821\n"
PIPELINE = """opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
A1,Ann Lee,GTXPro,Acme,Won,2016-10-20,2017-03-01,1054.0
A2,Bo Kim,GTX Pro,Acme,Lost,2016-11-02,2017-04-10,0.0
A3,Cy Ray,GTX Pro,,Engaging,2017-06-01,,
A4,Cy Ray,GTX Pro,Umbrella,Prospecting,,,
"""
CRM = {
    "sales_teams.csv": TEAMS,
    "accounts.csv": ACCOUNTS,
    "products.csv": PRODUCTS,
    "sales_pipeline.csv": PIPELINE,
}


async def test_a_closed_row_opened_on_one_day_and_closed_on_another(imports: Imports) -> None:
    report = await imports.run(CRM, "crm-sales-opportunities")
    assert report["status"] == "succeeded"
    assert report["rows"]["created"] == 1 + 2 + 3 + 2 + 4
    opened, closed = await imports.history("A1")
    assert opened["occurred_at"] == "2016-10-20T07:00:00.000000Z"
    assert closed["occurred_at"] == "2017-03-01T08:00:00.000000Z"
    assert closed["changes"]["stage"] == {"from": "discovery", "to": "closed_won"}
    assert closed["changes"]["amount"] == {"from": None, "to": "1054.00"}
    assert closed["changes"]["close_date"] == {"from": None, "to": "2017-03-01"}
    won = await imports.opportunity("A1")
    assert won["name"] == "Acme – GTX Pro (A1)"
    assert won["close_fiscal_quarter"] == "FY18-Q1"
    assert won["region"]


async def test_a_lost_rows_zero_says_nothing_of_its_size(imports: Imports) -> None:
    await imports.run(CRM, "crm-sales-opportunities")
    lost = await imports.opportunity("A2")
    assert (lost["stage"], lost["amount"]) == ("closed_lost", None)


async def test_what_an_open_row_lacks_is_left_open_and_reported(imports: Imports) -> None:
    report = await imports.run(CRM, "crm-sales-opportunities")
    engaged = await imports.opportunity("A3")
    assert (engaged["stage"], engaged["account_external_id"]) == ("discovery", None)
    assert (engaged["amount"], engaged["close_date"]) == (None, None)
    assert (await imports.opportunity("A4"))["stage"] == "pending_acceptance"
    assert warned(report) == {
        "no_account": 1,
        "no_amount": 2,
        "no_close_date": 2,
        "no_date": 1,
        "spelling_corrected": 3,
    }


async def test_people_roll_up_in_three_levels_with_the_office_as_region(imports: Imports) -> None:
    await imports.run(CRM, "crm-sales-opportunities")
    answer = await imports.api.call("GET", "/pipeline/v1/users")
    managers = {
        user["external_id"]: (user["manager_external_id"], user["region"])
        for user in answer["items"]
    }
    assert managers == {
        "company": (None, None),
        "Mo Hart": ("company", "East"),
        "Di Fox": ("company", "West"),
        "Ann Lee": ("Mo Hart", "East"),
        "Bo Kim": ("Mo Hart", "East"),
        "Cy Ray": ("Di Fox", "West"),
    }


async def test_accounts_may_come_before_their_parents(imports: Imports) -> None:
    await imports.run(CRM, "crm-sales-opportunities")
    answer = await imports.api.call("GET", "/pipeline/v1/accounts")
    accounts = {account["external_id"]: account for account in answer["items"]}
    assert accounts["Acme"]["parent_external_id"] == "Umbrella"
    assert accounts["Acme"]["vertical"] == "technology"
    assert accounts["Umbrella"]["region"] == "Philippines"


async def test_the_same_export_again_changes_nothing(imports: Imports) -> None:
    await imports.run(CRM, "crm-sales-opportunities")
    before = await imports.versions()
    report = await imports.run(CRM, "crm-sales-opportunities")
    rows = report["rows"]
    assert (rows["created"], rows["updated"], rows["failed"]) == (0, 0, 0)
    assert await imports.versions() == before


async def test_a_later_export_adds_only_what_is_new(imports: Imports) -> None:
    await imports.run(CRM, "crm-sales-opportunities")
    later = PIPELINE.replace("Engaging,2017-06-01,,", "Won,2017-06-01,2017-09-02,5000")
    report = await imports.run({"sales_pipeline.csv": later}, "crm-sales-opportunities")
    assert report["records"]["opportunities"]["updated"] == 1
    stages = [version["changes"].get("stage") for version in await imports.history("A3")]
    assert stages[-1] == {"from": "discovery", "to": "closed_won"}
    assert len(stages) == 2


async def test_a_change_made_here_is_not_stepped_back_by_old_history(imports: Imports) -> None:
    await imports.run(CRM, "crm-sales-opportunities")
    found = await imports.opportunity("A3")
    await imports.api.call(
        "PUT", "/pipeline/v1/opportunities/by-external-id/A3", json={"stage": "proposal"}
    )
    later = PIPELINE.replace("Engaging,2017-06-01,,", "Lost,2017-06-01,2017-09-02,0")
    await imports.run({"sales_pipeline.csv": later}, "crm-sales-opportunities")
    history = await imports.history("A3")
    assert found["version"] == 1
    assert [version["changes"]["stage"]["to"] for version in history] == [
        "discovery", "proposal", "closed_lost",
    ]  # fmt: skip


async def test_a_close_before_its_opening_goes_in_with_a_warning(imports: Imports) -> None:
    swapped = PIPELINE.replace("2016-10-20,2017-03-01", "2017-03-05,2017-03-01")
    report = await imports.run(CRM | {"sales_pipeline.csv": swapped}, "maven")
    assert warned(report)["closed_before_opened"] == 1
    opened, closed = await imports.history("A1")
    assert opened["occurred_at"] == closed["occurred_at"] == "2017-03-01T08:00:00.000000Z"
    (warning,) = [
        row for row in await imports.errors(report, "warning")
        if row["code"] == "closed_before_opened"
    ]  # fmt: skip
    assert (warning["file"], warning["line"]) == ("sales_pipeline.csv", 2)


async def test_nothing_happens_in_the_future(
    imports: Imports, clock_at: Callable[[datetime], AbstractContextManager[None]]
) -> None:
    with clock_at(datetime(2017, 3, 15, tzinfo=UTC)):
        report = await imports.run(CRM, "maven")
    # A2 closes in April and A3 opens in June; both are recorded as of the day of the import.
    assert warned(report)["occurred_in_future"] == 2
    _, closed = await imports.history("A2")
    assert closed["occurred_at"] == "2017-03-15T00:00:00.000000Z"


SF_ACCOUNTS = """Id,IsDeleted,Name,ParentId,Industry,NumberOfEmployees
001A,FALSE,Edge Communications,,Electronics,1000
001B,TRUE,Gone Inc.,,Energy,5
"""
SF_OPPORTUNITIES = """Id,AccountId,Name,StageName,Amount,Probability,CloseDate,LeadSource,CreatedDate,LastModifiedDate
006A,001A,Edge Generator,Closed Won,75000,1000,02/03/24,Partner,02/01/23,02/23/24 08:55 PM
006B,001A,Edge Installation,Negotiation/Review,,90,02/03/25,Web,02/23/24,02/23/24 08:55 PM
006C,001X,Edge SLA,Closed Lost,60000,0,02/03/24,,02/01/23,03/07/24 09:00 PM
"""
SF_HISTORY = """Id,OpportunityId,CreatedById,CreatedDate,StageName,Amount,ExpectedRevenue,CloseDate,Probability,ForecastCategory,IsDeleted
h3,006A,005,02/20/24 12:05 AM,Proposal/Price Quote,70000,,03/01/24,75,Pipeline,FALSE
h1,006A,005,02/01/23 08:55 PM,Prospecting,,,03/01/24,10,Pipeline,FALSE
h2,006A,005,06/01/23 08:55 PM,Closed Won,1,,03/01/24,100,Closed,TRUE
h4,006Z,005,06/01/23 08:55 PM,Closed Won,1,,03/01/24,100,Closed,FALSE
"""
SALESFORCE = {
    "Account.csv": SF_ACCOUNTS,
    "Opportunity.csv": SF_OPPORTUNITIES,
    "OpportunityHistory.csv": SF_HISTORY,
}


async def test_history_rows_become_versions_in_their_order(imports: Imports) -> None:
    report = await imports.run(SALESFORCE)
    assert report["mapping"] == "salesforce"
    assert report["status"] == "succeeded"
    told = [
        (version["occurred_at"][:16], version["changes"]["stage"]["to"])
        for version in await imports.history("006A")
    ]
    assert told == [
        ("2023-02-02T04:55", "pending_acceptance"),
        ("2024-02-20T08:05", "proposal"),
        ("2024-02-24T04:55", "closed_won"),
    ]
    won = await imports.opportunity("006A")
    assert (won["amount"], won["close_date"]) == ("75000.00", "2024-02-03")
    assert (won["account_external_id"], won["source_kind"]) == ("001A", "partner")
    assert won["owner_external_id"] == "unassigned"


async def test_a_row_without_history_opens_and_closes_by_its_own_dates(imports: Imports) -> None:
    await imports.run(SALESFORCE)
    told = [version["changes"]["stage"]["to"] for version in await imports.history("006C")]
    assert told == ["discovery", "closed_lost"]


async def test_what_is_odd_in_the_export_is_reported(imports: Imports) -> None:
    report = await imports.run(SALESFORCE)
    assert report["history"] == {"read": 3, "skipped": 1, "failed": 0}
    assert report["records"]["accounts"]["skipped"] == 1
    warnings = warned(report)
    assert warnings["probability_out_of_range"] == 1
    assert warnings["history_without_record"] == 1
    assert warnings["unknown_account"] == 1
    assert warnings["no_amount"] == 1


async def test_the_history_again_changes_nothing(imports: Imports) -> None:
    await imports.run(SALESFORCE)
    before = await imports.versions()
    report = await imports.run(SALESFORCE)
    assert report["rows"]["unchanged"] == 1 + 3
    assert (report["rows"]["created"], report["rows"]["updated"]) == (0, 0)
    assert await imports.versions() == before


NDJSON = """{"record": "user", "external_id": "ana", "name": "Ana"}
{"external_id": "n1", "name": "N1", "type": "new_business", "stage": "discovery", "amount": 100, "owner_external_id": "ana", "occurred_at": "2024-01-10T00:00:00Z"}
{"external_id": "n1", "stage": "closed_won", "amount": "200.00", "close_date": "2024-03-01", "occurred_at": "2024-03-01T12:00:00Z"}
"""


async def test_several_lines_of_one_record_are_its_versions(imports: Imports) -> None:
    report = await imports.run(NDJSON)
    assert report["mapping"] == "generic-ndjson"
    assert report["status"] == "succeeded", await imports.errors(report)
    assert len(await imports.history("n1")) == 2
    before = await imports.versions()
    again = await imports.run(NDJSON)
    assert again["rows"]["unchanged"] == 3
    assert await imports.versions() == before


async def test_a_correction_told_late_is_a_version_of_its_own(imports: Imports) -> None:
    await imports.run(NDJSON)
    late = '{"external_id": "n1", "amount": "150.00", "occurred_at": "2024-02-01T00:00:00Z"}\n'
    report = await imports.run(late)
    assert report["rows"]["updated"] == 1
    assert [version["occurred_at"][:10] for version in await imports.history("n1")] == [
        "2024-01-10", "2024-03-01", "2024-02-01",
    ]  # fmt: skip
    assert (await imports.run(late))["rows"]["unchanged"] == 1
    assert (await imports.run(NDJSON))["rows"]["unchanged"] == 3
    assert (await imports.opportunity("n1"))["amount"] == "150.00"
