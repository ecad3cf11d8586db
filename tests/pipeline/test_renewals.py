"""The renewals view: the worked example, its rules as properties, and through the door."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import clock
from services.kit.money import ZERO
from services.pipeline.renewals.domain import RISKS, Renewal, add_up, judge
from services.workspace.fiscal import calendar_for
from tests.client import Api

RENEWALS = "/pipeline/v1/renewals"
OPPORTUNITIES = "/pipeline/v1/opportunities"
CALENDAR = calendar_for(2, "America/Los_Angeles")
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)

# external id: stage, amount, true-up, term, basis, loss category, expected
BOOK: dict[str, tuple[str, int | None, int, int, int, str]] = {
    "O3": ("closed_won", 140_000, 20_000, 12, 120_000, "none"),
    "O4": ("closed_lost", None, 0, 12, 30_000, "none"),
    "O5": ("closed_won", 160_000, 0, 24, 100_000, "none"),
    "O9": ("proposal", 150_000, 0, 12, 100_000, "none"),
    "O13": ("scoping", None, 0, 12, 40_000, "commit"),
    "O14": ("technical_evaluation", 65_000, 0, 12, 90_000, "best_case"),
}


async def make_book(api: Api) -> None:
    await api.call("PUT", "/pipeline/v1/users/by-external-id/vera", json={"name": "Vera"})
    await api.call(
        "PUT",
        "/pipeline/v1/users/by-external-id/ana",
        json={"name": "Ana", "manager_external_id": "vera"},
    )
    await api.call("PUT", "/pipeline/v1/users/by-external-id/ben", json={"name": "Ben"})
    await api.call(
        "PUT",
        "/pipeline/v1/accounts/by-external-id/acme",
        json={"name": "Acme", "employees": 500, "owner_external_id": "ben"},
    )
    for external_id, (stage, amount, true_up, term, basis, loss) in BOOK.items():
        await make_renewal(
            api, external_id, stage=stage, amount=amount, true_up_amount=true_up,
            term_months=term, arr_basis=basis, renewal_loss_category=loss,
        )  # fmt: skip


async def make_renewal(api: Api, external_id: str, **fields: Any) -> Any:
    body = {
        "external_id": external_id, "name": external_id, "owner_external_id": "ana",
        "type": "renewal", "currency": "USD", "close_date": "2026-06-10", **fields,
    }  # fmt: skip
    return await api.call("POST", OPPORTUNITIES, json=body)


async def make_subscription(api: Api, external_id: str, **fields: Any) -> None:
    body = {
        "account_external_id": "acme", "start_date": "2025-07-01", "end_date": "2026-06-30",
        "arr": 50_000, "currency": "USD", **fields,
    }  # fmt: skip
    await api.call("PUT", f"/pipeline/v1/subscriptions/by-external-id/{external_id}", json=body)


async def report(api: Api, query: str = "") -> Any:
    return await api.call("GET", f"{RENEWALS}?fiscal_quarter=FY27-Q2{query}")


class TestWorkedExample:
    async def test_rates(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await make_book(api)
            told = await report(api)
        assert told["available_to_renew"] == "480000.00"
        assert told["won"] == "365000.00"
        assert told["swing"] == "25000.00"
        assert (told["worst_rate"], told["best_rate"]) == ("0.7604", "0.8125")
        by_risk = {part["risk"]: part for part in told["by_risk"]}
        assert by_risk["will_churn"]["available_to_renew"] == "70000.00"
        assert by_risk["will_contract_actionable"]["won"] == "65000.00"
        assert (told["closed"]["won"], told["closed"]["count"]) == ("200000.00", 3)

    async def test_items_add_up_to_the_report(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await make_book(api)
            told = await report(api)
            items: list[Any] = []
            cursor = ""
            while True:
                path = f"{RENEWALS}/items?fiscal_quarter=FY27-Q2&limit=2{cursor}"
                page = await api.call("GET", path)
                items += page["items"]
                if page["next_cursor"] is None:
                    break
                cursor = f"&cursor={page['next_cursor']}"
        assert len(items) == told["count"] == 6
        for name in ("available_to_renew", "won", "swing"):
            assert sum(Decimal(item[name]) for item in items) == Decimal(told[name])
        red = {item["opportunity_external_id"] for item in items if item["is_red"]}
        assert red == {"O4", "O5", "O13", "O14"}


class TestSubscriptions:
    async def test_decide_what_is_up_wherever_the_deal_is_pushed(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await make_book(api)
            await make_subscription(api, "s-1")
            before = await report(api)
            deal = await make_renewal(
                api, "r-1", stage="proposal", amount=50_000, arr_basis=50_000,
                subscription_external_id="s-1", account_external_id="acme",
            )  # fmt: skip
            opened = await report(api)
            path = f"{OPPORTUNITIES}/{deal['id']}"
            await api.call("PATCH", path, json={"close_date": "2026-12-31"})
            pushed = await report(api)
        # Until somebody opens its renewal, it is up and nothing of it is won.
        assert before["available_to_renew"] == "530000.00"
        assert before["by_risk"][RISKS.index("not_started")]["count"] == 1
        assert opened["available_to_renew"] == pushed["available_to_renew"] == "530000.00"
        assert opened["won"] == pushed["won"] == "415000.00"

    async def test_that_were_merged_come_up_together(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await make_book(api)
            for name in ("s-1", "s-2"):
                await make_subscription(api, name)
            await make_renewal(
                api, "stays", stage="proposal", amount=90_000, arr_basis=100_000,
                subscription_external_id="s-1", account_external_id="acme",
            )  # fmt: skip
            await make_renewal(
                api, "goes", stage="duplicate", arr_basis=50_000, duplicate_of="stays",
                subscription_external_id="s-2", account_external_id="acme",
            )  # fmt: skip
            page = await api.call("GET", f"{RENEWALS}/items?fiscal_quarter=FY27-Q2")
        merged = [i for i in page["items"] if i["opportunity_external_id"] == "stays"]
        assert [(i["available_to_renew"], i["won"], i["subscriptions"]) for i in merged] == [
            ("100000.00", "90000.00", 2)
        ]
        assert all(i["opportunity_external_id"] != "goes" for i in page["items"])


class TestReaders:
    async def test_see_what_they_own_or_manage(self, api: Api, other_api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await make_book(api)
            await make_subscription(api, "s-1")
            everything = await report(api)
            ana = await report(await api.client_for("rep", "ana"))
            ben = await report(await api.client_for("rep", "ben"))
            vera = await report(await api.client_for("manager", "vera"))
            of_vera = await report(api, "&user_id=vera")
            nothing = await report(other_api)
        assert everything["count"] == 7
        assert ana["count"] == vera["count"] == of_vera["count"] == 6
        assert (ben["count"], ben["available_to_renew"]) == (1, "50000.00")
        assert (nothing["count"], nothing["worst_rate"]) == (0, None)

    @pytest.mark.parametrize(
        "query", ["fiscal_quarter=Q2", "fiscal_quarter=FY27-Q2&user_id=nobody", "user_id=ana"]
    )
    async def test_are_told_what_is_wrong(self, api: Api, query: str) -> None:
        assert (await api.request("GET", f"{RENEWALS}?{query}")).status_code == 422


def won(close: date, starts: date) -> Renewal:
    return Renewal(
        stage="closed_won", available=Decimal(100), arr_basis=Decimal(100), net_arr=ZERO,
        close_date=close, term_starts=starts,
    )  # fmt: skip


def test_on_time_goes_by_fiscal_quarters() -> None:
    """The last days of a quarter count as it, on both sides."""
    for close, starts, expected in (
        (date(2026, 7, 31), date(2026, 5, 1), "on_time"),
        (date(2026, 8, 1), date(2026, 7, 31), "late"),
        (date(2026, 4, 30), date(2026, 5, 1), "on_time"),
        (date(2027, 1, 31), date(2027, 2, 1), "on_time"),
    ):
        assert judge(won(close, starts), CALENDAR).timeliness == expected, (close, starts)


amounts = st.integers(0, 10**9).map(lambda cents: Decimal(cents) / 100)


@given(
    stage=st.sampled_from([None, "scoping", "proposal", "closed_won", "closed_lost"]),
    available=amounts,
    basis=amounts,
    net=st.none() | st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents) / 100),
    loss=st.sampled_from(["none", "best_case", "commit"]),
    expected=st.none() | amounts,
)
def test_never_more_is_won_than_is_available(
    stage: str | None,
    available: Decimal,
    basis: Decimal,
    net: Decimal | None,
    loss: str,
    expected: Decimal | None,
) -> None:
    verdict = judge(
        Renewal(
            stage=stage, available=available, arr_basis=basis, net_arr=net, loss_category=loss,
            expected_renewed_arr=expected,
        ),
        CALENDAR,
    )  # fmt: skip
    assert verdict.risk in RISKS
    assert 0 <= verdict.won <= available
    assert 0 <= verdict.swing <= available - verdict.won
    totals = add_up([(available, verdict)])
    if available:
        assert totals.worst_rate is not None
        assert totals.best_rate is not None
        assert 0 <= totals.worst_rate <= totals.best_rate <= 1
    if stage == "closed_lost":
        assert verdict.won == 0
