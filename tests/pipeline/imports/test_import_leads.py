"""Leads from files: their history, the deals won from them, and everything that can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.client import Api
from tests.pipeline.imports.harness import Imports, warned

LEADS = """mql_id,first_contact_date,landing_page_id,origin
m1,2018-02-01,p1,social
m2,2018-02-03,p1,paid search
m3,2018-02-10,p2,
m4,2018-03-08,p2,unknown
"""
DEALS = (
    "mql_id,seller_id,sdr_id,sr_id,won_date,business_segment,lead_type,lead_behaviour_profile,"
    "has_company,has_gtin,average_stock,business_type,declared_product_catalog_size,"
    "declared_monthly_revenue\n"
    "m2,s2,ann,bob,2018-02-26 19:58:54,pet,online medium,cat,,,,reseller,,5000.0\n"
    "m4,s4,ann,ann,2018-03-06 19:38:55,,online small,,,,,,,0.0\n"
)
BOTH = {"leads.csv": LEADS, "closed_deals.csv": DEALS}
NOW = datetime(2018, 4, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_april(clock_at: Callable[[datetime], Any]) -> Any:
    with clock_at(NOW):
        yield


async def lead(imports: Imports, external_id: str) -> dict[str, Any]:
    answer = await imports.api.call(
        "GET", "/qualification/v1/leads", params={"external_id": external_id}
    )
    (found,) = answer["items"]
    return found


async def moves(imports: Imports, external_id: str) -> list[tuple[str, str]]:
    """Each status with the day it came, in the company's time."""
    found = await lead(imports, external_id)
    answer = await imports.api.call("GET", f"/qualification/v1/leads/{found['id']}/moves")
    return [(move["to_status"], move["occurred_at"][:16]) for move in answer["items"]]


async def rows_of(api: Api) -> dict[str, list[tuple[Any, ...]]]:
    """Everything an import of leads may write, to compare before and after."""
    tables = {
        "workspace.users": "external_id, version, role, updated_at",
        "pipeline.accounts": "external_id, version, updated_at",
        "pipeline.opportunities": "external_id, version, updated_at",
        "pipeline.opportunity_events": "opportunity_id, version, occurred_at",
        "qualification.leads": "external_id, version, status, updated_at",
        "qualification.lead_moves": "id, to_status, occurred_at",
        "qualification.conversions": "opportunity_id, lead_id, state, requested_at",
        "qualification.response_timers": "id, started_at, stopped_at",
        "qualification.timers": "kind, subject_id, due_at",
        "qualification.outbox": "id",
    }
    found = {}
    async with api.database().read(api.workspace_id) as session:
        for table, columns in tables.items():
            rows = await session.fetch(
                f"SELECT {columns} FROM {table} WHERE workspace_id = $1 ORDER BY 1, 2",
                api.workspace_id,
            ) if "," in columns else await session.fetch(
                f"SELECT {columns} FROM {table} WHERE workspace_id = $1 ORDER BY 1",
                api.workspace_id,
            )  # fmt: skip
            found[table] = [tuple(row) for row in rows]
    return found


