"""Territories, organisations and divisions through HTTP: merge, lists, and who may write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.qualification.territories import repository
from tests.client import Api
from tests.qualification.territories_book import (
    V1,
    division_path,
    history,
    make_division,
    make_organisation,
    make_territory,
    make_user,
    refusal,
)


class TestTerritories:
    async def test_merges_and_counts_only_changes(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "ben")
        path = f"{V1}/territories/by-external-id/north"
        body = {
            "name": "Large-EMEA-North-1",
            "segment": "large",
            "region": "EMEA",
            "area": "North",
            "owner_external_ids": ["ben", "ana"],
        }
        first = await api.request("PUT", path, json=body)
        assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
        assert first.json()["owner_external_ids"] == ["ana", "ben"]
        again = await api.call("PUT", path, json=body | {"owner_external_ids": ["ana", "ben"]})
        assert again["version"] == 1
        cleared = await api.call("PUT", path, json={"area": None, "owner_external_ids": ["ben"]})
        assert (cleared["area"], cleared["region"], cleared["version"]) == (None, "EMEA", 2)
        assert cleared["owner_external_ids"] == ["ben"]
        assert await api.call("GET", f"{V1}/territories/{first.json()['id']}") == cleared
        stale = await api.request("PUT", path, json={"area": "X"}, headers={"If-Match": '"1"'})
        assert refusal(stale)[:2] == (412, "stale_version")
        known = await api.request(
            "GET", f"{V1}/territories/{cleared['id']}", headers={"If-None-Match": '"2"'}
        )
        assert known.status_code == 304

    async def test_is_called_by_its_external_id_unless_named(self, api: Api) -> None:
        assert (await make_territory(api, "north"))["name"] == "north"
        assert (await make_territory(api, "north", name="North"))["name"] == "North"
        assert (await make_territory(api, "north", region="EMEA"))["name"] == "North"
        assert (await make_territory(api, "north", name=None))["name"] == "north"

    async def test_refuses_what_it_does_not_know(self, api: Api) -> None:
        path = f"{V1}/territories/by-external-id/north"
        for body, pointer in [
            ({"segmnet": "large"}, "/segmnet"),
            ({"segment": "huge"}, "/segment"),
            ({"owner_external_ids": ["nobody"]}, "/owner_external_ids"),
            ({"external_id": "south"}, "/external_id"),
        ]:
            response = await api.request("PUT", path, json=body)
            assert refusal(response) == (422, "invalid_payload", [pointer])

    async def test_a_batch_refuses_by_item(self, api: Api) -> None:
        items = [
            {"external_id": "a", "region": "EMEA"},
            {"external_id": "a"},
            {"external_id": "b", "owner_external_ids": ["nobody"]},
            {"external_id": "c", "segment": 3},
        ]
        response = await api.request("POST", f"{V1}/territories/batch", json={"items": items})
        results = response.json()["results"]
        assert [each["status"] for each in results] == [201, 409, 422, 422]
        assert results[2]["error"]["errors"][0]["pointer"] == "/items/2/owner_external_ids"

    async def test_lists_page_filter_and_come_as_csv(self, api: Api) -> None:
        await make_user(api, "ana")
        for number in range(3):
            await make_territory(api, f"t{number}", region="EMEA" if number else "AMER")
        await make_territory(api, "t1", owner_external_ids=["ana"])
        path = f"{V1}/territories"
        first = await api.call("GET", path, params={"limit": 2})
        second = await api.call("GET", path, params={"limit": 2, "cursor": first["next_cursor"]})
        seen = [item["external_id"] for page in (first, second) for item in page["items"]]
        assert (seen, second["next_cursor"]) == (["t0", "t1", "t2"], None)
        for params, expected in [
            ({"region": "EMEA"}, ["t1", "t2"]),
            ({"owner_external_id": "ana"}, ["t1"]),
            ({"owner_external_id": "nobody"}, []),
            ({"external_id": "t2"}, ["t2"]),
        ]:
            page = await api.call("GET", path, params=params)
            assert [item["external_id"] for item in page["items"]] == expected
        table = await api.request("GET", path, params={"format": "csv"})
        assert table.text.splitlines()[0].startswith("id,external_id,version,name,segment")
        assert len(table.text.splitlines()) == 4


class TestOrganisations:
    async def test_moves_to_the_territory_it_is_put_in(self, api: Api) -> None:
        north = await make_territory(api, "north")
        south = await make_territory(api, "south")
        acme = await make_organisation(api, north, "acme", vertical="Healthcare", employees=300)
        assert acme["version"] == 1
        assert (await make_organisation(api, north, "acme", employees=300))["version"] == 1
        moved = await make_organisation(api, south, "acme")
        assert (moved["id"], moved["version"]) == (acme["id"], 2)
        assert (moved["territory_external_id"], moved["vertical"]) == ("south", "Healthcare")
        for territory, expected in ((north, []), (south, ["acme"])):
            page = await api.call("GET", f"{V1}/territories/{territory['id']}/organisations")
            assert [item["external_id"] for item in page["items"]] == expected

    async def test_filters_combine(self, api: Api) -> None:
        north = await make_territory(api, "north")
        await make_organisation(api, north, "a", vertical="Healthcare", is_customer=True)
        await make_organisation(api, north, "b", vertical="Healthcare", account="crm-b")
        await make_organisation(api, north, "c", vertical="Financial", active=False)
        for params, expected in [
            ({"vertical": "Healthcare"}, ["a", "b"]),
            ({"vertical": "Healthcare", "is_customer": "true"}, ["a"]),
            ({"account_external_id": "crm-b"}, ["b"]),
            ({"active": "false"}, ["c"]),
            ({"external_id": "c"}, ["c"]),
        ]:
            page = await api.call("GET", f"{V1}/organisations", params=params)
            assert [item["external_id"] for item in page["items"]] == expected

    async def test_many_at_once(self, api: Api) -> None:
        north = await make_territory(api, "north")
        response = await api.request(
            "POST",
            f"{V1}/territories/{north['id']}/organisations/batch",
            json={
                "items": [
                    {"external_id": "a"},
                    {"external_id": "b", "route_to_market": "fax"},
                    {"external_id": "c", "employees": 1.5},
                ]
            },
        )
        assert [each["status"] for each in response.json()["results"]] == [201, 422, 422]

    async def test_of_a_territory_that_is_not_there(self, api: Api, other_api: Api) -> None:
        north = await make_territory(other_api, "north")
        for path in (
            f"{V1}/territories/{north['id']}",
            f"{V1}/territories/{north['id']}/organisations",
            f"{V1}/territories/{north['id']}/map",
            f"{V1}/territories/{north['id']}/shares",
        ):
            assert refusal(await api.request("GET", path))[:2] == (404, "territory_not_found")
        refused = await api.request(
            "PUT", f"{V1}/territories/{north['id']}/organisations/by-external-id/x", json={}
        )
        assert refusal(refused)[:2] == (404, "territory_not_found")


class TestDivisions:
    async def test_an_external_id_is_the_organisations_own(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        globex = await make_organisation(api, north, "globex")
        one = await make_division(api, acme, "it", colour="green")
        two = await make_division(api, globex, "it", colour="red")
        assert one["id"] != two["id"]
        page = await api.call("GET", f"{V1}/organisations/{acme['id']}/divisions")
        assert [item["colour"] for item in page["items"]] == ["green"]

    async def test_parents_come_in_any_order_and_go_with_what_is_refused(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        response = await api.request(
            "POST",
            f"{V1}/organisations/{acme['id']}/divisions/batch",
            json={
                "items": [
                    {"external_id": "leaf", "parent_external_id": "stem", "kind": "branch"},
                    {"external_id": "stem", "kind": "department", "colour": "green"},
                    {"external_id": "bad", "colour": "grey", "practises_devops": True},
                    {"external_id": "below-bad", "parent_external_id": "bad"},
                    {"external_id": "own", "parent_external_id": "own"},
                    {"external_id": "stem", "colour": "red"},
                ]
            },
        )
        results = response.json()["results"]
        assert [each["status"] for each in results] == [201, 201, 422, 422, 409, 409]
        assert results[3]["error"]["errors"][0]["pointer"] == "/items/3/parent_external_id"
        assert results[4]["error"]["code"] == "division_circle"
        page = await api.call("GET", f"{V1}/organisations/{acme['id']}/divisions")
        assert {item["external_id"]: item["parent_external_id"] for item in page["items"]} == {
            "leaf": "stem",
            "stem": None,
        }

    async def test_a_circle_is_refused(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        await make_division(api, acme, "a")
        await make_division(api, acme, "b", parent_external_id="a")
        await make_division(api, acme, "c", parent_external_id="b")
        refused = await api.request(
            "PUT", division_path(acme, "a"), json={"parent_external_id": "c"}
        )
        assert refusal(refused)[:2] == (409, "division_circle")
        assert "a is part of c is part of b is part of a" in refused.json()["detail"]
        freed = await make_division(api, acme, "b", parent_external_id=None)
        assert freed["parent_external_id"] is None

    async def test_two_that_would_close_a_circle_together(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = repository.divisions_of

        async def read_slowly(*args: Any) -> Any:
            """As long as it takes the other request to read too, where nothing keeps it away."""
            stored = await read(*args)
            await asyncio.sleep(0.3)
            return stored

        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        for name in ("a", "b"):
            await make_division(api, acme, name)
        monkeypatch.setattr(repository, "divisions_of", read_slowly)
        answers = await asyncio.gather(
            api.request("PUT", division_path(acme, "a"), json={"parent_external_id": "b"}),
            api.request("PUT", division_path(acme, "b"), json={"parent_external_id": "a"}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]

    async def test_the_same_new_one_at_once_is_one(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        answers = await asyncio.gather(
            *(
                api.request("PUT", division_path(acme, "it"), json={"colour": "red"})
                for _ in range(4)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert len(await history(api, answers[0].json())) == 1

    async def test_takes_the_clients_id_once(self, api: Api) -> None:
        own = "01972f6e-7c00-7000-8000-00000000abcd"
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        assert (await make_division(api, acme, "a", id=own, colour="red"))["id"] == own
        taken = await api.request(
            "PUT", division_path(acme, "b"), json={"id": own, "colour": "red"}
        )
        assert refusal(taken)[:2] == (409, "id_taken")
        assert len(await history(api, {"id": own})) == 1


class TestAccess:
    async def test_who_writes_where(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "ben")
        await make_user(api, "sid", "sdr")
        north = await make_territory(api, owner_external_ids=["ana", "sid"])
        acme = await make_organisation(api, north, "acme")
        expected = {
            ("rep", "ana"): 200,
            ("sdr", "sid"): 200,
            ("rep", "ben"): 403,
            ("manager", "ben"): 200,
            ("sales_ops", None): 200,
            ("integration", None): 200,
            ("analyst", None): 403,
            ("rep", None): 403,
        }
        await make_division(api, acme, "it", colour="red")
        for (role, user), status in expected.items():
            async with await api.client_for(role, user) as caller:
                answers = [
                    await caller.request("PUT", division_path(acme, "it"), json={"users": 1}),
                    await caller.request(
                        "PUT",
                        f"{V1}/territories/{north['id']}/organisations/by-external-id/acme",
                        json={"employees": 7},
                    ),
                    await caller.request(
                        "PUT", f"{V1}/territories/by-external-id/north", json={"region": "EMEA"}
                    ),
                ]
                assert {answer.status_code for answer in answers} == {status}, (role, user)
                # Everybody reads.
                for path in ("/territories", "/organisations", f"/territories/{north['id']}/map"):
                    assert (await caller.request("GET", V1 + path)).status_code == 200

    async def test_owners_do_not_give_a_territory_away(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "ben")
        await make_territory(api, owner_external_ids=["ana"])
        await make_territory(api, "south", owner_external_ids=["ben"])
        async with await api.client_for("rep", "ana") as ana:
            path = f"{V1}/territories/by-external-id"
            given = await ana.request("PUT", f"{path}/north", json={"owner_external_ids": ["ben"]})
            assert refusal(given)[:2] == (403, "owners_not_yours")
            same = await ana.request("PUT", f"{path}/north", json={"owner_external_ids": ["ana"]})
            assert same.status_code == 200
            made = await ana.request("PUT", f"{path}/new", json={"owner_external_ids": ["ana"]})
            assert refusal(made)[:2] == (403, "territory_not_yours")
            batch = await ana.request(
                "POST",
                f"{V1}/territories/batch",
                json={"items": [{"external_id": "north"}, {"external_id": "south"}]},
            )
            assert [each["status"] for each in batch.json()["results"]] == [200, 403]

    async def test_an_organisation_is_not_taken_from_somebody_else(self, api: Api) -> None:
        await make_user(api, "ana")
        north = await make_territory(api, "north", owner_external_ids=["ana"])
        south = await make_territory(api, "south")
        await make_organisation(api, south, "acme")
        async with await api.client_for("rep", "ana") as ana:
            taken = await ana.request(
                "PUT",
                f"{V1}/territories/{north['id']}/organisations/by-external-id/acme",
                json={},
            )
        assert refusal(taken)[:2] == (403, "territory_not_yours")

    async def test_who_says_so_is_the_caller_by_default(self, api: Api) -> None:
        user_id = await make_user(api, "ana")
        north = await make_territory(api, owner_external_ids=["ana"])
        acme = await make_organisation(api, north, "acme")
        async with await api.client_for("rep", "ana") as ana:
            division = await make_division(ana, acme, "it", colour="red")
        assert division["said_by"] == "Ana"
        (said,) = await history(api, division)
        assert said["actor"] == f"user:{user_id}"
