"""Checklists and findings: who attests what, what is kept of it, who sees it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, SOME_ID, company, deal, move
from tests.pipeline.gates.gated import attest

FINDINGS = "/pipeline/v1/findings"
WHY = {"reason": "The board decided."}


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


def path_of(opportunity: Any, rest: str = "") -> str:
    return f"{OPPORTUNITIES}/{opportunity['id']}/checklist{rest}"


class TestChecklist:
    async def test_is_open_until_somebody_says_otherwise(self, api: Api) -> None:
        stored = await deal(api)
        read = await api.call("GET", path_of(stored))
        assert read["version"] == 0
        assert {item["state"] for item in read["items"].values()} == {"open"}
        assert read["items"]["quote_ready"]["message"] == "Have the quote ready."

    async def test_merges_and_keeps_who_said_it(self, api: Api) -> None:
        stored = await deal(api)
        ana = await api.client_for("rep", "ana")
        first = await attest(ana, stored, "quote_ready", note="Q-17")
        assert first["version"] == 1
        item = first["items"]["quote_ready"]
        assert (item["state"], item["note"], item["actor_name"]) == ("done", "Q-17", "Ana")
        again = await attest(api, stored, "quote_ready")
        assert (again["version"], again["items"]["quote_ready"]["note"]) == (1, "Q-17")
        await api.call("PUT", path_of(stored), json={"items": {"quote_ready": None}})
        saves = (await api.call("GET", path_of(stored, "/history")))["items"]
        assert [save["version"] for save in saves] == [1, 2]
        assert saves[1]["changes"]["quote_ready"]["from"]["note"] == "Q-17"
        assert saves[1]["changes"]["quote_ready"]["to"] is None

    async def test_what_was_read_can_be_sent_back(self, api: Api) -> None:
        stored = await deal(api)
        read = await attest(api, stored, "eula")
        sent = await api.call("PUT", path_of(stored), json=read)
        assert sent == read

    async def test_asks_for_the_version_it_saw(self, api: Api) -> None:
        stored = await deal(api)
        await attest(api, stored, "eula")
        body = {"items": {"quote_ready": {"state": "done"}}}
        stale = await api.request("PUT", path_of(stored), json=body, headers={"If-Match": '"0"'})
        assert stale.status_code == 412
        seen = await api.request("GET", path_of(stored))
        fresh = await api.request(
            "PUT", path_of(stored), json=body, headers={"If-Match": seen.headers["ETag"]}
        )
        assert fresh.json()["version"] == 2

    @pytest.mark.parametrize(
        ("items", "code"),
        [
            ({"quote_redy": {"state": "done"}}, "unknown_item"),
            ({"eula": {"state": "not_applicable"}}, "note_missing"),
            ({"eula": {"state": "maybe"}}, "literal_error"),
            ({"eula": {"status": "done"}}, "extra_forbidden"),
        ],
    )
    async def test_says_what_is_wrong(self, api: Api, items: Any, code: str) -> None:
        stored = await deal(api)
        refused = await api.request("PUT", path_of(stored), json={"items": items})
        assert refused.status_code == 422
        assert (await api.call("GET", path_of(stored)))["version"] == 0
        if code in ("unknown_item", "note_missing"):
            assert [error["code"] for error in refused.json()["errors"]] == [code]

    async def test_what_does_not_apply_settles_a_criterion(self, api: Api) -> None:
        stored = await deal(api, stage="awaiting_signature")
        body = {"items": {"eula": {"state": "not_applicable", "note": "Covered by the MSA."}}}
        await api.call("PUT", path_of(stored), json=body)
        unmet = (await move(api, stored, "closed_won")).json()["unmet"]
        assert "eula" not in {item["code"] for item in unmet}

    async def test_only_its_people_write_it(self, api: Api) -> None:
        stored = await deal(api)
        body = {"items": {"eula": {"state": "done"}}}
        for role, user, read, written in (
            ("rep", "ana", 200, 200),
            ("rep", "ben", 404, 404),
            ("manager", "mia", 200, 200),
            ("analyst", None, 200, 403),
        ):
            client = await api.client_for(role, user)
            assert (await client.request("GET", path_of(stored))).status_code == read
            put = await client.request("PUT", path_of(stored), json=body)
            assert put.status_code == written
        other = await api.stack.new_workspace()
        assert (await other.request("GET", path_of(stored))).status_code == 404
        assert (await other.request("PUT", path_of(stored), json=body)).status_code == 404


class TestFindings:
    async def test_tell_what_was_overridden_by_whom_and_why(self, api: Api) -> None:
        stored = await deal(api)
        mia = await api.client_for("manager", "mia")
        assert (await move(mia, stored, "scoping", override=WHY)).status_code == 200
        (found,) = (await api.call("GET", FINDINGS))["items"]
        assert (found["rule"], found["version"]) == ("stage_gate_overridden", 2)
        assert found["codes"] == ["scoping_meeting_scheduled", "seats_known", "use_case_known"]
        assert (found["reason"], found["opportunity_external_id"]) == (WHY["reason"], "O1")
        own = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/findings")
        assert own["items"] == [found]

    async def test_filters_pages_and_csv(self, api: Api) -> None:
        stored = [await deal(api, name) for name in ("O1", "O2", "O3")]
        for each in stored:
            await move(api, each, "scoping", override=WHY)
        first = await api.call("GET", f"{FINDINGS}?limit=2")
        rest = await api.call("GET", f"{FINDINGS}?limit=2&cursor={first['next_cursor']}")
        assert [item["opportunity_id"] for item in first["items"] + rest["items"]] == [
            each["id"] for each in stored
        ]
        for query, count in (
            ("rule=stage_gate_overridden", 3),
            ("rule=closed_record_changed", 0),
            (f"opportunity_id={stored[1]['id']}", 1),
            ("user_id=mia", 3),
            ("user_id=ben", 0),
            ("since=2040-01-01T00:00:00Z", 0),
        ):
            found = await api.call("GET", f"{FINDINGS}?{query}")
            assert len(found["items"]) == count, query
        csv = await api.request("GET", f"{FINDINGS}?format=csv")
        assert csv.text.splitlines()[0].startswith("id,opportunity_id")
        assert len(csv.text.splitlines()) == 4

    async def test_everybody_sees_those_of_the_own_deals(self, api: Api) -> None:
        stored = await deal(api)
        await move(api, stored, "scoping", override=WHY)
        for role, user, count in (
            ("rep", "ana", 1), ("rep", "ben", 0), ("sdr", "ben", 0), ("manager", "mia", 1),
            ("analyst", None, 1),
        ):  # fmt: skip
            client = await api.client_for(role, user)
            assert len((await client.call("GET", FINDINGS))["items"]) == count
            path = f"{OPPORTUNITIES}/{stored['id']}/findings"
            status = (await client.request("GET", path)).status_code
            assert status == (200 if count else 404)
        other = await api.stack.new_workspace()
        assert (await other.call("GET", FINDINGS))["items"] == []
        unknown = await api.request("GET", f"{OPPORTUNITIES}/{SOME_ID}/findings")
        assert unknown.status_code == 404
