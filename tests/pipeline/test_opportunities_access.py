"""Who may see and write which opportunities."""

from __future__ import annotations

import pytest

from tests.client import Api
from tests.pipeline.deals import (
    OPPORTUNITIES,
    PLAIN,
    batch,
    company,
    deal,
    findings,
    get,
    history,
    move,
    put,
    try_patch,
)


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)
    # A manager's reach is that of the posted reporting lines.
    await api.settle()


async def names(api: Api) -> list[str]:
    page = await api.call("GET", OPPORTUNITIES)
    return [item["external_id"] for item in page["items"]]


class TestReading:
    async def test_each_role_sees_its_reach(self, api: Api) -> None:
        await deal(api, "anas")
        await deal(api, "bens", owner_external_id="ben")
        await deal(api, "zoes", owner_external_id="zoe", sdr_external_id="ben")
        for role, user, expected in (
            ("analyst", None, ["anas", "bens", "zoes"]),
            ("sales_ops", None, ["anas", "bens", "zoes"]),
            ("integration", None, ["anas", "bens", "zoes"]),
            ("manager", "mia", ["anas", "bens"]),
            ("rep", "ana", ["anas"]),
            ("sdr", "ben", ["bens", "zoes"]),
        ):
            assert await names(await api.client_for(role, user)) == expected, role

    async def test_roles_that_combine_see_what_each_sees(self, api: Api) -> None:
        """Mia leads Ana and Ben, and is the SDR of one of Zoe's."""
        await deal(api, "anas")
        await deal(api, "zoes", owner_external_id="zoe", sdr_external_id="mia")
        await deal(api, "others", owner_external_id="zoe")
        both = await api.client_for("manager", "mia", "sdr")
        assert await names(both) == ["anas", "zoes"]
        for name, status in (("anas", 200), ("zoes", 200), ("others", 404)):
            (found,) = [
                item
                for item in (await api.call("GET", OPPORTUNITIES))["items"]
                if item["external_id"] == name
            ]
            answer = await both.request("GET", f"{OPPORTUNITIES}/{found['id']}")
            assert answer.status_code == status, name
            # Recorded past its gate: each has something to be told of.
            await put(api, name, stage="technical_evaluation")
        shown = (await both.call("GET", "/pipeline/v1/findings"))["items"]
        everything = (await api.call("GET", "/pipeline/v1/findings"))["items"]
        assert everything
        assert {item["opportunity_external_id"] for item in shown} == {
            item["opportunity_external_id"] for item in everything
        } - {"others"}

    async def test_a_new_manager_sees_at_once_and_the_old_one_no_longer(self, api: Api) -> None:
        await deal(api, "zoes", owner_external_id="zoe")
        await api.call("PUT", "/pipeline/v1/users/by-external-id/max", json={"name": "Max"})
        mia, max_ = [await api.client_for("manager", name) for name in ("mia", "max")]
        for manager, seen_by_mia, seen_by_max in (("mia", ["zoes"], []), ("max", [], ["zoes"])):
            path = "/pipeline/v1/users/by-external-id/zoe"
            await api.call("PUT", path, json={"manager_external_id": manager})
            assert (await names(mia), await names(max_)) == (seen_by_mia, seen_by_max)

    async def test_out_of_sight_is_not_there(self, api: Api) -> None:
        stored = await deal(api, owner_external_id="ben")
        rep = await api.client_for("rep", "ana")
        for suffix in ("", "/history", "/stage-gate"):
            answer = await rep.request("GET", f"{OPPORTUNITIES}/{stored['id']}{suffix}")
            assert (answer.status_code, answer.json()["code"]) == (404, "opportunity_not_found")

    async def test_a_key_without_a_user_owns_nothing(self, api: Api) -> None:
        answer = await (await api.client_for("rep")).request("GET", OPPORTUNITIES)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    async def test_needs_a_token(self, api: Api) -> None:
        answer = await api.request("GET", OPPORTUNITIES, headers={"Authorization": "Bearer no"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


class TestWriting:
    async def test_an_analyst_only_reads(self, api: Api) -> None:
        stored = await deal(api)
        analyst = await api.client_for("analyst", "zoe")
        for method, path, body in (
            ("POST", "", PLAIN),
            ("POST", "/batch", {"items": []}),
            ("PUT", "/by-external-id/x", PLAIN),
            ("PATCH", f"/{stored['id']}", {"amount": 1}),
            ("POST", f"/{stored['id']}/transitions", {"to_stage": "scoping"}),
            ("POST", "/reassign", {"to_owner_external_id": "ben", "ids": [stored["id"]]}),
        ):
            answer = await analyst.request(method, OPPORTUNITIES + path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
        assert await get(api, stored) == stored

    async def test_a_rep_writes_own_records(self, api: Api) -> None:
        mine, theirs = await deal(api, "mine"), await deal(api, "bens", owner_external_id="ben")
        rep = await api.client_for("rep", "ana")
        assert (await try_patch(rep, mine, amount="1000")).status_code == 200
        assert (await try_patch(rep, theirs, amount="1000")).status_code == 404
        assert (await move(rep, theirs, "scoping")).status_code == 404
        given = await try_patch(rep, mine, owner_external_id="ben")
        assert (given.status_code, given.json()["code"]) == (403, "not_your_opportunity")
        results = await batch(
            rep,
            {"external_id": "mine", "amount": "2000"},
            {"external_id": "bens", "amount": "2000"},
            {"name": "Given", "owner_external_id": "ben"},
            {"name": "Own"},
        )
        assert [result["status"] for result in results] == [200, 403, 403, 201]
        assert (await history(api, mine))[-1]["actor_name"] == "Ana"

    async def test_a_manager_writes_the_own_subtree(self, api: Api) -> None:
        reports, other = await deal(api, "a"), await deal(api, "z", owner_external_id="zoe")
        manager = await api.client_for("manager", "mia")
        assert (await try_patch(manager, reports, owner_external_id="ben")).status_code == 200
        assert (await try_patch(manager, other, amount="1")).status_code == 404
        given = await try_patch(manager, reports, owner_external_id="zoe")
        assert (given.status_code, given.json()["code"]) == (403, "not_your_opportunity")

    @pytest.mark.parametrize(
        ("role", "user"), [("sales_ops", None), ("manager", "mia"), ("rep", "ana")]
    )
    async def test_put_and_batch_bind_who_does_not_record(
        self, api: Api, role: str, user: str | None
    ) -> None:
        stored = await deal(api, stage="closed_won")
        caller = await api.client_for(role, user)
        answer = await caller.request(
            "PUT", f"{OPPORTUNITIES}/by-external-id/O1", json={"amount": "5000"}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "opportunity_closed")
        (result,) = await batch(caller, {"external_id": "O1", "stage": "closed_lost"})
        assert result["error"]["code"] == "opportunity_closed"
        assert await get(api, stored) == stored

    @pytest.mark.parametrize("role", ["admin", "integration"])
    async def test_admins_and_integrations_record(self, api: Api, role: str) -> None:
        stored = await deal(api, stage="closed_won")
        recorder = await api.client_for(role)
        lost = {"stage": "closed_lost", "lost_reason": "other", "lost_details": "Not signed."}
        assert (await put(recorder, "O1", **lost))["stage"] == "closed_lost"
        assert await findings(api, stored) == [(2, "opportunity_closed")]
        patched = await try_patch(recorder, stored, stage="closed_won")
        assert patched.status_code == 409

    async def test_a_record_of_a_closed_one_is_a_finding(self, api: Api) -> None:
        stored = await deal(api, stage="closed_won")
        refused = await try_patch(api, stored, owner_external_id="ben", net_arr="5")
        assert "net_arr, owner_external_id cannot change" in refused.json()["detail"]
        assert (await put(api, "O1", amount="5000"))["amount"] == "5000.00"
        await put(api, "O1", next_step="Thank them")
        await api.call(
            "POST",
            f"{OPPORTUNITIES}/reassign",
            json={"to_owner_external_id": "ben", "ids": [stored["id"]]},
        )
        assert await findings(api, stored) == [(2, "closed_record_changed")]

    async def test_going_back_may_need_a_manager(self, api: Api) -> None:
        await api.call(
            "POST",
            "/pipeline/v1/policies",
            json={"name": "2024", "settings": {"stage.backward": "manager_approval"}},
        )
        stored = await deal(api, stage="proposal")
        rep = await api.client_for("rep", "ana")
        answer = await move(rep, stored, "scoping", reason="New buyer")
        assert answer.json()["unmet"][0]["code"] == "manager_approval_required"
        manager = await api.client_for("manager", "mia")
        assert (await move(manager, stored, "scoping", reason="New buyer")).status_code == 200


class TestReassigning:
    async def test_by_name_each_by_itself(self, api: Api) -> None:
        first = await deal(api, "a")
        won = await deal(api, "w", stage="closed_won")
        bens = await deal(api, "b", owner_external_id="ben")
        answer = await api.call(
            "POST",
            f"{OPPORTUNITIES}/reassign",
            json={
                "to_owner_external_id": "ben",
                "ids": [first["id"], won["id"], first["id"]],
                "external_ids": ["b", "nope", "a"],
                "reason": "New territory",
                "occurred_at": "2026-02-01T00:00:00Z",
            },
        )
        results = answer["results"]
        assert [result["status"] for result in results] == [200, 200, 200, 404]
        assert [result.get("version") for result in results] == [2, 2, 1, None]
        last = (await history(api, first))[-1]
        assert (last["kind"], last["reason"]) == ("reassigned", "New territory")
        assert last["occurred_at"] == "2026-02-01T00:00:00.000000Z"
        assert last["changes"] == {"owner_external_id": {"from": "ana", "to": "ben"}}
        assert (await get(api, won))["owner_external_id"] == "ben"
        assert (await get(api, bens))["version"] == 1

    async def test_everything_open_of_one_owner(self, api: Api) -> None:
        await deal(api, "a")
        await deal(api, "w", stage="closed_won")
        body = {"to_owner_external_id": "zoe", "from_owner_external_id": "ana"}
        answer = await api.call("POST", f"{OPPORTUNITIES}/reassign", json=body)
        assert [result["external_id"] for result in answer["results"]] == ["a"]
        body["include_closed"] = True  # type: ignore[assignment]
        answer = await api.call("POST", f"{OPPORTUNITIES}/reassign", json=body)
        assert [result["external_id"] for result in answer["results"]] == ["w"]

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({}, ""),
            ({"external_ids": ["a"], "from_owner_external_id": "ana"}, ""),
            ({"external_ids": ["a"], "to_owner_external_id": "who"}, "/to_owner_external_id"),
            ({"from_owner_external_id": "who"}, "/from_owner_external_id"),
        ],
    )
    async def test_refuses_what_names_nothing(
        self, api: Api, fields: dict[str, object], pointer: str
    ) -> None:
        body = {"to_owner_external_id": "ben", **fields}
        answer = await api.request("POST", f"{OPPORTUNITIES}/reassign", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer

    async def test_a_manager_reassigns_within_reach_and_a_rep_does_not(self, api: Api) -> None:
        await deal(api, "a")
        await deal(api, "z", owner_external_id="zoe")
        body = {"to_owner_external_id": "ben", "external_ids": ["a", "z"]}
        manager = await api.client_for("manager", "mia")
        answer = await manager.call("POST", f"{OPPORTUNITIES}/reassign", json=body)
        assert [result["status"] for result in answer["results"]] == [200, 404]
        rep = await api.client_for("rep", "ben")
        answer = await rep.request("POST", f"{OPPORTUNITIES}/reassign", json=body)
        assert answer.status_code == 403
