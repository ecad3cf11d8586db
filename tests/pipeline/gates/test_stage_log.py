"""The log of stages: every stay, the first date of each stage, Net ARR as it was then."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.gates.stage_log import days_between
from services.pipeline.opportunities.stages import STAGE, STAGES
from services.pipeline.opportunities.visits import dated_by, frozen_by
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, SOME_ID, batch, company, deal, history, move, put

NOON = datetime(2026, 6, 17, 19, tzinfo=UTC)
KEYS = [stage.key for stage in STAGES]
Frozen = Callable[[datetime], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


async def stages_of(api: Api, opportunity: Any) -> Any:
    return await api.call("GET", f"{OPPORTUNITIES}/{opportunity['id']}/stages")


def told(answer: Any) -> dict[str, tuple[str, bool]]:
    return {each["stage"]: (each["entered_on"], each["is_skipped"]) for each in answer["dates"]}


class TestRules:
    @given(st.lists(st.sampled_from(KEYS), min_size=1, max_size=12))
    def test_a_date_once_given_stands_and_nothing_is_left_out(self, path: list[str]) -> None:
        first: dict[str, int] = {}
        for place, stage in enumerate(path):
            for each in dated_by(stage):
                first.setdefault(each, place)
        assert first.keys() >= set(path)
        reached = [STAGE[stage].rank for stage in path if STAGE[stage].rank <= 8]
        below = {
            each.key
            for each in STAGES
            if each.rank <= max(reached, default=-1) and each.key != "closing"
        }
        closed = {stage for stage in path if STAGE[stage].rank > 8}
        assert first.keys() == below | closed | (set(path) & {"closing"})

    def test_what_is_lost_was_not_met_in_between(self) -> None:
        assert dated_by("closed_lost") == ["closed_lost"]
        assert dated_by("scoping") == ["pending_acceptance", "discovery", "scoping"]
        assert "closing" not in dated_by("closed_won")

    def test_net_arr_is_frozen_on_entering_and_leaving_stage_1(self) -> None:
        assert frozen_by("pending_acceptance") == frozen_by("closed_lost") == []
        assert frozen_by("discovery") == ["stage_1"]
        assert frozen_by("scoping") == ["stage_1", "initial"]
        assert set(frozen_by("closed_won")) == {"stage_1", "initial", "stage_3"}

    def test_a_stay_that_ended_before_it_began_lasted_no_time(self) -> None:
        assert days_between(NOON, NOON - timedelta(days=1)) == "0.00"
        assert days_between(NOON, NOON + timedelta(hours=36)) == "1.50"


class TestLog:
    async def test_skipped_stages_get_the_date_of_the_one_reached(
        self, api: Api, clock_at: Frozen
    ) -> None:
        with clock_at(NOON):
            stored = await deal(api, stage="pending_acceptance")
        with clock_at(NOON + timedelta(days=2)):
            await put(api, "O1", stage="technical_evaluation")
        with clock_at(NOON + timedelta(days=5)):
            answer = await stages_of(api, stored)
        assert told(answer) == {
            "pending_acceptance": ("2026-06-17", False),
            "discovery": ("2026-06-19", True),
            "scoping": ("2026-06-19", True),
            "technical_evaluation": ("2026-06-19", False),
        }
        assert answer["sales_accepted_date"] == answer["sales_qualified_date"] == "2026-06-19"
        assert answer["days_in_stage"] == 4

    async def test_coming_back_stamps_nothing_anew(self, api: Api, clock_at: Frozen) -> None:
        with clock_at(NOON):
            stored = await deal(api, stage="scoping")
        with clock_at(NOON + timedelta(days=3)):
            await put(api, "O1", stage="proposal")
        with clock_at(NOON + timedelta(days=10)):
            await move(api, stored, "scoping", reason="The need is not clear after all.")
            answer = await stages_of(api, stored)
        assert told(answer)["scoping"] == ("2026-06-17", False)
        assert told(answer)["technical_evaluation"] == ("2026-06-20", True)
        assert (answer["days_in_stage"], answer["days_since_last_entered"]) == (11, 1)
        assert [visit["stage"] for visit in answer["visits"]] == ["scoping", "proposal", "scoping"]
        assert [visit["days"] for visit in answer["visits"]] == ["3.00", "7.00", "0.00"]

    async def test_net_arr_stays_as_it_was(self, api: Api) -> None:
        stored = await deal(api, stage="discovery", amount="1000.00")
        await put(api, "O1", stage="scoping", amount="2000.00")
        await put(api, "O1", stage="technical_evaluation", amount="3000.00")
        await put(api, "O1", stage="discovery", amount="9000.00")
        await put(api, "O1", stage="proposal")
        frozen = {each["name"]: each for each in (await stages_of(api, stored))["snapshots"]}
        assert {name: (each["net_arr"], each["version"]) for name, each in frozen.items()} == {
            "stage_1": ("1000.00", 1),
            "initial": ("2000.00", 2),
            "stage_3": ("3000.00", 3),
        }

    async def test_a_day_is_the_companys(self, api: Api) -> None:
        stored = await deal(api, stage="discovery", occurred_at="2026-06-17T06:59:00Z")
        assert told(await stages_of(api, stored))["discovery"] == ("2026-06-16", False)

    @pytest.mark.parametrize("seed", range(6))
    async def test_equals_a_fold_over_the_history(
        self, api: Api, clock_at: Frozen, seed: int
    ) -> None:
        chance = random.Random(seed)
        names = [f"O{number}" for number in range(4)]
        at = NOON
        for name in names:
            await deal(api, name, stage=chance.choice(KEYS[:7]), occurred_at=at.isoformat())
        for _ in range(8):
            at += timedelta(hours=chance.randrange(1, 90))
            with clock_at(at):
                moved = chance.sample(names, chance.randrange(1, 4))
                results = await batch(
                    api,
                    *({"external_id": n, "stage": chance.choice(KEYS[:7] + KEYS[8:])}
                      for n in moved),
                )  # fmt: skip
                assert {result["status"] for result in results} <= {200, 201}
        for name in names:
            stored = await put(api, name)
            _check_fold(await history(api, stored), await stages_of(api, stored))

    async def test_patches_and_batches_leave_the_same(self, api: Api, clock_at: Frozen) -> None:
        with clock_at(NOON):
            one, other = [await deal(api, name, stage="scoping") for name in ("O1", "O2")]
            await move(api, one, "discovery", reason="Back.")
            await batch(api, {"external_id": "O2", "stage": "discovery"})
            answers = [await stages_of(api, each) for each in (one, other)]
        for answer in answers:
            del answer["opportunity_id"]
        assert answers[0] == answers[1]
        assert len(answers[0]["visits"]) == 2


def _check_fold(versions: list[dict[str, Any]], answer: Any) -> None:
    entries = [each for each in versions if "stage" in each["changes"]]
    assert [visit["version"] for visit in answer["visits"]] == [e["version"] for e in entries]
    first: dict[str, str] = {}
    for place, (entry, visit) in enumerate(zip(entries, answer["visits"], strict=True)):
        stage = entry["changes"]["stage"]
        assert (visit["from_stage"], visit["stage"]) == (stage["from"], stage["to"])
        assert visit["entered_at"] == entry["occurred_at"]
        following = entries[place + 1]["occurred_at"] if place + 1 < len(entries) else None
        assert visit["left_at"] == following
        for each in dated_by(stage["to"]):
            first.setdefault(each, entry["occurred_at"])
    assert {each["stage"] for each in answer["dates"]} == first.keys()


class TestAccess:
    async def test_only_those_who_see_the_opportunity(self, api: Api) -> None:
        stored = await deal(api)
        path = f"{OPPORTUNITIES}/{stored['id']}/stages"
        for role, user, status in (
            ("rep", "ana", 200), ("rep", "ben", 404), ("manager", "mia", 200), ("analyst", None, 200)
        ):  # fmt: skip
            client = await api.client_for(role, user)
            assert (await client.request("GET", path)).status_code == status
        other = await api.stack.new_workspace()
        assert (await other.request("GET", path)).status_code == 404
        unknown = await api.request("GET", f"{OPPORTUNITIES}/{SOME_ID}/stages")
        assert unknown.json()["code"] == "opportunity_not_found"
