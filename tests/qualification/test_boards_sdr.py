"""An SDR's day through HTTP: what is on it, why, and when it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services import handover
from tests.client import Api
from tests.qualification.test_acceptance import GOOD
from tests.qualification.working import (
    BASE,
    LEADS,
    NOW,
    ClockAt,
    make_lead,
    make_user,
    run_due,
    touch,
)

BOARD = f"{BASE}/boards/sdr"
SECTIONS = [
    "responses", "touches", "fresh", "unassigned", "woken", "nurture", "ready",
    "failed_hand_overs", "not_accepted", "meetings",
]  # fmt: skip


async def board(api: Api, **params: Any) -> dict[str, Any]:
    """The sections by name."""
    answer = await api.call("GET", BOARD, params=params)
    return {section["name"]: section for section in answer["sections"]}


def held(section: Any) -> list[str]:
    return [item["lead_external_id"] for item in section["items"]]


async def hand_over(api: Api, lead: Any) -> str:
    """The lead's opportunity, opened."""
    answer = await api.call("POST", f"{LEADS}/{lead['id']}/conversion")
    await handover.hand_over(api.database(), api.workspace_id)
    return answer["opportunity_id"]


async def statement(api: Api, text: str, *values: Any) -> None:
    """What no caller may do, straight into the tables."""
    async with api.database().write(api.workspace_id) as session:
        await session.execute(text, api.workspace_id, *values)


