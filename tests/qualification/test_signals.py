"""Signals through HTTP: points, the statuses they lead to, and that none is heard twice or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.kit import clock
from services.qualification.signals.service import rescore
from tests.client import Api

V1 = "/qualification/v1"
LEADS = f"{V1}/leads"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
Clock = Callable[[datetime], AbstractContextManager[None]]


async def make_lead(api: Api, **fields: Any) -> Any:
    return await api.call("POST", LEADS, json={"name": "Kim Larsen", **fields})


async def hear(api: Api, lead: Any, name: str, **fields: Any) -> Any:
    path = f"{LEADS}/{lead['id']}/signals"
    return await api.call("POST", path, json={"name": name, **fields})


async def read(api: Api, lead: Any) -> Any:
    return await api.call("GET", f"{LEADS}/{lead['id']}")


async def history(api: Api, lead: Any) -> list[tuple[str | None, str, str | None]]:
    page = await api.call("GET", f"{LEADS}/{lead['id']}/moves")
    return [(move["from_status"], move["to_status"], move["reason"]) for move in page["items"]]


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


async def add_up_anew(api: Api, lead: Any) -> Any:
    """The lead after its points were added up from scratch."""
    async with api.database().write(api.workspace_id) as session:
        await rescore(session, [UUID(lead["id"])])
    return await read(api, lead)


class TestPoints:
    async def test_an_answer_says_what_it_did_and_why(self, api: Api) -> None:
        lead = await make_lead(api, email="kim@acme.example")
        heard = await hear(api, lead, "content_download", details={"title": "Paper"})
        assert (heard["points"], heard["score_before"], heard["score_after"]) == (15, 20, 35)
        assert (heard["status_before"], heard["status_after"]) == ("raw", "inquiry")
        assert [reason["code"] for reason in heard["reasons"]] == ["signal", "form"]
        assert heard["details"] == {"title": "Paper"}
        shown = await read(api, lead)
        assert (shown["score"], shown["behaviour_points"], shown["version"]) == (35, 15, 2)
        assert shown["last_signal_at"] == heard["occurred_at"]

    async def test_points_never_go_below_zero(self, api: Api) -> None:
        lead = await make_lead(api)
        await hear(api, lead, "content_low")
        bounced = await hear(api, lead, "bounce")
        assert (bounced["worth"], bounced["points"]) == (-20, -5)
        assert bounced["reasons"][-1]["code"] == "floor"
        await hear(api, lead, "key_page")
        assert (await read(api, lead))["behaviour_points"] == 5

    async def test_an_unknown_name_is_refused_with_those_that_are_known(self, api: Api) -> None:
        lead = await make_lead(api)
        for name in ("content_downlaod", "silence", "recycled"):
            refused = await api.request(
                "POST", f"{LEADS}/{lead['id']}/signals", json={"name": name}
            )
            assert refused.status_code == 422
            problem = refused.json()["errors"][0]
            assert (problem["pointer"], problem["code"]) == ("/name", "unknown_signal")
            assert "content_download" in problem["message"]

    async def test_the_future_and_a_measure_without_a_number_are_refused(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}/signals"
        later = clock.isoformat(clock.now() + timedelta(minutes=1))
        for body, pointer in [
            ({"name": "trial", "occurred_at": later}, "/occurred_at"),
            ({"name": "active_users"}, "/value"),
            ({"name": "trial", "value": -1}, "/value"),
            ({"name": "trial", "nmae": "x"}, "/nmae"),
            ({"name": "trial", "details": {"a": "x" * 10_000}}, "/details"),
            ({"name": "trial", "details": nested(21)}, "/details"),
            ({"name": "trial", "details": nested(900)}, "/details"),
        ]:
            refused = await api.request("POST", path, json=body)
            assert refused.status_code == 422, body
            assert refused.json()["errors"][0]["pointer"] == pointer
        assert (await hear(api, lead, "trial", details=nested(20)))["details"] == nested(20)

    async def test_told_twice_it_is_heard_once(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}/signals"
        body = {"name": "event_high", "external_id": "crm-1"}
        first = await api.request("POST", path, json=body)
        again = await api.request("POST", path, json={**body, "name": "event_low"})
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        shown = await read(api, lead)
        assert (shown["behaviour_points"], shown["version"]) == (30, 2)
        other = await make_lead(api)
        assert (await hear(api, other, "event_high", external_id="crm-1"))["points"] == 30

    async def test_at_once_none_is_lost(self, api: Api) -> None:
        lead = await make_lead(api, external_id="L")
        singles = [hear(api, lead, "key_page") for _ in range(10)]
        items = [{"lead_external_id": "L", "name": "content_low"}] * 10
        batches = [api.call("POST", f"{V1}/signals/batch", json={"items": items}) for _ in range(4)]
        await asyncio.gather(*singles, *batches)
        shown = await read(api, lead)
        assert shown["behaviour_points"] == 50 + 4 * 50
        assert (await add_up_anew(api, lead)) == shown

    async def test_at_once_the_same_one_is_heard_once(self, api: Api) -> None:
        lead = await make_lead(api)
        heard = await asyncio.gather(
            *(hear(api, lead, "event_high", external_id="same") for _ in range(8))
        )
        assert {answer["id"] for answer in heard} == {heard[0]["id"]}
        assert (await read(api, lead))["behaviour_points"] == 30


class TestMarketingQualified:
    @pytest.mark.parametrize(
        "sign",
        [
            "blog_subscription",
            "content_download",
            "event_attendance",
            "frequent_site_visits",
            "product_demo",
        ],
    )
    async def test_each_of_the_five_signs_counts(self, api: Api, sign: str) -> None:
        lead = await make_lead(api)
        heard = await hear(api, lead, sign)
        assert heard["points"] > 0
        assert heard["status_after"] == "inquiry"

    async def test_the_threshold_is_reached_with_who_somebody_is(self, api: Api) -> None:
        lead = await make_lead(api, email="kim@acme.example", title="Director of Engineering")
        assert lead["demographic_points"] == 55
        await hear(api, lead, "content_download")
        assert (await hear(api, lead, "event_medium"))["status_after"] == "inquiry"
        heard = await hear(api, lead, "event_low")
        assert (heard["score_after"], heard["status_after"]) == (100, "mql")
        assert heard["reasons"][-1]["code"] == "score"
        shown = await read(api, lead)
        assert (shown["status_reason"], shown["mql_count"]) == ("score", 1)
        assert shown["first_mql_at"] == shown["status_since"] == heard["occurred_at"]
        assert await history(api, lead) == [
            (None, "raw", None),
            ("raw", "inquiry", "form"),
            ("inquiry", "mql", "score"),
        ]

    async def test_who_somebody_is_alone_never_qualifies(self, api: Api) -> None:
        await api.call(
            "POST",
            "/pipeline/v1/policies",
            json={"name": "x", "settings": {"score.demographic": {"business_domain": 500}}},
        )
        lead = await make_lead(api, email="kim@acme.example")
        assert (lead["score"], lead["status"]) == (500, "raw")
        assert (await hear(api, lead, "bounce"))["status_after"] == "raw"
        assert (await hear(api, lead, "key_page"))["status_after"] == "mql"

    @pytest.mark.parametrize(
        "name",
        [
            "contact_request",
            "services_request",
            "renewal_request",
            "follow_up_requested",
            "chat_meeting",
        ],
    )
    async def test_asking_for_contact_qualifies_at_once(self, api: Api, name: str) -> None:
        lead = await make_lead(api, email="kim@gmail.com")
        heard = await hear(api, lead, name)
        assert heard["status_after"] == "mql"
        assert heard["reasons"][-1]["code"] == "automatic_signal"

    async def test_a_trial_qualifies_at_once_from_a_business(self, api: Api) -> None:
        for email, status in [
            ("kim@acme.example", "mql"),
            ("Kim@GMAIL.com", "inquiry"),
            (None, "inquiry"),
        ]:
            lead = await make_lead(api, email=email)
            assert (await hear(api, lead, "trial"))["status_after"] == status

    async def test_behaviour_over_ten_is_an_inquiry(self, api: Api) -> None:
        lead = await make_lead(api)
        assert (await hear(api, lead, "key_page"))["status_after"] == "raw"
        assert (await hear(api, lead, "key_page"))["status_after"] == "raw"
        heard = await hear(api, lead, "key_page")
        assert (heard["status_after"], heard["reasons"][-1]["code"]) == ("inquiry", "behaviour")

    async def test_a_lead_somebody_works_on_stays_where_it_is(self, api: Api) -> None:
        for status in ("accepted", "qualifying", "disqualified"):
            lead = await make_lead(api, external_id=status, status=status)
            heard = await hear(api, lead, "contact_request")
            assert (heard["points"], heard["status_after"]) == (100, status)


class TestProductQualified:
    async def test_a_hand_raised_is_one_at_once(self, api: Api) -> None:
        lead = await make_lead(api)
        heard = await hear(api, lead, "hand_raise")
        assert heard["status_after"] == "pql"
        shown = await read(api, lead)
        assert shown["first_pql_at"] == heard["occurred_at"]
        assert (shown["first_mql_at"], shown["mql_count"]) == (None, 0)

    async def test_use_of_the_product_is_one_by_the_rule(self, api: Api, clock_at: Clock) -> None:
        lead = await make_lead(api)
        start = clock.now() - timedelta(days=30)

        async def told(day: int, name: str, value: int) -> str:
            at = clock.isoformat(start + timedelta(days=day))
            answer = await hear(api, lead, name, value=value, occurred_at=at)
            return answer["status_after"]

        assert await told(0, "ci_pipelines", 3) == "raw"
        # Fifteen days apart is too long.
        assert await told(15, "active_users", 5) == "raw"
        assert await told(16, "active_users", 4) == "raw"
        # The last word on the users is too few.
        assert await told(17, "ci_pipelines", 1) == "raw"
        assert await told(18, "active_users", 6) == "pql"
        shown = await read(api, lead)
        assert shown["status_reason"] == "usage"
        assert "active_users 6" in shown["status_details"]
        assert shown["first_pql_at"] == clock.isoformat(start + timedelta(days=18))

    async def test_signing_up_and_free_users_alone_never_are(self, api: Api) -> None:
        lead = await make_lead(api, email="kim@acme.example")
        await hear(api, lead, "sign_up")
        heard = await hear(api, lead, "free_users", value=5000)
        assert (heard["status_after"], heard["points"]) == ("raw", 0)

    async def test_an_mql_becomes_one_too_and_keeps_its_first_date(self, api: Api) -> None:
        lead = await make_lead(api)
        await hear(api, lead, "contact_request")
        await hear(api, lead, "hand_raise")
        shown = await read(api, lead)
        assert (shown["status"], shown["mql_count"]) == ("pql", 1)
        assert shown["first_mql_at"] < shown["first_pql_at"]


class TestStartingAgain:
    async def test_recycled_starts_at_zero_and_qualifies_again_with_more(self, api: Api) -> None:
        lead = await make_lead(api, email="kim@acme.example")
        await hear(api, lead, "contact_request")
        path = f"{LEADS}/{lead['id']}"
        put_aside = await api.call(
            "PATCH", path, json={"status": "recycle", "status_reason": "timing"}
        )
        assert (put_aside["behaviour_points"], put_aside["score"]) == (0, 20)
        assert put_aside["mql_count"] == 1
        assert (await hear(api, lead, "event_high"))["status_after"] == "recycle"
        heard = await hear(api, lead, "trial")
        assert (heard["points"], heard["status_after"]) == (65, "mql")
        assert heard["reasons"][-1]["points"] == 20
        shown = await read(api, lead)
        assert (shown["behaviour_points"], shown["mql_count"]) == (30 + 65 + 20, 2)
        assert shown["first_mql_at"] < shown["status_since"]
        assert await add_up_anew(api, lead) == shown

    async def test_what_came_before_it_was_put_aside_brings_no_lead_back(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            lead = await make_lead(api, email="kim@acme.example", status="mql")
            path = f"{LEADS}/{lead['id']}"
            reason = {"status": "recycle", "status_reason": "timing"}
            await api.call("PATCH", path, json=reason)
            yesterday = clock.isoformat(NOW - timedelta(days=1))
            for name in ("contact_request", "hand_raise", "bounce"):
                late = await hear(api, lead, name, occurred_at=yesterday)
                assert (late["points"], late["status_after"]) == (0, "recycle")
                assert [reason["code"] for reason in late["reasons"]] == ["signal"]
            assert (await read(api, lead))["behaviour_points"] == 0
            at_once = await hear(api, lead, "contact_request", occurred_at=clock.isoformat(NOW))
        assert at_once["status_after"] == "mql"
        again = await add_up_anew(api, lead)
        assert (again["behaviour_points"], again["mql_count"]) == (120, 2)

    async def test_unsubscribing_starts_the_points_again(self, api: Api) -> None:
        lead = await make_lead(api)
        await hear(api, lead, "event_high")
        heard = await hear(api, lead, "unsubscribed")
        assert (heard["points"], heard["score_after"]) == (-30, 0)
        assert (await read(api, lead))["unsubscribed"] is True
        other = await make_lead(api)
        await hear(api, other, "event_high")
        said = await api.call("PATCH", f"{LEADS}/{other['id']}", json={"unsubscribed": True})
        assert (said["behaviour_points"], said["unsubscribed"]) == (0, True)
        assert await add_up_anew(api, other) == said

    async def test_a_stated_score_stands_until_it_is_taken_back(self, api: Api) -> None:
        lead = await make_lead(api, external_id="L", score=40)
        heard = await hear(api, lead, "event_high")
        assert (heard["score_before"], heard["score_after"]) == (40, 40)
        path = f"{LEADS}/by-external-id/L"
        assert (await api.call("PUT", path, json={"score": None}))["score"] == 30
        qualified = await api.call("PUT", path, json={"score": 120})
        assert (qualified["status"], qualified["status_reason"]) == ("mql", "stated_score")
        kept = await api.call("PUT", path, json={"score": 150, "status": "inquiry"})
        assert (kept["score"], kept["status"]) == (150, "inquiry")

    async def test_only_a_recorder_qualifies_by_stating_a_score(self, api: Api) -> None:
        sdr = await api.client_for("sdr")
        lead = await make_lead(sdr, score=200)
        assert (lead["score"], lead["status"]) == (200, "raw")


class TestExplained:
    async def test_a_score_says_what_it_is_made_of(self, api: Api) -> None:
        lead = await make_lead(
            api, email="kim@acme.example", title="VP Marketing", key_account=True
        )
        for name in ("content_download", "content_download", "bounce"):
            await hear(api, lead, name)
        shown = await api.call("GET", f"{LEADS}/{lead['id']}/score")
        assert shown["score"] == shown["computed_score"] == 50
        assert (shown["behaviour_points"], shown["demographic_points"]) == (10, 40)
        assert shown["threshold"] == 100
        kinds = {kind["name"]: (kind["count"], kind["points"]) for kind in shown["behaviour"]}
        assert kinds == {"content_download": (2, 30), "bounce": (1, -20)}
        assert {reason["code"]: reason["points"] for reason in shown["demographic"]} == {
            "business_domain": 20,
            "seniority_executive": 20,
            "function_unrelated": -20,
            "key_account": 20,
        }
        assert sum(reason["points"] for reason in shown["demographic"]) == 40

    async def test_facts_that_change_move_the_score(self, api: Api) -> None:
        lead = await make_lead(api, external_id="L", email="kim@gmail.com")
        assert (lead["email_domain"], lead["demographic_points"], lead["score"]) == (
            "gmail.com",
            -10,
            0,
        )
        for _ in range(4):
            await hear(api, lead, "event_high")
        path = f"{LEADS}/by-external-id/L"
        other = await make_lead(api, email="x@gmail.com")
        await hear(api, other, "event_high")
        changed = await api.call("PATCH", f"{LEADS}/{other['id']}", json={"email": None})
        assert (changed["email_domain"], changed["score"]) == (None, 30)
        moved = await api.call("PUT", path, json={"email": "kim@Acme.Example"})
        assert (moved["email_domain"], moved["score"]) == ("acme.example", 140)

    async def test_lists_page_and_come_as_csv(self, api: Api) -> None:
        lead = await make_lead(api)
        for name in ("key_page", "key_page", "bounce"):
            await hear(api, lead, name)
        path = f"{LEADS}/{lead['id']}/signals"
        first = await api.call("GET", path, params={"limit": 2})
        assert [item["name"] for item in first["items"]] == ["key_page", "key_page"]
        rest = await api.call("GET", path, params={"cursor": first["next_cursor"]})
        assert [item["name"] for item in rest["items"]] == ["bounce"]
        only = await api.call("GET", path, params={"name": "bounce"})
        assert len(only["items"]) == 1
        text = (await api.request("GET", path, params={"format": "csv"})).text
        assert text.splitlines()[0].startswith("id,lead_id,external_id,name,worth,points")
        assert len(text.splitlines()) == 4
