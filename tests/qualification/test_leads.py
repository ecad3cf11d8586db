"""Leads through HTTP: create, merge, move, list, and who may do it."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.client import Api

LEADS = "/qualification/v1/leads"


async def make_user(api: Api, external_id: str, role: str = "rep") -> None:
    await api.call(
        "PUT",
        f"/pipeline/v1/users/by-external-id/{external_id}",
        json={"name": external_id.title(), "role": role},
    )


async def make_lead(api: Api, **fields: Any) -> Any:
    return await api.call("POST", LEADS, json={"name": "Kim Larsen", **fields})


class TestCreate:
    async def test_answers_with_the_whole_lead(self, api: Api) -> None:
        await make_user(api, "sid", "sdr")
        lead = await make_lead(
            api,
            external_id="L-1",
            email="kim@acme.example",
            employees=120,
            source_kind="inbound",
            sdr_external_id="sid",
        )
        assert lead["status"] == "raw"
        # Nothing done yet; the address is at a company of its own.
        assert (lead["score"], lead["behaviour_points"], lead["demographic_points"]) == (20, 0, 20)
        assert lead["sdr_external_id"] == "sid"
        assert lead["conversion"] is None
        response = await api.request("GET", f"{LEADS}/{lead['id']}")
        assert response.json() == lead
        assert response.headers["ETag"] == '"1"'
        known = await api.request("GET", f"{LEADS}/{lead['id']}", headers={"If-None-Match": '"1"'})
        assert known.status_code == 304

    async def test_takes_the_clients_id_once(self, api: Api) -> None:
        own = "01972f6e-7c00-7000-8000-00000000abcd"
        assert (await make_lead(api, id=own))["id"] == own
        again = await api.request("POST", LEADS, json={"name": "Other", "id": own})
        assert (again.status_code, again.json()["code"]) == (409, "lead_exists")

    async def test_refuses_a_taken_external_id(self, api: Api) -> None:
        await make_lead(api, external_id="L-1")
        again = await api.request("POST", LEADS, json={"name": "Other", "external_id": "L-1"})
        assert (again.status_code, again.json()["code"]) == (409, "lead_exists")

    async def test_refuses_what_it_does_not_know(self, api: Api) -> None:
        for body, pointer in [
            ({"name": "A", "statsu": "raw"}, "/statsu"),
            ({"name": "A", "status": "hot"}, "/status"),
            ({"name": "A", "score": "7"}, "/score"),
            ({"name": None}, "/name"),
            ({"email": "a@b.example"}, "/name"),
            ({"name": "A", "owner_external_id": "nobody"}, "/owner_external_id"),
        ]:
            response = await api.request("POST", LEADS, json=body)
            assert response.status_code == 422, body
            assert response.json()["errors"][0]["pointer"] == pointer


class TestUpsert:
    async def test_merges_and_counts_only_changes(self, api: Api) -> None:
        path = f"{LEADS}/by-external-id/crm/7"
        first = await api.request("PUT", path, json={"name": "Kim", "title": "CTO", "seats": 5})
        assert first.status_code == 201
        same = await api.request("PUT", path, json={"title": "CTO"})
        assert (same.status_code, same.json()["version"]) == (200, 1)
        cleared = await api.call("PUT", path, json={"title": None, "seats": 6})
        assert (cleared["title"], cleared["seats"], cleared["name"]) == (None, 6, "Kim")
        assert cleared["version"] == 2

    async def test_a_new_lead_needs_a_name(self, api: Api) -> None:
        response = await api.request("PUT", f"{LEADS}/by-external-id/x", json={"title": "CTO"})
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/name"

    async def test_if_match_guards_the_merge(self, api: Api) -> None:
        path = f"{LEADS}/by-external-id/x"
        await api.call("PUT", path, json={"name": "Kim"})
        stale = await api.request("PUT", path, json={"name": "Tim"}, headers={"If-Match": '"7"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


class TestBatch:
    async def test_one_bad_item_never_fails_the_others(self, api: Api) -> None:
        await make_lead(api, external_id="known")
        items = [
            {"external_id": "new", "name": "New"},
            {"external_id": "known", "title": "CTO"},
            {"external_id": "new", "name": "Again"},
            {"external_id": "bad", "name": "Bad", "score": -1},
            {"external_id": "lost", "name": "Lost", "owner_external_id": "nobody"},
            {"external_id": "known-not", "title": "no name"},
        ]
        response = await api.request("POST", f"{LEADS}/batch", json={"items": items})
        assert response.status_code == 207
        results = response.json()["results"]
        assert [result["status"] for result in results] == [201, 200, 409, 422, 422, 422]
        assert results[1]["version"] == 2
        assert results[2]["error"]["code"] == "duplicate_in_batch"
        assert results[4]["error"]["errors"][0]["pointer"] == "/items/4/owner_external_id"
        assert len((await api.call("GET", LEADS))["items"]) == 2

    async def test_two_writers_of_the_same_leads_make_one_each(self, api: Api) -> None:
        names = [f"L-{number}" for number in range(40)]

        async def write(order: list[str], title: str) -> list[int]:
            items = [{"external_id": name, "name": name, "title": title} for name in order]
            answer = await api.call("POST", f"{LEADS}/batch", json={"items": items})
            return [result["status"] for result in answer["results"]]

        statuses = await asyncio.gather(
            *(write(names if n % 2 else names[::-1], f"T{n}") for n in range(6))
        )
        assert sum(status == 201 for answer in statuses for status in answer) == len(names)
        assert all(status in (200, 201) for answer in statuses for status in answer)
        page = await api.call("GET", LEADS, params={"limit": 200})
        assert sorted(lead["external_id"] for lead in page["items"]) == sorted(names)


class TestStatus:
    async def test_records_the_stated_status(self, api: Api) -> None:
        lead = await make_lead(api, external_id="L", status="qualifying")
        assert lead["status"] == "qualifying"
        back = await api.call("PUT", f"{LEADS}/by-external-id/L", json={"status": "raw"})
        assert back["status"] == "raw"
        assert back["status_since"] > lead["status_since"]

    async def test_a_patch_keeps_to_the_life_cycle(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}"
        for status in ("inquiry", "mql", "accepted", "qualifying", "recycle", "pql"):
            body = {"status": status}
            if status == "recycle":
                bare = await api.request("PATCH", path, json=body)
                assert bare.json()["errors"][0]["pointer"] == "/status_reason"
                body["status_reason"] = "timing"
            assert (await api.call("PATCH", path, json=body))["status"] == status
        for status in ("raw", "inquiry"):
            refused = await api.request("PATCH", path, json={"status": status})
            assert refused.status_code == 409
            assert refused.json()["code"] == "lead_status_not_reachable"
        refused = await api.request("PATCH", path, json={"status": "qualified"})
        assert refused.json()["reason"] == "status_needs_conversion"

    async def test_other_roles_begin_at_the_beginning(self, api: Api) -> None:
        sdr = await api.client_for("sdr")
        refused = await sdr.request("POST", LEADS, json={"name": "A", "status": "accepted"})
        assert refused.status_code == 409
        assert (await make_lead(sdr, status="mql"))["status"] == "mql"


class TestList:
    async def test_pages_by_key_and_filters(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "sid", "sdr")
        for number in range(7):
            await make_lead(
                api,
                external_id=f"L-{number}",
                source_kind="inbound" if number % 2 else "outbound",
                owner_external_id="ana" if number < 3 else None,
                sdr_external_id="sid" if number == 5 else None,
                email="same@acme.example" if number > 4 else None,
                status="mql" if number == 6 else "raw",
            )
        seen: list[str] = []
        cursor = None
        while True:
            params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
            page = await api.call("GET", LEADS, params=params)
            seen += [lead["external_id"] for lead in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == [f"L-{number}" for number in range(7)]

        async def found(**params: str) -> list[str]:
            page = await api.call("GET", LEADS, params=params)
            return [lead["external_id"][2:] for lead in page["items"]]

        assert await found(owner_external_id="ana") == ["0", "1", "2"]
        assert await found(owner_external_id="nobody") == []
        assert await found(sdr_external_id="sid") == ["5"]
        assert await found(email="same@acme.example", source_kind="inbound") == ["5"]
        assert await found(status="mql") == ["6"]
        assert await found(external_id="L-4") == ["4"]

    async def test_refuses_foreign_cursors_and_parameters(self, api: Api) -> None:
        for params in ({"cursor": "nonsense"}, {"cursor": "WyJ4Il0"}, {"staus": "raw"}):
            assert (await api.request("GET", LEADS, params=params)).status_code == 422

    async def test_comes_as_csv(self, api: Api) -> None:
        await make_lead(api, external_id="L", notes="=cmd()")
        response = await api.request("GET", LEADS, params={"format": "csv"})
        header, row = response.text.splitlines()
        assert header.startswith("id,external_id,version,name")
        assert "'=cmd()" in row


class TestRoles:
    async def test_a_salesperson_keeps_to_its_own_leads(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "ben")
        ana, ben = await api.client_for("rep", "ana"), await api.client_for("rep", "ben")
        lead = await make_lead(ana)
        assert lead["owner_external_id"] == "ana"
        assert (await ben.request("GET", f"{LEADS}/{lead['id']}")).status_code == 404
        assert (await ben.request("PATCH", f"{LEADS}/{lead['id']}", json={})).status_code == 404
        assert (await ben.call("GET", LEADS))["items"] == []
        given = await ana.call("PATCH", f"{LEADS}/{lead['id']}", json={"owner_external_id": "ben"})
        assert given["owner_external_id"] == "ben"
        assert len((await ben.call("GET", LEADS))["items"]) == 1
        assert (await ana.call("GET", LEADS))["items"] == []

    async def test_a_batch_does_not_reach_around(self, api: Api) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        await make_lead(api, external_id="theirs")
        answer = await ana.call(
            "POST", f"{LEADS}/batch", json={"items": [{"external_id": "theirs", "title": "x"}]}
        )
        assert answer["results"][0]["status"] == 403

    async def test_an_analyst_who_also_sells_changes_only_its_own(self, api: Api) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana", "analyst")
        theirs = f"{LEADS}/{(await make_lead(api, external_id='theirs'))['id']}"
        assert (await ana.request("GET", theirs)).status_code == 200
        for refused in (
            await ana.request("PATCH", theirs, json={"title": "x"}),
            await ana.request("PUT", f"{LEADS}/by-external-id/theirs", json={"title": "x"}),
            await ana.request("POST", f"{theirs}/assessments", json={}),
            await ana.request("POST", f"{theirs}/conversion"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (403, "lead_not_yours")
        own = await ana.call("POST", LEADS, json={"name": "Mine"})
        assert (own["owner_external_id"], own["sdr_external_id"]) == ("ana", "ana")
        await ana.call("PATCH", f"{LEADS}/{own['id']}", json={"title": "x"})

    async def test_an_analyst_only_reads(self, api: Api) -> None:
        analyst = await api.client_for("analyst")
        assert (await analyst.request("GET", LEADS)).status_code == 200
        assert (await analyst.request("POST", LEADS, json={"name": "A"})).status_code == 403

    async def test_another_workspace_sees_nothing(self, api: Api, other_api: Api) -> None:
        lead = await make_lead(api, external_id="L")
        assert (await other_api.request("GET", f"{LEADS}/{lead['id']}")).status_code == 404
        assert (await other_api.call("GET", LEADS))["items"] == []
        twin = await other_api.call("PUT", f"{LEADS}/by-external-id/L", json={"name": "Twin"})
        assert twin["id"] != lead["id"]