class TestMarketingLeads:
    async def test_every_lead_is_an_mql_from_its_first_contact_on(self, imports: Imports) -> None:
        report = await imports.run({"leads.csv": LEADS}, "olist")
        assert report["status"] == "succeeded"
        assert report["records"]["leads"]["created"] == 4
        found = await lead(imports, "m1")
        assert (found["status"], found["source"], found["source_kind"]) == (
            "mql", "social", "inbound",
        )  # fmt: skip
        assert found["landing_page"] == "p1"
        # Midnight in Los Angeles.
        assert found["first_mql_at"] == "2018-02-01T08:00:00.000000Z"
        assert await moves(imports, "m1") == [("mql", "2018-02-01T08:00")]
        assert (await lead(imports, "m3"))["source"] is None
        assert (await lead(imports, "m4"))["source"] == "unknown"

    async def test_a_deal_is_a_lead_qualified_handed_over_and_won(self, imports: Imports) -> None:
        report = await imports.run(BOTH, "olist")
        assert report["status"] == "succeeded"
        assert {kind: counts["created"] for kind, counts in report["records"].items()} == {
            "users": 2, "accounts": 2, "opportunities": 2, "leads": 4, "handovers": 2,
        }  # fmt: skip
        found = await lead(imports, "m2")
        assert (found["status"], found["sql_at"]) == ("qualified", "2018-02-27T03:58:54.000000Z")
        assert (found["sdr_external_id"], found["owner_external_id"]) == ("ann", "bob")
        assert await moves(imports, "m2") == [
            ("mql", "2018-02-03T08:00"), ("qualified", "2018-02-27T03:58"),
        ]  # fmt: skip
        deal = await imports.opportunity("m2")
        assert (deal["stage"], deal["close_date"]) == ("closed_won", "2018-02-26")
        assert (deal["owner_external_id"], deal["sdr_external_id"]) == ("bob", "ann")
        # What the seller earns is no ARR of ours.
        assert (deal["amount"], deal["net_arr"]) == (None, "0.00")
        assert deal["account_external_id"] == "s2"
        assert found["conversion"]["opportunity_id"] == deal["id"]
        assert found["conversion"]["state"] == "opened"
        told = await imports.api.call("GET", f"/qualification/v1/leads/{found['id']}/conversion")
        # Handed over elsewhere: no test was made here, and none is made up.
        assert told["assessment_id"] is None
        hand_off = told["hand_off"]
        assert (hand_off["from_external_id"], hand_off["to_external_id"]) == ("ann", "bob")
        assert hand_off["at"] == "2018-02-27T03:58:54.000000Z"
        users = await imports.api.call("GET", "/pipeline/v1/users")
        assert {user["external_id"]: user["role"] for user in users["items"]} == {
            # Who does both is a rep, whichever row comes first.
            "bob": "rep", "ann": "rep",
        }  # fmt: skip

    async def test_won_before_its_lead_came(self, imports: Imports) -> None:
        report = await imports.run(BOTH, "olist")
        assert warned(report)["handed_over_before_move"] == 1
        assert await moves(imports, "m4") == [
            ("mql", "2018-03-08T08:00"), ("qualified", "2018-03-08T08:00"),
        ]  # fmt: skip
        assert (await imports.opportunity("m4"))["close_date"] == "2018-03-06"

    async def test_a_second_time_nothing_changes(self, imports: Imports) -> None:
        await imports.run(BOTH, "olist")
        before = await rows_of(imports.api)
        assert before["qualification.lead_moves"]
        report = await imports.run(BOTH, "olist")
        rows = report["rows"]
        assert (rows["created"], rows["updated"], rows["failed"]) == (0, 0, 0)
        assert report["records"]["leads"]["unchanged"] == 4
        assert report["records"]["handovers"]["unchanged"] == 2
        assert await rows_of(imports.api) == before

    async def test_deals_may_come_before_their_leads(self, imports: Imports) -> None:
        report = await imports.run({"closed_deals.csv": DEALS}, "olist")
        assert report["status"] == "succeeded_with_errors"
        assert [(e["line"], e["record"], e["code"]) for e in await imports.errors(report)] == [
            (2, "handovers", "unknown_reference"), (3, "handovers", "unknown_reference"),
        ]  # fmt: skip
        await imports.run({"leads.csv": LEADS}, "olist")
        assert (await lead(imports, "m2"))["status"] == "mql"
        report = await imports.run(BOTH, "olist")
        assert report["records"]["handovers"]["created"] == 2
        assert (await lead(imports, "m2"))["conversion"]["state"] == "opened"

    async def test_what_became_of_a_lead_since_is_not_stepped_back(self, imports: Imports) -> None:
        await imports.run(BOTH, "olist")
        api = imports.api
        await api.call(
            "PUT", "/pipeline/v1/users/by-external-id/eve", json={"name": "Eve", "role": "rep"}
        )
        for external_id, change in (
            ("m1", {"status": "disqualified", "status_reason": "spam"}),
            ("m2", {"owner_external_id": "eve"}),
        ):
            await api.call(
                "PUT", f"/qualification/v1/leads/by-external-id/{external_id}", json=change
            )
        later = LEADS.replace("m1,2018-02-01,p1,social", "m1,2018-02-01,p9,social")
        report = await imports.run({"leads.csv": later, "closed_deals.csv": DEALS}, "olist")
        assert report["records"]["leads"]["updated"] == 1
        found = await lead(imports, "m1")
        assert (found["status"], found["landing_page"]) == ("disqualified", "p9")
        assert (await lead(imports, "m2"))["owner_external_id"] == "eve"

    async def test_told_by_its_columns(self, imports: Imports) -> None:
        report = await imports.run({"a.csv": LEADS, "b.csv": DEALS})
        assert report["mapping"] == "olist"
        assert [file["role"] for file in report["files"]] == ["leads", "deals"]