class TestResponses:
    async def test_counts_working_minutes_down_and_up(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            await make_lead(
                api, external_id="L", status="mql", sdr_external_id="sid", region="AMER"
            )
        with clock_at(NOW + timedelta(minutes=25)):
            found = (await board(sid))["responses"]
        item = found["items"][0]
        assert (found["count"], found["overdue"]) == (1, 0)
        assert (item["minutes_left"], item["minutes_overdue"]) == (35, None)
        assert item["user_external_id"] == "sid"
        assert "35 working minutes are left" in item["why"]
        with clock_at(NOW + timedelta(minutes=95)):
            found = (await board(sid))["responses"]
        assert (found["count"], found["overdue"]) == (1, 1)
        assert found["items"][0]["minutes_overdue"] == 35

    async def test_the_night_does_not_count(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        # Half past four in New York: the hour ends at half past nine the next morning.
        with clock_at(datetime(2026, 6, 17, 20, 30, tzinfo=UTC)):
            await make_lead(
                api, external_id="L", status="mql", sdr_external_id="sid", region="AMER"
            )
        with clock_at(datetime(2026, 6, 17, 22, 0, tzinfo=UTC)):
            # Six in the evening there, three in the afternoon in the company's time zone.
            assert (await board(sid))["responses"]["count"] == 0
            tomorrow = (await board(sid, on="2026-06-18"))["responses"]["items"]
        assert tomorrow[0]["minutes_left"] == 30
        assert tomorrow[0]["due_at"] == "2026-06-18T13:30:00.000000Z"

    async def test_leaves_when_it_is_answered(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            lead = await make_lead(api, external_id="L", status="mql", sdr_external_id="sid")
            found = await board(sid)
            assert held(found["responses"]) == held(found["fresh"]) == ["L"]
            assert held(found["touches"]) == ["L"]
            await touch(sid, lead)
            found = await board(sid)
        assert all(not found[name]["count"] for name in ("responses", "fresh", "touches"))

    async def test_soonest_first(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        for minutes in (40, 10, 25):
            with clock_at(NOW - timedelta(minutes=minutes)):
                await make_lead(api, external_id=f"{minutes}", status="mql", sdr_external_id="sid")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            found = await board(sid, limit=2)
        assert held(found["responses"]) == ["40", "25"]
        assert found["responses"]["count"] == 3


class TestLeads:
    async def test_fresh_leads_by_score_and_those_of_nobody(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        with clock_at(NOW):
            await make_lead(api, external_id="low", status="mql", score=1, sdr_external_id="sid")
            await make_lead(api, external_id="high", status="pql", score=9, sdr_external_id="sid")
            await make_lead(api, external_id="raw", sdr_external_id="sid")
            await make_lead(api, external_id="pool", status="mql")
            await make_lead(api, external_id="anas", status="mql", owner_external_id="ana")
            sid = await board(await api.client_for("sdr", "sid"))
            assert held(sid["fresh"]) == ["high", "low"]
            assert held(sid["unassigned"]) == ["pool"]
            assert sid["unassigned"]["items"][0]["user_external_id"] is None
            # Who owns a lead without an SDR works it; leads of nobody are not a rep's to see.
            ana = await board(await api.client_for("rep", "ana"))
        assert held(ana["fresh"]) == ["anas"]
        assert "unassigned" not in ana

    async def test_touches_by_day(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            lead = await make_lead(api, external_id="L", status="accepted", sdr_external_id="sid")
            shown = await touch(sid, lead)
            due = shown["cadence"]["next_touch_on"]
            day_before = str(datetime.fromisoformat(due).date() - timedelta(days=1))
            assert not (await board(sid, on=day_before))["touches"]["count"]
            on_day = (await board(sid, on=due))["touches"]
            assert (on_day["count"], on_day["overdue"]) == (1, 0)
            assert on_day["items"][0]["due_on"] == due
        with clock_at(NOW + timedelta(days=20)):
            late = (await board(sid))["touches"]
        assert (late["count"], late["overdue"]) == (1, 1)

    async def test_what_woke_up(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            lead = await make_lead(api, external_id="L", status="mql", sdr_external_id="sid")
            path = f"{LEADS}/{lead['id']}"
            await api.call(
                "PATCH",
                path,
                json={
                    "status": "recycle",
                    "status_reason": "timing",
                    "recycle_until": "2026-06-20",
                },
            )
            assert not (await board(sid))["woken"]["count"]
        with clock_at(datetime(2026, 6, 20, 7, 1, tzinfo=UTC)):
            await run_due(api)
            found = (await board(sid))["woken"]
        assert held(found) == ["L"]
        assert found["items"][0]["note"] == "timing"

    async def test_nurture_that_is_due(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            lead = await make_lead(api, external_id="L", sdr_external_id="sid")
            for day in ("2026-06-16", "2026-06-17", "2026-06-18"):
                await api.call(
                    "POST",
                    f"{LEADS}/{lead['id']}/nurture-activities",
                    json={"kind": "mail", "title": f"Of {day}", "planned_on": day},
                )
            found = (await board(sid))["nurture"]
            assert [item["note"] for item in found["items"]] == ["Of 2026-06-16", "Of 2026-06-17"]
            assert (found["count"], found["overdue"]) == (2, 1)
            # For who is given up nothing is done any more.
            given_up = {"status": "disqualified", "status_reason": "bad_data"}
            await api.call("PATCH", f"{LEADS}/{lead['id']}", json=given_up)
            assert (await board(sid))["nurture"]["count"] == 0


class TestHandOver:
    async def test_from_the_test_to_the_acceptance(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            lead = await make_lead(
                api, external_id="L", status="qualifying", sdr_external_id="sid", company="Acme"
            )
            await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
            ready = (await board(sid))["ready"]
            assert (held(ready), ready["items"][0]["kind"]) == (["L"], "owner_missing")
            await api.call("PATCH", f"{LEADS}/{lead['id']}", json={"owner_external_id": "ana"})
            assert (await board(sid))["ready"]["items"][0]["kind"] == "accept"
            opportunity_id = await hand_over(sid, lead)
            found = await board(sid)
            assert not found["ready"]["count"]
            assert not found["not_accepted"]["count"]
        with clock_at(NOW + timedelta(hours=48)):
            assert not (await board(sid))["not_accepted"]["count"]
        with clock_at(NOW + timedelta(hours=49)):
            waiting = (await board(sid))["not_accepted"]
            assert held(waiting) == ["L"]
            item = waiting["items"][0]
            assert (item["hours_waiting"], item["opportunity_id"]) == (49, opportunity_id)
            await statement(
                api,
                "UPDATE pipeline.opportunities SET stage = 'discovery' WHERE workspace_id = $1",
            )
            assert not (await board(sid))["not_accepted"]["count"]

    async def test_a_later_test_takes_it_off(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            lead = await make_lead(api, status="qualifying", sdr_external_id="sid")
            path = f"{LEADS}/{lead['id']}/assessments"
            await api.call("POST", path, json=GOOD)
            assert (await board(sid))["ready"]["count"] == 1
            await api.call("POST", path, json={**GOOD, "initiative": {"kind": "none"}})
            assert (await board(sid))["ready"]["count"] == 0

    async def test_a_refused_hand_over_says_why(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW):
            lead = await make_lead(
                api,
                external_id="L",
                status="qualifying",
                sdr_external_id="sid",
                owner_external_id="ana",
            )
            await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
            await api.call("POST", f"{LEADS}/{lead['id']}/conversion")
            # Whoever was to get it is gone by the time it is opened.
            await statement(
                api,
                "UPDATE qualification.conversions"
                """ SET request = request || '{"owner_external_id": "gone"}'"""
                " WHERE workspace_id = $1",
            )
            await handover.hand_over(api.database(), api.workspace_id)
            found = (await board(sid))["failed_hand_overs"]
        assert held(found) == ["L"]
        assert "gone" in found["items"][0]["why"]


class TestMeetings:
    async def test_those_of_the_day_of_whoever_takes_part(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        with clock_at(NOW):
            lead = await make_lead(api, external_id="L", sdr_external_id="sid")
            for place, at in enumerate(
                # The first and the last moment of the company's day, and one past the last.
                ["2026-06-17T07:00:00Z", "2026-06-18T06:59:00Z", "2026-06-18T07:00:00Z"],
                start=1,
            ):
                await api.call(
                    "POST",
                    f"{BASE}/meetings",
                    json={
                        "subject": f"Meeting {place}",
                        "kind": "iqm",
                        "scheduled_at": at,
                        "lead_id": lead["id"],
                        "owner_external_id": "ana",
                        "team": ["sid"],
                    },
                )
            for user, role in (("sid", "sdr"), ("ana", "rep")):
                client = await api.client_for(role, user)
                found = (await board(client))["meetings"]
                assert [item["note"] for item in found["items"]] == ["Meeting 1", "Meeting 2"]
                assert found["overdue"] == 1

    async def test_one_of_which_nothing_was_said_stays(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        with clock_at(NOW):
            lead = await make_lead(api, owner_external_id="ana")
            # Two weeks and a day ago, before and after the day begins, and tomorrow.
            for at in ("06-02T17:00", "06-17T06:59", "06-17T07:00", "06-18T17:00"):
                meeting = {
                    "external_id": at,
                    "subject": at,
                    "scheduled_at": f"2026-{at}:00Z",
                    "lead_id": lead["id"],
                    "owner_external_id": "ana",
                }
                await api.call("POST", f"{BASE}/meetings", json=meeting)
            found = (await board(ana))["meetings"]
            assert [item["note"] for item in found["items"]] == ["06-17T06:59", "06-17T07:00"]
            assert found["overdue"] == 2
            assert "nobody has said what came of it" in found["items"][0]["why"]
            # The day after tomorrow, tomorrow's meeting is not over yet.
            ahead = (await board(ana, on="2026-06-19"))["meetings"]
            assert [item["note"] for item in ahead["items"]] == ["06-17T06:59", "06-17T07:00"]
            outcome = f"{BASE}/meetings/{found['items'][0]['meeting_id']}/outcome"
            await api.call("POST", outcome, json={"notes": "Met"})
            assert (await board(ana))["meetings"]["count"] == 1


class TestAnswer:
    async def test_every_section_is_there_and_says_when_it_was_read(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        await make_user(api, "sid", "sdr")
        with clock_at(NOW):
            answer = await api.call("GET", BOARD, params={"user_id": "sid"})
        assert [section["name"] for section in answer["sections"]] == SECTIONS
        assert answer["user_external_id"] == "sid"
        assert (answer["on"], answer["policy_version"]) == ("2026-06-17", 1)
        assert answer["as_of"] == "2026-06-17T17:00:00.000000Z"

    async def test_the_day_is_the_companys(self, api: Api, clock_at: ClockAt) -> None:
        # Ten at night in Los Angeles is the next day in UTC.
        with clock_at(datetime(2026, 6, 18, 5, 0, tzinfo=UTC)):
            assert (await api.call("GET", BOARD))["on"] == "2026-06-17"

    async def test_one_section_and_csv(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        with clock_at(NOW):
            for number in range(3):
                await make_lead(api, external_id=f"L{number}", status="mql", sdr_external_id="sid")
            answer = await api.call("GET", BOARD, params={"section": "fresh"})
            assert [section["name"] for section in answer["sections"]] == ["fresh"]
            csv = await api.request(
                "GET", BOARD, params={"section": "fresh", "limit": 2, "format": "csv"}
            )
        lines = csv.text.splitlines()
        assert lines[0].startswith("section,user_external_id,why,next,is_overdue")
        assert [line.split(",")[0] for line in lines[1:]] == ["fresh", "fresh"]

    async def test_merged_leads_are_on_no_list(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        with clock_at(NOW):
            kept = await make_lead(api, status="mql", sdr_external_id="sid")
            gone = await make_lead(api, status="mql", sdr_external_id="sid")
            await statement(
                api,
                "UPDATE qualification.leads SET merged_into_id = $3"
                " WHERE workspace_id = $1 AND id = $2",
                gone["id"],
                kept["id"],
            )
            found = await board(api)
        assert [found[name]["count"] for name in ("responses", "touches", "fresh")] == [1, 1, 1]
