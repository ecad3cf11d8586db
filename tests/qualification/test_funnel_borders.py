"""The funnel at its borders: days and quarters, skipped steps, who sees what, and a story told
wholly through HTTP."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services import handover
from tests.client import Api
from tests.qualification.funnel_book import Deal, LeadRow, insert
from tests.qualification.test_acceptance import GOOD
from tests.qualification.test_funnel import BEHIND, FUNNEL, NOW, Clock, all_behind, at
from tests.qualification.working import LEADS, make_lead, make_user

OPPORTUNITIES = "/pipeline/v1/opportunities"
WHOLE = {"from": "2026-01-01", "to": "2026-12-31"}


def qualified(moment: datetime, **fields: Any) -> LeadRow:
    return LeadRow(created_at=moment - timedelta(hours=2), first_mql_at=moment, **fields)


def outbound(moment: datetime, deal: Deal | None = None) -> LeadRow:
    return LeadRow(created_at=moment - timedelta(days=3), sql_at=moment, deal=deal)


async def funnel(api: Api, **params: Any) -> Any:
    return await api.call("GET", FUNNEL, params=WHOLE | params)


class TestStory:
    async def test_from_a_form_to_a_won_deal(self, api: Api, clock_at: Clock) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        with clock_at(NOW):
            lead = await make_lead(
                api,
                name="Kim",
                source="webinar",
                sdr_external_id="sid",
                owner_external_id="ana",
                company="Acme",
            )
            path = f"{LEADS}/{lead['id']}"
        with clock_at(NOW + timedelta(hours=3)):
            await api.call("PATCH", path, json={"status": "mql"})
        with clock_at(NOW + timedelta(hours=4)):
            await api.call("PATCH", path, json={"status": "accepted"})
            await api.call("PATCH", path, json={"status": "qualifying"})
            await api.call("POST", f"{path}/assessments", json=GOOD)
        with clock_at(NOW + timedelta(hours=13)):
            converted = await api.call("POST", f"{path}/conversion")
            await handover.hand_over(api.database(), api.workspace_id)
        deal = f"{OPPORTUNITIES}/{converted['opportunity_id']}"
        with clock_at(NOW + timedelta(days=2)):
            found = await funnel(api, group_by="source")
            assert found["total"]["sql"] == 1
            assert found["total"]["sales_accepted"] == 0
            await _move(api, deal, "discovery")
        with clock_at(NOW + timedelta(days=12)):
            await _move(api, deal, "closed_won")
            found = await funnel(api, group_by="source")
            behind = await all_behind(api, step="won", group_by="source", group="webinar", **WHOLE)
        (webinar,) = found["groups"]
        assert webinar.pop("group") == "webinar"
        assert webinar == found["total"]
        assert [webinar[step] for step in ("leads", "mql", "pql", "qualified", "sql")] == [
            1, 1, 0, 1, 1,
        ]  # fmt: skip
        assert (webinar["sales_accepted"], webinar["won"]) == (1, 1)
        assert webinar["rates"] == {
            "mql": "1.0000", "pql": "0.0000", "qualified": "1.0000", "sql": "1.0000",
            "sales_accepted": "1.0000", "won": "1.0000",
        }  # fmt: skip
        medians = {step: hours["median"] for step, hours in webinar["hours"].items()}
        assert medians == {
            "qualified": "3.00", "sql": "10.00", "sales_accepted": "48.00", "won": "240.00",
        }  # fmt: skip
        assert found["warnings"] == []
        assert [item["opportunity_id"] for item in behind] == [converted["opportunity_id"]]
        assert behind[0]["id"] == lead["id"]


async def _move(api: Api, deal: str, stage: str) -> None:
    await api.call("PATCH", deal, json={"amount": "1000.00", "close_date": "2026-07-30"})
    await api.call(
        "POST",
        f"{deal}/transitions",
        json={"to_stage": stage, "override": {"reason": "The gate is another test's."}},
    )


class TestDays:
    async def test_quarters_are_the_companys(self, api: Api, clock_at: Clock) -> None:
        # A minute before and the minute of midnight in Los Angeles, where the company is.
        last = datetime(2026, 8, 1, 6, 59, tzinfo=UTC)
        await insert(api, [qualified(last), qualified(last + timedelta(minutes=1))])
        with clock_at(datetime(2026, 9, 1, tzinfo=UTC)):
            for quarter in ("FY27-Q2", "FY27-Q3"):
                for axis in ("cohort", "event"):
                    found = await api.call(
                        "GET", FUNNEL, params={"fiscal_quarter": quarter, "axis": axis}
                    )
                    assert found["total"]["mql"] == 1, (quarter, axis)
                    assert found["fiscal_quarter"] == quarter
            months = (await funnel(api, group_by="month"))["groups"]
            by_day = await api.call(
                "GET", FUNNEL, params={"from": "2026-07-31", "to": "2026-07-31"}
            )
        assert [(month["group"], month["mql"]) for month in months] == [
            ("2026-07", 1), ("2026-08", 1),
        ]  # fmt: skip
        assert by_day["total"]["mql"] == 1

    async def test_the_current_quarter_where_nothing_is_named(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            found = await api.call("GET", FUNNEL)
            since = await api.call("GET", FUNNEL, params={"from": "2026-06-01"})
        assert (found["from"], found["to"]) == ("2026-05-01", "2026-07-31")
        assert (found["fiscal_quarter"], since["fiscal_quarter"]) == ("FY27-Q2", None)
        assert (since["from"], since["to"]) == ("2026-06-01", "2026-06-17")

    async def test_as_of_follows_no_further(self, api: Api, clock_at: Clock) -> None:
        deal = Deal(
            stage="closed_won",
            stage_entered_at=at(20),
            sales_accepted_date=(at(10)).date(),
        )
        await insert(
            api,
            [LeadRow(created_at=at(0), first_mql_at=at(1), sql_at=at(5), deal=deal)],
        )
        with clock_at(NOW):
            for day, steps in [(0, 0), (1, 2), (5, 3), (9, 3), (10, 4), (19, 4), (20, 5)]:
                found = await funnel(api, as_of=at(day).isoformat())
                told = [found["total"][step] for step in
                        ("leads", "qualified", "sql", "sales_accepted", "won")]  # fmt: skip
                assert sum(told) == steps, day


class TestSkipped:
    async def test_outbound_leads_are_named(self, api: Api, clock_at: Clock) -> None:
        await insert(api, [outbound(at(3)), qualified(at(1), sql_at=at(4)), qualified(at(2))])
        with clock_at(NOW):
            found = await funnel(api)
            skipped = await all_behind(api, step="sql", skipped="true", **WHOLE)
            passed = await all_behind(api, step="sql", skipped="false", **WHOLE)
        total = found["total"]
        assert (total["leads"], total["qualified"], total["sql"]) == (3, 2, 2)
        assert total["skipped"] == {"sql": 1, "sales_accepted": 0, "won": 0}
        assert total["rates"]["sql"] == "0.5000"
        assert total["hours"]["sql"]["count"] == 1
        assert [(one["code"], one["step"]) for one in found["warnings"]] == [
            ("step_skipped", "sql")
        ]
        assert (len(skipped), len(passed)) == (1, 1)
        assert skipped[0]["first_mql_at"] is None

    async def test_a_deal_won_without_ever_being_accepted(self, api: Api, clock_at: Clock) -> None:
        deal = Deal(stage="closed_won", stage_entered_at=at(9))
        await insert(api, [qualified(at(1), sql_at=at(4), deal=deal)])
        with clock_at(NOW):
            total = (await funnel(api))["total"]
        assert (total["sales_accepted"], total["won"], total["skipped"]["won"]) == (0, 1, 1)
        assert total["rates"]["won"] is None
        assert total["hours"]["won"]["count"] == 0

    async def test_duplicates_and_merged_leads_count_once(self, api: Api, clock_at: Clock) -> None:
        won = Deal(
            stage="closed_won", stage_entered_at=at(9), sales_accepted_date=date(2026, 4, 25)
        )
        twin = Deal(
            stage="duplicate", stage_entered_at=at(9), sales_accepted_date=date(2026, 4, 25)
        )
        kept = qualified(at(1), sql_at=at(4), deal=won)
        await insert(
            api,
            [
                kept,
                qualified(at(1), sql_at=at(4), deal=twin),
                qualified(at(1), sql_at=at(4), deal=None, merged_into_id=kept.id),
            ],
        )
        with clock_at(NOW):
            for axis in ("cohort", "event"):
                total = (await funnel(api, axis=axis))["total"]
                assert [total[step] for step in ("leads", "sql", "sales_accepted", "won")] == [
                    2, 2, 1, 1,
                ]  # fmt: skip

    async def test_a_rate_above_one_warns(self, api: Api, clock_at: Clock) -> None:
        await insert(api, [qualified(at(-40), sql_at=at(4)), qualified(at(-41), sql_at=at(5)),
                           qualified(at(3))])  # fmt: skip
        params = {"from": str(at(0).date()), "to": str(at(30).date()), "axis": "event"}
        with clock_at(NOW):
            found = await funnel(api, **params)
        assert found["total"]["rates"]["sql"] == "2.0000"
        assert ("rate_above_one", "sql") in [
            (one["code"], one["step"]) for one in found["warnings"]
        ]


class TestGroups:
    async def test_those_that_say_nothing_have_a_group(self, api: Api, clock_at: Clock) -> None:
        await insert(api, [qualified(at(1), source="web"), qualified(at(2)), qualified(at(3))])
        with clock_at(NOW):
            found = await funnel(api, group_by="source")
            nobody = await all_behind(api, group_by="source", group="", **WHOLE)
            web = await all_behind(api, group_by="source", group="web", **WHOLE)
            none = await all_behind(api, group_by="sdr", group="nobody", **WHOLE)
        assert [(group["group"], group["leads"]) for group in found["groups"]] == [
            ("web", 1), (None, 2),
        ]  # fmt: skip
        assert (len(nobody), len(web), none) == (2, 1, [])
        assert {lead["group"] for lead in nobody} == {None}

    async def test_comes_as_csv_with_the_total(self, api: Api, clock_at: Clock) -> None:
        await insert(api, [qualified(at(1), source="web"), qualified(at(2), source="=cmd()")])
        with clock_at(NOW):
            answer = await api.request(
                "GET", FUNNEL, params=WHOLE | {"group_by": "source", "format": "csv"}
            )
            behind = await api.request("GET", BEHIND, params=WHOLE | {"format": "csv"})
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [(row["row"], row["group"], row["leads"]) for row in rows] == [
            ("group", "'=cmd()", "1"), ("group", "web", "1"), ("total", "", "2"),
        ]  # fmt: skip
        assert rows[2]["hours.qualified.median"] == "2.00"
        assert len(behind.text.splitlines()) == 3


class TestReach:
    async def test_a_salesperson_reads_its_own_funnel(self, api: Api, clock_at: Clock) -> None:
        ana, sid = await make_user(api, "ana"), await make_user(api, "sid", "sdr")
        await insert(
            api,
            [
                qualified(at(1), owner_id=ana, status="accepted"),
                qualified(at(1), owner_id=ana, sdr_id=sid, status="qualified", sql_at=at(3)),
                # An SDR has not taken it up: its owner does not see it yet.
                qualified(at(1), owner_id=ana, sdr_id=sid, status="mql"),
                qualified(at(1)),
            ],
        )
        with clock_at(NOW):
            for role, user, leads in [("rep", "ana", 2), ("sdr", "sid", 4), ("manager", "ana", 4),
                                      ("analyst", None, 4), ("rep", None, 0)]:  # fmt: skip
                client = await api.client_for(role, user)
                found = await funnel(client)
                assert found["total"]["leads"] == leads, role
                assert len(await all_behind(client, **WHOLE)) == leads

    async def test_is_of_one_workspace(self, api: Api, other_api: Api, clock_at: Clock) -> None:
        await insert(api, [qualified(at(1))])
        with clock_at(NOW):
            assert (await funnel(other_api))["total"]["leads"] == 0
            assert await all_behind(other_api, **WHOLE) == []


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "params", "pointer"),
        [
            (FUNNEL, {"from": "2026-02-01", "to": "2026-01-31"}, "query/from"),
            (FUNNEL, {"to": "2026-01-31"}, "query/to"),
            (FUNNEL, {"fiscal_quarter": "FY27-Q2", "to": "2026-01-31"}, "query/fiscal_quarter"),
            (FUNNEL, {"fiscal_quarter": "Q2"}, "query/fiscal_quarter"),
            (FUNNEL, {"as_of": "2026-06-17T17:00:01Z"}, "query/as_of"),
            (FUNNEL, {"group_by": "colour"}, "query/group_by"),
            (FUNNEL, {"axis": "both"}, "query/axis"),
            (FUNNEL, {"froom": "2026-01-31"}, "query/froom"),
            (BEHIND, {"group": "web"}, "query/group"),
            (BEHIND, {"group_by": "month", "group": "2020-01"}, "query/group"),
            (BEHIND, {"step": "closed"}, "query/step"),
            (BEHIND, {"cursor": "WyJ4Il0"}, "query/cursor"),
        ],
    )
    async def test_says_what_is_wrong(
        self, api: Api, clock_at: Clock, path: str, params: dict[str, str], pointer: str
    ) -> None:
        with clock_at(NOW):
            answer = await api.request("GET", path, params=params)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