class TestDirt:
    async def test_every_bad_row_is_reported_and_good_ones_go_in(self, imports: Imports) -> None:
        leads = (
            "mql_id,first_contact_date,landing_page_id,origin\n"
            "m1,2018-02-01,p1,social\n"
            ",2018-02-01,p1,social\n"
            "m1,2018-02-02,p1,email\n"
            "m5,,p1,social\n"
            "m6,31/02/2018,p1,social\n"
            "m7,2019-01-01,p1,social\n"
            "m8,2018-02-01,p1,social,surplus\n"
            "m9,2018-02-01,,\n"
        )
        deals = (
            "mql_id,seller_id,sdr_id,sr_id,won_date,business_segment\n"
            "m1,s1,ann,bob,2018-02-26 19:58:54,pet\n"
            "m1,s9,ann,bob,2018-02-27 19:58:54,pet\n"
            "gone,s2,ann,bob,2018-02-26 19:58:54,pet\n"
            "m9,s3,,,2018-02-26 19:58:54,pet\n"
            "m7,s4,ann,bob,2019-03-01 00:00:00,pet\n"
        )
        report = await imports.run({"leads.csv": leads, "closed_deals.csv": deals}, "olist")
        assert report["status"] == "succeeded_with_errors"
        errors = {
            (e["file"], e["line"], e["record"], e["field"], e["code"])
            for e in await imports.errors(report)
        }
        assert errors == {
            ("leads.csv", 3, "leads", "external_id", "missing"),
            ("leads.csv", 4, "leads", "external_id", "duplicate_in_file"),
            ("leads.csv", 5, "leads", "occurred_at", "missing"),
            ("leads.csv", 6, "leads", "occurred_at", "unreadable_date"),
            ("leads.csv", 8, "leads", None, "wrong_column_count"),
            ("closed_deals.csv", 3, "opportunities", "external_id", "duplicate_in_file"),
            ("closed_deals.csv", 5, "opportunities", "owner_external_id", "missing"),
            ("closed_deals.csv", 3, "handovers", "external_id", "duplicate_in_file"),
            ("closed_deals.csv", 4, "handovers", "external_id", "unknown_reference"),
            ("closed_deals.csv", 5, "handovers", "opportunity_external_id", "unknown_reference"),
        }
        assert report["errors_total"] == len(errors)
        assert report["records"]["leads"]["created"] == 3
        assert (await lead(imports, "m1"))["source"] == "social"
        assert (await lead(imports, "m9"))["source"] is None
        # What has not come yet counts from now on, and says so.
        assert warned(report)["occurred_in_future"] == 3
        assert (await lead(imports, "m7"))["first_mql_at"] == "2018-04-01T12:00:00.000000Z"
        # A deal whose lead is nowhere is a deal all the same.
        assert (await imports.opportunity("gone"))["stage"] == "closed_won"

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda text: b"\xef\xbb\xbf" + text.encode(),
            lambda text: text.replace("\n", "\r\n").encode(),
            lambda text: text.replace(",", ";").encode(),
            lambda text: text.encode("utf-16"),
            lambda text: ("\n\n" + text).encode(),
        ],
        ids=["bom", "crlf", "semicolons", "utf-16", "blank lines"],
    )
    async def test_however_it_is_written(
        self, imports: Imports, spoil: Callable[[str], bytes]
    ) -> None:
        report = await imports.run({name: spoil(text) for name, text in BOTH.items()}, "olist")
        assert report["status"] == "succeeded", await imports.errors(report)
        assert report["records"]["handovers"]["created"] == 2

    async def test_one_hand_over_a_lead_and_an_opportunity(self, imports: Imports) -> None:
        await imports.run(BOTH, "olist")
        rows = (
            '{"record": "handover", "external_id": "m1", "opportunity_external_id": "m2"}\n'
            '{"record": "handover", "external_id": "m2", "opportunity_external_id": "m4"}\n'
            '{"record": "handover", "external_id": "m1", "opportunity_external_id": "m9"}\n'
        )
        report = await imports.run(rows, "generic-ndjson")
        assert {(e["line"], e["code"]) for e in await imports.errors(report)} == {
            (1, "handed_over_elsewhere"), (2, "handed_over_elsewhere"), (3, "duplicate_in_file"),
        }  # fmt: skip
        assert (await lead(imports, "m1"))["status"] == "mql"


