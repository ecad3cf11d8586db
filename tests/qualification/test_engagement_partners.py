"""Recruiting partners as an outcome of engagement, with the history of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.client import Api
from tests.qualification.test_engagement import ACTIVITIES, put_activity
from tests.qualification.test_leads import make_user

PARTNERS = "/qualification/v1/partners"
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)


async def recruit(api: Api, activity: Any, **fields: Any) -> Any:
    return await api.call("POST", f"{ACTIVITIES}/{activity['id']}/partners", json=fields)


async def history(api: Api, partner: Any) -> list[tuple[Any, ...]]:
    moves = (await api.call("GET", f"{PARTNERS}/{partner['id']}/history"))["items"]
    return [(m["from_state"], m["to_state"], m["activity_external_id"]) for m in moves]


class TestRecruit:
    async def test_takes_the_kind_of_the_activity(self, api: Api) -> None:
        activity = await put_activity(api, "hyper", kind="cloud_provider")
        partner = await recruit(
            api, activity, name="Hyper Cloud", next_step="Meet", next_step_date="2026-07-01"
        )
        assert (partner["kind"], partner["state"]) == ("cloud_provider", "approached")
        assert partner["activity_external_id"] == "hyper"
        assert await history(api, partner) == [(None, "approached", "hyper")]
        shown = await api.call("GET", f"{ACTIVITIES}/{activity['id']}")
        assert [found["name"] for found in shown["partners"]] == ["Hyper Cloud"]
        same = await api.request(
            "GET", f"{PARTNERS}/{partner['id']}", headers={"If-None-Match": '"1"'}
        )
        assert same.status_code == 304

    async def test_an_activity_of_another_kind_must_say_which(self, api: Api) -> None:
        activity = await put_activity(api, "m", kind="meetup")
        path = f"{ACTIVITIES}/{activity['id']}/partners"
        response = await api.request("POST", path, json={"name": "Ox"})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/kind"
        assert (await recruit(api, activity, name="Ox", kind="reseller"))["kind"] == "reseller"

    async def test_met_again_it_is_the_same_one(
        self, api: Api, clock_at: Callable[[datetime], Any]
    ) -> None:
        first = await put_activity(api, "one", kind="reseller")
        second = await put_activity(api, "two", kind="reseller")
        with clock_at(NOW):
            partner = await recruit(api, first, name="Ox  Software", next_step="Call")
        with clock_at(NOW + timedelta(days=1)):
            again = await api.request(
                "POST",
                f"{ACTIVITIES}/{second['id']}/partners",
                json={"name": "ox software", "state": "agreed"},
            )
        assert again.status_code == 200
        known = again.json()
        assert (known["id"], known["version"]) == (partner["id"], 2)
        assert (known["name"], known["next_step"]) == ("Ox  Software", "Call")
        assert known["state_since"] == "2026-06-18T17:00:00.000000Z"
        assert await history(api, partner) == [
            (None, "approached", "one"), ("approached", "agreed", "two"),
        ]  # fmt: skip
        # The same again is no change, and another kind is another partner.
        assert (await recruit(api, second, name="ox software", state="agreed"))["version"] == 2
        other = await recruit(api, second, name="Ox Software", kind="system_integrator")
        assert other["id"] != partner["id"]

    async def test_at_the_same_moment_there_is_one(self, api: Api) -> None:
        activity = await put_activity(api, "one", kind="reseller")
        answers = await asyncio.gather(
            *(recruit(api, activity, name="Ox", state="agreed") for _ in range(5))
        )
        assert len({answer["id"] for answer in answers}) == 1
        assert await history(api, answers[0]) == [(None, "agreed", "one")]


class TestChange:
    async def test_follows_how_far_it_comes(
        self, api: Api, clock_at: Callable[[datetime], Any]
    ) -> None:
        activity = await put_activity(api, "one", kind="reseller")
        with clock_at(NOW):
            partner = await recruit(api, activity, name="Ox")
        path = f"{PARTNERS}/{partner['id']}"
        with clock_at(NOW + timedelta(days=9)):
            early = await api.request(
                "PATCH", path, json={"state": "active", "occurred_at": "2026-06-17T16:00:00Z"}
            )
            assert early.json()["errors"][0]["code"] == "before_last_move"
            changed = await api.call(
                "PATCH", path, json={"state": "active", "occurred_at": "2026-06-20T00:00:00Z"}
            )
            assert (changed["version"], changed["state_since"]) == (
                2, "2026-06-20T00:00:00.000000Z",
            )  # fmt: skip
            noted = await api.call("PATCH", path, json={"next_step": "Train them"})
            assert noted["version"] == 3
        stale = await api.request(
            "PATCH", path, json={"state": "declined"}, headers={"If-Match": '"2"'}
        )
        assert stale.status_code == 412
        assert await history(api, partner) == [
            (None, "approached", "one"), ("approached", "active", None),
        ]  # fmt: skip

    async def test_takes_no_name_of_another(self, api: Api) -> None:
        activity = await put_activity(api, "one", kind="reseller")
        partner = await recruit(api, activity, name="Ox")
        await recruit(api, activity, name="Yak")
        path = f"{PARTNERS}/{partner['id']}"
        taken = await api.request("PATCH", path, json={"name": "YAK"})
        assert (taken.status_code, taken.json()["code"]) == (409, "partner_name_taken")
        assert (await api.call("PATCH", path, json={"name": "OX"}))["name"] == "OX"
        assert (await api.call("PATCH", path, json={"name": "Bison"}))["version"] == 3
        for body in ({"name": None}, {"state": None}, {"state": "asleep"}, {"kind": "reseller"}):
            assert (await api.request("PATCH", path, json=body)).status_code == 422, body


class TestList:
    async def test_filters_and_pages(self, api: Api) -> None:
        activity = await put_activity(api, "one", kind="reseller")
        for name in ("A", "B", "C"):
            await recruit(api, activity, name=name)
        other = await put_activity(api, "two", kind="cloud_provider")
        await recruit(api, other, name="D", state="active")
        first = await api.call("GET", PARTNERS, params={"kind": "reseller", "limit": "2"})
        assert [item["name"] for item in first["items"]] == ["A", "B"]
        rest = await api.call(
            "GET",
            PARTNERS,
            params={"kind": "reseller", "limit": "2", "cursor": first["next_cursor"]},
        )
        assert [item["name"] for item in rest["items"]] == ["C"]
        for filters in ({"state": "active"}, {"activity_external_id": "two"}, {"name": "d"}):
            found = await api.call("GET", PARTNERS, params=filters)
            assert [item["name"] for item in found["items"]] == ["D"], filters
        text = await api.request("GET", PARTNERS, params={"format": "csv"})
        assert text.text.splitlines()[0].startswith("id,version,name,kind,state")


class TestWhoMay:
    async def test_the_owner_of_the_activity_and_those_above(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "ben")
        activity = await put_activity(api, "one", kind="reseller", owner_external_id="ana")
        async with await api.client_for("rep", "ana") as ana:
            partner = await recruit(ana, activity, name="Ox")
        for role, user in (("rep", "ben"), ("analyst", None)):
            async with await api.client_for(role, user) as client:
                response = await client.request(
                    "POST", f"{ACTIVITIES}/{activity['id']}/partners", json={"name": "Yak"}
                )
                assert response.status_code == 403, role
                path = f"{PARTNERS}/{partner['id']}"
                response = await client.request("PATCH", path, json={"state": "active"})
                assert response.status_code == 403, role
                assert (await client.call("GET", path))["state"] == "approached"

    async def test_another_workspace_sees_nothing(self, api: Api, other_api: Api) -> None:
        activity = await put_activity(api, "one", kind="reseller")
        partner = await recruit(api, activity, name="Ox")
        for path in (f"{PARTNERS}/{partner['id']}", f"{PARTNERS}/{partner['id']}/history"):
            response = await other_api.request("GET", path)
            assert (response.status_code, response.json()["code"]) == (404, "partner_not_found")
        assert (await other_api.call("GET", PARTNERS))["items"] == []
        response = await other_api.request(
            "POST", f"{ACTIVITIES}/{activity['id']}/partners", json={"name": "Yak"}
        )
        assert (response.status_code, response.json()["code"]) == (404, "activity_not_found")
        missing = await api.request("PATCH", f"{PARTNERS}/{uuid4()}", json={})
        assert missing.status_code == 404
