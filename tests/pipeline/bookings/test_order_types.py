"""Order types: provisional while open and following the account's family, stamped at the close."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from services.kit.db import Session
from services.pipeline import tasks
from services.pipeline.opportunities.family_rows import find_families
from tests.client import Api
from tests.pipeline.bookings.harness import audit, renewal, subscription
from tests.pipeline.deals import PLAIN, account, batch, company, deal, get, history, put

Clock = Callable[[datetime], AbstractContextManager[None]]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def follow(api: Api) -> None:
    await api.settle()
    await tasks.follow(api.database(), api.workspace_id)
    await api.settle()


async def type_of(api: Api, opportunity: Any) -> str:
    found: str = (await get(api, opportunity))["order_type"]
    return found


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)
    await account(api, "acme-labs", name="Acme Labs", parent_external_id="acme")


class TestFollowing:
    async def test_a_win_makes_the_others_growth_and_connected(self, api: Api) -> None:
        won = await deal(api, "O1")
        beside = await deal(api, "O2")
        connected = await deal(api, "O3", account_external_id="acme-labs")
        await follow(api)
        assert await type_of(api, beside) == "new_first_order"
        await put(api, "O1", stage="closed_won")
        await follow(api)
        assert await type_of(api, beside) == "growth"
        assert await type_of(api, connected) == "new_connected"
        # What was stamped stays, whatever is won afterwards.
        assert await type_of(api, won) == "new_first_order"
        assert [each["kind"] for each in await history(api, beside)][-1] == "order_type_followed"
        await audit(api)

    async def test_a_deal_taken_back_was_never_won(self, api: Api) -> None:
        won = await deal(api, "O1", stage="closed_won")
        beside = await deal(api, "O2")
        assert beside["order_type"] == "growth"
        await api.call(
            "POST",
            f"/pipeline/v1/opportunities/{won['id']}/decommission",
            json={"reason": "Refunded"},
        )
        await follow(api)
        assert await type_of(api, beside) == "new_first_order"

    async def test_nothing_new_is_no_version(self, api: Api) -> None:
        stored = await deal(api)
        await follow(api)
        await put(api, "O1", next_step="Call")
        await follow(api)
        assert (await get(api, stored))["version"] == 2

    async def test_a_stated_one_is_left_alone(self, api: Api) -> None:
        await deal(api, "O1")
        stated = await deal(api, "O2", order_type="new_connected")
        await put(api, "O1", stage="closed_won")
        await follow(api)
        assert await type_of(api, stated) == "new_connected"

    async def test_an_account_that_changes_its_family(self, api: Api) -> None:
        await deal(api, "O1", stage="closed_won")
        connected = await deal(api, "O2", account_external_id="acme-labs")
        assert connected["order_type"] == "new_connected"
        await account(api, "acme-labs", parent_external_id=None)
        await follow(api)
        assert await type_of(api, connected) == "new_first_order"
        await account(api, "acme-labs", parent_external_id="acme")
        await follow(api)
        assert await type_of(api, connected) == "new_connected"

    async def test_a_family_turns_inactive_by_the_calendar(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-06-17T17:00")):
            await deal(api, "O1", stage="closed_won")
            beside = await deal(api, "O2")
            await subscription(api, start_date="2025-07-01", end_date="2026-06-30")
            await follow(api)
            assert await type_of(api, beside) == "growth"
        # 180 days after the end it is still a customer who left lately.
        with clock_at(at("2026-12-27T20:00")):
            await follow(api)
            assert await type_of(api, beside) == "growth"
        with clock_at(at("2026-12-28T07:59")):
            await follow(api)
            assert await type_of(api, beside) == "growth"
        with clock_at(at("2026-12-28T08:01")):
            await follow(api)
            assert await type_of(api, beside) == "new_first_order"
        with clock_at(at("2026-12-29T08:00")):
            await subscription(api, end_date="2027-06-30")
            await follow(api)
            assert await type_of(api, beside) == "growth"

    async def test_churn_is_final_once_the_family_is_gone(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-06-17T17:00")):
            await subscription(api, "labs", account_external_id="acme-labs", end_date="2026-07-31")
            expected = await renewal(api, "R1", stage="proposal", renewal_loss_category="commit")
            assert expected["order_type"] == "churn_partial"
            await follow(api)
        with clock_at(at("2026-08-01T08:00")):
            await follow(api)
            assert await type_of(api, expected) == "churn_final"

    async def test_a_lost_renewal_tells_when_a_customer_left(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(at("2026-02-01T20:00")):
            await deal(api, "O1", stage="closed_won", close_date="2025-01-31")
            await renewal(api, "R1", stage="closed_lost", renewal_date="2026-01-31")
            beside = await deal(api, "O2")
            assert beside["order_type"] == "growth"
            await follow(api)
        with clock_at(at("2026-08-01T20:00")):
            await follow(api)
            assert await type_of(api, beside) == "new_first_order"

    async def test_a_batch_is_as_one_after_the_other(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2025-01-31T20:00")):
            for name in ("acme", "acme-labs"):
                await account(api, name, parent_external_id=None)
                fields = {"account_external_id": name, "close_date": "2025-01-01"}
                await deal(api, f"{name}-0", stage="closed_won", **fields)
                fields = {"account_external_id": name, "renewal_date": "2025-01-31"}
                await renewal(api, f"{name}-R", stage="closed_lost", **fields)
        with clock_at(at("2026-06-17T20:00")):
            won = {**PLAIN, "stage": "closed_won", "close_date": "2026-06-17"}
            names = ("1", "2")
            alone = [await put(api, f"acme-{name}", **won) for name in names]
            items = [
                {**won, "external_id": f"acme-labs-{name}", "account_external_id": "acme-labs"}
                for name in names
            ]
            together = await batch(api, *items)
            told = [await get(api, each) for each in together]
            assert [each["order_type"] for each in alone] == ["new_first_order", "growth"]
            assert [each["order_type"] for each in told] == ["new_first_order", "growth"]

    async def test_a_large_family_is_read_once(self, api: Api) -> None:
        items = [
            {"external_id": f"m{place}", "name": "Member", "parent_external_id": "acme"}
            for place in range(60)
        ]
        await api.request("POST", "/pipeline/v1/accounts/batch", json={"items": items})
        fields = {**PLAIN, "stage": "closed_won"}
        await batch(
            api,
            *({**fields, "external_id": each["external_id"], "account_external_id": each["external_id"]}
              for each in items),
        )  # fmt: skip
        async with api.database().read(api.workspace_id) as session:
            rows = await session.fetch(
                "SELECT id FROM pipeline.accounts WHERE workspace_id = $1", api.workspace_id
            )
            counting = _Counting(session)
            await find_families(counting, [row["id"] for row in rows])  # type: ignore[arg-type]
        assert counting.rows <= 2 * len(rows)


class _Counting:
    """A session that counts what it read."""

    def __init__(self, session: Session) -> None:
        self.workspace_id, self.rows, self._session = session.workspace_id, 0, session

    async def fetch(self, *arguments: Any) -> Any:
        found = await self._session.fetch(*arguments)
        self.rows += len(found)
        return found


class TestStamp:
    async def test_stays_when_a_closed_deal_is_corrected(self, api: Api) -> None:
        won = await renewal(api, "R1", stage="closed_won", amount="120.00")
        assert won["order_type"] == "growth"
        corrected = await put(api, "R1", amount="80.00")
        assert (corrected["net_arr"], corrected["order_type"]) == ("-20.00", "growth")

    async def test_moves_when_it_is_stated(self, api: Api) -> None:
        won = await deal(api, "O1", stage="closed_won")
        stated = await put(api, "O1", order_type="growth")
        assert (won["order_type"], stated["order_type"]) == ("new_first_order", "growth")
