"""Engagement activities through HTTP: the catalogue, recording, lists, and who may do it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.client import Api
from tests.qualification.test_leads import make_user

ACTIVITIES = "/qualification/v1/engagement-activities"
KINDS = "/qualification/v1/engagement-kinds"
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)


async def put_activity(api: Api, external_id: str, **fields: Any) -> Any:
    return await api.call("PUT", f"{ACTIVITIES}/by-external-id/{external_id}", json=fields)


class TestCatalogue:
    async def test_lists_every_kind(self, api: Api) -> None:
        answer = await api.call("GET", KINDS)
        assert [kind["key"] for kind in answer["items"]] == [
            "trade_show", "lunch_and_learn", "workshop", "meetup", "marketing_campaign",
            "division_programme", "cloud_provider", "system_integrator", "reseller",
            "original_equipment_manufacturer", "industry_membership",
        ]  # fmt: skip
        assert answer["next_cursor"] is None

    async def test_tells_what_to_ask_whom_to_work_with_and_what_to_say(self, api: Api) -> None:
        kind = await api.call("GET", f"{KINDS}/cloud_provider")
        assert kind["work_with"] == ["channel_team"]
        assert kind["serves"] == ["entry"]
        assert [question["key"] for question in kind["questions"]] == [
            "uses_cloud", "cloud_providers",
        ]  # fmt: skip
        assert [message["key"] for message in kind["value_messages"]] == [
            "cloud_adoption", "usage_growth",
        ]  # fmt: skip
        assert kind["recruits_partners"] is True

    async def test_knows_no_other(self, api: Api) -> None:
        response = await api.request("GET", f"{KINDS}/billboard")
        assert (response.status_code, response.json()["code"]) == (404, "engagement_kind_not_found")

    async def test_answers_in_csv(self, api: Api) -> None:
        response = await api.request("GET", KINDS, params={"format": "csv"})
        assert response.headers["content-type"].startswith("text/csv")
        assert response.text.splitlines()[0].startswith("key,title,group,purpose,serves")


class TestRecord:
    async def test_answers_with_the_whole_activity(
        self, api: Api, clock_at: Callable[[datetime], Any]
    ) -> None:
        await make_user(api, "ana")
        with clock_at(NOW):
            made = await put_activity(
                api,
                "devops-days",
                kind="trade_show",
                name="DevOps Days",
                state="running",
                territory_external_id="north",
                owner_external_id="ana",
                starts_on="2026-06-01",
                cadence="weekly",
                vertical="Manufacturing",
                organisation_external_ids=["acme"],
                division_external_ids=["acme-rd"],
                answers=[
                    {
                        "question_key": "external_events",
                        "answer": "Every autumn in Hanover",
                        "account_external_id": "acme",
                        "answered_by": "Kim Larsen",
                        "at": "2026-06-10T09:00:00Z",
                    }
                ],
                value_messages=["speed_to_delivery", "our own words"],
                briefing_materials=[
                    {"title": "Deck", "url": "https://a.example/deck", "walked_through_on": None}
                ],
                cost="1250.50",
                notes="Stand 12",
            )
        assert made["version"] == 1
        assert made["next_on"] == "2026-06-22"
        assert (made["cost"], made["currency"]) == ("1250.50", "USD")
        assert made["answers"][0] == {
            "question_key": "external_events",
            "answer": "Every autumn in Hanover",
            "account_external_id": "acme",
            "answered_by": "Kim Larsen",
            "at": "2026-06-10T09:00:00Z",
        }
        response = await api.request("GET", f"{ACTIVITIES}/{made['id']}")
        assert response.headers["ETag"] == '"1"'
        shown = response.json()
        assert {name: shown[name] for name in made if name != "next_on"} == {
            name: value for name, value in made.items() if name != "next_on"
        }
        assert shown["brought"]["leads"]["total"] == 0
        assert shown["partners"] == []

    async def test_has_defaults(self, api: Api) -> None:
        made = await put_activity(api, "w", kind="workshop")
        assert (made["name"], made["state"], made["cadence"]) == ("Workshop", "planned", "once")
        assert (made["answers"], made["cost"], made["next_on"]) == ([], None, None)

    async def test_merges(self, api: Api) -> None:
        first = await put_activity(api, "w", kind="workshop", vertical="Retail", cost="10.00")
        path = f"{ACTIVITIES}/by-external-id/w"
        answer = {"question_key": "hands_on_topic", "answer": "A pipeline"}
        changed = await api.call("PUT", path, json={"vertical": None, "answers": [answer]})
        assert (changed["version"], changed["vertical"], changed["cost"]) == (2, None, "10.00")
        same = await api.request("PUT", path, json={"cost": "10.00", "answers": [answer]})
        assert (same.status_code, same.json()["version"]) == (200, 2)
        stale = await api.request(
            "PUT", path, json={"notes": "x"}, headers={"If-Match": f'"{first["version"]}"'}
        )
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({}, "/kind"),
            ({"kind": None}, "/kind"),
            ({"kind": "billboard"}, "/kind"),
            ({"kind": "workshop", "knid": 1}, "/knid"),
            ({"kind": "workshop", "cost": 1.5}, "/cost"),
            ({"kind": "workshop", "cost": "-1.00"}, "/cost"),
            ({"kind": "workshop", "cadence": "daily"}, "/cadence"),
            ({"kind": "workshop", "owner_external_id": "nobody"}, "/owner_external_id"),
            (
                {"kind": "workshop", "starts_on": "2026-06-02", "ends_on": "2026-06-01"},
                "/ends_on",
            ),
            (
                {"kind": "workshop", "answers": [{"question_key": "resellers", "answer": "x"}]},
                "/answers/0/question_key",
            ),
            (
                {
                    "kind": "workshop",
                    "answers": [
                        {
                            "question_key": "internal_events",
                            "answer": "x",
                            "at": "2999-01-01T00:00Z",
                        }
                    ],
                },
                "/answers/0/at",
            ),
            (
                {"kind": "workshop", "briefing_materials": [{"title": "D", "url": "file:///etc"}]},
                "/briefing_materials/0/url",
            ),
        ],
    )
    async def test_refuses_what_is_wrong(
        self, api: Api, fields: dict[str, Any], pointer: str
    ) -> None:
        response = await api.request("PUT", f"{ACTIVITIES}/by-external-id/w", json=fields)
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["pointer"] == pointer
        assert (await api.call("GET", ACTIVITIES))["items"] == []

    async def test_a_series_may_not_end_before_the_day_it_has(self, api: Api) -> None:
        await put_activity(api, "w", kind="workshop", starts_on="2026-06-02")
        response = await api.request(
            "PUT", f"{ACTIVITIES}/by-external-id/w", json={"ends_on": "2026-06-01"}
        )
        assert response.json()["errors"][0]["code"] == "ends_before_start"


class TestPutWithoutAnIdInThePath:
    async def test_one(self, api: Api) -> None:
        body = {"external_id": "m", "kind": "meetup"}
        first = await api.request("PUT", ACTIVITIES, json=body)
        assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
        second = await api.request("PUT", ACTIVITIES, json={**body, "notes": "n"})
        assert (second.status_code, second.json()["version"]) == (200, 2)

    async def test_many(self, api: Api) -> None:
        items = [
            {"external_id": "a", "kind": "meetup"},
            {"external_id": "b"},
            {"external_id": "a", "kind": "workshop"},
            {"external_id": "c", "kind": "reseller"},
        ]
        response = await api.request("PUT", ACTIVITIES, json={"items": items})
        assert response.status_code == 207
        results = response.json()["results"]
        assert [result["status"] for result in results] == [201, 422, 409, 201]
        assert results[1]["error"]["errors"][0]["pointer"] == "/items/1/kind"
        batch = await api.call("POST", f"{ACTIVITIES}/batch", json={"items": items[:1]})
        assert batch["results"][0]["status"] == 200

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"kind": "meetup"}, "/external_id"),
            ({"external_id": "m", "kind": "meetup", "x": 1}, "/x"),
            ({"items": {}}, "/items"),
            ({"items": [], "kind": "meetup"}, "/kind"),
        ],
    )
    async def test_refuses_what_is_neither(
        self, api: Api, body: dict[str, Any], pointer: str
    ) -> None:
        response = await api.request("PUT", ACTIVITIES, json=body)
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer


class TestList:
    async def test_filters_and_pages(self, api: Api) -> None:
        await make_user(api, "ana")
        for number in range(3):
            await put_activity(api, f"m-{number}", kind="meetup", vertical="Retail")
        await put_activity(
            api, "w", kind="workshop", state="done", territory_external_id="north",
            owner_external_id="ana",
        )  # fmt: skip
        first = await api.call("GET", ACTIVITIES, params={"kind": "meetup", "limit": "2"})
        assert [item["external_id"] for item in first["items"]] == ["m-0", "m-1"]
        rest = await api.call(
            "GET",
            ACTIVITIES,
            params={"kind": "meetup", "limit": "2", "cursor": first["next_cursor"]},
        )
        assert [item["external_id"] for item in rest["items"]] == ["m-2"]
        assert rest["next_cursor"] is None
        for filters in (
            {"state": "done"},
            {"territory_external_id": "north"},
            {"owner_external_id": "ana"},
            {"external_id": "w"},
        ):
            found = await api.call("GET", ACTIVITIES, params=filters)
            assert [item["external_id"] for item in found["items"]] == ["w"], filters
        found = await api.call("GET", ACTIVITIES, params={"vertical": "Retail"})
        assert len(found["items"]) == 3
        wrong = await api.request("GET", ACTIVITIES, params={"knid": "meetup"})
        assert wrong.status_code == 422

    async def test_answers_in_csv(self, api: Api) -> None:
        await put_activity(api, "m", kind="meetup", name="=cmd()")
        response = await api.request("GET", ACTIVITIES, headers={"Accept": "text/csv"})
        header, row = response.text.splitlines()
        assert header.startswith("id,external_id,version,kind,name")
        assert "'=cmd()" in row


class TestWhoMay:
    async def test_everybody_reads(self, api: Api) -> None:
        await make_user(api, "ana")
        made = await put_activity(api, "m", kind="meetup")
        for role in ("rep", "sdr", "analyst", "manager", "sales_ops"):
            async with await api.client_for(role, "ana") as client:
                shown = await client.call("GET", f"{ACTIVITIES}/{made['id']}")
                assert shown["external_id"] == "m"

    async def test_an_analyst_writes_nothing(self, api: Api) -> None:
        async with await api.client_for("analyst") as analyst:
            response = await analyst.request(
                "PUT", f"{ACTIVITIES}/by-external-id/m", json={"kind": "meetup"}
            )
            assert response.status_code == 403

    async def test_a_salesperson_records_its_own(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "ben")
        theirs = await put_activity(api, "theirs", kind="meetup", owner_external_id="ben")
        async with await api.client_for("rep", "ana") as ana:
            own = await put_activity(ana, "own", kind="workshop")
            assert own["owner_external_id"] == "ana"
            assert (await put_activity(ana, "own", notes="n"))["version"] == 2
            for external_id, fields in (
                ("theirs", {"notes": "n"}),
                ("new", {"kind": "meetup", "owner_external_id": "ben"}),
                ("new", {"kind": "meetup", "owner_external_id": None}),
            ):
                response = await ana.request(
                    "PUT", f"{ACTIVITIES}/by-external-id/{external_id}", json=fields
                )
                assert (response.status_code, response.json()["code"]) == (
                    403, "activity_not_yours",
                )  # fmt: skip
        assert (await put_activity(api, "theirs"))["version"] == theirs["version"]

    async def test_another_workspace_sees_nothing(self, api: Api, other_api: Api) -> None:
        made = await put_activity(api, "m", kind="meetup")
        response = await other_api.request("GET", f"{ACTIVITIES}/{made['id']}")
        assert (response.status_code, response.json()["code"]) == (404, "activity_not_found")
        assert (await other_api.call("GET", ACTIVITIES))["items"] == []
        assert (await put_activity(other_api, "m", kind="workshop"))["id"] != made["id"]
        missing = await api.request("GET", f"{ACTIVITIES}/{uuid4()}")
        assert missing.status_code == 404
