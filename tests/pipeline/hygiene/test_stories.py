"""Random stories: changes, activities, plans, people, policies and days that pass. After each part
the findings kept bit by bit are those found from scratch."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit import clock
from services.pipeline.opportunities.stages import OPEN_STAGES
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, company, deal
from tests.pipeline.hygiene.world import check, rest

At = Callable[[datetime], AbstractContextManager[None]]
BEGINNING = datetime(2026, 10, 20, 17, 0, tzinfo=UTC)
"""Summer time ends within the story, and so does a quarter."""


class Story:
    def __init__(self, api: Api, seed: int) -> None:
        self.api = api
        self.dice = random.Random(seed)
        self.ids: list[str] = []

    async def begin(self) -> None:
        await company(self.api)
        for number in range(6):
            made = await deal(
                self.api, f"O{number}", stage=self.dice.choice(OPEN_STAGES[:7]),
                close_date=self.day(), type=self.dice.choice(["new_business", "renewal"]),
            )  # fmt: skip
            self.ids.append(made["id"])

    def day(self) -> str:
        return (clock.now() + timedelta(days=self.dice.randint(-20, 120))).date().isoformat()

    async def step(self) -> None:
        steps = [
            self.change, self.change, self.change, self.activity, self.contact, self.user,
            self.policy, self.review, self.plan,
        ]  # fmt: skip
        await self.dice.choice(steps)()

    async def send(self, method: str, path: str, body: Any) -> None:
        answer = await self.api.request(method, path, json=body)
        assert answer.status_code < 500, answer.text

    async def change(self) -> None:
        fields: dict[str, Any] = {
            "amount": self.dice.choice([None, "0.00", "900.00", "150000.00"]),
            "close_date": self.dice.choice([None, self.day(), self.day()]),
            "next_step": self.dice.choice([None, "Call", "Send the offer"]),
            "next_step_date": self.dice.choice([None, self.day()]),
            "owner_external_id": self.dice.choice(["ana", "ben"]),
            "stage": self.dice.choice([*OPEN_STAGES[:7], "closed_lost"]),
            "lost_reason": self.dice.choice([None, "no_response"]),
            "arr_basis": self.dice.choice(["0.00", "500.00"]),
            "forecast_category": self.dice.choice([None, "pipeline", "commit"]),
            "contact_external_ids": self.dice.choice([[], ["pat"]]),
        }
        chosen = self.dice.sample(sorted(fields), 3)
        number = self.dice.randrange(len(self.ids))
        await self.send(
            "PUT", f"{OPPORTUNITIES}/by-external-id/O{number}",
            {name: fields[name] for name in chosen},
        )  # fmt: skip

    async def activity(self) -> None:
        kind = self.dice.choice(["call", "email", "breakup_email", "note"])
        path = f"{OPPORTUNITIES}/{self.dice.choice(self.ids)}/activities"
        await self.send("POST", path, {"kind": kind, "subject": "About it"})

    async def contact(self) -> None:
        body = {
            "account_external_id": "acme",
            "champion": self.dice.random() < 0.7,
            "left_at": self.dice.choice([None, "2026-10-01"]),
        }
        name = self.dice.choice(["pat", "sam", "kim"])
        await self.send("PUT", f"/pipeline/v1/contacts/by-external-id/{name}", body)

    async def user(self) -> None:
        name, is_active = self.dice.choice(["ana", "ben"]), self.dice.random() < 0.6
        await self.send("PUT", f"/pipeline/v1/users/by-external-id/{name}", {"active": is_active})

    async def policy(self) -> None:
        settings = {
            "hygiene.rules_off": self.dice.sample(["pushed", "risky", "contact_missing"], 1),
            "risky.days_in_stage": self.dice.choice([5, 30]),
            "review.max_age_days": self.dice.choice([3, 7]),
            "cycle.default_days": self.dice.choice([10, 40]),
        }
        await self.send("POST", "/pipeline/v1/policies", {"name": "ours", "settings": settings})

    async def review(self) -> None:
        await self.send("POST", f"{OPPORTUNITIES}/{self.dice.choice(self.ids)}/reviews", {})

    async def plan(self) -> None:
        path = f"/qualification/v1/opportunities/{self.dice.choice(self.ids)}/command-plan"
        await self.send("PUT", path, {"overview": {"why_now": str(self.dice.random())}})


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_findings_are_those_found_from_scratch(api: Api, clock_at: At, seed: int) -> None:
    story = Story(api, seed)
    now, total = BEGINNING, 0
    with clock_at(now):
        await story.begin()
    for _ in range(14):
        for _ in range(story.dice.randint(0, 3)):
            now += timedelta(minutes=story.dice.randint(1, 60))
            with clock_at(now):
                await story.step()
        now += timedelta(hours=story.dice.choice([0, 1, 5, 24, 24, 72, 300]), seconds=36)
        with clock_at(now):
            await rest(api)
            # A policy is applied by what it makes new, and then everything is gone through.
            await rest(api)
            total += await check(api)
    assert total > 100
