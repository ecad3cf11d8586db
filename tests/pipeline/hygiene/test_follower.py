"""Findings as the follower keeps them: they come, stay, go, and come back as new ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.pipeline import following, tasks
from services.pipeline.hygiene import follower
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES, company, deal, put
from tests.pipeline.hygiene.world import HYGIENE, check, rest, rules_of, standing

At = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
PLANS = "/qualification/v1/opportunities"


async def due_at(api: Api, opportunity: Any) -> datetime | None:
    async with api.database().read(api.workspace_id) as session:
        found: datetime | None = await session.fetchval(
            "SELECT due_at FROM pipeline.follow_ups_due WHERE workspace_id = $1"
            " AND follower = 'hygiene' AND opportunity_id = $2::text::uuid",
            api.workspace_id,
            opportunity["id"],
        )
        return found


async def ended(api: Api) -> list[tuple[str, datetime, datetime]]:
    async with api.database().read(api.workspace_id) as session:
        rows = await session.fetch(
            "SELECT rule, opened_at, closed_at FROM pipeline.hygiene_history"
            " WHERE workspace_id = $1 ORDER BY closed_at, rule",
            api.workspace_id,
        )
    return [(row["rule"], row["opened_at"], row["closed_at"]) for row in rows]


class TestComingAndGoing:
    async def test_a_change_opens_and_closes(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api, amount=None)
            await rest(api)
            first = (await standing(api))["O1", "amount_missing_or_zero"]
        with clock_at(NOW + timedelta(hours=1)):
            await put(api, "O1", amount="10.00")
            await rest(api)
            assert "amount_missing_or_zero" not in await rules_of(api, "O1")
            await put(api, "O1", amount=None)
            await rest(api)
            again = (await standing(api))["O1", "amount_missing_or_zero"]
            assert again["id"] != first["id"]
            assert again["since"] == NOW + timedelta(hours=1)
            assert ("amount_missing_or_zero", NOW, NOW + timedelta(hours=1)) in await ended(api)
            assert await check(api) > 0

    async def test_what_stays_keeps_its_beginning(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api, contact_external_ids=[])
            await rest(api)
            first = (await standing(api))["O1", "contact_missing"]
        with clock_at(NOW + timedelta(hours=1)):
            await put(api, "O1", owner_external_id="ben", stage="scoping")
            await rest(api)
            row = (await standing(api))["O1", "contact_missing"]
            assert (row["id"], row["since"]) == (first["id"], NOW)
            assert row["owner_id"] != first["owner_id"]
            assert row["evidence"] == {"stage": "scoping"}

    async def test_a_day_passes_and_only_what_is_due_is_judged(
        self, api: Api, clock_at: At, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with clock_at(NOW):
            await company(api)
            soon = await deal(api, "soon", next_step="Call", next_step_date="2026-06-18")
            await deal(api, "later", next_step="Call", next_step_date="2026-07-30")
            await rest(api)
            # Midnight in Los Angeles after the day.
            assert await due_at(api, soon) == datetime(2026, 6, 19, 7, tzinfo=UTC)
        seen: list[Any] = []

        async def watched(session: Any, ids: Any) -> Any:
            seen.extend(ids)
            return await follower.follow(session, ids)

        with clock_at(datetime(2026, 6, 19, 7, 1, tzinfo=UTC)):
            await following.run(api.database(), {following.HYGIENE: watched}, api.workspace_id)
            assert [str(each) for each in seen] == [soon["id"]]
            row = (await standing(api))["soon", "next_step_overdue"]
            assert row["since"] == datetime(2026, 6, 19, 7, tzinfo=UTC)
            assert row["opened_at"] == datetime(2026, 6, 19, 7, 1, tzinfo=UTC)
            await check(api)

    async def test_a_day_of_twenty_three_hours(self, api: Api, clock_at: At) -> None:
        """The night of 2027-03-14 loses an hour in Los Angeles: the day after begins at 7:00 UTC."""
        with clock_at(datetime(2027, 3, 12, 20, tzinfo=UTC)):
            await company(api)
            one = await deal(api, close_date="2027-03-13")
            two = await deal(api, "O2", close_date="2027-03-14")
            await rest(api)
        for opportunity, begins in ((one, 8), (two, 7)):
            day = 14 if begins == 8 else 15
            instant = datetime(2027, 3, day, begins, tzinfo=UTC)
            name = opportunity["external_id"]
            with clock_at(instant - timedelta(microseconds=1)):
                await rest(api)
                assert "close_date_past" not in await rules_of(api, name)
                await check(api)
            with clock_at(instant):
                await rest(api)
                row = (await standing(api))[name, "close_date_past"]
                assert row["since"] == instant
                await check(api)


class TestWhatOthersWrite:
    async def test_a_plan_written_clears_its_finding_soon(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            opportunity = await deal(api, stage="scoping")
            await rest(api)
            row = (await standing(api))["O1", "plan_incomplete"]
            assert "overview.why_now" in row["evidence"]["missing"]
            await api.call(
                "PUT",
                f"{PLANS}/{opportunity['id']}/command-plan",
                json={"overview": {"why_now": "Audit in autumn"}},
            )
        with clock_at(NOW + timedelta(seconds=30)):
            await rest(api)
            row = (await standing(api))["O1", "plan_incomplete"]
            assert "overview.why_now" not in row["evidence"]["missing"]
            await check(api)

    async def test_a_plan_that_commits_late_is_seen(self, api: Api, clock_at: At) -> None:
        """Its touch is dated before the last look, which could not see it."""
        with clock_at(NOW):
            await company(api)
            opportunity = await deal(api, stage="scoping")
            await rest(api)
        for seconds in range(5, 125, 5):
            with clock_at(NOW + timedelta(seconds=seconds)):
                await rest(api)
        with clock_at(NOW + timedelta(seconds=110)):
            await api.call(
                "PUT",
                f"{PLANS}/{opportunity['id']}/command-plan",
                json={"overview": {"why_now": "Audit in autumn"}},
            )
        with clock_at(NOW + timedelta(seconds=130)):
            await rest(api)
            row = (await standing(api))["O1", "plan_incomplete"]
            assert "overview.why_now" not in row["evidence"]["missing"]

    async def test_an_owner_leaves_and_comes_back(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api)
            await rest(api)
        ana = "/pipeline/v1/users/by-external-id/ana"
        for minutes, is_active in ((1, False), (2, True)):
            with clock_at(NOW + timedelta(minutes=minutes)):
                await api.call("PUT", ana, json={"active": is_active})
                await rest(api)
                assert ("owner_inactive" in await rules_of(api, "O1")) is not is_active
                await check(api)

    async def test_champions_come_and_leave(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api, stage="proposal")
            await rest(api)
            assert (await standing(api))["O1", "single_champion"]["evidence"]["champions"] == []
            for name in ("pat", "sam"):
                await api.call(
                    "PUT",
                    f"/pipeline/v1/contacts/by-external-id/{name}",
                    json={"account_external_id": "acme", "champion": True},
                )
            await rest(api)
            assert "single_champion" not in await rules_of(api, "O1")
            await api.call(
                "PUT",
                "/pipeline/v1/contacts/by-external-id/pat",
                json={"left_at": "2026-06-16"},
            )
            await rest(api)
            row = (await standing(api))["O1", "single_champion"]
            assert row["evidence"] == {"champions": ["sam"], "left": ["pat"]}

    async def test_an_activity_ends_silence(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            opportunity = await deal(api)
            await rest(api)
        with clock_at(NOW + timedelta(days=8, hours=12)):
            await rest(api)
            assert "early_stage_silent" in await rules_of(api, "O1")
            await api.call(
                "POST",
                f"{OPPORTUNITIES}/{opportunity['id']}/activities",
                json={"kind": "call", "subject": "Call"},
            )
            await rest(api)
            assert "early_stage_silent" not in await rules_of(api, "O1")
            await check(api)


class TestPolicies:
    async def test_a_rule_is_switched_off_and_another_raised(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            await deal(api)
            await rest(api)
            assert {"contact_missing", "next_step_missing"} <= await rules_of(api, "O1")
        with clock_at(NOW + timedelta(minutes=1)):
            settings = {
                "hygiene.rules_off": ["contact_missing"],
                "hygiene.severity": {"next_step_missing": "error"},
            }
            await api.call(
                "POST", "/pipeline/v1/policies", json={"name": "ours", "settings": settings}
            )
            await rest(api)
            await rest(api)
            found = await standing(api)
            assert ("O1", "contact_missing") not in found
            assert found["O1", "next_step_missing"]["severity"] == "error"
            await check(api)


class TestFaults:
    async def test_killed_before_the_commit_and_run_again(
        self, api: Api, clock_at: At, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is half done, and what was to be done is done once."""
        with clock_at(NOW):
            await company(api)
            for number in range(5):
                await deal(api, f"O{number}", amount=None)
            await api.settle()

            async def killed(session: Any, ids: Any) -> Any:
                await follower.follow(session, ids)
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                await following.run(api.database(), {following.HYGIENE: killed}, api.workspace_id)
            assert await standing(api) == {}
            await rest(api)
            assert await check(api) > 10
            assert await ended(api) == []


