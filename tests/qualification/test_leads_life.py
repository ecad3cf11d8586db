"""The life of a lead through HTTP: reasons, dates, history, the SDR before the AE, and its list."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api

V1 = "/qualification/v1"
LEADS = f"{V1}/leads"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
Clock = Callable[[datetime], AbstractContextManager[None]]


async def make_user(api: Api, external_id: str, role: str = "rep") -> None:
    await api.call(
        "PUT",
        f"/pipeline/v1/users/by-external-id/{external_id}",
        json={"name": external_id.title(), "role": role},
    )


async def make_lead(api: Api, **fields: Any) -> Any:
    return await api.call("POST", LEADS, json={"name": "Kim Larsen", **fields})


async def patch(api: Api, lead: Any, **fields: Any) -> Any:
    return await api.call("PATCH", f"{LEADS}/{lead['id']}", json=fields)


async def history(api: Api, lead: Any) -> list[Any]:
    return (await api.call("GET", f"{LEADS}/{lead['id']}/moves"))["items"]


class TestFields:
    FIELDS = {
        "industry": "Healthcare",
        "tools": ["Jenkins", "Jira"],
        "phone": "+46 70 123",
        "campaign": "spring",
        "engagement_external_id": "fair-1",
        "landing_page": "https://example.com/ci?utm=1",
        "key_account": True,
    }

    async def test_every_field_comes_back(self, api: Api) -> None:
        lead = await make_lead(api, **self.FIELDS)
        assert {name: lead[name] for name in self.FIELDS} == self.FIELDS

    async def test_null_clears_and_the_same_changes_nothing(self, api: Api) -> None:
        await make_lead(api, external_id="L", **self.FIELDS)
        path = f"{LEADS}/by-external-id/L"
        same = await api.call("PUT", path, json=self.FIELDS)
        assert same["version"] == 1
        cleared = await api.call("PUT", path, json=dict.fromkeys(self.FIELDS))
        assert cleared["version"] == 2
        assert cleared["tools"] == []
        assert cleared["key_account"] is False
        assert cleared["landing_page"] is None

    async def test_what_is_derived_cannot_be_stated(self, api: Api) -> None:
        for name in ("fit_score", "email_domain", "mql_count", "is_woken", "merged_into_id"):
            refused = await api.request("POST", LEADS, json={"name": "A", name: None})
            assert refused.json()["errors"][0]["pointer"] == f"/{name}"


class TestReasons:
    @pytest.mark.parametrize(
        ("status", "reason", "others"),
        [("recycle", "timing", "spam"), ("disqualified", "bad_data", "timing")],
    )
    async def test_a_side_exit_needs_one_of_its_own_list(
        self, api: Api, status: str, reason: str, others: str
    ) -> None:
        lead = await make_lead(api, status="mql")
        path = f"{LEADS}/{lead['id']}"
        for body, code in [
            ({"status": status}, "reason_missing"),
            ({"status": status, "status_reason": None}, "reason_missing"),
            ({"status": status, "status_reason": others}, "unknown_reason"),
        ]:
            refused = await api.request("PATCH", path, json=body)
            problem = refused.json()["errors"][0]
            assert (problem["pointer"], problem["code"]) == ("/status_reason", code)
            assert reason in problem["message"]
        moved = await patch(
            api, lead, status=status, status_reason=reason, status_details="Next year."
        )
        assert (moved["status_reason"], moved["status_details"]) == (reason, "Next year.")
        # Put aside already: saying so again needs no reason, another reason is another version.
        assert (await patch(api, lead, status=status))["version"] == moved["version"]
        other = await patch(api, lead, status_reason="other")
        assert (other["status_reason"], other["version"]) == ("other", moved["version"] + 1)
        refused = await api.request("PATCH", path, json={"status_reason": others})
        assert refused.status_code == 422

    async def test_a_recorder_may_leave_it_out_where_it_records(self, api: Api) -> None:
        sdr = await api.client_for("sdr")
        for name, client, status in [("a", api, 201), ("b", sdr, 409)]:
            body = {"name": "A", "status": "recycle"}
            put = await client.request("PUT", f"{LEADS}/by-external-id/{name}", json=body)
            assert put.status_code == status
        await make_lead(sdr, external_id="c", status="mql")
        path = f"{LEADS}/by-external-id/c"
        put = await sdr.request("PUT", path, json={"status": "recycle"})
        assert put.status_code == 422
        assert (await api.call("PUT", path, json={"status": "recycle"}))["status"] == "recycle"

    async def test_the_reason_goes_with_the_status(self, api: Api) -> None:
        lead = await make_lead(api, status="mql")
        await patch(api, lead, status="recycle", status_reason="budget", status_details="x")
        taken = await patch(api, lead, status="accepted")
        assert (taken["status_reason"], taken["status_details"]) == (None, None)
        noted = await patch(api, lead, status="qualifying", status_reason="Answered at once")
        assert noted["status_reason"] == "Answered at once"

    async def test_a_side_exit_keeps_a_reason(self, api: Api) -> None:
        lead = await make_lead(api, status="mql")
        await patch(api, lead, status="recycle", status_reason="timing")
        answer = await api.request("PATCH", f"{LEADS}/{lead['id']}", json={"status_reason": None})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (
            422,
            "/status_reason",
        )
        assert (await patch(api, lead, status_reason="budget"))["status_reason"] == "budget"

    async def test_a_day_that_has_passed_may_be_said_again(self, api: Api, clock_at: Clock) -> None:
        stated = {"status": "recycle", "status_reason": "timing", "recycle_until": "2026-07-01"}
        with clock_at(NOW):
            lead = await make_lead(api, status="mql")
            await patch(api, lead, **stated)
        with clock_at(NOW + timedelta(days=60)):
            same = await patch(api, lead, **stated)
            noted = await patch(api, lead, **stated, notes="Call in autumn")
            other = await api.request(
                "PATCH", f"{LEADS}/{lead['id']}", json={"recycle_until": "2026-07-02"}
            )
        assert (same["version"], noted["version"], noted["notes"]) == (2, 3, "Call in autumn")
        assert other.json()["errors"][0]["code"] == "date_in_the_past"


class TestHistory:
    async def test_keeps_every_change_of_status_and_holder(self, api: Api, clock_at: Clock) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        with clock_at(NOW):
            lead = await make_lead(api, status="inquiry", status_reason="Fair")
        with clock_at(NOW + timedelta(days=1)):
            await patch(api, lead, sdr_external_id="sid", notes="Call")
            await patch(api, lead, notes="Called")
        with clock_at(NOW + timedelta(days=2)):
            await patch(
                api, lead, status="accepted", owner_external_id="ana", status_details="Reached"
            )
        rows = await history(api, lead)
        assert [
            (row["from_status"], row["to_status"], row["reason"], row["details"]) for row in rows
        ] == [
            (None, "inquiry", "Fair", None),
            ("inquiry", "inquiry", None, None),
            ("inquiry", "accepted", None, "Reached"),
        ]
        assert [(row["sdr_external_id"], row["owner_external_id"]) for row in rows] == [
            (None, None),
            ("sid", None),
            ("sid", "ana"),
        ]
        assert rows[2]["occurred_at"] == "2026-06-19T17:00:00.000000Z"
        assert rows[2]["recorded_at"] == rows[2]["occurred_at"]
        assert rows[0]["actor"].startswith("key:")

    async def test_pages_and_comes_as_csv(self, api: Api) -> None:
        lead = await make_lead(api)
        for status in ("inquiry", "mql", "accepted"):
            await patch(api, lead, status=status)
        path = f"{LEADS}/{lead['id']}/moves"
        page = await api.call("GET", path, params={"limit": 3})
        rest = await api.call("GET", path, params={"cursor": page["next_cursor"]})
        assert [row["to_status"] for row in page["items"] + rest["items"]] == [
            "raw",
            "inquiry",
            "mql",
            "accepted",
        ]
        text = (await api.request("GET", path, params={"format": "csv"})).text
        assert text.splitlines()[0].startswith("id,from_status,to_status,reason")

    async def test_occurred_at_backdates_what_happened(self, api: Api, clock_at: Clock) -> None:
        early = "2026-06-01T08:00:00.000000Z"
        with clock_at(NOW):
            lead = await make_lead(api, external_id="L")
            moved = await patch(api, lead, status="mql", occurred_at=early)
            refused = await api.request(
                "PATCH",
                f"{LEADS}/{lead['id']}",
                json={"occurred_at": clock.isoformat(NOW + timedelta(seconds=1))},
            )
        assert moved["status_since"] == moved["first_mql_at"] == early
        assert moved["updated_at"] == clock.isoformat(NOW)
        row = (await history(api, lead))[-1]
        assert (row["occurred_at"], row["recorded_at"]) == (early, clock.isoformat(NOW))
        assert refused.status_code == 422
        assert (await patch(api, lead, occurred_at=early))["version"] == moved["version"]

    async def test_the_first_of_each_is_the_earliest(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await make_lead(api, status="mql")
            await patch(api, lead, status="recycle", status_reason="timing")
            again = await patch(api, lead, status="mql", occurred_at="2026-06-01T08:00:00.000000Z")
        assert again["first_mql_at"] == "2026-06-01T08:00:00.000000Z"
        assert again["mql_count"] == 2
        with clock_at(NOW + timedelta(hours=1)):
            taken = await patch(api, lead, status="accepted")
        with clock_at(NOW + timedelta(hours=2)):
            await patch(api, lead, status="recycle", status_reason="timing")
            await patch(api, lead, status="mql")
            last = await patch(api, lead, status="accepted")
        assert taken["first_response_at"] == last["first_response_at"] == taken["status_since"]
        assert last["mql_count"] == 3

    async def test_no_response_comes_before_what_it_answers(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            lead = await make_lead(api, status="mql")
            taken = await patch(
                api, lead, status="accepted", occurred_at="2026-06-01T08:00:00.000000Z"
            )
        assert taken["first_response_at"] == taken["first_mql_at"] == clock.isoformat(NOW)


class TestSdrBeforeAe:
    async def test_an_ae_sees_its_lead_once_an_sdr_took_it_up(self, api: Api) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        sid = await api.client_for("sdr", "sid")
        lead = await make_lead(
            api,
            external_id="L",
            status="mql",
            sdr_external_id="sid",
            owner_external_id="ana",
        )
        path = f"{LEADS}/{lead['id']}"

        async def seen() -> tuple[int, int]:
            one = await ana.request("GET", path)
            return one.status_code, len((await ana.call("GET", LEADS))["items"])

        assert await seen() == (404, 0)
        assert (await ana.request("PATCH", path, json={"title": "x"})).status_code == 404
        put = await ana.request("PUT", f"{LEADS}/by-external-id/L", json={"title": "x"})
        assert put.status_code == 403
        await patch(sid, lead, status="pql")
        assert await seen() == (404, 0)
        await patch(sid, lead, status="accepted")
        assert await seen() == (200, 1)
        manager = await api.client_for("manager")
        assert (await manager.request("GET", path)).status_code == 200

    async def test_who_does_both_sees_it_from_the_start(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "ben")
        ana, ben = await api.client_for("rep", "ana"), await api.client_for("rep", "ben")
        lead = await make_lead(ana)
        assert (lead["sdr_external_id"], lead["owner_external_id"]) == ("ana", "ana")
        assert (await ana.request("GET", f"{LEADS}/{lead['id']}")).status_code == 200
        unassigned = await make_lead(api, owner_external_id="ana", status="mql")
        assert (await ana.request("GET", f"{LEADS}/{unassigned['id']}")).status_code == 200
        given = await patch(ana, lead, owner_external_id="ben")
        assert (given["sdr_external_id"], given["owner_external_id"]) == ("ben", "ben")
        assert (await ben.request("GET", f"{LEADS}/{lead['id']}")).status_code == 200
        assert (await ana.request("GET", f"{LEADS}/{lead['id']}")).status_code == 404

    async def test_a_salesperson_may_hand_in_a_lead_for_an_sdr(self, api: Api) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        lead = await make_lead(ana, sdr_external_id="sid")
        assert (lead["sdr_external_id"], lead["owner_external_id"]) == ("sid", "ana")
        assert (await ana.request("GET", f"{LEADS}/{lead['id']}")).status_code == 404
        nobodys = {"name": "A", "sdr_external_id": "sid", "owner_external_id": None}
        assert (await ana.request("POST", LEADS, json=nobodys)).status_code == 403


class TestList:
    async def test_filters_by_what_a_lead_is_known_by(self, api: Api) -> None:
        fields: dict[str, Any] = {
            "source": "webinar",
            "region": "EMEA",
            "industry": "Healthcare",
            "campaign": "spring",
            "engagement_external_id": "fair",
            "account_external_id": "acme",
        }
        found = await make_lead(api, email="kim@Acme.example", score=70, **fields)
        await make_lead(api, email="kim@other.example", score=10)
        for name, value in {**fields, "email_domain": "ACME.example", "min_score": 70}.items():
            page = await api.call("GET", LEADS, params={name: value})
            assert [lead["id"] for lead in page["items"]] == [found["id"]], name
            assert (await api.call("GET", LEADS, params={name: 71}))["items"] == []

    async def test_best_score_first_pages_by_key(self, api: Api) -> None:
        for number in range(9):
            await make_lead(api, external_id=f"L-{number}", score=[30, 90, 90][number % 3])
        seen: list[Any] = []
        cursor: str | None = None
        while True:
            params = {"order": "score", "limit": 2} | ({"cursor": cursor} if cursor else {})
            page = await api.call("GET", LEADS, params=params)
            seen += [(lead["score"], lead["id"]) for lead in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == sorted(seen, reverse=True)
        assert len(set(seen)) == 9

    async def test_a_cursor_of_another_order_is_refused(self, api: Api) -> None:
        for _ in range(3):
            await make_lead(api)
        page = await api.call("GET", LEADS, params={"limit": 1})
        by_score = await api.call("GET", LEADS, params={"limit": 1, "order": "score"})
        for params in (
            {"order": "score", "cursor": page["next_cursor"]},
            {"cursor": by_score["next_cursor"]},
            {"order": "score", "cursor": "WzEsMl0"},
            {"order": "score", "cursor": "W3RydWUsMl0"},
        ):
            assert (await api.request("GET", LEADS, params=params)).status_code == 422, params

    async def test_merged_leads_are_out_of_the_way(self, api: Api) -> None:
        survivor = await make_lead(api, external_id="S")
        gone = await make_lead(api, external_id="G", title="Old")
        async with api.database().write(api.workspace_id) as session:
            await session.execute(
                "UPDATE qualification.leads SET merged_into_id = $3"
                " WHERE workspace_id = $1 AND id = $2",
                api.workspace_id,
                gone["id"],
                survivor["id"],
            )
        assert len((await api.call("GET", LEADS))["items"]) == 1
        both = await api.call("GET", LEADS, params={"include_merged": True})
        assert len(both["items"]) == 2
        shown = await api.call("GET", f"{LEADS}/{gone['id']}")
        assert shown["merged_into_id"] == survivor["id"]
        for method, path, body in [
            ("PATCH", f"{LEADS}/{gone['id']}", {"title": "New"}),
            ("POST", f"{LEADS}/{gone['id']}/signals", {"name": "trial"}),
        ]:
            refused = await api.request(method, path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (409, "lead_merged")
            assert refused.json()["survivor_id"] == survivor["id"]
        put = await api.call("PUT", f"{LEADS}/by-external-id/G", json={"title": "New"})
        assert (put["id"], put["title"], put["external_id"]) == (survivor["id"], "New", "S")
        items = [
            {"external_id": "G", "phone": "1"},
            {"external_id": "S", "campaign": "x"},
        ]
        answer = await api.call("POST", f"{LEADS}/batch", json={"items": items})
        assert [result["id"] for result in answer["results"]] == [survivor["id"]] * 2
        after = await api.call("GET", f"{LEADS}/{survivor['id']}")
        assert (after["phone"], after["campaign"], after["version"]) == ("1", "x", 4)
        told = [{"lead_external_id": "G", "name": "content_low"}]
        await api.call("POST", f"{V1}/signals/batch", json={"items": told})
        assert (await api.call("GET", f"{LEADS}/{survivor['id']}"))["behaviour_points"] == 5
