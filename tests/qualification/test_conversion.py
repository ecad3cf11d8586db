"""Hand-overs of leads: what they carry, what they record, and who may."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from services import handover
from tests.client import Api
from tests.qualification.test_acceptance import GOOD, due, make_ready
from tests.qualification.test_leads import LEADS, make_lead, make_user

OPPORTUNITIES = "/pipeline/v1/opportunities"
CONVERSIONS = "/qualification/v1/conversions"
TODAY = datetime(2026, 6, 17, 17, tzinfo=UTC)

Frozen = Callable[[datetime], AbstractContextManager[None]]


async def convert(api: Api, lead: Any, **body: Any) -> Any:
    options = {"json": body} if body else {}
    return await api.call("POST", f"{LEADS}/{lead['id']}/conversion", **options)


async def hand_over(api: Api) -> int:
    return await handover.hand_over(api.database(), api.workspace_id)


async def opened(api: Api, lead: Any, **body: Any) -> Any:
    """The opportunity the lead became."""
    asked = await convert(api, lead, **body)
    assert await hand_over(api) == 1
    return await api.call("GET", f"{OPPORTUNITIES}/{asked['opportunity_id']}")


async def contact_named(api: Api, external_id: str) -> Any:
    page = await api.call("GET", "/pipeline/v1/contacts", params={"external_id": external_id})
    (contact,) = page["items"]
    return contact


async def make_contact(api: Api, external_id: str, **fields: Any) -> Any:
    return await api.call("PUT", f"/pipeline/v1/contacts/by-external-id/{external_id}", json=fields)


async def make_account(api: Api, external_id: str, **fields: Any) -> Any:
    return await api.call("PUT", f"/pipeline/v1/accounts/by-external-id/{external_id}", json=fields)


async def test_a_known_lead_does_not_hide_that_it_was_opened(api: Api) -> None:
    lead = await make_ready(api)
    await convert(api, lead)
    path = f"{LEADS}/{lead['id']}"
    asked = await api.request("GET", path)
    assert asked.json()["conversion"]["state"] == "requested"
    again = {"If-None-Match": asked.headers["ETag"]}
    assert (await api.request("GET", path, headers=again)).status_code == 304
    await hand_over(api)
    opened_ = await api.request("GET", path, headers=again)
    assert (opened_.status_code, opened_.json()["conversion"]["state"]) == (200, "opened")
    assert opened_.json()["version"] == asked.json()["version"]


class TestCarries:
    async def test_the_person_the_company_and_the_deal(self, api: Api, clock_at: Frozen) -> None:
        with clock_at(TODAY):
            lead = await make_ready(
                api,
                external_id="L-1",
                email="kim@acme.example",
                title="VP Engineering",
                persona="technology_leader",
                account_external_id="acme",
                employees=500,
                industry="Manufacturing",
                region="EMEA",
                source_kind="inbound",
            )
            deal = await opened(api, lead)
        contact = await contact_named(api, "L-1")
        assert (
            contact.items()
            >= {
                "name": "Kim Larsen",
                "email": "kim@acme.example",
                "title": "VP Engineering",
                "persona": "technology_leader",
                "buying_role": "evaluator",
                "account_external_id": "acme",
                "version": 1,
            }.items()
        )
        accounts = await api.call("GET", "/pipeline/v1/accounts")
        (account,) = accounts["items"]
        assert (
            account.items()
            >= {
                "external_id": "acme",
                "name": "Acme",
                "employees": 500,
                "vertical": "Manufacturing",
                "region": "EMEA",
                "segment": "mid_market",
            }.items()
        )
        assert (
            deal.items()
            >= {
                "stage": "pending_acceptance",
                "name": "Acme – CI",
                "account_external_id": "acme",
                "contact_external_ids": ["L-1"],
                "source_kind": "inbound",
                "segment": "mid_market",
                "region": "EMEA",
                "use_case": "CI",
                "seats": 80,
                "owner_external_id": "ana",
                "next_step_date": "2026-08-16",
                "amount": None,
                # Nine months after the day as the company counts it.
                "close_date": "2027-03-17",
            }.items()
        )

    async def test_what_is_said_of_the_deal(self, api: Api) -> None:
        await make_user(api, "ben")
        lead = await make_ready(api)
        deal = await opened(
            api,
            lead,
            owner_external_id="ben",
            name="Acme pilot",
            amount="12000.00",
            currency="EUR",
            close_date="2026-09-30",
            next_step="Call with the CIO",
        )
        assert (
            deal.items()
            >= {
                "owner_external_id": "ben",
                "name": "Acme pilot",
                "amount": "12000.00",
                "currency": "EUR",
                "close_date": "2026-09-30",
                "next_step": "Call with the CIO",
            }.items()
        )
        shown = await api.call("GET", f"{LEADS}/{lead['id']}")
        assert shown["owner_external_id"] == "ben"

    async def test_a_lead_without_a_name_elsewhere_is_named_by_its_id(self, api: Api) -> None:
        lead = await make_ready(api)
        deal = await opened(api, lead)
        assert deal["contact_external_ids"] == [f"lead:{lead['id']}"]
        contact = await contact_named(api, f"lead:{lead['id']}")
        assert (contact["name"], contact["account_external_id"]) == ("Kim Larsen", None)

    async def test_merges_into_the_contact_that_is_there(self, api: Api) -> None:
        await make_contact(
            api, "L-1", name="K. Larsen", title="Engineer", email="old@acme.example", champion=True
        )
        lead = await make_ready(api, external_id="L-1", title="VP Engineering")
        await opened(api, lead)
        contact = await contact_named(api, "L-1")
        assert (contact["name"], contact["title"]) == ("Kim Larsen", "VP Engineering")
        # What the lead does not know stays.
        assert (contact["email"], contact["champion"]) == ("old@acme.example", True)
        assert contact["version"] == 2

    async def test_leaves_the_account_that_is_there_as_it_is(self, api: Api) -> None:
        await make_account(api, "acme", name="Acme Corporation", employees=9000)
        lead = await make_ready(api, account_external_id="acme", employees=20)
        deal = await opened(api, lead)
        account = (await api.call("GET", "/pipeline/v1/accounts"))["items"][0]
        assert (account["name"], account["employees"], account["version"]) == (
            "Acme Corporation", 9000, 1,
        )  # fmt: skip
        assert deal["segment"] == "large"

    async def test_states_the_segment_of_the_test_where_no_account_has_one(self, api: Api) -> None:
        assert (await opened(api, await make_ready(api, employees=500)))["segment"] == "mid_market"
        assert (await opened(api, await make_ready(api)))["segment"] == "unknown"

    async def test_a_contact_without_a_part_is_given_none(self, api: Api) -> None:
        lead = await make_ready(api, external_id="L-1", source_kind="outbound")
        outbound = {
            **GOOD,
            "authority": {
                "buying_role": "none", "path_to_decision_maker": True, "evaluators_known": True,
            },
        }  # fmt: skip
        await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=outbound)
        await opened(api, lead)
        assert (await contact_named(api, "L-1"))["buying_role"] is None

    async def test_two_leads_of_one_company_share_its_account(self, api: Api) -> None:
        for name in ("L-1", "L-2"):
            await convert(api, await make_ready(api, external_id=name, account_external_id="acme"))
        assert await hand_over(api) == 2
        assert len((await api.call("GET", "/pipeline/v1/accounts"))["items"]) == 1
        assert len((await api.call("GET", OPPORTUNITIES))["items"]) == 2


class TestRecords:
    async def test_who_gave_it_to_whom(self, api: Api, clock_at: Frozen) -> None:
        await make_user(api, "sid", "sdr")
        sid = await api.client_for("sdr", "sid")
        lead = await make_ready(api)
        with clock_at(TODAY):
            asked = await convert(sid, lead, note="Ask for Kim's deputy.")
        hand_off = asked["hand_off"]
        assert hand_off.pop("by").startswith("user:")
        assert hand_off == {
            "from_external_id": "sid",
            "to_external_id": "ana",
            "at": "2026-06-17T17:00:00.000000Z",
            "to_self": False,
            "note": "Ask for Kim's deputy.",
        }
        path = f"{LEADS}/{lead['id']}"
        shown = await api.call("GET", path)
        again = await api.call("GET", f"{path}/conversion")
        assert shown["conversion"]["hand_off"].items() >= hand_off.items()
        assert again["hand_off"] == shown["conversion"]["hand_off"]
        assert (shown["status"], shown["sdr_external_id"]) == ("qualified", "sid")
        assert shown["sql_at"] == "2026-06-17T17:00:00.000000Z"
        await hand_over(api)
        deal = await api.call("GET", f"{OPPORTUNITIES}/{asked['opportunity_id']}")
        assert deal["sdr_external_id"] == "sid"

    async def test_to_oneself(self, api: Api) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        lead = await make_lead(ana, sdr_external_id="ana")
        await ana.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
        asked = await convert(ana, lead)
        hand_off = asked["hand_off"]
        assert (hand_off["from_external_id"], hand_off["to_external_id"]) == ("ana", "ana")
        assert hand_off["to_self"] is True

    async def test_the_move_in_the_leads_history(self, api: Api) -> None:
        lead = await make_ready(api)
        await convert(api, lead)
        async with api.database().read(api.workspace_id) as session:
            rows = await session.fetch(
                "SELECT from_status, to_status FROM qualification.lead_moves"
                " WHERE workspace_id = $1 AND lead_id = $2::text::uuid ORDER BY id",
                api.workspace_id,
                lead["id"],
            )
        assert [tuple(row) for row in rows] == [(None, "raw"), ("raw", "qualified")]

    async def test_a_lead_recorded_as_qualified_still_changes_hands(self, api: Api) -> None:
        await make_user(api, "ben")
        lead = await make_ready(api, status="qualified")
        await convert(api, lead, owner_external_id="ben")
        shown = await api.call("GET", f"{LEADS}/{lead['id']}")
        assert (shown["owner_external_id"], shown["status"]) == ("ben", "qualified")

    async def test_there_is_none_before(self, api: Api) -> None:
        lead = await make_lead(api)
        refused = await api.request("GET", f"{LEADS}/{lead['id']}/conversion")
        assert (refused.status_code, refused.json()["code"]) == (404, "conversion_not_found")


class TestRepeats:
    async def test_another_body_changes_nothing_once_it_is_asked(self, api: Api) -> None:
        await make_user(api, "ben")
        lead = await make_ready(api)
        first = await convert(api, lead)
        again = await convert(api, lead, owner_external_id="ben", amount="1.00")
        assert again == first
        await hand_over(api)
        final = await convert(api, lead, owner_external_id="ben")
        assert (final["state"], final["hand_off"]) == ("opened", first["hand_off"])

    async def test_an_empty_body_is_as_good_as_none(self, api: Api) -> None:
        lead = await make_ready(api)
        path = f"{LEADS}/{lead['id']}/conversion"
        answers = [
            await api.request("POST", path),
            await api.request("POST", path, json={}),
            await api.request("POST", path, json=None),
        ]
        assert [answer.status_code for answer in answers] == [202, 202, 202]
        assert await due(api) == 1

    async def test_refuses_what_it_does_not_know(self, api: Api) -> None:
        lead = await make_ready(api)
        path = f"{LEADS}/{lead['id']}/conversion"
        for body, pointer in [
            ({"ownr": "ana"}, "/ownr"),
            ({"owner_external_id": "nobody"}, "/owner_external_id"),
            ({"amount": 1.5}, "/amount"),
            ({"amount": "-1.00"}, "/amount"),
            ({"currency": "XXX"}, "/currency"),
        ]:
            refused = await api.request("POST", path, json=body)
            assert refused.status_code == 422, body
            assert refused.json()["errors"][0]["pointer"] == pointer
        wrong = await api.request(
            "POST", path, content=b"x", headers={"Content-Type": "text/plain"}
        )
        assert wrong.status_code == 415
        assert await due(api) == 0


class TestWho:
    @pytest.mark.parametrize(
        ("role", "user", "expected"),
        [
            ("sdr", "sid", 202),
            ("manager", "ben", 202),
            ("sales_ops", None, 202),
            ("integration", None, 202),
            ("rep", "ana", 202),
            ("rep", "ben", 404),
            ("analyst", None, 403),
        ],
    )
    async def test_an_sdr_a_manager_or_the_rep_that_holds_it(
        self, api: Api, role: str, user: str | None, expected: int
    ) -> None:
        await make_user(api, "ben")
        await make_user(api, "sid", "sdr")
        lead = await make_ready(api)
        caller = await api.client_for(role, user)
        answer = await caller.request("POST", f"{LEADS}/{lead['id']}/conversion")
        assert answer.status_code == expected
        read = 404 if expected == 404 or expected == 403 else 200
        shown = await caller.request("GET", f"{LEADS}/{lead['id']}/conversion")
        assert shown.status_code == read

    async def test_a_rep_gives_to_itself_only(self, api: Api) -> None:
        await make_user(api, "ben")
        lead = await make_ready(api)
        ana = await api.client_for("rep", "ana")
        path = f"{LEADS}/{lead['id']}/conversion"
        refused = await ana.request("POST", path, json={"owner_external_id": "ben"})
        assert (refused.status_code, refused.json()["code"]) == (403, "hand_over_not_yours")
        named = await ana.request("POST", path, json={"owner_external_id": "ana"})
        assert named.status_code == 202

    async def test_of_one_workspace(self, api: Api, other_api: Api) -> None:
        lead = await make_ready(api)
        path = f"{LEADS}/{lead['id']}/conversion"
        assert (await other_api.request("POST", path)).status_code == 404
        assert (await other_api.request("GET", path)).status_code == 404