class TestSnooze:
    async def test_it_ends_by_itself(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            opportunity = await deal(api)
            await rest(api)
            until = NOW + timedelta(days=3)
            told = await api.call(
                "POST",
                f"{OPPORTUNITIES}/{opportunity['id']}/snoozes",
                json={
                    "rule": "contact_missing",
                    "until": until.isoformat(),
                    "reason": "Waiting for the list",
                },
            )
            assert told["snooze"]["reason"] == "Waiting for the list"
            assert told["snooze"]["snoozed_by"].startswith("key:")
            query = f"{HYGIENE}?rule=contact_missing"
            assert (await api.call("GET", query))["items"] == []
            shown = (await api.call("GET", f"{query}&snoozed=true"))["items"]
            assert [item["id"] for item in shown] == [told["id"]]
            await rest(api)
        with clock_at(until):
            shown = (await api.call("GET", query))["items"]
            assert [item["snooze"] for item in shown] == [None]
            await rest(api)
            assert (await standing(api))["O1", "contact_missing"]["snoozed_until"] is None

    async def test_it_must_end_soon_and_be_of_something(self, api: Api, clock_at: At) -> None:
        with clock_at(NOW):
            await company(api)
            opportunity = await deal(api)
            await rest(api)
            path = f"{OPPORTUNITIES}/{opportunity['id']}/snoozes"
            for days, status in ((-1, 422), (31, 422), (30, 201)):
                body = {
                    "rule": "contact_missing",
                    "until": (NOW + timedelta(days=days)).isoformat(),
                    "reason": "Later",
                }
                assert (await api.request("POST", path, json=body)).status_code == status, days
            body["rule"] = "close_date_missing"
            answer = await api.request("POST", path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "finding_not_found")
            assert (await api.request("DELETE", f"{path}/contact_missing")).status_code == 204
            assert (await api.request("DELETE", f"{path}/contact_missing")).status_code == 404

    async def test_one_made_while_it_is_looked_at_stays(
        self, api: Api, clock_at: At, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look at what stands and the write: neither waits, neither is written over."""
        with clock_at(NOW):
            await company(api)
            opportunity = await deal(api)
            await rest(api)
            before = (await standing(api))["O1", "contact_missing"]
            await deal(api, stage="scoping")
            await api.settle()
            read, until = follower.read_rows, NOW + timedelta(days=2)

            async def meanwhile(session: Any, ids: Any) -> Any:
                body = {"rule": "contact_missing", "until": until.isoformat(), "reason": "Later"}
                await api.call("POST", f"{OPPORTUNITIES}/{opportunity['id']}/snoozes", json=body)
                return await read(session, ids)

            with monkeypatch.context() as patch:
                patch.setattr(follower, "read_rows", meanwhile)
                assert await following.follow_once(
                    api.database(), api.workspace_id, following.HYGIENE, follower.follow
                )
            after = (await standing(api))["O1", "contact_missing"]
            assert after["evidence"] != before["evidence"]
            assert after["snoozed_until"] == until
            await rest(api)
            assert await due_at(api, opportunity) <= until


class TestCycles:
    async def test_a_longer_cycle_makes_young_again(self, api: Api, clock_at: At) -> None:
        """Won deals move the median; the daily timer asks for those it flips, and no others."""
        with clock_at(NOW):
            await company(api)
            await api.call(
                "POST",
                "/pipeline/v1/policies",
                json={
                    "name": "ours",
                    "settings": {"cycle.minimum_deals": 1, "cycle.default_days": 10},
                },
            )
            await api.settle()
            await deal(api, "open", occurred_at="2026-05-01T17:00:00Z")
            await rest(api)
            await rest(api)
            assert "older_than_cycle" in await rules_of(api, "open")
            await deal(api, "won", stage="pending_acceptance", occurred_at="2026-01-05T17:00:00Z")
            await put(api, "won", stage="closed_won", close_date="2026-06-10")
            await rest(api)
            assert "older_than_cycle" in await rules_of(api, "open")
        with clock_at(NOW + timedelta(days=1)):
            assert await tasks.run_due(api.database(), api.workspace_id) > 0
            await rest(api)
            await check(api)
            assert "older_than_cycle" not in await rules_of(api, "open")


class TestGates:
    async def test_recorded_past_an_unmet_gate(self, api: Api, clock_at: At) -> None:
        """It stands while the opportunity is in the stage it came to so."""
        with clock_at(NOW):
            await company(api)
            async with await api.client_for("integration") as recorder:
                await deal(recorder, "O1", stage="pending_acceptance", source_kind="inbound")
                await put(recorder, "O1", stage="discovery")
                await rest(api)
                row = (await standing(api))["O1", "gate_findings_open"]
                assert row["evidence"]["stage"] == "discovery"
                assert row["evidence"]["codes"]
                await put(recorder, "O1", stage="closed_lost", lost_reason="price")
                await rest(api)
                assert "gate_findings_open" not in await rules_of(api, "O1")
