"""Stays, first dates and frozen amounts after random stories: what a fold over the history says, and
what the migration makes of records that were there before it."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from services.kit import clock
from services.pipeline.opportunities.stages import STAGES
from services.pipeline.opportunities.visits import dated_by, frozen_by
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, batch, company, deal, get, history, put
from tests.pipeline.deals import move as transition
from tests.pipeline.gates.gated import NO_GATES, set_policy
from tests.pipeline.imports.harness import Imports

NOON = datetime(2026, 6, 17, 19, tzinfo=UTC)
HOME = ZoneInfo("America/Los_Angeles")
NAMES = ["O1", "O2", "O3"]
KEYS = [stage.key for stage in STAGES if stage.key != "closing"]
Frozen = Callable[[datetime], AbstractContextManager[None]]


class Story:
    """What may happen to a deal, at random."""

    def __init__(self, api: Api, seed: int) -> None:
        self.api, self.chance = api, random.Random(seed)

    async def goes_on(self, at: datetime) -> None:
        happens = self.chance.choice(
            [self.recorded, self.recorded, self.put_back, self.moved, self.moved, self.patched,
             self.reassigned, self.imported, self.governed, self.priced]
        )  # fmt: skip
        name = self.chance.choice(NAMES)
        await happens(await put(self.api, name), at)

    def stage(self) -> str:
        return self.chance.choice(KEYS)

    def backdated(self, at: datetime) -> str:
        return clock.isoformat(at - timedelta(hours=self.chance.randrange(400)))

    async def recorded(self, _: Any, at: datetime) -> None:
        chosen = self.chance.sample(NAMES, 2)
        await batch(
            self.api,
            *({"external_id": each, "stage": self.stage(), "occurred_at": self.backdated(at)}
              for each in chosen),
        )  # fmt: skip

    async def put_back(self, stored: Any, _: datetime) -> None:
        await put(self.api, stored["external_id"], stage=self.stage())

    async def moved(self, stored: Any, at: datetime) -> None:
        fields = {"reason": "other", "details": "Words."}
        if self.chance.random() < 0.5:
            fields["occurred_at"] = self.backdated(at)
        await transition(self.api, stored, self.stage(), **fields)

    async def patched(self, stored: Any, _: datetime) -> None:
        path = f"{OPPORTUNITIES}/{stored['id']}"
        await self.api.request("PATCH", path, json={"stage": self.stage(), "amount": "77.00"})

    async def reassigned(self, stored: Any, _: datetime) -> None:
        body = {"to_owner_external_id": self.chance.choice(["ana", "ben"]), "ids": [stored["id"]]}
        await self.api.request("POST", f"{OPPORTUNITIES}/reassign", json=body)

    async def imported(self, stored: Any, at: datetime) -> None:
        row = f"{stored['external_id']},{self.stage()},{self.backdated(at)}"
        files = {"opportunities.csv": f"external_id,stage,occurred_at\n{row}\n"}
        report = await Imports(self.api).run(files)
        assert report["status"] == "succeeded", report

    async def governed(self, _: Any, __: datetime) -> None:
        share = self.chance.choice(["commit", "best_case"])
        stages = {"negotiating": share}
        await set_policy(self.api, gates=NO_GATES, stage__category=stages)
        await self.api.follow()

    async def priced(self, stored: Any, _: datetime) -> None:
        await put(self.api, stored["external_id"], amount=f"{self.chance.randrange(1, 9999)}.00")


async def tell(api: Api, clock_at: Frozen, seed: int) -> None:
    story, at = Story(api, seed), NOON
    with clock_at(at):
        await company(api)
        await set_policy(api, gates=NO_GATES)
        for name in NAMES:
            stage = story.chance.choice(KEYS[:7])
            await deal(api, name, stage=stage, occurred_at=story.backdated(at))
    for _ in range(14):
        at += timedelta(hours=story.chance.randrange(1, 60))
        with clock_at(at):
            await story.goes_on(at)


def _day(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(HOME).date().isoformat()


def folded(versions: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [each for each in versions if "stage" in each["changes"]]
    dates: dict[str, tuple[str, bool]] = {}
    frozen: dict[str, tuple[str, int]] = {}
    visits = []
    for place, entry in enumerate(entries):
        to_stage, at = entry["changes"]["stage"]["to"], entry["occurred_at"]
        left_at = entries[place + 1]["occurred_at"] if place + 1 < len(entries) else None
        visits.append((entry["version"], to_stage, at, entry["recorded_at"], left_at))
        for stage in dated_by(to_stage):
            dates.setdefault(stage, (_day(at), stage != to_stage))
        for name in frozen_by(to_stage):
            frozen.setdefault(name, (at, entry["version"]))
    return {"visits": visits, "dates": dates, "frozen": frozen}


def told(answer: Any) -> dict[str, Any]:
    return {
        "visits": [
            tuple(visit[name] for name in ("version", "stage", "entered_at", "recorded_at",
                                           "left_at"))
            for visit in answer["visits"]
        ],
        "dates": {each["stage"]: (each["entered_on"], each["is_skipped"])
                  for each in answer["dates"]},
        "frozen": {each["name"]: (each["frozen_at"], each["version"])
                   for each in answer["snapshots"]},
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_stages_equal_a_fold_and_what_the_migration_fills_in(
    api: Api, clock_at: Frozen, seed: int
) -> None:
    await tell(api, clock_at, seed)
    moves = 0
    for name in NAMES:
        stored = await put(api, name)
        versions = await history(api, stored)
        answer = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/stages")
        assert told(answer) == folded(versions)
        assert answer["visits"][-1]["entered_at"] == (await get(api, stored))["stage_entered_at"]
        moves += len(answer["visits"])
    assert moves > len(NAMES)
    written, filled = await _filled_again(api)
    assert filled == written != []


async def _filled_again(api: Api) -> tuple[list[Any], list[Any]]:
    """The rows of stages as the product wrote them, and as the migration fills them in."""
    connection = await asyncpg.connect(api.stack.database_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL app.workspace_id = '{api.workspace_id}'")
        written = await _rows(connection, api)
        await connection.execute("DELETE FROM pipeline.stage_visits")
        await connection.execute("DELETE FROM pipeline.stage_dates")
        for statement in _fill():
            await connection.execute(statement)
        return written, await _rows(connection, api)
    finally:
        await transaction.rollback()
        await connection.close()


def _fill() -> list[str]:
    """What the migration runs over records that are there."""
    migration = importlib.import_module("migrations.versions.0016_gates")
    statements: list[str] = []

    class Recorder:
        execute = staticmethod(statements.append)

    true_op, migration.op = migration.op, Recorder  # type: ignore[attr-defined]
    try:
        migration._fill()
    finally:
        migration.op = true_op  # type: ignore[attr-defined]
    return statements


async def _rows(connection: asyncpg.Connection[Any], api: Api) -> list[Any]:
    visits = await connection.fetch(
        "SELECT opportunity_id, version, from_stage, stage, entered_at, recorded_at, actor, left_at"
        " FROM pipeline.stage_visits WHERE workspace_id = $1 ORDER BY opportunity_id, version",
        api.workspace_id,
    )
    dates = await connection.fetch(
        "SELECT opportunity_id, stage, entered_on, is_skipped FROM pipeline.stage_dates"
        " WHERE workspace_id = $1 ORDER BY opportunity_id, stage",
        api.workspace_id,
    )
    return [tuple(row) for row in [*visits, *dates]]
