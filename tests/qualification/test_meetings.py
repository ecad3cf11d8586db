"""Meetings through HTTP: plan, merge a calendar's entries, move, list, and who may."""

from __future__ import annotations

from datetime import timedelta

from tests.client import Api
from tests.qualification.meetings_book import (
    MEETINGS,
    NOW,
    SOON,
    Clock,
    convert,
    listed,
    make_account,
    make_deal,
    make_lead,
    make_meeting,
    make_user,
)


class TestCreate:
    async def test_answers_with_the_whole_meeting(self, api: Api) -> None:
        await make_account(api)
        await make_user(api, "ana")
        await make_user(api, "sam")
        await api.call(
            "PUT",
            "/pipeline/v1/contacts/by-external-id/kim",
            json={
                "name": "Kim Larsen",
                "account_external_id": "acme",
                "title": "CFO",
                "persona": "financial",
                "buying_role": "economic_buyer",
            },
        )
        meeting = await api.call(
            "POST",
            MEETINGS,
            json={
                "external_id": "cal-1",
                "subject": "Qual call with Acme",
                "kind": "discovery",
                "scheduled_at": "2026-06-18T17:00:00+02:00",
                "duration_minutes": 45,
                "owner_external_id": "ana",
                "team": ["sam"],
                "buyer_stage": "explores_options",
                "attendees": [
                    {"contact_external_id": "kim"},
                    {"name": "Pat", "title": "CISO", "persona": "Security"},
                ],
            },
        )
        assert meeting["is_qualification"] is True
        assert meeting["state"] == "planned"
        assert meeting["scheduled_at"] == SOON
        assert meeting["account_external_id"] == "acme"
        assert (meeting["owner_external_id"], meeting["team"]) == ("ana", ["sam"])
        assert meeting["attendees"][0] == {
            "contact_external_id": "kim",
            "name": "Kim Larsen",
            "title": "CFO",
            "email": None,
            "persona": "financial_leader",
            "buying_role": "economic_buyer",
        }
        assert meeting["attendees"][1]["persona"] == "security_leader"
        response = await api.request("GET", f"{MEETINGS}/{meeting['id']}")
        assert response.json() == meeting
        assert response.headers["ETag"] == '"1"'

    async def test_says_what_is_wrong(self, api: Api) -> None:
        await make_account(api)
        good = {"subject": "A", "scheduled_at": SOON, "account_external_id": "acme"}
        for change, pointer in [
            ({"subjct": "x"}, "/subjct"),
            ({"subject": None}, "/subject"),
            ({"scheduled_at": "tomorrow"}, "/scheduled_at"),
            ({"account_external_id": None}, "/lead_id"),
            ({"lead_external_id": "nobody"}, "/lead_external_id"),
            ({"opportunity_external_id": "nothing"}, "/opportunity_external_id"),
            ({"owner_external_id": "nobody"}, "/owner_external_id"),
            ({"team": ["nobody"]}, "/team/0"),
            ({"buyer_stage": "asleep"}, "/buyer_stage"),
            (
                {"attendees": [{"name": "A"}, {"contact_external_id": "x"}]},
                "/attendees/1/contact_external_id",
            ),
            ({"attendees": [{"persona": "gardener"}]}, "/attendees/0/persona"),
            ({"state": "held"}, "/state"),
        ]:
            response = await api.request("POST", MEETINGS, json={**good, **change})
            assert response.status_code == 422, change
            assert response.json()["errors"][0]["pointer"] == pointer, change

    async def test_a_taken_external_id_or_id(self, api: Api) -> None:
        await make_account(api)
        meeting = await make_meeting(api, external_id="cal-1")
        body = {"subject": "B", "scheduled_at": SOON, "account_external_id": "acme"}
        again = await api.request("POST", MEETINGS, json={**body, "external_id": "cal-1"})
        assert (again.status_code, again.json()["code"]) == (409, "meeting_exists")
        same = await api.request("POST", MEETINGS, json={**body, "id": meeting["id"]})
        assert (same.status_code, same.json()["code"]) == (409, "id_taken")

    async def test_about_a_converted_lead_it_is_about_its_opportunity(self, api: Api) -> None:
        await make_user(api, "ana")
        lead = await make_lead(api, owner_external_id="ana", company="Acme")
        opportunity_id = await convert(api, lead)
        meeting = await make_meeting(api, lead_id=lead["id"])
        assert meeting["opportunity_id"] == opportunity_id


