"""Opportunities straight from contacts, and the list of all hand-overs."""

from __future__ import annotations

import asyncio
from typing import Any

from services.kit.ids import new_id
from tests.client import Api
from tests.pipeline.gates.gated import ACCEPTANCE_ALONE, set_policy
from tests.qualification.test_acceptance import GOOD, LATE, due, make_ready
from tests.qualification.test_acceptance_opportunities import path_of
from tests.qualification.test_conversion import (
    CONVERSIONS,
    OPPORTUNITIES,
    contact_named,
    convert,
    hand_over,
    make_account,
    make_contact,
)
from tests.qualification.test_leads import make_user


async def make_kim(api: Api, **fields: Any) -> None:
    """Kim of Acme, whose account is Ana's."""
    await make_user(api, "ana")
    await make_account(api, "acme", name="Acme", employees=500, owner_external_id="ana")
    await make_contact(api, "kim", name="Kim", account_external_id="acme", **fields)


def body(**fields: Any) -> dict[str, Any]:
    return {"contact_external_id": "kim", **GOOD, **fields}


class TestConvert:
    async def test_tests_stores_and_opens(self, api: Api) -> None:
        await make_kim(api)
        answer = await api.request(
            "POST",
            CONVERSIONS,
            json=body(source_kind="outbound", amount="9000.00", close_date="2026-09-30"),
        )
        assert answer.status_code == 202
        asked = answer.json()
        assert (asked["state"], asked["lead_id"]) == ("requested", None)
        assert asked["contact_external_id"] == "kim"
        (test,) = (await api.call("GET", path_of(asked["opportunity_id"])))["items"]
        assert (test["id"], test["verdict"]) == (asked["assessment_id"], "accept")
        assert (test["segment"], test["evidence"]["segment_source"]) == ("mid_market", "account")
        assert await hand_over(api) == 1
        deal = await api.call("GET", f"{OPPORTUNITIES}/{asked['opportunity_id']}")
        assert (
            deal.items()
            >= {
                "name": "Acme – CI",
                "stage": "pending_acceptance",
                "account_external_id": "acme",
                "contact_external_ids": ["kim"],
                "owner_external_id": "ana",
                "source_kind": "outbound",
                "segment": "mid_market",
                "amount": "9000.00",
                "close_date": "2026-09-30",
                "seats": 80,
            }.items()
        )
        contact = await contact_named(api, "kim")
        assert (contact["buying_role"], contact["name"]) == ("evaluator", "Kim")

    async def test_timing_alone_holds_it_at_stage_0(self, api: Api) -> None:
        await make_kim(api)
        await set_policy(api, gates=ACCEPTANCE_ALONE)
        asked = await api.call("POST", CONVERSIONS, json=body(timing=LATE))
        await hand_over(api)
        move = f"{OPPORTUNITIES}/{asked['opportunity_id']}/transitions"
        refused = await api.request("POST", move, json={"to_stage": "discovery"})
        assert [item["code"] for item in refused.json()["unmet"]] == ["timing_failed"]

    async def test_knows_the_contacts_part_where_it_is_not_said(self, api: Api) -> None:
        await make_kim(api, buying_role="technical_buyer")
        asked = await api.call("POST", CONVERSIONS, json=body(authority={}))
        (test,) = (await api.call("GET", path_of(asked["opportunity_id"])))["items"]
        assert test["evidence"]["authority"]["buying_role"] == "technical_buyer"

    async def test_names_everything_unmet_and_keeps_nothing(self, api: Api) -> None:
        await make_contact(api, "kim", name="Kim")
        refused = await api.request(
            "POST", CONVERSIONS, json={"contact_external_id": "kim", "timing": LATE}
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "contact_not_convertible")
        assert [item["code"] for item in refused.json()["unmet"]] == [
            "owner_missing",
            "buying_role_unknown",
            "initiative_unknown",
            "tools_unknown",
            "use_case_unknown",
            "seats_unknown",
        ]
        assert await due(api) == 0
        assert (await api.call("GET", CONVERSIONS))["items"] == []

    async def test_needs_a_contact_there_is(self, api: Api, other_api: Api) -> None:
        await make_kim(api)
        for caller, name in ((api, "nobody"), (other_api, "kim")):
            refused = await caller.request("POST", CONVERSIONS, json=body(contact_external_id=name))
            assert (refused.status_code, refused.json()["code"]) == (404, "contact_not_found")

    async def test_one_contact_may_buy_again(self, api: Api) -> None:
        await make_kim(api)
        first = await api.call("POST", CONVERSIONS, json=body())
        second = await api.call("POST", CONVERSIONS, json=body())
        assert first["opportunity_id"] != second["opportunity_id"]
        assert await hand_over(api) == 2

    async def test_the_id_of_the_client_makes_it_one(self, api: Api) -> None:
        await make_kim(api)
        await make_contact(api, "lee", name="Lee", account_external_id="acme")
        chosen = str(new_id())
        answers = await asyncio.gather(
            *(api.call("POST", CONVERSIONS, json=body(id=chosen)) for _ in range(6))
        )
        assert {answer["opportunity_id"] for answer in answers} == {chosen}
        assert await due(api) == 1
        taken = await api.request(
            "POST", CONVERSIONS, json=body(id=chosen, contact_external_id="lee")
        )
        assert (taken.status_code, taken.json()["code"]) == (409, "opportunity_id_taken")
        await make_user(api, "ben")
        async with await api.client_for("rep", "ben") as ben:
            hidden = await ben.request("POST", CONVERSIONS, json=body(id=chosen))
        assert (hidden.status_code, hidden.json()["code"]) == (409, "opportunity_id_taken")
        await hand_over(api)
        again = await api.call("POST", CONVERSIONS, json=body(id=chosen))
        assert again["state"] == "opened"
        other = await api.call(
            "POST", OPPORTUNITIES, json={"name": "Other", "owner_external_id": "ana"}
        )
        taken = await api.request("POST", CONVERSIONS, json=body(id=other["id"]))
        assert taken.status_code == 409

    async def test_a_refused_one_is_asked_for_again_by_its_id(self, api: Api) -> None:
        await make_kim(api)
        chosen = str(new_id())
        await api.call("POST", CONVERSIONS, json=body(id=chosen))
        async with api.database().write(api.workspace_id) as session:
            await session.execute(
                "UPDATE qualification.conversions"
                ' SET request = request || \'{"owner_external_id": "gone"}\''
                " WHERE workspace_id = $1",
                api.workspace_id,
            )
        await hand_over(api)
        (failed,) = (await api.call("GET", CONVERSIONS, params={"state": "failed"}))["items"]
        assert "gone" in failed["reason"]
        again = await api.call("POST", CONVERSIONS, json=body(id=chosen))
        assert (again["state"], again["reason"]) == ("requested", None)
        await hand_over(api)
        (done,) = (await api.call("GET", CONVERSIONS))["items"]
        assert (done["state"], done["opportunity_id"]) == ("opened", chosen)


