"""Findings as the follower keeps them: they come, stay, go, and come back as new ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from tests.client import Api
from tests.pipeline.deals import account, company, deal, put
from tests.pipeline.hygiene.world import check, rest, rules_of, standing

At = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


class TestComingAndGoing:
    async def test_a_change_opens_and_closes(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api, amount=None)
            await rest(api)
            assert "amount_missing_or_zero" in await rules_of(api, "O1")
            first = (await standing(api))["O1", "amount_missing_or_zero"]["id"]
            await put(api, "O1", amount="10.00")
            await rest(api)
            assert "amount_missing_or_zero" not in await rules_of(api, "O1")
            await put(api, "O1", amount=None)
            await rest(api)
            again = (await standing(api))["O1", "amount_missing_or_zero"]["id"]
            assert again != first
            assert await check(api) > 0
