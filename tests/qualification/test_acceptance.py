"""The acceptance test and the conversion through HTTP, up to the request in the outbox."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.client import Api
from tests.qualification.test_leads import LEADS, make_lead, make_user

GOOD: dict[str, Any] = {
    "authority": {"buying_role": "evaluator", "directly_involved": True},
    "initiative": {"kind": "top_2_priority", "shown_by": ["modernisation"]},
    "fit": {
        "current_tools": ["Jenkins"],
        "use_case": "CI",
        "potential_seats": 80,
        "new_account_or_buying_group": True,
    },
    "timing": {"iqm_date": "2026-06-17", "next_step_date": "2026-08-16"},
}
LATE = {"iqm_date": "2026-06-17", "next_step_date": "2026-08-17"}


async def make_ready(api: Api, **fields: Any) -> Any:
    """A lead with an owner that has passed the test."""
    await make_user(api, "ana")
    lead = await make_lead(api, owner_external_id="ana", company="Acme", **fields)
    await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
    return lead


async def due(api: Api) -> int:
    async with api.database().read(api.workspace_id) as session:
        return int(
            await session.fetchval(
                "SELECT count(*) FROM qualification.outbox WHERE workspace_id = $1",
                api.workspace_id,
            )
        )


class TestAssess:
    async def test_answers_the_verdict_and_every_reason(self, api: Api) -> None:
        lead = await make_lead(api, employees=500)
        made = await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
        assert made["verdict"] == "accept"
        assert made["convertible"] is True
        assert made["policy_version"] == 1
        assert made["segment"] == "mid_market"
        assert [reason["criterion"] for reason in made["reasons"]] == list(made["criteria"])
        assert {found["result"] for found in made["criteria"].values()} == {"pass"}

    async def test_takes_from_the_lead_what_is_left_out(self, api: Api) -> None:
        lead = await make_lead(api, employees=20, use_case="SCM", seats=15)
        known = {
            **GOOD,
            "initiative": {"kind": "small_box"},
            "fit": {"current_tools": ["SVN"], "new_account_or_buying_group": True},
        }
        made = await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=known)
        assert made["verdict"] == "accept"
        assert made["evidence"]["fit"]["potential_seats"] == 15

    async def test_small_box_of_an_unknown_size_waits_for_the_segment(self, api: Api) -> None:
        lead = await make_lead(api)
        known = {**GOOD, "initiative": {"kind": "small_box"}}
        made = await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=known)
        assert (made["verdict"], made["segment"]) == ("keep_pending", "unknown")
        assert made["criteria"]["initiative"]["reasons"][0]["code"] == "segment_unknown"
        assert made["convertible"] is False
        sized = await api.call(
            "POST", f"{LEADS}/{lead['id']}/assessments", json={**known, "segment": "large"}
        )
        assert sized["verdict"] == "unqualify"

    async def test_a_stated_result_needs_evidence(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}/assessments"
        refused = await api.request("POST", path, json={"fit": {"result": "pass"}})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["code"] == "evidence_missing"
        stated = {
            name: {"result": "pass", "evidence": "Seen in the call."}
            for name in ("authority", "initiative", "fit", "timing")
        }
        made = await api.call("POST", path, json=stated)
        assert made["verdict"] == "accept"
        assert {found["source"] for found in made["criteria"].values()} == {"stated"}

    async def test_every_test_is_kept_with_its_policy(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}/assessments"
        first = await api.call("POST", path, json=GOOD)
        second = await api.call("POST", path, json={**GOOD, "timing": LATE})
        page = await api.call("GET", path, params={"limit": 1})
        assert page["items"] == [first]
        rest = await api.call("GET", path, params={"cursor": page["next_cursor"]})
        assert rest == {"items": [second], "next_cursor": None}
        assert second["verdict"] == "keep_pending"

    async def test_is_of_one_workspace(self, api: Api, other_api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}/assessments"
        assert (await other_api.request("POST", path, json=GOOD)).status_code == 404
        assert (await other_api.request("GET", path)).status_code == 404


class TestConvert:
    async def test_picks_the_id_and_qualifies_the_lead(self, api: Api) -> None:
        lead = await make_ready(api)
        answer = await api.request("POST", f"{LEADS}/{lead['id']}/conversion")
        assert answer.status_code == 202
        assert answer.json()["state"] == "requested"
        shown = await api.call("GET", f"{LEADS}/{lead['id']}")
        assert shown["conversion"].items() <= answer.json().items()
        assert (shown["status"], shown["version"]) == ("qualified", 2)
        assert await due(api) == 1

    async def test_asking_again_gives_the_same_id(self, api: Api) -> None:
        lead = await make_ready(api)
        answers = await asyncio.gather(
            *(api.call("POST", f"{LEADS}/{lead['id']}/conversion") for _ in range(8))
        )
        assert len({answer["opportunity_id"] for answer in answers}) == 1
        assert await due(api) == 1

    async def test_timing_alone_does_not_stand_in_the_way(self, api: Api) -> None:
        lead = await make_ready(api)
        path = f"{LEADS}/{lead['id']}"
        await api.call("POST", f"{path}/assessments", json={**GOOD, "timing": LATE})
        assert (await api.request("POST", f"{path}/conversion")).status_code == 202

    async def test_names_everything_that_is_missing(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}"
        refused = await api.request("POST", f"{path}/conversion")
        assert (refused.status_code, refused.json()["code"]) == (409, "lead_not_convertible")
        codes = [unmet["code"] for unmet in refused.json()["unmet"]]
        assert codes == ["owner_missing", "not_assessed"]
        await api.call("POST", f"{path}/assessments", json={**GOOD, "initiative": {"kind": "none"}})
        refused = await api.request("POST", f"{path}/conversion")
        codes = [unmet["code"] for unmet in refused.json()["unmet"]]
        assert codes == ["owner_missing", "no_initiative"]
        assert await due(api) == 0

    async def test_a_lead_put_aside_stays_there(self, api: Api) -> None:
        lead = await make_ready(api, status="disqualified")
        refused = await api.request("POST", f"{LEADS}/{lead['id']}/conversion")
        assert [unmet["code"] for unmet in refused.json()["unmet"]] == ["lead_put_aside"]

    async def test_a_salesperson_hands_over_to_itself(self, api: Api) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        lead = await make_lead(ana, owner_external_id=None, sdr_external_id="ana")
        await ana.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
        await ana.call("POST", f"{LEADS}/{lead['id']}/conversion")
        shown = await ana.call("GET", f"{LEADS}/{lead['id']}")
        assert shown["owner_external_id"] == "ana"