class TestPeople:
    async def test_a_rep_takes_over_itself(self, api: Api) -> None:
        await make_kim(api)
        await make_user(api, "ben")
        ben = await api.client_for("rep", "ben")
        asked = await ben.call("POST", CONVERSIONS, json=body())
        hand_off = asked["hand_off"]
        assert (hand_off["from_external_id"], hand_off["to_external_id"]) == ("ben", "ben")
        assert hand_off["to_self"] is True
        refused = await ben.request("POST", CONVERSIONS, json=body(owner_external_id="ana"))
        assert refused.status_code == 403

    async def test_an_sdr_gives_to_the_accounts_owner(self, api: Api) -> None:
        await make_kim(api)
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        asked = await sid.call("POST", CONVERSIONS, json=body(note="Call at nine."))
        assert (
            asked["hand_off"].items()
            >= {
                "from_external_id": "sid",
                "to_external_id": "ana",
                "to_self": False,
                "note": "Call at nine.",
            }.items()
        )
        await hand_over(api)
        deal = await sid.call("GET", f"{OPPORTUNITIES}/{asked['opportunity_id']}")
        assert deal["sdr_external_id"] == "sid"

    async def test_an_analyst_only_reads(self, api: Api) -> None:
        await make_kim(api)
        analyst = await api.client_for("analyst")
        assert (await analyst.request("POST", CONVERSIONS, json=body())).status_code == 403
        assert (await analyst.request("GET", CONVERSIONS)).status_code == 200


class TestList:
    async def test_tells_states_and_reasons_in_order(self, api: Api, other_api: Api) -> None:
        await make_kim(api)
        of_lead = await convert(api, await make_ready(api))
        await hand_over(api)
        of_contact = await api.call("POST", CONVERSIONS, json=body())
        page = await api.call("GET", CONVERSIONS, params={"limit": 1})
        rest = await api.call("GET", CONVERSIONS, params={"cursor": page["next_cursor"]})
        assert page["items"][0]["opportunity_id"] == of_lead["opportunity_id"]
        assert (page["items"][0]["state"], page["items"][0]["settled_at"] is None) == (
            "opened", False,
        )  # fmt: skip
        assert rest["items"] == [of_contact]
        requested = await api.call("GET", CONVERSIONS, params={"state": "requested"})
        assert requested["items"] == [of_contact]
        assert (await api.request("GET", CONVERSIONS, params={"state": "lost"})).status_code == 422
        answer = await api.request("GET", CONVERSIONS, params={"format": "csv"})
        assert len(answer.text.splitlines()) == 3
        assert (await other_api.call("GET", CONVERSIONS))["items"] == []

    async def test_a_salesperson_sees_what_it_gave_or_got(self, api: Api) -> None:
        await make_kim(api)
        await make_user(api, "ben")
        ben = await api.client_for("rep", "ben")
        own = await ben.call("POST", CONVERSIONS, json=body())
        await api.call("POST", CONVERSIONS, json=body())
        assert (await ben.call("GET", CONVERSIONS))["items"] == [own]
        ana = await api.client_for("rep", "ana")
        assert len((await ana.call("GET", CONVERSIONS))["items"]) == 1
        assert len((await api.call("GET", CONVERSIONS))["items"]) == 2