class TestCalendar:
    async def test_merges_and_counts_only_changes(self, api: Api) -> None:
        await make_account(api)
        await make_user(api, "sam")
        path = f"{MEETINGS}/by-external-id/cal/1"
        body = {
            "subject": "Call",
            "scheduled_at": SOON,
            "account_external_id": "acme",
            "team": ["sam"],
            "attendees": [{"name": "Pat"}],
        }
        first = await api.request("PUT", path, json=body)
        assert first.status_code == 201
        same = await api.request("PUT", path, json={**body, "state": "planned"})
        assert (same.status_code, same.json()["version"]) == (200, 1)
        changed = await api.call("PUT", path, json={"team": [], "subject": "Qual"})
        assert (changed["version"], changed["team"]) == (2, [])
        assert changed["is_qualification"] is True
        assert changed["attendees"][0]["name"] == "Pat"
        stale = await api.request("PUT", path, json={"subject": "X"}, headers={"If-Match": '"1"'})
        assert stale.status_code == 412

    async def test_one_bad_entry_never_fails_the_others(self, api: Api) -> None:
        await make_account(api)
        entry = {"subject": "Call", "scheduled_at": SOON, "account_external_id": "acme"}
        items = [
            {"external_id": "a", **entry},
            {"external_id": "b", **entry, "owner_external_id": "nobody"},
            {"external_id": "a", **entry},
            {"external_id": "c", "subject": "no time"},
            {"external_id": "d", **entry, "account_external_id": None},
        ]
        response = await api.request("POST", f"{MEETINGS}/batch", json={"items": items})
        results = response.json()["results"]
        assert [result["status"] for result in results] == [201, 422, 409, 422, 422]
        assert results[1]["error"]["errors"][0]["pointer"] == "/items/1/owner_external_id"
        assert await listed(api) == ["Call"]

    async def test_cancelled_and_back(self, api: Api) -> None:
        await make_account(api)
        meeting = await make_meeting(api)
        path = f"{MEETINGS}/{meeting['id']}"
        assert (await api.call("PATCH", path, json={"state": "cancelled"}))["state"] == "cancelled"
        outcome = await api.request("POST", f"{path}/outcome", json={"no_show": True})
        assert (outcome.status_code, outcome.json()["code"]) == (409, "meeting_cancelled")
        assert (await api.call("PATCH", path, json={"state": "planned"}))["state"] == "planned"

    async def test_if_match_guards_a_patch(self, api: Api) -> None:
        await make_account(api)
        meeting = await make_meeting(api)
        path = f"{MEETINGS}/{meeting['id']}"
        stale = await api.request("PATCH", path, json={"subject": "X"}, headers={"If-Match": '"9"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
        same = await api.call("PATCH", path, json={"subject": "First call"})
        assert same["version"] == 1


class TestList:
    async def test_filters_and_pages(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await make_account(api)
            await make_account(api, "other")
            await make_user(api, "ana")
            await make_user(api, "sam")
            deal = await make_deal(api, external_id="deal")
            lead = await make_lead(api, external_id="L-1", account_external_id="acme")
            await make_meeting(api, subject="A", scheduled_at="2026-06-20T06:59:00Z")
            await make_meeting(
                api, subject="B qual", scheduled_at="2026-06-20T07:00:00Z", team=["sam"]
            )
            await make_meeting(
                api, subject="C", opportunity_id=deal["id"], owner_external_id="ana", kind="demo"
            )
            await make_meeting(api, subject="D", lead_id=lead["id"], owner_external_id="sam")
            await make_meeting(api, subject="E", account_external_id="other")
            everything = await listed(api)
            assert sorted(everything) == ["A", "B qual", "C", "D", "E"]
            assert sorted(await listed(api, account_external_id="acme")) == [
                "A",
                "B qual",
                "C",
                "D",
            ]
            assert await listed(api, lead_id=lead["id"]) == ["D"]
            assert await listed(api, opportunity_id=deal["id"]) == ["C"]
            assert sorted(await listed(api, user_id="sam")) == ["B qual", "D"]
            assert await listed(api, user_id="nobody") == []
            assert await listed(api, kind="demo") == ["C"]
            assert await listed(api, is_qualification=True) == ["B qual"]
            assert await listed(api, state="held") == []
            # A day of the company: Los Angeles.
            assert await listed(api, **{"from": "2026-06-20"}) == ["B qual"]
            assert "A" in await listed(api, to="2026-06-19")
            assert "B qual" not in await listed(api, to="2026-06-19")
            seen: list[str] = []
            cursor = None
            while True:
                params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
                page = await api.call("GET", MEETINGS, params=params)
                seen += [item["subject"] for item in page["items"]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert seen == everything
            bad = await api.request("GET", MEETINGS, params={"cursor": "WzFd"})
            assert bad.status_code == 422
            text = (await api.request("GET", MEETINGS, params={"format": "csv"})).text
            assert text.splitlines()[0].startswith("id,external_id,version,subject,kind")


class TestRoles:
    async def test_follows_what_it_is_about(self, api: Api) -> None:
        await make_user(api, "vera", "manager")
        await make_user(api, "ana", manager_external_id="vera")
        await make_user(api, "bob")
        await make_user(api, "sid", "sdr")
        await make_account(api, owner_external_id="bob")
        deal = await make_deal(api)
        lead = await make_lead(api, owner_external_id="bob")
        of_deal = await make_meeting(api, subject="deal", opportunity_id=deal["id"])
        of_lead = await make_meeting(api, subject="lead", lead_id=lead["id"])
        of_both = await make_meeting(
            api, subject="both", lead_id=lead["id"], opportunity_id=deal["id"]
        )
        of_account = await make_meeting(api, subject="account")
        with_bob = await make_meeting(
            api, subject="bob is there", opportunity_id=deal["id"], team=["bob"]
        )
        own = await make_meeting(
            api, subject="own", account_external_id="else", owner_external_id="ana"
        )
        everything = [of_deal, of_lead, of_both, of_account, with_bob, own]
        expected = {
            ("rep", "ana"): {"deal", "both", "bob is there", "own"},
            ("rep", "bob"): {"lead", "account", "bob is there"},
            ("manager", "vera"): {"deal", "both", "bob is there", "own", "lead"},
            ("sdr", "sid"): {"lead"},
            ("analyst", "bob"): {one["subject"] for one in everything},
            ("sales_ops", None): {one["subject"] for one in everything},
        }
        for (role, user), subjects in expected.items():
            client = await api.client_for(role, user)
            assert set(await listed(client)) == subjects, role
            for meeting in everything:
                path = f"{MEETINGS}/{meeting['id']}"
                is_seen = meeting["subject"] in subjects
                assert (await client.request("GET", path)).status_code == (200 if is_seen else 404)
                patched = await client.request("PATCH", path, json={"duration_minutes": 30})
                writes = 403 if role == "analyst" else (200 if is_seen else 404)
                assert patched.status_code == writes, (role, meeting["subject"])

    async def test_a_rep_names_only_what_it_sees(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "bob")
        await make_account(api)
        deal = await make_deal(api, external_id="deal")
        lead = await make_lead(api, external_id="L-1", owner_external_id="ana")
        bob = await api.client_for("rep", "bob")
        base = {"subject": "A", "scheduled_at": SOON}
        for about in (
            {"opportunity_id": deal["id"]},
            {"opportunity_external_id": "deal"},
            {"lead_id": lead["id"]},
            {"lead_external_id": "L-1"},
        ):
            response = await bob.request("POST", MEETINGS, json={**base, **about})
            assert response.status_code == 422, about
        ana = await api.client_for("rep", "ana")
        made = await ana.call("POST", MEETINGS, json={**base, "lead_external_id": "L-1"})
        assert made["owner_external_id"] == "ana"
        await api.call("PUT", f"{MEETINGS}/by-external-id/x", json={**base, "lead_id": lead["id"]})
        taken = await bob.request("PUT", f"{MEETINGS}/by-external-id/x", json={"subject": "B"})
        assert (taken.status_code, taken.json()["code"]) == (403, "meeting_not_yours")
        analyst = await api.client_for("analyst")
        body = {**base, "account_external_id": "acme"}
        assert (await analyst.request("POST", MEETINGS, json=body)).status_code == 403

    async def test_an_owner_sees_it_once_the_sdr_took_the_lead_up(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "sid", "sdr")
        lead = await make_lead(
            api, owner_external_id="ana", sdr_external_id="sid", status="mql", score=120
        )
        meeting = await make_meeting(api, lead_id=lead["id"])
        path = f"{MEETINGS}/{meeting['id']}"
        ana = await api.client_for("rep", "ana")
        assert (await ana.request("GET", path)).status_code == 404
        assert await listed(ana) == []
        await api.call(
            "PATCH", f"/qualification/v1/leads/{lead['id']}", json={"status": "accepted"}
        )
        assert (await ana.request("GET", path)).status_code == 200
        assert await listed(ana) == ["First call"]

    async def test_another_workspace_sees_nothing(self, api: Api, other_api: Api) -> None:
        await make_account(api)
        meeting = await make_meeting(api)
        path = f"{MEETINGS}/{meeting['id']}"
        for method, target, body in (
            ("GET", path, None),
            ("PATCH", path, {"subject": "X"}),
            ("GET", f"{path}/preparation", None),
            ("PUT", f"{path}/preparation", {}),
            ("POST", f"{path}/agenda-sent", {"to": ["a"]}),
            ("GET", f"{path}/reviews", None),
            ("POST", f"{path}/outcome", {"no_show": True}),
            ("GET", f"{path}/outcome", None),
        ):
            response = await other_api.request(method, target, json=body)
            assert response.status_code == 404, target
        assert await listed(other_api) == []


async def test_many_meetings_at_once_are_one_statement_each(api: Api) -> None:
    await make_account(api)
    start = NOW
    items = [
        {
            "external_id": f"m{number}",
            "subject": f"Call {number}",
            "scheduled_at": (start + timedelta(hours=number)).isoformat(),
            "account_external_id": "acme",
        }
        for number in range(300)
    ]
    response = await api.request("POST", f"{MEETINGS}/batch", json={"items": items})
    assert {result["status"] for result in response.json()["results"]} == {201}
    again = await api.request("POST", f"{MEETINGS}/batch", json={"items": items})
    assert {result["version"] for result in again.json()["results"]} == {1}
