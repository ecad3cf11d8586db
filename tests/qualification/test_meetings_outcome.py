"""What came of a meeting: told whole, kept as told, and turned into the opportunity's evidence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.kit.db import Session
from services.qualification.meetings.service import carry_over
from tests.client import Api
from tests.qualification.meetings_book import (
    MEETINGS,
    NOW,
    Clock,
    convert,
    make_account,
    make_deal,
    make_lead,
    make_meeting,
    make_user,
)

PAST = "2026-06-17T15:00:00Z"
TOLD: dict[str, Any] = {
    "notes": "They lose two days a release.",
    "moments_that_matter": [
        {"what": "The CFO saw the cost of waiting", "who": "Pat", "impact": "Wants a business case"}
    ],
    "next_step": "Business case",
    "next_step_date": "2026-06-30",
    "answers": [
        {"question_id": "identify_pain.why_now", "answer": "A release failed in May", "score": 2},
        {"element": "metrics", "answer": "Two days a release"},
    ],
}


async def tell(api: Api, meeting: Any, status: int = 201, **body: Any) -> Any:
    response = await api.request("POST", f"{MEETINGS}/{meeting['id']}/outcome", json=body)
    assert response.status_code == status, response.text
    return response.json()


async def evidence(api: Api, opportunity_id: str) -> Any:
    answer = await api.call("GET", f"/qualification/v1/opportunities/{opportunity_id}/meddppicc")
    return answer["elements"]


async def on_a_deal(api: Api, **fields: Any) -> tuple[Any, Any]:
    await make_user(api, "ana")
    await make_account(api)
    deal = await make_deal(api)
    fields = {"scheduled_at": PAST, **fields}
    return deal, await make_meeting(api, opportunity_id=deal["id"], **fields)


class TestTelling:
    async def test_answers_become_evidence(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            told = await tell(api, meeting, **TOLD)
            assert (told["version"], told["state"]) == (1, "held")
            assert told["held_at"] == "2026-06-17T15:00:00.000000Z"
            assert [answer["carried_to"] for answer in told["answers"]] == [deal["id"]] * 2
            assert told["answers"][0]["element"] == "identify_pain"
            assert told["warnings"] == []
            known = await evidence(api, deal["id"])
            assert known["identify_pain"]["score"] == 2
            assert known["identify_pain"]["evidence"] == "2026-06-17: A release failed in May"
            assert known["metrics"]["score"] == 1
            stored = await api.call("GET", f"{MEETINGS}/{meeting['id']}")
            assert (stored["state"], stored["next_step"]) == ("held", "Business case")
            assert stored["next_step_date"] == "2026-06-30"
            assert (await api.call("GET", f"{MEETINGS}/{meeting['id']}/outcome")) == told

    async def test_the_same_again_changes_nothing(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            first = await tell(api, meeting, **TOLD)
            before = await api.call("GET", f"{MEETINGS}/{meeting['id']}")
            assert await tell(api, meeting, 200, **TOLD) == first
            assert await api.call("GET", f"{MEETINGS}/{meeting['id']}") == before
            plan = await api.call("GET", f"/qualification/v1/opportunities/{deal['id']}/meddppicc")
            assert plan["version"] == 1

    async def test_an_edit_keeps_what_was_told(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            await tell(api, meeting, **TOLD)
            answers = [
                TOLD["answers"][0],
                {"element": "metrics", "answer": "Three days", "score": 0},
            ]
            edited = await tell(
                api, meeting, **{**TOLD, "answers": answers, "moments_that_matter": []}
            )
            assert edited["version"] == 2
            assert edited["warnings"] == [
                {
                    "code": "score_kept",
                    "pointer": "/answers/1",
                    "message": "What is known of metrics stays at 1; lower it in MEDDPPICC itself.",
                }
            ]
            known = await evidence(api, deal["id"])
            # What was carried is not carried twice, and nothing known is lost.
            assert known["identify_pain"]["evidence"] == "2026-06-17: A release failed in May"
            assert known["metrics"]["evidence"].splitlines() == [
                "2026-06-17: Two days a release",
                "2026-06-17: Three days",
            ]
            assert known["metrics"]["score"] == 1
            history = await api.call("GET", f"{MEETINGS}/{meeting['id']}/outcomes")
            assert [one["version"] for one in history["items"]] == [1, 2]
            assert history["items"][0]["moments_that_matter"] == TOLD["moments_that_matter"]
            assert (await api.call("GET", "/qualification/v1/moments"))["items"] == []

    async def test_answered_questions_come_last(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            await tell(api, meeting, **TOLD)
            page = await api.call(
                "GET",
                "/qualification/v1/questions",
                params={"opportunity_id": deal["id"], "limit": 200},
            )
            last = page["items"][-1]
            assert (last["external_id"], last["is_answered"]) == ("identify_pain.why_now", True)
            assert last["reason"].endswith("it was answered before.")
            first = page["items"][0]
            assert (first["element"], first["is_required"]) == ("competition", True)

    async def test_a_full_plan_keeps_the_answer_on_the_meeting(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            path = f"/qualification/v1/opportunities/{deal['id']}/meddppicc"
            filling = {"metrics": {"score": 1, "evidence": "x" * 4980}}
            await api.call("PUT", path, json={"elements": filling})
            told = await tell(api, meeting, answers=[{"element": "champion", "answer": "y" * 50}])
            assert told["answers"][0]["carried_to"] is None
            assert told["warnings"][0]["code"] == "not_carried"
            await api.call("PUT", path, json={"elements": {"metrics": {"evidence": "short"}}})
            again = await tell(
                api,
                meeting,
                answers=[
                    {"element": "champion", "answer": "y" * 50},
                    {"element": "partner", "answer": "None"},
                ],
            )
            assert [answer["carried_to"] for answer in again["answers"]] == [deal["id"]] * 2

    async def test_a_champion_without_a_name_is_an_advocate(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            answer = {"element": "champion", "answer": "Kim fights for it", "score": 3}
            told = await tell(api, meeting, answers=[answer])
            assert told["warnings"][0]["code"] == "champion_not_named"
            assert (await evidence(api, deal["id"]))["champion"]["score"] == 2
            await api.call("PUT", "/pipeline/v1/contacts/by-external-id/kim", json={"name": "Kim"})
            named = await tell(api, meeting, answers=[{**answer, "contact_external_id": "kim"}])
            assert named["warnings"] == []
            champion = (await evidence(api, deal["id"]))["champion"]
            assert (champion["score"], champion["contact_external_id"]) == (3, "kim")


class TestAtOnce:
    async def test_the_same_outcome_told_many_times_is_one(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            path = f"{MEETINGS}/{meeting['id']}/outcome"
            answers = await asyncio.gather(
                *(api.request("POST", path, json=TOLD) for _ in range(8))
            )
            assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
            known = await evidence(api, deal["id"])
            assert known["identify_pain"]["evidence"] == "2026-06-17: A release failed in May"
            assert (await api.call("GET", f"{MEETINGS}/{meeting['id']}"))["version"] == 2

    async def test_two_meetings_of_one_deal_lose_no_answer(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, _ = await on_a_deal(api)
            said = [f"Answer {number}" for number in range(6)]
            meetings = [
                await make_meeting(api, opportunity_id=deal["id"], scheduled_at=PAST) for _ in said
            ]
            await asyncio.gather(
                *(
                    tell(api, meeting, answers=[{"element": "metrics", "answer": answer}])
                    for meeting, answer in zip(meetings, said, strict=True)
                )
            )
            lines = (await evidence(api, deal["id"]))["metrics"]["evidence"].splitlines()
            assert sorted(lines) == [f"2026-06-17: {answer}" for answer in said]


class TestWrong:
    async def test_one_bad_answer_and_nothing_is_stored(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            good = TOLD["answers"][0]
            for bad, field in [
                ({"question_id": "nothing", "answer": "x"}, "question_id"),
                ({"answer": "x"}, "element"),
                ({"element": "metrics", "answer": "x", "score": 4}, "score"),
                ({"element": "metrics", "answer": " "}, "answer"),
                (
                    {"element": "metrics", "answer": "x", "contact_external_id": "no"},
                    "contact_external_id",
                ),
            ]:
                problem = await tell(api, meeting, 422, **{**TOLD, "answers": [good, bad]})
                assert problem["errors"][0]["pointer"] == f"/answers/1/{field}"
            assert (await api.call("GET", f"{MEETINGS}/{meeting['id']}")) == meeting
            assert (await evidence(api, deal["id"]))["identify_pain"]["score"] == 0
            missing = await api.request("GET", f"{MEETINGS}/{meeting['id']}/outcome")
            assert (missing.status_code, missing.json()["code"]) == (404, "outcome_not_told")

    async def test_of_the_future_nothing_is_known(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            _, meeting = await on_a_deal(api, scheduled_at="2026-06-18T09:00:00Z")
            for body, pointer in [
                ({}, "/held_at"),
                ({"held_at": "2026-06-18T09:00:00Z"}, "/held_at"),
                ({"no_show": True}, "/no_show"),
            ]:
                problem = await tell(api, meeting, 422, **body)
                assert problem["errors"][0]["pointer"] == pointer
            assert (await tell(api, meeting, held_at=PAST))["state"] == "held"

    @pytest.mark.parametrize("table", ["moments", "meeting_answers", "command_plan_versions"])
    async def test_a_fault_halfway_leaves_nothing(
        self, api: Api, clock_at: Clock, monkeypatch: pytest.MonkeyPatch, table: str
    ) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            execute = Session.execute

            async def failing(self: Session, statement: Any, *args: Any) -> str:
                if f"INSERT INTO qualification.{table}" in str(statement):
                    raise RuntimeError("the disk is gone")
                return await execute(self, statement, *args)

            with monkeypatch.context() as patch:
                patch.setattr(Session, "execute", failing)
                await tell(api, meeting, 500, **TOLD)
            assert (await api.call("GET", f"{MEETINGS}/{meeting['id']}")) == meeting
            assert (await evidence(api, deal["id"]))["identify_pain"]["score"] == 0
            assert (await api.call("GET", "/qualification/v1/moments"))["items"] == []
            assert (await tell(api, meeting, **TOLD))["version"] == 1


class TestNoShow:
    async def test_may_be_rebooked_for_two_weeks(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            _, meeting = await on_a_deal(api)
            body = {"no_show": True, "notes": "Nobody came"}
            for field, value in (("held_at", PAST), ("answers", TOLD["answers"])):
                problem = await tell(api, meeting, 422, **body, **{field: value})
                assert problem["errors"][0]["pointer"] == f"/{field}"
            told = await tell(api, meeting, **body)
            assert (told["state"], told["rebook_until"]) == ("no_show", "2026-07-01")
            path = f"{MEETINGS}/{meeting['id']}"
            shown = await api.call("GET", path)
            assert (shown["state"], shown["held_at"]) == ("no_show", None)
        with clock_at(NOW.replace(month=7, day=1)):
            ana = await api.client_for("rep", "ana")
            moved = await ana.call("PATCH", path, json={"scheduled_at": "2026-07-03T09:00:00Z"})
            assert (moved["state"], moved["rebook_until"]) == ("planned", None)
        with clock_at(NOW.replace(month=7, day=4)):
            await tell(api, meeting, **body)
        with clock_at(NOW.replace(month=7, day=18)):
            later = {"scheduled_at": "2026-07-20T09:00:00Z"}
            refused = await ana.request("PATCH", path, json=later)
            assert (refused.status_code, refused.json()["code"]) == (409, "rebooking_over")
            # A record of another system is stated, not asked for.
            assert (await api.call("PATCH", path, json=later))["state"] == "planned"

    async def test_corrected_to_held_and_a_held_one_stays(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            _, meeting = await on_a_deal(api)
            await tell(api, meeting, no_show=True)
            assert (await tell(api, meeting, **TOLD))["version"] == 2
            path = f"{MEETINGS}/{meeting['id']}"
            refused = await api.request("PATCH", path, json={"state": "cancelled"})
            assert (refused.status_code, refused.json()["code"]) == (409, "meeting_held")


class TestLead:
    async def test_answers_wait_for_the_opportunity(self, api: Api) -> None:
        await make_user(api, "ana")
        lead = await make_lead(api, owner_external_id="ana", company="Acme", seats=80)
        meeting = await make_meeting(api, lead_id=lead["id"], scheduled_at=PAST)
        body = {**TOLD, "held_at": "2026-05-01T09:00:00Z", "next_step_date": None}
        told = await tell(api, meeting, **body)
        assert [answer["carried_to"] for answer in told["answers"]] == [None, None]
        opportunity_id = await convert(api, lead)
        async with api.database().write(api.workspace_id) as session:
            assert await carry_over(session, lead["id"], opportunity_id) == []
        await api.settle()
        known = await evidence(api, opportunity_id)
        assert known["identify_pain"]["evidence"] == "2026-05-01: A release failed in May"
        assert known["identify_pain"]["score"] == 2
        stored = await api.call("GET", f"{MEETINGS}/{meeting['id']}")
        assert stored["opportunity_id"] == opportunity_id
        outcome = await api.call("GET", f"{MEETINGS}/{meeting['id']}/outcome")
        assert {answer["carried_to"] for answer in outcome["answers"]} == {opportunity_id}
        plan = await api.call("GET", f"/qualification/v1/opportunities/{opportunity_id}/meddppicc")
        assert plan["version"] == 1

    async def test_told_after_the_conversion_they_go_there_at_once(self, api: Api) -> None:
        await make_user(api, "ana")
        lead = await make_lead(api, owner_external_id="ana", company="Acme", seats=80)
        meeting = await make_meeting(api, lead_id=lead["id"], scheduled_at=PAST)
        opportunity_id = await convert(api, lead)
        told = await tell(api, meeting, **{**TOLD, "held_at": "2026-05-01T09:00:00Z"})
        assert {answer["carried_to"] for answer in told["answers"]} == {opportunity_id}

    async def test_linked_by_hand_they_are_carried(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await make_user(api, "ana")
            await make_account(api)
            meeting = await make_meeting(api, scheduled_at=PAST)
            await tell(api, meeting, **TOLD)
            deal = await make_deal(api)
            path = f"{MEETINGS}/{meeting['id']}"
            await api.call("PATCH", path, json={"opportunity_id": deal["id"]})
            assert (await evidence(api, deal["id"]))["identify_pain"]["score"] == 2


class TestMoments:
    async def test_by_what_they_are_about_and_who_sees_it(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            deal, meeting = await on_a_deal(api)
            lead = await make_lead(api, account_external_id="acme")
            other = await make_meeting(api, lead_id=lead["id"], scheduled_at="2026-06-16T15:00:00Z")
            await tell(api, meeting, **TOLD)
            await tell(api, other, moments_that_matter=[{"what": "Laughed"}])
            path = "/qualification/v1/moments"

            async def found(client: Api = api, **params: Any) -> list[str]:
                return [
                    one["what"] for one in (await client.call("GET", path, params=params))["items"]
                ]

            first = TOLD["moments_that_matter"][0]["what"]
            assert await found() == ["Laughed", first]
            assert await found(account_external_id="acme") == ["Laughed", first]
            assert await found(opportunity_id=deal["id"]) == [first]
            assert await found(lead_id=lead["id"]) == ["Laughed"]
            assert await found(**{"from": "2026-06-17"}) == [first]
            page = await api.call("GET", path, params={"limit": 1})
            rest = await api.call("GET", path, params={"cursor": page["next_cursor"]})
            assert rest["items"][0]["meeting_id"] == meeting["id"]
            await make_user(api, "bob")
            assert await found(await api.client_for("rep", "bob")) == []
            assert await found(await api.client_for("rep", "ana")) == [first]