class TestGenericFiles:
    async def test_csv_with_a_history(self, imports: Imports) -> None:
        files = {
            "users.csv": "external_id,name,role\nann,Ann,sdr\nbob,Bob,rep\n",
            "leads.csv": (
                "external_id,name,email,status,occurred_at,sdr_external_id,status_reason,score,tools\n"
                "l1,Kim,kim@acme.example,inquiry,2018-01-01T08:00:00Z,,,10,Jenkins;Jira\n"
                "l1,Kim,kim@acme.example,mql,2018-01-03T08:00:00Z,,,110,Jenkins;Jira\n"
                "l1,Kim,kim@acme.example,accepted,2018-01-05T08:00:00Z,ann,,110,Jenkins;Jira\n"
                "l2,Lou,,disqualified,2018-01-05T08:00:00Z,ann,spam,,\n"
                "l3,Mo,,sold,2018-01-05T08:00:00Z,,,,\n"
                "l4,No,,mql,2018-01-05T08:00:00Z,zoe,,,\n"
            ),
            "opportunities.csv": (
                "external_id,name,owner_external_id,type,stage,amount\n"
                "o1,Kim's deal,bob,new_business,scoping,100.00\n"
            ),
            "handovers.csv": (
                "external_id,opportunity_external_id,owner_external_id,occurred_at,note\n"
                "l1,o1,bob,2018-02-01T08:00:00Z,Wants CI\n"
            ),
        }
        report = await imports.run(files, "generic-csv")
        assert [(e["line"], e["field"], e["code"]) for e in await imports.errors(report)] == [
            (6, "status", "literal_error"), (7, "sdr_external_id", "unknown_reference"),
        ]  # fmt: skip
        found = await lead(imports, "l1")
        assert (found["status"], found["score"], found["tools"]) == (
            "qualified", 110, ["Jenkins", "Jira"],
        )  # fmt: skip
        assert found["first_mql_at"] == "2018-01-03T08:00:00.000000Z"
        assert found["first_response_at"] == "2018-01-05T08:00:00.000000Z"
        assert [status for status, _ in await moves(imports, "l1")] == [
            "inquiry", "mql", "accepted", "qualified",
        ]  # fmt: skip
        before = await rows_of(imports.api)
        again = await imports.run(files, "generic-csv")
        assert (again["rows"]["created"], again["rows"]["updated"]) == (0, 0)
        assert await rows_of(imports.api) == before

    async def test_ndjson(self, imports: Imports) -> None:
        rows = (
            '{"record": "lead", "external_id": "l1", "name": "Kim", "status": "mql",'
            ' "occurred_at": "2018-01-03T08:00:00Z", "employees": 50}\n'
            '{"record": "lead", "external_id": "l1", "status": "accepted",'
            ' "occurred_at": "2018-01-04T08:00:00Z"}\n'
            '{"record": "lead", "external_id": "l2", "nmae": "Lou"}\n'
        )
        report = await imports.run(rows, "generic-ndjson")
        assert [(e["line"], e["code"]) for e in await imports.errors(report)] == [
            (3, "unknown_field")
        ]
        assert [status for status, _ in await moves(imports, "l1")] == ["mql", "accepted"]

    async def test_rows_out_of_order_do_not_step_back(self, imports: Imports) -> None:
        row = "external_id,name,status,occurred_at\n"
        files = {
            "leads.csv": (
                row
                + "l1,Kim,accepted,2018-02-01T00:00:00Z\n"
                + "l1,Kim,mql,2018-01-01T00:00:00Z\n"
                + "l1,Kim,qualifying,2018-02-03T00:00:00Z\n"
            )
        }
        report = await imports.run(files)
        assert warned(report) == {"told_late": 1}
        assert [status for status, _ in await moves(imports, "l1")] == ["accepted", "qualifying"]
        assert (await lead(imports, "l1"))["status"] == "qualifying"

    async def test_a_state_of_the_past_that_nobody_told_is_not_gone_back_to(
        self, imports: Imports
    ) -> None:
        row = "external_id,name,status,occurred_at,company\n"
        await imports.run({"leads.csv": row + "l1,Kim,accepted,2018-02-01T00:00:00Z,\n"})
        late = {"leads.csv": row + "l1,Kim,mql,2018-01-01T00:00:00Z,Acme\n"}
        report = await imports.run(late)
        assert warned(report) == {"told_late": 1}
        found = await lead(imports, "l1")
        assert (found["status"], found["company"]) == ("accepted", None)


class TestResponsibility:
    async def test_what_is_recorded_names_who_sent_it(self, imports: Imports) -> None:
        report = await imports.run({"leads.csv": LEADS}, "olist")
        assert UUID(report["id"])
        found = await lead(imports, "m1")
        answer = await imports.api.call("GET", f"/qualification/v1/leads/{found['id']}/moves")
        assert answer["items"][0]["actor"].startswith("key:")
        assert answer["items"][0]["recorded_at"] == "2018-04-01T12:00:00.000000Z"
