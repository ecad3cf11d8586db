"""Touches through HTTP: recorded once, what they do to the lead, and who may record them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.kit.auth import Principal
from services.kit.batch import Stored
from services.kit.ids import new_id
from services.qualification.touches.recording import Told, record_touches
from tests.client import Api
from tests.qualification.test_handover import Killed, dying_at
from tests.qualification.test_merges import everything
from tests.qualification.working import (
    BASE,
    LEADS,
    NOW,
    ClockAt,
    make_lead,
    make_resource,
    make_user,
    run_due,
    status_of,
    touch,
)


@pytest.fixture(autouse=True)
def _wednesday(clock_at: ClockAt) -> Any:
    with clock_at(NOW):
        yield


class TestRecording:
    async def test_answers_with_the_touch_and_the_sequence(self, api: Api) -> None:
        await make_user(api, "sid", "sdr")
        await make_resource(api, "paper", use_case="ci")
        lead = await make_lead(api, external_id="L", status="mql", use_case="ci")
        answer = await touch(
            api, lead, resource_external_id="paper", subject="Hello", note="first", outcome="sent",
            user_external_id="sid", external_id="T-1",
        )  # fmt: skip
        cadence = answer.pop("cadence")
        assert answer == {
            "id": answer["id"], "lead_id": lead["id"], "lead_external_id": "L",
            "external_id": "T-1", "channel": "email", "direction": "outbound",
            "subject": "Hello", "note": "first", "resource_external_id": "paper",
            "repeated_resource": False, "outcome": "sent", "user_external_id": "sid",
            "actor": answer["actor"], "occurred_at": "2026-06-17T17:00:00.000000Z",
            "recorded_at": "2026-06-17T17:00:00.000000Z",
        }  # fmt: skip
        assert cadence["touches"] == {"done": 1, "in_window": 1, "needed": 8, "missing": 7}
        assert cadence["channels"] == {"used": ["email"], "needed": 3, "missing": 2}
        assert cadence["window"] == {"from": "2026-06-17", "to": "2026-07-16", "days": 30}
        assert (cadence["state"], cadence["next_touch_on"]) == ("on_track", "2026-06-22")
        page = await api.call("GET", f"{LEADS}/{lead['id']}/touches")
        assert page["items"] == [answer]
        stored = await api.call("GET", f"{LEADS}/{lead['id']}")
        assert stored["last_touch_at"] == stored["first_response_at"] == answer["occurred_at"]
        assert stored["next_touch_on"] == "2026-06-22"

    async def test_told_again_it_changes_nothing(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}/touches"
        body = {"channel": "email", "direction": "outbound", "external_id": "T-1"}
        first = await api.request("POST", path, json=body)
        version = (await api.call("GET", f"{LEADS}/{lead['id']}"))["version"]
        again = await api.request("POST", path, json={**body, "channel": "phone"})
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json()
        assert (await api.call("GET", f"{LEADS}/{lead['id']}"))["version"] == version
        other = await make_lead(api)
        assert (await touch(api, other, external_id="T-1"))["id"] != first.json()["id"]

    async def test_a_resource_sent_again_is_flagged_whenever_it_is_told(self, api: Api) -> None:
        await make_resource(api, "paper")
        lead = await make_lead(api)
        late = await touch(api, lead, resource_external_id="paper")
        assert late["repeated_resource"] is False
        early = await touch(
            api, lead, resource_external_id="paper",
            occurred_at=(NOW - timedelta(days=1)).isoformat(),
        )  # fmt: skip
        assert early["repeated_resource"] is False
        assert early["cadence"]["repeated_resources"] == ["paper"]
        back = await touch(api, lead, direction="inbound", resource_external_id="paper")
        assert back["repeated_resource"] is False
        page = await api.call("GET", f"{LEADS}/{lead['id']}/touches")
        flags = {item["id"]: item["repeated_resource"] for item in page["items"]}
        assert flags == {early["id"]: False, late["id"]: True, back["id"]: False}

    async def test_what_changes_the_lead_is_a_new_version_of_it(self, api: Api) -> None:
        """Also a touch that is told late, and only moves the next one."""
        lead = await make_lead(api, status="mql", occurred_at=(NOW - timedelta(days=9)).isoformat())
        seen: dict[str, Any] = {}
        for days in (0, 3, 2):
            await touch(api, lead, occurred_at=(NOW - timedelta(days=days)).isoformat())
            answer = await api.request("GET", f"{LEADS}/{lead['id']}")
            assert seen.setdefault(answer.headers["ETag"], answer.text) == answer.text
        assert len(seen) == 3

    async def test_a_touch_that_dies_leaves_everything_as_it_was(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lead = await make_lead(api, status="mql")
        principal = Principal(api.workspace_id, new_id(), None, "test", frozenset({"admin"}))
        told = [Told(UUID(lead["id"]), {"channel": "email", "direction": "outbound"})]
        before = await everything(api)
        for step in range(100):
            try:
                with dying_at(monkeypatch, step, Killed):
                    async with api.database().write(api.workspace_id) as session:
                        (outcome,) = await record_touches(session, principal, told)
            except Killed:
                assert await everything(api) == before, step
            else:
                break
        assert step > 10
        assert isinstance(outcome, Stored)
        assert await status_of(api, lead) == ("accepted", "in_sequence")

    async def test_refuses_what_it_does_not_know(self, api: Api) -> None:
        lead = await make_lead(api)
        good = {"channel": "email", "direction": "outbound"}
        for change, pointer in [
            ({"resource_external_id": "nothing"}, "/resource_external_id"),
            ({"user_external_id": "nobody"}, "/user_external_id"),
            ({"channel": "fax"}, "/channel"),
            ({"direction": "sideways"}, "/direction"),
            ({"chanel": "email"}, "/chanel"),
            ({"occurred_at": "2026-06-17T17:00:01Z"}, "/occurred_at"),
        ]:
            response = await api.request(
                "POST", f"{LEADS}/{lead['id']}/touches", json={**good, **change}
            )
            assert response.status_code == 422, change
            assert response.json()["errors"][0]["pointer"] == pointer
        assert (await api.call("GET", f"{LEADS}/{lead['id']}/touches"))["items"] == []

    async def test_pages_in_the_order_in_which_they_happened(self, api: Api) -> None:
        lead = await make_lead(api)
        for days in (3, 1, 2, 0, 4):
            at = NOW - timedelta(days=days)
            await touch(api, lead, external_id=str(days), occurred_at=at.isoformat())
        seen: list[str] = []
        cursor = None
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = await api.call("GET", f"{LEADS}/{lead['id']}/touches", params=params)
            seen += [item["external_id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == ["4", "3", "2", "1", "0"]
        table = await api.request("GET", f"{LEADS}/{lead['id']}/touches", params={"format": "csv"})
        assert len(table.text.splitlines()) == 6
        for wrong in ("WyJ4Il0", "WyJ4IiwieSJd"):
            refused = await api.request(
                "GET", f"{LEADS}/{lead['id']}/touches", params={"cursor": wrong}
            )
            assert refused.status_code == 422


class TestMoves:
    @pytest.mark.parametrize("status", ["raw", "inquiry", "mql", "pql"])
    async def test_the_first_touch_takes_the_lead_up(self, api: Api, status: str) -> None:
        lead = await make_lead(api, status=status)
        await touch(api, lead)
        assert await status_of(api, lead) == ("accepted", "in_sequence")
        moves = (await api.call("GET", f"{LEADS}/{lead['id']}/moves"))["items"]
        assert [move["to_status"] for move in moves] == [status, "accepted"]

    async def test_a_reply_makes_it_a_conversation(self, api: Api) -> None:
        lead = await make_lead(api, status="mql")
        assert (await touch(api, lead, direction="inbound"))["cadence"]["state"] == "due"
        assert (await status_of(api, lead))[0] == "mql"
        await touch(api, lead)
        answered = await touch(api, lead, direction="inbound")
        assert await status_of(api, lead) == ("qualifying", "replied")
        assert (answered["cadence"]["state"], answered["cadence"]["next"]) == ("answered", None)

    @pytest.mark.parametrize("status", ["recycle", "disqualified"])
    async def test_nobody_is_brought_back_by_a_touch(self, api: Api, status: str) -> None:
        reason = "timing" if status == "recycle" else "other"
        lead = await make_lead(api, status=status, status_reason=reason)
        answer = await touch(api, lead)
        assert (await status_of(api, lead))[0] == status
        assert answer["cadence"]["state"] == "paused"

    async def test_a_woken_lead_is_taken_up(self, api: Api, clock_at: ClockAt) -> None:
        lead = await make_lead(api, status="mql")
        aside = {"status": "recycle", "status_reason": "timing", "recycle_until": "2026-07-01"}
        await api.call("PATCH", f"{LEADS}/{lead['id']}", json=aside)
        with clock_at(NOW + timedelta(days=20)):
            await run_due(api)
            await touch(api, lead, occurred_at=(NOW + timedelta(days=5)).isoformat())
            assert (await status_of(api, lead))[0] == "recycle"
            await touch(api, lead, direction="inbound")
            assert (await status_of(api, lead))[0] == "recycle"
        with clock_at(NOW + timedelta(days=20, hours=1)):
            answer = await touch(api, lead, channel="phone")
        assert await status_of(api, lead) == ("accepted", "in_sequence")
        assert answer["cadence"]["touches"]["done"] == 1
        found = await api.call("GET", f"{LEADS}/{lead['id']}")
        assert (found["is_woken"], found["recycle_until"]) == (False, None)
        assert found["next_touch_on"] == answer["cadence"]["next_touch_on"] is not None

    async def test_an_older_touch_is_no_answer_to_a_new_sign(self, api: Api) -> None:
        lead = await make_lead(api, status="mql")
        before = (NOW - timedelta(hours=1)).isoformat()
        answer = await touch(api, lead, occurred_at=before)
        assert (await status_of(api, lead))[0] == "mql"
        assert answer["cadence"]["touches"]["done"] == 0
        stored = await api.call("GET", f"{LEADS}/{lead['id']}")
        assert (stored["first_response_at"], stored["next_touch_on"]) == (None, "2026-06-17")

    async def test_history_told_backwards_ends_the_same(self, api: Api) -> None:
        begun = (NOW - timedelta(days=9)).isoformat()
        told = [("outbound", 8), ("inbound", 7), ("outbound", 6)]
        ends = []
        for order in (told, told[::-1]):
            lead = await make_lead(api, status="mql", occurred_at=begun)
            for direction, days in order:
                at = NOW - timedelta(days=days)
                await touch(api, lead, direction=direction, occurred_at=at.isoformat())
            found = await api.call("GET", f"{LEADS}/{lead['id']}/cadence")
            stored = await api.call("GET", f"{LEADS}/{lead['id']}")
            ends.append((found["state"], found["answered_at"], stored["first_response_at"]))
        assert ends[0] == ends[1]
        assert ends[0][0] == "answered"


class TestBatch:
    async def test_one_bad_item_never_fails_the_others(self, api: Api) -> None:
        first = await make_lead(api, external_id="A", status="mql")
        await make_lead(api, external_id="B", status="mql")
        good = {"channel": "email", "direction": "outbound"}
        items: list[dict[str, Any]] = [
            {**good, "lead_id": first["id"], "external_id": "1"},
            {**good, "lead_external_id": "B", "external_id": "1"},
            {**good, "lead_external_id": "B", "external_id": "1"},
            {**good, "lead_external_id": "nobody"},
            {**good, "lead_external_id": "A", "resource_external_id": "nothing"},
            {**good},
            {**good, "lead_id": first["id"], "direction": "inbound", "external_id": "2"},
        ]
        response = await api.request("POST", f"{BASE}/touches/batch", json={"items": items})
        assert response.status_code == 207
        results = response.json()["results"]
        assert [result["status"] for result in results] == [201, 201, 409, 404, 422, 422, 201]
        assert results[4]["error"]["errors"][0]["pointer"] == "/items/4/resource_external_id"
        assert await status_of(api, first) == ("qualifying", "replied")
        again = await api.call("POST", f"{BASE}/touches/batch", json={"items": items[:2]})
        assert [result["status"] for result in again["results"]] == [200, 200]
        assert [result["id"] for result in again["results"]] == [
            result["id"] for result in results[:2]
        ]

    async def test_two_feeds_of_the_same_touches_store_each_once(self, api: Api) -> None:
        for name in ("A", "B", "C"):
            await make_lead(api, external_id=name, status="mql")
        items = [
            {"channel": "email", "direction": "outbound", "lead_external_id": name,
             "external_id": f"T-{number}"}
            for name in ("A", "B", "C") for number in range(5)
        ]  # fmt: skip

        async def feed(order: list[dict[str, Any]]) -> list[int]:
            answer = await api.call("POST", f"{BASE}/touches/batch", json={"items": order})
            return [result["status"] for result in answer["results"]]

        answers = await asyncio.gather(*(feed(items[::step]) for step in (1, -1, 1, -1)))
        assert sum(status == 201 for statuses in answers for status in statuses) == len(items)
        assert {status for statuses in answers for status in statuses} == {200, 201}

    async def test_a_thousand_touches_take_as_many_statements_as_two(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from services.kit import db

        ran: list[str] = []
        compiled = db._compiled

        def counting(statement: Any, args: Any) -> Any:
            ran.append(str(statement))
            return compiled(statement, args)

        monkeypatch.setattr(db, "_compiled", counting)

        async def count(number: int) -> int:
            names = [f"{number}-{place}" for place in range(number)]
            leads = [{"external_id": name, "name": name, "status": "mql"} for name in names]
            await api.call("POST", f"{LEADS}/batch", json={"items": leads})
            items = [
                {"channel": "email", "direction": direction, "lead_external_id": name}
                for name in names for direction in ("outbound", "inbound")
            ]  # fmt: skip
            ran.clear()
            answer = await api.call("POST", f"{BASE}/touches/batch", json={"items": items})
            assert all(result["status"] == 201 for result in answer["results"])
            return len(ran)

        assert await count(500) == await count(2)


class TestRoles:
    async def test_who_may_touch_whom(self, api: Api, other_api: Api) -> None:
        for name in ("ana", "ben"):
            await make_user(api, name)
        lead = await make_lead(api, external_id="L", owner_external_id="ana")
        body = {"channel": "email", "direction": "outbound"}
        path = f"{LEADS}/{lead['id']}"
        reads = [f"{path}/touches", f"{path}/cadence"]
        clients = {
            "sdr": (await api.client_for("sdr"), 201, 200),
            "manager": (await api.client_for("manager"), 201, 200),
            "own": (await api.client_for("rep", "ana"), 201, 200),
            "other": (await api.client_for("rep", "ben"), 404, 404),
            "analyst": (await api.client_for("analyst"), 403, 200),
            "stranger": (other_api, 404, 404),
        }
        for name, (client, writes, sees) in clients.items():
            assert (await client.request("POST", f"{path}/touches", json=body)).status_code == (
                writes
            ), name
            for read in reads:
                assert (await client.request("GET", read)).status_code == sees, (name, read)
        item = {**body, "lead_external_id": "L"}
        ben = clients["other"][0]
        answer = await ben.call("POST", f"{BASE}/touches/batch", json={"items": [item]})
        assert answer["results"][0]["status"] == 404
        analyst = clients["analyst"][0]
        refused = await analyst.request("POST", f"{BASE}/touches/batch", json={"items": [item]})
        assert refused.status_code == 403

    async def test_a_salesperson_is_told_of_its_own_leads(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_user(api, "sid", "sdr")
        mine = await make_lead(api, status="mql", owner_external_id="ana")
        theirs = await make_lead(api, status="mql", owner_external_id="ana", sdr_external_id="sid")
        ana = await api.client_for("rep", "ana")

        async def due(client: Api) -> set[str]:
            page = await client.call("GET", f"{BASE}/touches/due")
            return {item["lead_id"] for item in page["items"]}

        # Her SDR has not taken the other one up yet.
        assert await due(ana) == {mine["id"]}
        assert await due(await api.client_for("analyst")) == {mine["id"], theirs["id"]}
        assert await due(await api.client_for("rep")) == set()
