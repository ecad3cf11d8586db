"""Response timers through HTTP: they follow leads, end with an answer, and are counted honestly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.client import Api
from tests.qualification.working import (
    BASE,
    LEADS,
    NOW,
    ClockAt,
    make_lead,
    make_user,
    touch,
)


@pytest.fixture(autouse=True)
def _wednesday(clock_at: ClockAt) -> Any:
    with clock_at(NOW):
        yield


async def timers_of(api: Api, lead: Any) -> list[Any]:
    page = await api.call("GET", f"{LEADS}/{lead['id']}/response-timers")
    return page["items"]


async def the_timer(api: Api, lead: Any) -> Any:
    (timer,) = await timers_of(api, lead)
    return timer


async def move(api: Api, lead: Any, status: str, **fields: Any) -> None:
    if status in ("recycle", "disqualified"):
        fields = {"status_reason": "other", **fields}
    await api.call("PATCH", f"{LEADS}/{lead['id']}", json={"status": status, **fields})


async def signal(api: Api, lead: Any, name: str, **fields: Any) -> None:
    await api.call("POST", f"{LEADS}/{lead['id']}/signals", json={"name": name, **fields})


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


class TestStart:
    async def test_a_lead_that_becomes_an_mql_waits_a_business_hour(self, api: Api) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        lead = await make_lead(
            api, external_id="L", source="web", sdr_external_id="sid", owner_external_id="ana"
        )
        assert await timers_of(api, lead) == []
        await move(api, lead, "mql")
        timer = await the_timer(api, lead)
        assert timer == {
            "id": timer["id"], "lead_id": lead["id"], "lead_external_id": "L",
            "lead_name": "Kim Larsen", "kind": "mql", "state": "open",
            "started_at": "2026-06-17T17:00:00.000000Z",
            "due_at": "2026-06-17T18:00:00.000000Z", "stopped_at": None, "stopped_by": None,
            "stopped_actor": None, "responder_external_id": None, "sdr_external_id": "sid",
            "owner_external_id": "ana", "region": None, "source": "web",
            "business_minutes": None, "is_met": None, "calendar": "default", "policy_version": 1,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("region", "due"),
        [
            # Ten in Los Angeles is six in the evening in London and one at night in Singapore.
            ("EMEA", "2026-06-18T09:00:00.000000Z"),
            ("APAC", "2026-06-18T02:00:00.000000Z"),
            ("AMER", "2026-06-17T18:00:00.000000Z"),
            ("Atlantis", "2026-06-17T18:00:00.000000Z"),
        ],
    )
    async def test_by_the_hours_of_the_leads_region(self, api: Api, region: str, due: str) -> None:
        lead = await make_lead(api, status="pql", region=region)
        assert (await the_timer(api, lead))["due_at"] == due

    async def test_a_request_waits_a_business_day(self, api: Api) -> None:
        lead = await make_lead(api, status="accepted")
        await signal(api, lead, "contact_request")
        await signal(api, lead, "services_request")
        timer = await the_timer(api, lead)
        assert (timer["kind"], timer["due_at"]) == ("request", "2026-06-18T17:00:00.000000Z")

    async def test_a_request_that_makes_an_mql_waits_for_both(self, api: Api) -> None:
        lead = await make_lead(api)
        await signal(api, lead, "contact_request")
        assert {timer["kind"] for timer in await timers_of(api, lead)} == {"mql", "request"}

    async def test_the_policy_says_how_long(self, api: Api) -> None:
        await api.call(
            "POST", "/pipeline/v1/policies", json={"settings": {"sla.mql_business_hours": 9}}
        )
        lead = await make_lead(api, status="mql")
        timer = await the_timer(api, lead)
        assert (timer["due_at"], timer["policy_version"]) == ("2026-06-18T18:00:00.000000Z", 2)

    async def test_not_for_leads_that_nobody_waits_with(self, api: Api) -> None:
        for status in ("raw", "inquiry", "accepted", "qualifying"):
            assert await timers_of(api, await make_lead(api, status=status)) == []

    async def test_an_mql_that_becomes_a_pql_has_waited_since_it_was_one(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        lead = await make_lead(api, status="mql")
        with clock_at(minutes(30)):
            await move(api, lead, "pql")
        assert (await the_timer(api, lead))["started_at"] == "2026-06-17T17:00:00.000000Z"


class TestStop:
    @pytest.mark.parametrize("status", ["accepted", "qualifying", "recycle", "disqualified"])
    async def test_a_status_is_an_answer(self, api: Api, clock_at: ClockAt, status: str) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        lead = await make_lead(api, status="mql")
        with clock_at(minutes(20)):
            await move(sid, lead, status)
        timer = await the_timer(api, lead)
        assert (timer["state"], timer["stopped_by"]) == ("met", status)
        assert (timer["business_minutes"], timer["responder_external_id"]) == (20, "sid")
        assert timer["stopped_actor"].startswith("user:")

    async def test_a_touch_is_an_answer_to_all_that_waits(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        await make_user(api, "sid", "sdr")
        lead = await make_lead(api)
        await signal(api, lead, "contact_request")
        with clock_at(minutes(90)):
            await touch(api, lead, direction="inbound")
            assert {timer["state"] for timer in await timers_of(api, lead)} == {"open", "overdue"}
            await touch(api, lead, user_external_id="sid")
        found = {timer["kind"]: timer for timer in await timers_of(api, lead)}
        assert {timer["stopped_by"] for timer in found.values()} == {"touch"}
        assert {timer["responder_external_id"] for timer in found.values()} == {"sid"}
        assert (found["mql"]["state"], found["request"]["state"]) == ("missed", "met")

    async def test_another_holder_begins_anew(self, api: Api, clock_at: ClockAt) -> None:
        for name in ("sid", "sue"):
            await make_user(api, name, "sdr")
        lead = await make_lead(api, status="mql", sdr_external_id="sid")
        path = f"{LEADS}/{lead['id']}"
        with clock_at(minutes(30)):
            await api.call("PATCH", path, json={"sdr_external_id": "sue"})
            first, second = await timers_of(api, lead)
        assert (first["state"], first["stopped_by"]) == ("unanswered", "holder_changed")
        assert (first["sdr_external_id"], second["sdr_external_id"]) == ("sid", "sue")
        assert (second["state"], second["started_at"]) == ("open", first["stopped_at"])
        with clock_at(minutes(200)):
            await api.call("PATCH", path, json={"sdr_external_id": "sid"})
            states = [timer["state"] for timer in await timers_of(api, lead)]
        assert states == ["unanswered", "missed", "open"]

    async def test_taking_up_and_over_at_once_is_an_answer(self, api: Api) -> None:
        await make_user(api, "sid", "sdr")
        lead = await make_lead(api, status="mql")
        await move(api, lead, "accepted", sdr_external_id="sid")
        assert (await the_timer(api, lead))["stopped_by"] == "accepted"

    async def test_nobody_at_work_is_in_time(self, api: Api, clock_at: ClockAt) -> None:
        night = datetime(2026, 6, 18, 6, tzinfo=UTC)
        with clock_at(night):
            lead = await make_lead(api, status="mql")
        with clock_at(night + timedelta(hours=4)):
            await move(api, lead, "accepted")
        timer = await the_timer(api, lead)
        assert (timer["business_minutes"], timer["is_met"]) == (0, True)

    async def test_by_the_hours_it_was_started_under(self, api: Api, clock_at: ClockAt) -> None:
        lead = await make_lead(api, status="mql")
        hours = {"timezone": "UTC", "days": [6], "from": "00:00", "to": "01:00", "holidays": []}
        await api.call(
            "POST", "/pipeline/v1/policies", json={"settings": {"calendars": {"default": hours}}}
        )
        with clock_at(minutes(45)):
            await move(api, lead, "accepted")
        assert (await the_timer(api, lead))["business_minutes"] == 45

    async def test_keeps_the_ten_last_ones_and_all_that_run(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        lead = await make_lead(api, external_id="L", status="mql")
        for turn in range(1, 25):
            status = "mql" if turn % 2 == 0 else "raw"
            with clock_at(minutes(turn)):
                await api.call("PUT", f"{LEADS}/by-external-id/L", json={"status": status})
        found = await timers_of(api, lead)
        assert len(found) == 10
        assert [timer["state"] for timer in found] == ["unanswered"] * 9 + ["open"]
        assert {timer["stopped_by"] for timer in found} == {"withdrawn", None}
        assert found[0]["started_at"] == "2026-06-17T17:06:00.000000Z"


class TestHistory:
    """What is told today of days ago counts as it was then."""

    async def test_an_imported_life_has_its_own_times(self, api: Api) -> None:
        at = [datetime(2026, 3, 2, 18, minute, tzinfo=UTC).isoformat() for minute in (0, 25)]
        path = f"{LEADS}/by-external-id/L"
        lead = await api.call(
            "PUT", path, json={"name": "Kim", "status": "mql", "occurred_at": at[0]}
        )
        await api.call("PUT", path, json={"status": "accepted", "occurred_at": at[1]})
        timer = await the_timer(api, lead)
        assert (timer["state"], timer["business_minutes"]) == ("met", 25)
        assert timer["started_at"] == "2026-03-02T18:00:00.000000Z"

    async def test_a_request_told_after_its_answer_was_answered(self, api: Api) -> None:
        asked = datetime(2026, 3, 2, 18, tzinfo=UTC)
        lead = await make_lead(api, status="accepted", occurred_at=asked.isoformat())
        for days in (4, 1):
            at = (asked + timedelta(days=days)).isoformat()
            await touch(api, lead, occurred_at=at)
        await signal(api, lead, "contact_request", occurred_at=asked.isoformat())
        timer = await the_timer(api, lead)
        assert (timer["state"], timer["stopped_by"]) == ("met", "touch")
        assert timer["stopped_at"] == "2026-03-03T18:00:00.000000Z"

    async def test_an_earlier_touch_told_later_was_the_answer(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        lead = await make_lead(api, status="mql")
        with clock_at(minutes(300)):
            await move(api, lead, "accepted")
            assert (await the_timer(api, lead))["state"] == "missed"
            await touch(api, lead, occurred_at=minutes(10).isoformat())
        timer = await the_timer(api, lead)
        assert (timer["state"], timer["business_minutes"]) == ("met", 10)

    async def test_a_touch_before_the_wait_is_no_answer(self, api: Api) -> None:
        lead = await make_lead(api, status="mql")
        await touch(api, lead, occurred_at=minutes(-10).isoformat())
        assert (await the_timer(api, lead))["state"] == "open"

    async def test_signals_told_together_carry_their_own_times(self, api: Api) -> None:
        lead = await make_lead(api, external_id="L", email="kim@acme.example")
        at = [(NOW - timedelta(days=days)).isoformat() for days in (9, 2)]
        items = [
            {"lead_external_id": "L", "name": "inbound_high", "occurred_at": at[0]},
            {"lead_external_id": "L", "name": "hand_raise", "occurred_at": at[1]},
        ]
        answer = await api.call("POST", f"{BASE}/signals/batch", json={"items": items})
        assert [result["status"] for result in answer["results"]] == [201, 201]
        assert (await api.call("GET", f"{LEADS}/{lead['id']}"))["status"] == "pql"
        assert (await the_timer(api, lead))["started_at"] == "2026-06-08T17:00:00.000000Z"

    async def test_a_batch_takes_as_many_statements_as_one(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from services.kit import db

        ran: list[str] = []
        compiled = db._compiled

        def counting(statement: Any, args: Any) -> Any:
            ran.append(str(statement))
            return compiled(statement, args)

        monkeypatch.setattr(db, "_compiled", counting)

        async def count(number: int) -> list[int]:
            found = []
            for status in ("mql", "accepted"):
                items = [
                    {"external_id": f"{number}-{place}", "name": "Kim", "status": status}
                    for place in range(number)
                ]
                ran.clear()
                await api.call("POST", f"{LEADS}/batch", json={"items": items})
                found.append(len(ran))
            return found

        await count(1)
        assert await count(1000) == await count(2)


class TestRoles:
    async def test_who_sees_which_waits(self, api: Api, other_api: Api) -> None:
        for name in ("ana", "ben"):
            await make_user(api, name)
        lead = await make_lead(api, status="mql", owner_external_id="ana")
        clients = {
            "sdr": (await api.client_for("sdr"), 200, 1),
            "manager": (await api.client_for("manager"), 200, 1),
            "analyst": (await api.client_for("analyst"), 200, 1),
            "own": (await api.client_for("rep", "ana"), 200, 1),
            "other": (await api.client_for("rep", "ben"), 404, 0),
            "stranger": (other_api, 404, 0),
        }
        for name, (client, status, count) in clients.items():
            one = await client.request("GET", f"{LEADS}/{lead['id']}/response-timers")
            assert one.status_code == status, name
            listed = await client.call("GET", f"{BASE}/response-timers")
            assert len(listed["items"]) == count, name
            figures = await client.call("GET", f"{BASE}/response-report")
            assert figures["total"]["count"] == count, name
