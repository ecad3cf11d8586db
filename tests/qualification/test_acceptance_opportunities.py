"""The acceptance test of opportunities: where facts come from, what is carried, and who may."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from services import handover
from tests.client import Api
from tests.pipeline.gates.gated import ACCEPTANCE_ALONE, set_policy
from tests.qualification.test_acceptance import GOOD, LATE, make_ready
from tests.qualification.test_leads import LEADS, make_user

OPPORTUNITIES = "/pipeline/v1/opportunities"
TODAY = datetime(2026, 6, 17, 17, tzinfo=UTC)


def path_of(opportunity_id: Any) -> str:
    return f"/qualification/v1/opportunities/{opportunity_id}/assessments"


async def make_deal(api: Api, **fields: Any) -> Any:
    await make_user(api, "ana")
    return await api.call(
        "POST", OPPORTUNITIES, json={"name": "Acme", "owner_external_id": "ana", **fields}
    )


async def converted(api: Api, *, is_opened: bool = True, evidence: Any = None, **lead: Any) -> Any:
    """The id of the opportunity a lead that fails Timing alone becomes, and its last test."""
    ready = await make_ready(api, **lead)
    path = f"{LEADS}/{ready['id']}"
    made = await api.call("POST", f"{path}/assessments", json=evidence or {**GOOD, "timing": LATE})
    conversion = await api.call("POST", f"{path}/conversion")
    if is_opened:
        await handover.hand_over(api.database(), api.workspace_id)
    return conversion["opportunity_id"], made


class TestFacts:
    async def test_come_from_the_opportunity_where_they_are_left_out(self, api: Api) -> None:
        deal = await make_deal(
            api,
            segment="smb",
            source_kind="outbound",
            use_case="SCM",
            seats=40,
            next_step_date="2026-07-01",
        )
        known = {
            "authority": {"buying_role": "decision_maker"},
            "initiative": {"kind": "small_box"},
            "fit": {"current_tools": ["SVN"]},
            "timing": {"iqm_date": "2026-06-17"},
        }
        made = await api.call("POST", path_of(deal["id"]), json=known)
        assert made["verdict"] == "accept"
        assert (made["segment"], made["evidence"]["segment_source"]) == ("smb", "opportunity")
        assert made["evidence"]["source_kind"] == "outbound"
        assert made["evidence"]["fit"]["use_case"] == "SCM"
        assert made["evidence"]["fit"]["potential_seats"] == 40
        assert made["evidence"]["timing"]["next_step_date"] == "2026-07-01"
        assert made["carried"] == {}
        assert made["subject"] == {"kind": "opportunity", "id": deal["id"]}
        assert (made["lead_id"], made["opportunity_version"]) == (None, 1)

    async def test_what_is_said_beats_the_opportunity(self, api: Api) -> None:
        deal = await make_deal(api, segment="smb", use_case="SCM", next_step_date="2027-01-01")
        made = await api.call("POST", path_of(deal["id"]), json={**GOOD, "segment": "large"})
        assert (made["segment"], made["evidence"]["segment_source"]) == ("large", "stated")
        assert made["evidence"]["fit"]["use_case"] == "CI"
        assert made["evidence"]["timing"]["next_step_date"] == "2026-08-16"

    async def test_carries_the_leads_evidence_criterion_by_criterion(self, api: Api) -> None:
        opportunity_id, of_lead = await converted(api, employees=500)
        made = await api.call("POST", path_of(opportunity_id), json={"timing": GOOD["timing"]})
        assert made["verdict"] == "accept"
        origin = of_lead["id"]
        assert made["carried"] == {"authority": origin, "initiative": origin, "fit": origin}
        assert made["evidence"]["authority"] == of_lead["evidence"]["authority"]
        assert made["segment"] == "mid_market"

    async def test_names_the_test_in_which_evidence_was_first_said(self, api: Api) -> None:
        opportunity_id, of_lead = await converted(api)
        second = await api.call(
            "POST", path_of(opportunity_id), json={"initiative": {"kind": "none"}}
        )
        third = await api.call("POST", path_of(opportunity_id), json={})
        assert third["carried"]["authority"] == of_lead["id"]
        assert third["carried"]["initiative"] == second["id"]
        assert third["verdict"] == second["verdict"] == "unqualify"

    async def test_a_new_contact_is_not_mixed_with_the_old_one(self, api: Api) -> None:
        evidence = {**GOOD, "authority": {"buying_role": "influencer", "directly_involved": False}}
        deal = await make_deal(api)
        await api.call("POST", path_of(deal["id"]), json=evidence)
        made = await api.call(
            "POST", path_of(deal["id"]), json={"authority": {"buying_role": "evaluator"}}
        )
        assert made["criteria"]["authority"]["result"] == "pass"
        assert made["evidence"]["authority"]["directly_involved"] is None
        assert "authority" not in made["carried"]

    async def test_dates_stand_alone_and_are_carried_one_by_one(self, api: Api) -> None:
        opportunity_id, of_lead = await converted(api)
        made = await api.call(
            "POST", path_of(opportunity_id), json={"timing": {"next_step_date": "2026-07-01"}}
        )
        assert made["verdict"] == "accept"
        assert made["carried"]["timing.iqm_date"] == of_lead["id"]

    async def test_the_opportunitys_next_step_beats_the_carried_one(self, api: Api) -> None:
        opportunity_id, _ = await converted(api)
        await api.call(
            "PATCH", f"{OPPORTUNITIES}/{opportunity_id}", json={"next_step_date": "2026-08-01"}
        )
        made = await api.call("POST", path_of(opportunity_id), json={})
        assert made["verdict"] == "accept"
        assert made["evidence"]["timing"]["next_step_date"] == "2026-08-01"

    async def test_statements_are_carried_with_their_evidence(self, api: Api) -> None:
        deal = await make_deal(api)
        stated = {"fit": {"result": "pass", "evidence": "Seen in the call."}}
        await api.call("POST", path_of(deal["id"]), json=stated)
        made = await api.call("POST", path_of(deal["id"]), json={})
        assert made["criteria"]["fit"]["evidence"] == "Seen in the call."
        assert made["criteria"]["fit"]["source"] == "stated"

    async def test_keeps_what_is_asked_before_the_meeting(self, api: Api) -> None:
        deal = await make_deal(api)
        asked = {"hosting": "self_hosted", "future_seats": 0, "total_seats": 1200}
        await api.call("POST", path_of(deal["id"]), json={"fit": asked})
        made = await api.call("POST", path_of(deal["id"]), json={"fit": {"use_case": "CI"}})
        assert made["evidence"]["fit"].items() >= asked.items()
        assert made["criteria"]["fit"]["result"] == "unknown"
        refused = await api.request("POST", path_of(deal["id"]), json={"fit": {"hosting": "cloud"}})
        assert refused.status_code == 422


class TestOutbound:
    async def test_passes_in_its_own_form(self, api: Api) -> None:
        deal = await make_deal(api, source_kind="outbound")
        known = {
            "authority": {"path_to_decision_maker": True, "evaluators_known": True},
            "initiative": {"identified_need": "not_active"},
            "fit": GOOD["fit"],
            "timing": GOOD["timing"],
        }
        made = await api.call("POST", path_of(deal["id"]), json=known)
        assert made["verdict"] == "accept"
        codes = [reason["code"] for reason in made["reasons"]]
        assert codes[:2] == ["path_to_decision_maker", "need_identified"]
        inbound = await make_deal(api, source_kind="inbound")
        made = await api.call("POST", path_of(inbound["id"]), json=known)
        assert made["verdict"] == "keep_pending"


class TestNotOpenedYet:
    async def test_is_tested_by_the_id_that_was_promised(self, api: Api) -> None:
        opportunity_id, of_lead = await converted(api, is_opened=False)
        made = await api.call("POST", path_of(opportunity_id), json={"timing": GOOD["timing"]})
        assert made["verdict"] == "accept"
        assert made["opportunity_version"] is None
        assert made["carried"]["fit"] == of_lead["id"]
        listed = await api.call("GET", path_of(opportunity_id))
        assert [item["id"] for item in listed["items"]][-1] == made["id"]
        await handover.hand_over(api.database(), api.workspace_id)
        await set_policy(api, gates=ACCEPTANCE_ALONE)
        moved = await api.request(
            "POST",
            f"{OPPORTUNITIES}/{opportunity_id}/transitions",
            json={"to_stage": "discovery"},
        )
        assert moved.status_code == 200

    async def test_is_seen_by_whoever_will_have_it(self, api: Api) -> None:
        await make_user(api, "ben")
        opportunity_id, _ = await converted(api, is_opened=False)
        ana, ben = await api.client_for("rep", "ana"), await api.client_for("rep", "ben")
        assert (await ana.request("GET", path_of(opportunity_id))).status_code == 200
        assert (await ana.request("POST", path_of(opportunity_id), json={})).status_code == 201
        assert (await ben.request("GET", path_of(opportunity_id))).status_code == 404
        assert (await ben.request("POST", path_of(opportunity_id), json={})).status_code == 404


class TestList:
    async def test_tells_the_leads_tests_and_the_opportunitys_in_one_order(self, api: Api) -> None:
        opportunity_id, of_lead = await converted(api)
        own = await api.call("POST", path_of(opportunity_id), json={})
        late = await api.call("POST", f"{LEADS}/{of_lead['lead_id']}/assessments", json=GOOD)
        page = await api.call("GET", path_of(opportunity_id), params={"limit": 2})
        rest = await api.call(
            "GET", path_of(opportunity_id), params={"cursor": page["next_cursor"]}
        )
        listed = [*page["items"], *rest["items"]]
        assert [item["subject"]["kind"] for item in listed] == [
            "lead", "lead", "opportunity", "lead",
        ]  # fmt: skip
        assert [item["id"] for item in listed][1:] == [of_lead["id"], own["id"], late["id"]]
        # What is said of a lead that was handed over is said of its opportunity too.
        assert late["opportunity_id"] == opportunity_id
        assert rest["next_cursor"] is None

    async def test_is_offered_as_csv(self, api: Api) -> None:
        deal = await make_deal(api)
        await api.call("POST", path_of(deal["id"]), json=GOOD)
        answer = await api.request("GET", path_of(deal["id"]), params={"format": "csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.text.splitlines()[0].startswith("id,subject")
        assert len(answer.text.splitlines()) == 2

    async def test_a_test_of_another_opportunity_is_not_told(self, api: Api) -> None:
        one, two = await make_deal(api), await make_deal(api)
        await api.call("POST", path_of(one["id"]), json=GOOD)
        assert (await api.call("GET", path_of(two["id"])))["items"] == []


class TestWho:
    async def test_whoever_writes_the_opportunity(self, api: Api) -> None:
        await make_user(api, "ben")
        await make_user(api, "sid", "sdr")
        deal = await make_deal(api, sdr_external_id="sid")
        for role, user, posted, read in [
            ("rep", "ana", 201, 200),
            ("sdr", "sid", 201, 200),
            ("rep", "ben", 404, 404),
            ("manager", "ana", 201, 200),
            ("manager", "ben", 404, 404),
            ("analyst", None, 403, 200),
            ("integration", None, 201, 200),
        ]:
            caller = await api.client_for(role, user)
            answer = await caller.request("POST", path_of(deal["id"]), json=GOOD)
            assert answer.status_code == posted, (role, user)
            assert (await caller.request("GET", path_of(deal["id"]))).status_code == read

    async def test_of_one_workspace(self, api: Api, other_api: Api) -> None:
        deal = await make_deal(api)
        refused = await other_api.request("POST", path_of(deal["id"]), json=GOOD)
        assert (refused.status_code, refused.json()["code"]) == (404, "opportunity_unknown")
        assert (await other_api.request("GET", path_of(deal["id"]))).status_code == 404


async def test_a_lead_that_fails_timing_alone_waits_until_it_passes(
    api: Api, clock_at: Callable[[datetime], AbstractContextManager[None]]
) -> None:
    """The procedure from the first meeting to acceptance."""
    with clock_at(TODAY):
        await set_policy(api, gates=ACCEPTANCE_ALONE)
        opportunity_id, of_lead = await converted(api, source_kind="inbound")
        assert (of_lead["verdict"], of_lead["convertible"]) == ("keep_pending", True)
        ana = await api.client_for("rep", "ana")
        path = f"{OPPORTUNITIES}/{opportunity_id}"
        refused = await ana.request("POST", f"{path}/transitions", json={"to_stage": "discovery"})
        assert [item["code"] for item in refused.json()["unmet"]] == ["timing_failed"]
        made = await ana.call(
            "POST", path_of(opportunity_id), json={"timing": {"next_step_date": "2026-08-16"}}
        )
        assert made["verdict"] == "accept"
        moved = await ana.call("POST", f"{path}/transitions", json={"to_stage": "discovery"})
        assert moved["stage"] == "discovery"
    async with api.database().read(api.workspace_id) as session:
        accepted_on = await session.fetchval(
            "SELECT sales_accepted_date FROM pipeline.opportunities"
            " WHERE workspace_id = $1 AND id = $2::text::uuid",
            api.workspace_id,
            opportunity_id,
        )
    assert accepted_on.isoformat() == "2026-06-17"
