"""Sequences of touches through HTTP: how far they are, what is due, and when silence ends them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.client import Api
from tests.qualification.working import (
    BASE,
    LEADS,
    NOW,
    ClockAt,
    complete,
    make_lead,
    make_resource,
    make_user,
    run_due,
    status_of,
    touch,
    waiting,
)


@pytest.fixture(autouse=True)
def _wednesday(clock_at: ClockAt) -> Any:
    with clock_at(NOW):
        yield


class TestCadence:
    async def test_says_what_to_do_next_and_why(self, api: Api) -> None:
        await make_resource(api, "any")
        await make_resource(api, "ci-paper", use_case="CI", url="https://example.com/ci")
        await make_resource(api, "ci-old", use_case="ci", active=False)
        await make_resource(api, "scm-paper", use_case="scm")
        await make_resource(api, "cto-talk", persona="technology_leader")
        lead = await make_lead(
            api, status="mql", use_case="ci", persona="technology_leader",
            email="kim@acme.example", phone="+1 555 0100",
        )  # fmt: skip
        found = await api.call("GET", f"{LEADS}/{lead['id']}/cadence")
        assert found["next"]["channel"] == "email"
        assert found["next"]["resources"] == [
            {"external_id": "ci-paper", "title": "ci-paper", "url": "https://example.com/ci",
             "reason": "Not sent yet; for the use case CI."},
            {"external_id": "cto-talk", "title": "cto-talk", "url": None,
             "reason": "Not sent yet; for a technology_leader."},
            {"external_id": "any", "title": "any", "url": None,
             "reason": "Not sent yet; not made for another use case or persona."},
        ]  # fmt: skip
        answer = await touch(api, lead, resource_external_id="ci-paper")
        then = answer["cadence"]["next"]
        assert then["channel"] == "phone"
        assert [item["external_id"] for item in then["resources"]] == ["cto-talk", "any"]

    async def test_follows_the_policy_and_the_calendar(self, api: Api) -> None:
        await api.call(
            "POST",
            "/pipeline/v1/policies",
            json={
                "settings": {
                    "touches.count": 2, "touches.days": 10, "touches.channels": 1,
                    "calendars": {
                        "default": {
                            "timezone": "Asia/Tokyo", "days": [0, 1, 2, 3, 4], "from": "09:00",
                            "to": "17:00", "holidays": ["2026-06-26"],
                        },
                    },
                }
            },
        )  # fmt: skip
        lead = await make_lead(api)
        found = (await touch(api, lead))["cadence"]
        # It is Thursday in Tokyo already, and the last working day is a holiday there.
        assert found["window"] == {"from": "2026-06-18", "to": "2026-06-27", "days": 10}
        assert found["next_touch_on"] == "2026-06-25"
        assert found["policy_version"] == 2
        done = (await touch(api, lead))["cadence"]
        assert (done["state"], done["silent_at"]) == ("complete", "2026-06-24T17:00:00.000000Z")

    async def test_a_move_keeps_the_next_touch_current(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}"
        assert lead["next_touch_on"] is None
        assert (await api.call("PATCH", path, json={"status": "mql"}))["next_touch_on"] == (
            "2026-06-17"
        )
        await touch(api, lead)
        away = await api.call("PATCH", path, json={"status": "recycle", "status_reason": "timing"})
        assert away["next_touch_on"] is None
        assert (await api.call("GET", f"{path}/cadence"))["state"] == "paused"

    async def test_a_return_begins_a_new_sequence(self, api: Api, clock_at: ClockAt) -> None:
        lead = await make_lead(api, status="mql")
        path = f"{LEADS}/{lead['id']}"
        await touch(api, lead)
        await api.call("PATCH", path, json={"status": "recycle", "status_reason": "timing"})
        with clock_at(NOW + timedelta(days=60)):
            back = await api.call("PATCH", path, json={"status": "mql"})
            assert back["next_touch_on"] == "2026-08-17"
            found = await api.call("GET", f"{path}/cadence")
            assert found["touches"]["done"] == 0
            assert (await touch(api, lead))["cadence"]["touches"]["done"] == 1

    async def test_comes_as_csv(self, api: Api) -> None:
        lead = await make_lead(api, status="mql")
        table = await api.request("GET", f"{LEADS}/{lead['id']}/cadence", params={"format": "csv"})
        header, row = table.text.splitlines()
        assert "touches.needed" in header
        assert "due" in row


class TestDue:
    async def test_lists_the_longest_due_first(self, api: Api, clock_at: ClockAt) -> None:
        sid = await make_user(api, "sid", "sdr")
        late = await make_lead(api, external_id="late", status="mql", sdr_external_id="sid")
        with clock_at(NOW + timedelta(days=1)):
            await make_lead(api, external_id="new", status="mql")
            await make_lead(api, external_id="raw")
        touched = await make_lead(api, external_id="touched", status="mql", sdr_external_id="sid")
        await touch(api, touched)

        async def due(**params: Any) -> list[tuple[str, str, int]]:
            page = await api.call("GET", f"{BASE}/touches/due", params=params)
            return [
                (item["lead_external_id"], item["state"], item["days_overdue"])
                for item in page["items"]
            ]

        with clock_at(NOW + timedelta(days=1)):
            assert await due() == [("late", "overdue", 1), ("new", "due", 0)]
            assert await due(on="2026-06-17") == [("late", "due", 0)]
            assert await due(on="2026-06-22", user_id=sid) == [
                ("late", "overdue", 5), ("touched", "due", 0),
            ]  # fmt: skip
            first = await api.call("GET", f"{BASE}/touches/due", params={"limit": 1})
            second = await api.call(
                "GET", f"{BASE}/touches/due", params={"limit": 1, "cursor": first["next_cursor"]}
            )
            assert second["next_cursor"] is None
            assert [page["items"][0]["lead_external_id"] for page in (first, second)] == [
                "late", "new",
            ]  # fmt: skip
        await touch(api, late)
        assert await due() == []


class TestSilence:
    async def test_a_lead_that_never_answers_is_put_aside_once(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        lead = await make_lead(api, status="mql")
        await complete(api, lead, clock_at)
        last = NOW + timedelta(days=7)
        with clock_at(last + timedelta(days=7) - timedelta(seconds=1)):
            await run_due(api)
            assert (await status_of(api, lead))[0] == "accepted"
            assert await waiting(api) == 1
        with clock_at(last + timedelta(days=7)):
            await asyncio.gather(*(run_due(api) for _ in range(4)))
            assert await waiting(api) == 0
        assert await status_of(api, lead) == ("recycle", "no_response")
        moves = (await api.call("GET", f"{LEADS}/{lead['id']}/moves"))["items"]
        assert [move["to_status"] for move in moves] == ["mql", "accepted", "recycle"]

    async def test_a_reply_cancels_it(self, api: Api, clock_at: ClockAt) -> None:
        lead = await make_lead(api, status="mql")
        await complete(api, lead, clock_at)
        with clock_at(NOW + timedelta(days=9)):
            await touch(api, lead, direction="inbound")
        assert await waiting(api) == 0
        with clock_at(NOW + timedelta(days=30)):
            await run_due(api)
        assert (await status_of(api, lead))[0] == "qualifying"

    async def test_another_touch_puts_it_off(self, api: Api, clock_at: ClockAt) -> None:
        lead = await make_lead(api, status="mql")
        await complete(api, lead, clock_at)
        with clock_at(NOW + timedelta(days=13)):
            await touch(api, lead, channel="video")
        with clock_at(NOW + timedelta(days=14)):
            await run_due(api)
            assert (await status_of(api, lead))[0] == "accepted"
        with clock_at(NOW + timedelta(days=20)):
            await run_due(api)
            assert (await status_of(api, lead))[0] == "recycle"

    async def test_a_longer_wait_of_a_newer_policy_is_waited(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        lead = await make_lead(api, status="mql")
        await complete(api, lead, clock_at)
        with clock_at(NOW + timedelta(days=8)):
            await api.call(
                "POST",
                "/pipeline/v1/policies",
                json={"settings": {"touches.silent_days_to_recycle": 20}},
            )
        with clock_at(NOW + timedelta(days=14)):
            await run_due(api)
            assert (await status_of(api, lead))[0] == "accepted"
        with clock_at(NOW + timedelta(days=27)):
            await run_due(api)
            assert (await status_of(api, lead))[0] == "recycle"

    async def test_taken_further_meanwhile_it_stays(self, api: Api, clock_at: ClockAt) -> None:
        lead = await make_lead(api, status="mql")
        await complete(api, lead, clock_at)
        await api.call("PATCH", f"{LEADS}/{lead['id']}", json={"status": "qualifying"})
        assert await waiting(api) == 0
        with clock_at(NOW + timedelta(days=30)):
            await run_due(api)
        assert (await status_of(api, lead))[0] == "qualifying"
