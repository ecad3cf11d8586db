"""The catalogues through HTTP: what is shipped, what a team makes of it, who may."""

from __future__ import annotations

from typing import Any

from tests.client import Api

QUESTIONS = "/qualification/v1/questions"
PERSONAS = "/qualification/v1/personas"
PROCESS = "/qualification/v1/buyer-process"


async def put(api: Api, external_id: str, **fields: Any) -> Any:
    return await api.call("PUT", f"{QUESTIONS}/by-external-id/{external_id}", json=fields)


class TestQuestions:
    async def test_a_new_workspace_has_them(self, api: Api) -> None:
        first = await api.call("GET", QUESTIONS, params={"limit": 30})
        rest = await api.call(
            "GET", QUESTIONS, params={"limit": 30, "cursor": first["next_cursor"]}
        )
        names = [item["external_id"] for item in first["items"] + rest["items"]]
        assert len(names) == len(set(names)) == 48
        assert rest["next_cursor"] is None
        assert first["items"][0]["origin"] == "shipped"
        assert first["items"][0]["reason"] is None

    async def test_filters_keep_what_fits_everybody(self, api: Api) -> None:
        found = await api.call(
            "GET",
            QUESTIONS,
            params={"element": "metrics", "persona": "security_leader", "use_case": "security"},
        )
        assert [item["external_id"] for item in found["items"]] == ["metrics.audit_hours"]
        for_all = await api.call(
            "GET",
            QUESTIONS,
            params={"element": "champion", "persona": "financial_leader"},
        )
        assert [item["external_id"] for item in for_all["items"]] == ["champion.introduction"]

    async def test_a_teams_question_needs_text_and_element(self, api: Api) -> None:
        path = f"{QUESTIONS}/by-external-id/own/1"
        bare = await api.request("PUT", path, json={"text": "Why us?"})
        assert bare.status_code == 422
        assert bare.json()["errors"][0]["pointer"] == "/element"
        made = await api.request("PUT", path, json={"text": "Why us?", "element": "competition"})
        assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
        assert made.json()["origin"] == "team"
        same = await api.request("PUT", path, json={"text": "Why us?"})
        assert (same.status_code, same.json()["version"]) == (200, 1)
        unknown = await api.request("PUT", path, json={"personas": ["gardener"]})
        assert unknown.json()["errors"][0]["pointer"] == "/personas/0"
        cleared = await api.request("PUT", path, json={"text": None})
        assert cleared.status_code == 422
        read = await api.request("GET", path)
        assert read.json()["text"] == "Why us?"

    async def test_a_shipped_one_is_changed_retired_and_restored(self, api: Api) -> None:
        changed = await put(api, "champion.own_stake", text="What is in it for you?")
        assert (changed["origin"], changed["element"]) == ("changed", "champion")
        assert changed["personas"] != []
        retired = await put(api, "champion.own_stake", active=False)
        assert retired["version"] == 2
        listed = await api.call("GET", QUESTIONS, params={"element": "champion"})
        assert "champion.own_stake" not in [item["external_id"] for item in listed["items"]]
        back = await put(api, "champion.own_stake", active=True, text=None)
        assert back["text"].startswith("What would it mean for you")

    async def test_if_match_and_unknown(self, api: Api) -> None:
        path = f"{QUESTIONS}/by-external-id/metrics.target"
        stale = await api.request("PUT", path, json={"text": "?"}, headers={"If-Match": '"3"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
        missing = await api.request("GET", f"{QUESTIONS}/by-external-id/nothing")
        assert missing.status_code == 404
        typo = await api.request("PUT", path, json={"txt": "?"})
        assert typo.json()["errors"][0]["pointer"] == "/txt"

    async def test_batch(self, api: Api) -> None:
        items = [
            {"external_id": "a", "text": "A?", "element": "metrics"},
            {"external_id": "b", "text": "B?"},
            {"external_id": "a", "text": "Again?", "element": "metrics"},
        ]
        response = await api.request("POST", f"{QUESTIONS}/batch", json={"items": items})
        assert [result["status"] for result in response.json()["results"]] == [201, 422, 409]

    async def test_csv(self, api: Api) -> None:
        answer = await api.request("GET", QUESTIONS, params={"limit": 2, "format": "csv"})
        assert answer.text.splitlines()[0].startswith("external_id,version,text,element")
        assert "X-Next-Cursor" in answer.headers


class TestPersonas:
    async def test_five_are_shipped_and_a_team_adds_its_own(self, api: Api) -> None:
        listed = (await api.call("GET", PERSONAS))["items"]
        assert {item["key"] for item in listed} == {
            "technology_leader",
            "business_application_leader",
            "security_leader",
            "coo_cxo_leader",
            "financial_leader",
        }
        await api.call(
            "PUT",
            f"{PERSONAS}/data_leader",
            json={"name": "Data leader", "titles": ["head of data"]},
        )
        suggested = await api.call(
            "GET", "/qualification/v1/persona-suggestion", params={"title": "Head of Data"}
        )
        assert (suggested["persona"], suggested["source"]) == ("data_leader", "title")
        assert suggested["reason"] == "The title contains 'head of data'."
        await api.call("PUT", f"{PERSONAS}/data_leader", json={"active": False})
        again = await api.call(
            "GET", "/qualification/v1/persona-suggestion", params={"title": "Head of Data"}
        )
        assert again["persona"] is None
        assert (await api.call("GET", f"{PERSONAS}/data_leader"))["name"] == "Data leader"

    async def test_a_list_replaces_the_shipped_one_until_cleared(self, api: Api) -> None:
        path = f"{PERSONAS}/financial_leader"
        shipped = await api.call("GET", path)
        own = await api.call("PUT", path, json={"objections": ["Not this year"]})
        assert own["objections"] == ["Not this year"]
        assert own["obstacles"] == shipped["obstacles"]
        assert (await api.call("PUT", path, json={"objections": None}))["objections"] == (
            shipped["objections"]
        )

    async def test_a_contacts_own_persona_goes_before_its_title(self, api: Api) -> None:
        await api.call(
            "PUT",
            "/pipeline/v1/contacts/by-external-id/kim",
            json={"title": "CFO", "persona": "technology"},
        )
        found = await api.call(
            "GET", "/qualification/v1/persona-suggestion", params={"contact_external_id": "kim"}
        )
        assert (found["persona"], found["source"]) == ("technology_leader", "contact")
        assert "suggests 'Financial leader'" in found["reason"]
        assert found["candidates"] == [{"persona": "financial_leader", "matched": "cfo"}]
        response = await api.request(
            "GET", "/qualification/v1/persona-suggestion", params={"contact_external_id": "no"}
        )
        assert response.status_code == 404
        assert (await api.request("GET", "/qualification/v1/persona-suggestion")).status_code == 422

    async def test_names_are_keys(self, api: Api) -> None:
        response = await api.request("PUT", f"{PERSONAS}/Data-Leader", json={"name": "x"})
        assert response.status_code == 422
        assert (await api.request("GET", f"{PERSONAS}/nobody")).status_code == 404


class TestBuyerProcess:
    async def test_stages_in_order_with_a_teams_own_between(self, api: Api) -> None:
        stages = (await api.call("GET", PROCESS))["items"]
        assert [stage["position"] for stage in stages] == list(range(1, len(stages) + 1))
        assert all(stage["buyer_actions"] and stage["selling_activities"] for stage in stages)
        await api.call(
            "PUT", f"{PROCESS}/tender", json={"name": "Tender", "position": 5, "buyer_actions": []}
        )
        keys = [stage["key"] for stage in (await api.call("GET", PROCESS))["items"]]
        assert keys.index("tender") == keys.index("resolves_concerns") + 1


class TestRoles:
    async def test_all_read_and_leaders_write(self, api: Api) -> None:
        for role in ("rep", "sdr", "analyst"):
            client = await api.client_for(role)
            for path in (QUESTIONS, PERSONAS, PROCESS):
                assert (await client.request("GET", path)).status_code == 200
            for path, body in (
                (f"{QUESTIONS}/by-external-id/x", {"text": "?", "element": "metrics"}),
                (f"{PERSONAS}/x", {"name": "X"}),
                (f"{PROCESS}/x", {"name": "X", "position": 1}),
            ):
                assert (await client.request("PUT", path, json=body)).status_code == 403
        for role in ("manager", "sales_ops", "integration"):
            client = await api.client_for(role)
            await client.call("PUT", f"{PERSONAS}/of_{role}", json={"name": role})

    async def test_another_workspace_has_its_own(self, api: Api, other_api: Api) -> None:
        await put(api, "mine", text="Mine?", element="metrics")
        await put(api, "metrics.target", text="Changed?")
        listed = (await other_api.call("GET", QUESTIONS, params={"limit": 200}))["items"]
        assert all(item["origin"] == "shipped" for item in listed)
        missing = await other_api.request("GET", f"{QUESTIONS}/by-external-id/mine")
        assert missing.status_code == 404
