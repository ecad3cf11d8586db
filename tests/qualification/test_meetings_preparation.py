"""Preparing a meeting: what records answer, what people put down, what is missing and why."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.qualification.meetings.readiness import CHECKS, Prepared, readiness
from tests.client import Api
from tests.qualification.meetings_book import (
    MEETINGS,
    NOW,
    Clock,
    make_account,
    make_deal,
    make_lead,
    make_meeting,
    make_user,
)
from tests.qualification.working import merge

FULL: dict[str, Any] = {
    "checks": {
        "site": {"note": "Sells to hospitals", "link": "https://acme.example/about"},
        "deck": {"note": "Slides 4 to 9"},
        "profile": {"note": "Ten years in banks"},
    },
    "pre_call_questions": ["Who pays for the present tools?"],
    "call_plan": {
        "gaps": ["Who else looks at it"],
        "objectives": ["Meet the CFO"],
        "researched": [
            {"persona": "financial_leader", "kind": "objection", "text": "No budget this year"}
        ],
    },
    "agenda": {
        "items": [
            {"topic": "Where they are", "question_ids": ["metrics.target"]},
            {"topic": "How others did it", "case_study": "A hospital group"},
        ],
        "objectives": ["Agree on a next step"],
    },
}


async def prepare(api: Api, meeting: Any, **body: Any) -> Any:
    return await api.call("PUT", f"{MEETINGS}/{meeting['id']}/preparation", json=body)


async def prepared(api: Api, meeting: Any) -> Any:
    return await api.call("GET", f"{MEETINGS}/{meeting['id']}/preparation")


def keys(preparation: Any) -> list[str]:
    return [one["key"] for one in preparation["missing"]]


class TestReadiness:
    def test_nothing_and_everything(self) -> None:
        nothing = readiness(Prepared())
        assert (nothing.percent, len(nothing.missing)) == (0, 10)
        assert all(one.message for one in nothing.missing)
        everything = Prepared(
            answered=frozenset(CHECKS[:2]),
            ticked=frozenset(CHECKS[2:]),
            personas=["financial_leader"],
            pre_call_questions=["?"],
            call_plan={"objectives": ["a"], "researched": ["b"]},
            agenda={
                "items": [{"topic": "t", "question_ids": [], "statement": "s", "case_study": None}],
                "objectives": ["o"],
            },
            is_agenda_sent=True,
        )
        assert readiness(everything) == (readiness(everything).__class__)(100, ())

    @given(st.sets(st.sampled_from(CHECKS)), st.sets(st.sampled_from(CHECKS)), st.booleans())
    def test_more_never_makes_less_ready(
        self, answered: set[str], ticked: set[str], is_sent: bool
    ) -> None:
        less = readiness(Prepared(ticked=frozenset(ticked)))
        more = readiness(
            Prepared(answered=frozenset(answered), ticked=frozenset(ticked), is_agenda_sent=is_sent)
        )
        assert more.percent >= less.percent
        assert set(more.missing) <= set(less.missing)
        assert more.percent == 100 * (10 - len(more.missing)) // 10


class TestFromRecords:
    async def test_a_new_lead_is_answered_as_far_as_records_go(self, api: Api) -> None:
        lead = await make_lead(api, title="Head of Finance")
        meeting = await make_meeting(api, lead_id=lead["id"])
        answer = await prepared(api, meeting)
        assert answer["version"] == 0
        research = {check["key"]: check for check in answer["research"]}
        assert research["customer_or_prospect"]["is_done"] is False
        assert research["past_contact"]["answer"] == "none"
        assert research["past_contact"]["source"] == "records"
        assert answer["buyers"][0]["persona"] == "financial_leader"
        assert answer["buyers"][0]["source"] == "title"
        assert answer["buyers"][0]["objections"]
        assert answer["readiness_percent"] == 20
        assert keys(answer)[:4] == ["customer_or_prospect", "site", "deck", "profile"]

    async def test_customer_past_contact_and_gaps(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await make_user(api, "ana")
            await make_account(api)
            deal = await make_deal(api, buyer_stage="Explores options", use_case="CI")
            meeting = await make_meeting(
                api, opportunity_id=deal["id"], buyer_stage="evaluates_solutions"
            )
            answer = await prepared(api, meeting)
            research = {check["key"]: check for check in answer["research"]}
            assert research["customer_or_prospect"]["answer"] == "prospect"
            assert research["customer_or_prospect"]["facts"]["opportunities"] == {
                "won": 0,
                "lost": 0,
                "open": 1,
            }
            assert answer["buyer_stage"]["key"] == "evaluates_solutions"
            gaps = answer["call_plan"]["meddppicc_gaps"]
            assert {gap["element"] for gap in gaps if gap["is_required"]} == {
                "identify_pain",
                "competition",
                "partner",
            }
            assert [gap["element"] for gap in gaps[:3]] == [
                "identify_pain",
                "competition",
                "partner",
            ]
            first = answer["suggested_questions"][0]
            assert first["element"] == "identify_pain"
            assert "should be identified from stage 2 on" in first["reason"]
            won = await make_deal(api, name="Won", stage="closed_won", close_date="2026-06-01")
            assert won["stage"] == "closed_won"
            past = await make_meeting(api, subject="Earlier", scheduled_at="2026-06-10T09:00:00Z")
            await api.call("POST", f"{MEETINGS}/{past['id']}/outcome", json={})
            answer = await prepared(api, meeting)
            research = {check["key"]: check for check in answer["research"]}
            assert research["customer_or_prospect"]["answer"] == "customer"
            assert research["past_contact"]["facts"]["meetings"] == 1
            assert research["past_contact"]["answer"] == "2026-06-10T09:00:00.000000Z"

    async def test_a_merged_lead_counts_once(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await make_account(api)
            leads = []
            for name in ("Kim", "Kim L"):
                body = {"name": name, "account_external_id": "acme"}
                leads.append(await api.call("POST", "/qualification/v1/leads", json=body))
            meeting = await make_meeting(api, account_external_id="acme")
            await merge(api, *leads)
            answer = await prepared(api, meeting)
        facts = [check["facts"] for check in answer["research"] if check["key"] == "past_contact"]
        assert facts[0]["leads"] == 1

    async def test_known_elements_are_asked_for_last(self, api: Api) -> None:
        await make_user(api, "ana")
        await make_account(api)
        deal = await make_deal(api)
        elements = {
            name: {"score": 2, "evidence": "said so"}
            for name in ("identify_pain", "competition", "partner")
        }
        await api.call(
            "PUT",
            f"/qualification/v1/opportunities/{deal['id']}/meddppicc",
            json={"elements": elements},
        )
        meeting = await make_meeting(api, opportunity_id=deal["id"])
        answer = await prepared(api, meeting)
        asked = {one["element"] for one in answer["suggested_questions"]}
        assert not asked & set(elements)
        assert not any(gap["is_required"] for gap in answer["call_plan"]["meddppicc_gaps"])


class TestPutDown:
    async def test_becomes_ready_and_merges(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await make_account(api)
            meeting = await make_meeting(
                api, attendees=[{"name": "Pat", "persona": "financial_leader"}]
            )
            answer = await prepare(api, meeting, **FULL)
            assert answer["version"] == 1
            assert (answer["readiness_percent"], keys(answer)) == (90, ["agenda_sent"])
            again = await prepare(api, meeting, **FULL)
            assert again["version"] == 1
            more = await prepare(api, meeting, checks={"customer_or_prospect": {"note": "Cold"}})
            assert more["version"] == 2
            research = {check["key"]: check for check in more["research"]}
            assert research["customer_or_prospect"]["note"] == "Cold"
            assert research["customer_or_prospect"]["answer"] == "prospect"
            assert research["site"]["link"] == "https://acme.example/about"
            assert research["site"]["checked_by"].startswith("key:")
            fewer = await prepare(
                api, meeting, checks={"site": None}, call_plan={"objectives": None}
            )
            assert keys(fewer) == ["site", "call_plan", "agenda_sent"]
            assert fewer["call_plan"]["gaps"] == ["Who else looks at it"]
            assert (await prepare(api, meeting, agenda=None))["agenda"]["items"] == []

    async def test_an_agenda_item_needs_something_to_carry_it(self, api: Api) -> None:
        await make_account(api)
        meeting = await make_meeting(api)
        agenda = {"items": [{"topic": "Small talk"}], "objectives": ["x"]}
        answer = await prepare(api, meeting, agenda=agenda)
        messages = {one["key"]: one["message"] for one in answer["missing"]}
        assert "'Small talk', has no question" in messages["agenda"]

    async def test_says_what_is_wrong(self, api: Api) -> None:
        await make_account(api)
        meeting = await make_meeting(api)
        path = f"{MEETINGS}/{meeting['id']}/preparation"
        one = {"persona": "financial_leader", "kind": "objection", "text": "x"}
        for body, pointer in [
            ({"checks": {"sight": {}}}, "/checks/sight"),
            (
                {"agenda": {"items": [{"topic": "a", "question_ids": ["metrics.target", "no"]}]}},
                "/agenda/items/0/question_ids/1",
            ),
            (
                {"call_plan": {"researched": [{**one, "persona": "gardener"}]}},
                "/call_plan/researched/0/persona",
            ),
            ({"call_plan": {"researched": [one] * 4}}, "/call_plan/researched"),
        ]:
            response = await api.request("PUT", path, json=body)
            assert response.status_code == 422, body
            assert response.json()["errors"][0]["pointer"] == pointer
        assert (await prepared(api, meeting))["version"] == 0
        stale = await api.request("PUT", path, json=FULL, headers={"If-Match": '"3"'})
        assert stale.status_code == 412

    async def test_the_agenda_is_sent_in_time_or_not(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            await make_account(api)
            meeting = await make_meeting(api, scheduled_at="2026-06-18T09:30:00Z")
            path = f"{MEETINGS}/{meeting['id']}"
            sent = await api.call("POST", f"{path}/agenda-sent", json={"to": ["pat@acme.example"]})
            assert sent["agenda"]["sent_ahead_hours"] == "16.5"
            assert sent["agenda"]["is_in_time"] is False
            assert "agenda_sent" not in keys(sent)
            assert sent["warnings"][0]["message"].startswith("The agenda went out 16.5 hours ahead")
            body = {"to": ["pat@acme.example"], "sent_at": "2026-06-16T09:30:00Z"}
            earlier = await api.call("POST", f"{path}/agenda-sent", json=body)
            assert earlier["agenda"]["sent_ahead_hours"] == "48.0"
            assert (earlier["agenda"]["is_in_time"], earlier["warnings"]) == (True, [])
            again = await api.call("POST", f"{path}/agenda-sent", json=body)
            assert again["version"] == earlier["version"]
            assert len(again["agenda"]["sendings"]) == 2
            # Of a meeting that moves, the agenda is earlier.
            await api.call("PATCH", path, json={"scheduled_at": "2026-06-19T09:30:00Z"})
            assert (await prepared(api, meeting))["agenda"]["sent_ahead_hours"] == "72.0"
            future = {"to": ["a"], "sent_at": "2026-06-18T09:30:00Z"}
            assert (
                await api.request("POST", f"{path}/agenda-sent", json=future)
            ).status_code == 422


class TestReviews:
    async def test_a_call_prep_and_a_review_of_what_came_of_it(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            await make_account(api)
            await make_user(api, "sam")
            meeting = await make_meeting(api, scheduled_at="2026-06-17T16:00:00Z")
            path = f"{MEETINGS}/{meeting['id']}"
            before = await api.call(
                "POST",
                f"{path}/reviews",
                json={"reviewer": "sam", "input": "Ask for the date", "critiques": ["Too long"]},
            )
            assert (before["phase"], before["subject"]) == ("before", "Prep w/ Sam")
            await api.call("POST", f"{path}/outcome", json={})
            after = await api.call("POST", f"{path}/reviews", json={"reviewer": "sam"})
            assert (after["phase"], after["subject"]) == ("after", "Review w/ Sam")
            page = await api.call("GET", f"{path}/reviews", params={"limit": 1})
            assert page["items"] == [before]
            rest = await api.call("GET", f"{path}/reviews", params={"cursor": page["next_cursor"]})
            assert rest["items"] == [after]
            assert len((await prepared(api, meeting))["reviews"]) == 2
            unknown = await api.request("POST", f"{path}/reviews", json={"reviewer": "no"})
            assert unknown.json()["errors"][0]["pointer"] == "/reviewer"


async def test_who_may_prepare(api: Api) -> None:
    await make_user(api, "ana")
    await make_user(api, "bob")
    await make_account(api)
    deal = await make_deal(api)
    meeting = await make_meeting(api, opportunity_id=deal["id"])
    path = f"{MEETINGS}/{meeting['id']}/preparation"
    ana, bob = await api.client_for("rep", "ana"), await api.client_for("rep", "bob")
    analyst = await api.client_for("analyst")
    assert (await ana.request("PUT", path, json=FULL)).status_code == 200
    assert (await bob.request("PUT", path, json=FULL)).status_code == 404
    assert (await analyst.request("GET", path)).status_code == 200
    assert (await analyst.request("PUT", path, json=FULL)).status_code == 403
