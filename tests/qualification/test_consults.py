"""Consults through HTTP: record, list, and which deals go without."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.kit.ids import new_id
from services.qualification.consults import domain
from services.qualification.consults.domain import Deal
from services.workspace.policy import SOP_2022, Policy
from tests.client import Api
from tests.pipeline import deals
from tests.qualification.plan_helpers import BASE, contact, policy, scoping

NOON = datetime(2026, 6, 17, 19, 0, tzinfo=UTC)
ClockAt = Callable[[datetime], AbstractContextManager[None]]
COVERAGE = f"{BASE}/consults/coverage"
PLAIN = {"held_on": "2026-06-16", "context": "Second call went well."}


def at(deal: Any) -> str:
    return f"{BASE}/opportunities/{deal['id']}/consults"


async def large(api: Api, name: str, net: int, owner: str = "ana", **fields: Any) -> Any:
    return await deals.deal(
        api, name, **{"stage": "proposal", "amount": net, "owner_external_id": owner, **fields}
    )


class TestRecord:
    async def test_keeps_all_that_was_said(self, api: Api, clock_at: ClockAt) -> None:
        deal = await scoping(api)
        await contact(api, "kim", name="Kim")
        said = {
            **PLAIN,
            "contact_external_ids": ["kim"],
            "why_us": "One tool",
            "goals": "A way to the CFO",
            "stage": "technical_evaluation",
            "next_steps": "Pilot",
            "participants": ["mia", "Lee from presales"],
            "questions": ["Who signs?"],
            "critiques": ["The champion is an advocate"],
            "outcome": "Ask for the CFO",
            "risk_found": "The budget is frozen in July",
        }
        with clock_at(NOON):
            answer = await api.request("POST", at(deal), json=said)
        assert answer.status_code == 201
        made = answer.json()
        assert {name: made[name] for name in said} == said
        assert made["created_at"] == "2026-06-17T19:00:00.000000Z"
        assert made["author_name"] == "test"
        assert (await api.call("GET", at(deal)))["items"] == [made]

    async def test_takes_the_stage_from_the_deal(self, api: Api) -> None:
        made = await api.call("POST", at(await scoping(api)), json=PLAIN)
        assert made["stage"] == "scoping"
        assert (made["questions"], made["risk_found"]) == ([], None)

    async def test_the_same_request_twice_is_one_consult(self, api: Api) -> None:
        deal = await scoping(api)
        for _ in range(2):
            answer = await api.request(
                "POST", at(deal), json=PLAIN, headers={"Idempotency-Key": "k1"}
            )
            assert answer.status_code == 201
        assert len((await api.call("GET", at(deal)))["items"]) == 1

    async def test_refuses_what_is_wrong(self, api: Api) -> None:
        deal = await scoping(api)
        for body, pointer in [
            ({"context": "x"}, "/held_on"),
            ({"held_on": "2026-06-16"}, "/context"),
            ({**PLAIN, "held_on": "2031-01-01"}, "/held_on"),
            ({**PLAIN, "stage": "won"}, "/stage"),
            ({**PLAIN, "contact_external_ids": ["nobody"]}, "/contact_external_ids/0"),
            ({**PLAIN, "critique": []}, "/critique"),
        ]:
            refused = await api.request("POST", at(deal), json=body)
            assert refused.status_code == 422, body
            assert refused.json()["errors"][0]["pointer"] == pointer

    async def test_pages_and_csv(self, api: Api) -> None:
        deal = await scoping(api)
        made = [await api.call("POST", at(deal), json=PLAIN) for _ in range(3)]
        page = await api.call("GET", at(deal), params={"limit": 2})
        rest = await api.call("GET", at(deal), params={"cursor": page["next_cursor"]})
        assert page["items"] + rest["items"] == made
        lines = (await api.request("GET", f"{at(deal)}?format=csv")).text.splitlines()
        assert len(lines) == 4
        assert lines[0].startswith("id,opportunity_id,held_on,stage")

    async def test_whose_it_is(self, api: Api, other_api: Api) -> None:
        deal = await scoping(api)
        expected = {
            ("rep", "ana"): (200, 201),
            ("manager", "mia"): (200, 201),
            ("analyst", None): (200, 403),
            ("rep", "ben"): (404, 404),
            ("sdr", "zoe"): (404, 404),
        }
        for (role, user), (reads, writes) in expected.items():
            async with await api.client_for(role, user) as client:
                assert (await client.request("GET", at(deal))).status_code == reads, role
                answer = await client.request("POST", at(deal), json=PLAIN)
                assert answer.status_code == writes, role
        assert (await other_api.request("POST", at(deal), json=PLAIN)).status_code == 404
        unknown = await api.request("GET", at({"id": new_id()}))
        assert (unknown.status_code, unknown.json()["code"]) == (404, "opportunity_unknown")


class TestCoverage:
    async def test_large_late_deals_by_number_and_value(self, api: Api, clock_at: ClockAt) -> None:
        with clock_at(NOON):
            await deals.company(api)
            made = [await large(api, f"O{n}", n * 10_000) for n in range(1, 6)]
            await large(api, "early", 90_000, stage="scoping")
            await large(api, "won", 90_000, stage="closed_won")
            for deal, days in ((made[4], 30), (made[3], 31)):
                held_on = (date(2026, 6, 17) - timedelta(days=days)).isoformat()
                await api.call("POST", at(deal), json={**PLAIN, "held_on": held_on})
            found = await api.call("GET", COVERAGE)
        # O1 is below the threshold of mid-market; the four others are enough to count by it.
        assert (found["deal_count"], found["covered_count"]) == (4, 1)
        assert found["count_percent"] == "25.00"
        assert (found["net_arr"], found["covered_net_arr"]) == ("140000.00", "50000.00")
        assert found["net_arr_percent"] == "35.71"
        assert (found["since"], found["from_stage"], found["policy_version"]) == (
            "2026-05-18",
            3,
            1,
        )
        assert [each["opportunity_external_id"] for each in found["lacking"]] == ["O4", "O3", "O2"]
        assert found["lacking"][0]["last_held_on"] == "2026-05-17"
        (owner,) = found["owners"]
        assert (owner["owner_external_id"], owner["rule"]) == ("ana", "threshold")

    async def test_an_owner_with_few_large_deals_counts_its_largest(self, api: Api) -> None:
        await deals.company(api)
        for number, net in enumerate((15_000, 5_000, 90_000, 1_000)):
            await large(api, f"A{number}", net)
        await large(api, "B1", 3_000, owner="ben")
        found = await api.call("GET", COVERAGE)
        assert [each["opportunity_external_id"] for each in found["lacking"]] == [
            "A2", "A0", "A1", "B1",
        ]  # fmt: skip
        assert {each["rule"] for each in found["lacking"]} == {"top_deals"}
        assert (found["count_percent"], found["net_arr_percent"]) == ("0.00", "0.00")

    async def test_of_those_in_sight(self, api: Api, other_api: Api) -> None:
        await deals.company(api)
        await large(api, "A1", 50_000)
        await large(api, "B1", 50_000, owner="ben")
        await large(api, "Z1", 50_000, owner="zoe")

        async def counted(client: Api, **query: Any) -> set[str]:
            found = await client.call("GET", COVERAGE, params=query)
            assert found["deal_count"] == len(found["lacking"])
            return {each["opportunity_external_id"] for each in found["lacking"]}

        assert await counted(api) == {"A1", "B1", "Z1"}
        assert await counted(api, user_id="mia") == {"A1", "B1"}
        async with await api.client_for("rep", "ana") as ana:
            assert await counted(ana) == {"A1"}
            assert (await ana.request("GET", f"{COVERAGE}?user_id=ben")).status_code == 403
        async with await api.client_for("manager", "mia") as mia:
            assert await counted(mia) == {"A1", "B1"}
            assert await counted(mia, user_id="ben") == {"B1"}
        assert (await api.request("GET", f"{COVERAGE}?user_id=x")).status_code == 404
        empty = await other_api.call("GET", COVERAGE)
        assert (empty["deal_count"], empty["count_percent"]) == (0, None)

    async def test_the_policy_decides(self, api: Api) -> None:
        await scoping(api)
        assert (await api.call("GET", COVERAGE))["deal_count"] == 0
        await policy(api, consult__from_stage=2, consult__top_deals=0, consult__net_arr={})
        assert (await api.call("GET", COVERAGE))["deal_count"] == 0
        await policy(api, consult__from_stage=2, consult__net_arr={"mid_market": 120_000})
        assert (await api.call("GET", COVERAGE))["deal_count"] == 1

    async def test_csv_names_the_deals_without(self, api: Api) -> None:
        await deals.company(api)
        await large(api, "A1", 50_000)
        lines = (await api.request("GET", f"{COVERAGE}?format=csv")).text.splitlines()
        assert lines[0].startswith("opportunity_id,opportunity_external_id,name")
        assert len(lines) == 2

    async def test_pages_of_deals_without(self, api: Api) -> None:
        await deals.company(api)
        for number in range(5):
            await large(api, f"A{number}", 50_000 + number // 2)
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await api.call("GET", COVERAGE, params={"limit": 2, **cursor})
            assert page["deal_count"] == 5
            seen += [each["opportunity_external_id"] for each in page["lacking"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == ["A4", "A2", "A3", "A0", "A1"]
        for cursor_ in (
            "W10",
            "WzEsMl0",
            "WyJOYU4iLCIwMWEyMDI5NS01NjliLTcwNDAtYjBmYi0xM2I0OThkNmY5NWYiXQ",
        ):
            refused = await api.request("GET", COVERAGE, params={"cursor": cursor_})
            assert refused.status_code == 422


OWNERS = [UUID(int=number) for number in range(1, 4)]
some_deals = st.lists(
    st.builds(
        Deal,
        st.uuids(),
        st.sampled_from(OWNERS),
        st.sampled_from(["smb", "mid_market", "large", "unknown"]),
        st.integers(-10, 100_000).map(Decimal),
        st.booleans(),
    ),
    max_size=20,
    unique_by=lambda deal: deal.id,
)


class TestDueDeals:
    @given(some_deals, st.integers(0, 5))
    def test_by_owner(self, given_deals: list[Deal], top: int) -> None:
        rules = Policy.build(settings={"consult.top_deals": top})
        counted = domain.due_deals(given_deals, rules)
        assert len({each.deal.id for each in counted}) == len(counted)
        sizes = [each.deal.net_arr for each in counted]
        assert sizes == sorted(sizes, reverse=True)
        thresholds = rules.settings["consult.net_arr"]
        for owner in OWNERS:
            owned = [deal for deal in given_deals if deal.owner_id == owner and deal.net_arr > 0]
            above = {
                deal.id
                for deal in owned
                if deal.segment in thresholds and deal.net_arr >= thresholds[deal.segment]
            }
            mine = {each.deal.id for each in counted if each.deal.owner_id == owner}
            rule = "threshold" if len(above) >= top else "top_deals"
            assert {each.rule for each in counted if each.deal.id in mine} <= {rule}
            if len(above) >= top:
                assert mine == above
            else:
                assert len(mine) == min(top, len(owned))
                left_out = [deal.net_arr for deal in owned if deal.id not in mine]
                taken = [deal.net_arr for deal in owned if deal.id in mine]
                assert not left_out or min(taken) >= max(left_out)

    @given(some_deals)
    def test_shares_add_up(self, given_deals: list[Deal]) -> None:
        counted = domain.due_deals(given_deals, SOP_2022)
        found = domain.share(counted)
        assert 0 <= found.covered_count <= found.deal_count == len(counted)
        assert 0 <= found.covered_net_arr <= found.net_arr
        for percent in (found.count_percent, found.net_arr_percent):
            assert (percent is None) is (not counted)
            assert percent is None or 0 <= percent <= 100

    def test_a_month_ago_still_counts(self) -> None:
        today = date(2026, 6, 17)
        assert domain.is_recent(date(2026, 5, 18), today, SOP_2022)
        assert not domain.is_recent(date(2026, 5, 17), today, SOP_2022)
        assert not domain.is_recent(None, today, SOP_2022)
