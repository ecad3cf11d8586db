"""Moving through stages: what PATCH and transitions are bound by, what a record may say anyway,
and what a move stamps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.client import Api
from tests.pipeline.deals import (
    OPPORTUNITIES,
    PLAIN,
    company,
    deal,
    findings,
    get,
    history,
    move,
    patch,
    put,
    try_patch,
)
from tests.pipeline.gates.gated import set_policy

Frozen = Callable[[datetime], AbstractContextManager[None]]
NOON = datetime(2026, 6, 17, 19, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _company(api: Api, clock_at: Frozen) -> None:
    """The order of stages alone; their gates have tests of their own."""
    with clock_at(NOON - timedelta(hours=1)):
        await company(api)
        await set_policy(api, gates__mode="off")


class TestTransitions:
    async def test_moves_forward_and_tells_why(self, api: Api) -> None:
        stored = await deal(api)
        answer = await move(api, stored, "4 - Proposal", reason="Champion asked for it")
        assert answer.status_code == 200
        assert answer.headers["ETag"] == '"2"'
        assert answer.json()["stage"] == "proposal"
        last = (await history(api, stored))[-1]
        assert (last["kind"], last["reason"]) == ("transitioned", "Champion asked for it")
        assert last["changes"] == {"stage": {"from": "discovery", "to": "proposal"}}

    async def test_backward_needs_a_reason(self, api: Api) -> None:
        stored = await deal(api, stage="proposal")
        answer = await move(api, stored, "scoping")
        assert (answer.status_code, answer.json()["code"]) == (409, "stage_not_reachable")
        assert answer.json()["unmet"] == [
            {
                "code": "reason_required",
                "message": "Going back from 4 - Proposal to 2 - Scoping needs a reason.",
            }
        ]
        assert (await move(api, stored, "scoping", reason="New buyer")).status_code == 200

    @pytest.mark.parametrize(
        ("start", "to_stage", "code", "unmet"),
        [
            ("discovery", "pending_acceptance", "stage_not_reachable", "back_to_acceptance"),
            ("discovery", "unqualified", "stage_not_reachable", "unqualified_only_from_stage_0"),
            ("scoping", "duplicate", "stage_not_reachable", "duplicate_after_acceptance"),
            ("scoping", "closing", "stage_not_reachable", "stage_not_enabled"),
            ("closed_won", "closed_lost", "opportunity_closed", "opportunity_closed"),
            ("closed_lost", "pending_acceptance", "opportunity_closed", "back_to_acceptance"),
        ],
    )
    async def test_refused(
        self, api: Api, start: str, to_stage: str, code: str, unmet: str
    ) -> None:
        stored = await deal(api)
        if start != "discovery":
            stored = await put(api, "O1", stage=start)
        version = stored["version"]
        answer = await move(api, stored, to_stage, reason="because")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert answer.json()["unmet"][0]["code"] == unmet
        assert (await get(api, stored))["version"] == version

    async def test_to_where_it_is_changes_nothing(self, api: Api) -> None:
        stored = await deal(api)
        answer = await move(api, stored, "discovery")
        assert (answer.status_code, answer.json()["version"]) == (200, 1)

    async def test_reopening_within_the_window(self, api: Api, clock_at: Frozen) -> None:
        with clock_at(NOON):
            stored = await deal(api, stage="closed_lost")
        with clock_at(NOON + timedelta(days=31)):
            answer = await move(api, stored, "scoping")
            assert answer.json()["unmet"][0]["code"] == "reopen_window_passed"
        with clock_at(NOON + timedelta(days=30)):
            answer = await move(api, stored, "scoping")
            assert answer.status_code == 200

    async def test_asks_for_the_version_it_saw(self, api: Api) -> None:
        stored = await deal(api)
        await patch(api, stored, next_step="Call")
        answer = await api.request(
            "POST",
            f"{OPPORTUNITIES}/{stored['id']}/transitions",
            json={"to_stage": "scoping"},
            headers={"If-Match": '"1"'},
        )
        assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")

    async def test_an_unknown_stage_names_the_known_ones(self, api: Api) -> None:
        answer = await move(api, await deal(api), "won it")
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/to_stage", "unknown_stage")
        assert "technical_evaluation" in error["message"]


class TestClosedRecords:
    async def test_keep_their_figures_against_patch(self, api: Api) -> None:
        stored = await deal(api, stage="closed_won")
        answer = await try_patch(api, stored, amount="1", close_date="2027-02-02")
        assert (answer.status_code, answer.json()["code"]) == (409, "opportunity_closed")
        assert "amount, close_date" in answer.json()["detail"]
        assert (await patch(api, stored, lost_details="none"))["version"] == 2

    async def test_being_booked_locks_too(self, api: Api) -> None:
        await api.call(
            "POST",
            "/pipeline/v1/policies",
            json={
                "name": "closing",
                "settings": {"stage.closing_enabled": True, "gates.mode": "off"},
            },
        )
        stored = await deal(api, stage="closing")
        answer = await try_patch(api, stored, amount="1")
        assert (answer.status_code, answer.json()["code"]) == (409, "opportunity_closed")
        assert (await move(api, stored, "awaiting_signature", reason="Typo")).status_code == 200
        await patch(api, stored, amount="130000")
        assert (await move(api, stored, "closing")).status_code == 200
        refused = await move(api, stored, "closed_won")
        assert refused.json()["code"] == "approvals_missing"

    async def test_are_corrected_by_a_record(self, api: Api) -> None:
        stored = await deal(api, stage="closed_won")
        corrected = await put(api, "O1", amount="240000")
        assert (corrected["net_arr"], corrected["version"]) == ("240000.00", 2)
        assert await findings(api, stored) == [(2, "closed_record_changed")]

    async def test_a_recorded_move_against_the_rules_is_a_finding(
        self, api: Api, clock_at: Frozen
    ) -> None:
        with clock_at(NOON):
            stored = await deal(api, stage="closed_lost")
        with clock_at(NOON + timedelta(days=90)):
            reopened = await put(api, "O1", stage="scoping")
            back = await put(api, "O1", stage="pending_acceptance")
        assert (reopened["stage"], back["stage"]) == ("scoping", "pending_acceptance")
        assert await findings(api, stored) == [
            (2, "reopen_window_passed"),
            (3, "back_to_acceptance"),
        ]


class TestFirstStage:
    async def test_a_rep_opens_at_stage_0(self, api: Api) -> None:
        rep = await api.client_for("rep", "ana")
        answer = await rep.request("POST", OPPORTUNITIES, json=PLAIN)
        assert (answer.status_code, answer.json()["code"]) == (409, "stage_not_reachable")
        assert answer.json()["unmet"][0]["code"] == "starts_at_stage_0"
        opened = await rep.call("POST", OPPORTUNITIES, json={**PLAIN, "stage": "0-Qualifying"})
        assert opened["stage"] == "pending_acceptance"

    async def test_worked_renewals_and_self_served_orders_may_start_later(self, api: Api) -> None:
        rep = await api.client_for("rep", "ana")
        for fields in ({"type": "renewal"}, {"source_kind": "self_serve"}):
            await rep.call("POST", OPPORTUNITIES, json={**PLAIN, **fields})


class TestStamps:
    async def test_winning_sets_the_booking_date(self, api: Api, clock_at: Frozen) -> None:
        with clock_at(NOON):
            stored = await deal(api, stage="awaiting_signature", close_date="2026-07-31")
            won = (await move(api, stored, "closed_won")).json()
        assert (won["close_date"], won["close_fiscal_quarter"]) == ("2026-06-17", "FY27-Q2")

    async def test_an_early_signature_is_held(self, api: Api, clock_at: Frozen) -> None:
        with clock_at(NOON):
            stored = await deal(api, quote_start_date="2026-09-20", close_date="2026-07-31")
            won = (await move(api, stored, "closed_won")).json()
        assert (won["close_date"], won["close_fiscal_quarter"]) == ("2026-09-05", "FY27-Q3")
        assert won["push_count"] == 1

    async def test_submission_counts_in_the_companys_time_zone(self, api: Api) -> None:
        won = await deal(
            api,
            stage="closed_won",
            submitted_at="2026-08-01T06:59:00Z",
            close_date=None,
        )
        assert (won["close_date"], won["close_fiscal_quarter"]) == ("2026-07-31", "FY27-Q2")

    async def test_an_explicit_date_stands(self, api: Api) -> None:
        stored = await deal(api)
        won = await patch(api, stored, stage="closed_won", close_date="2026-12-24")
        assert won["close_date"] == "2026-12-24"
        assert (await put(api, "O1", stage="closed_won"))["version"] == 2

    async def test_pushes_are_moves_to_later(self, api: Api) -> None:
        stored = await deal(api, close_date="2026-12-01")
        for close_date, pushes in (
            ("2026-12-24", 1),
            ("2026-12-10", 1),
            (None, 1),
            ("2027-03-01", 1),
            ("2027-03-02", 2),
        ):
            stored = await patch(api, stored, close_date=close_date)
            assert stored["push_count"] == pushes
        assert stored["close_fiscal_quarter"] == "FY28-Q1"

    async def test_stage_age(self, api: Api, clock_at: Frozen) -> None:
        with clock_at(NOON):
            stored = await deal(api)
            assert stored["days_in_stage"] == 1
        with clock_at(NOON + timedelta(days=11)):
            assert (await get(api, stored))["days_in_stage"] == 12
            assert (await patch(api, stored, amount="1"))["stage_entered_at"] == stored[
                "stage_entered_at"
            ]
            moved = (await move(api, stored, "scoping")).json()
            assert moved["days_in_stage"] == 1

    async def test_a_known_version_does_not_hide_that_a_day_went_by(
        self, api: Api, clock_at: Frozen
    ) -> None:
        async def asked(tag: str) -> httpx.Response:
            return await api.request("GET", path, headers={"If-None-Match": tag})

        with clock_at(NOON):
            path = f"/pipeline/v1/opportunities/{(await deal(api))['id']}"
            assert (await api.request("GET", path)).headers["ETag"] == '"1"'
            assert (await asked('"1"')).status_code == 304
        with clock_at(NOON + timedelta(days=1)):
            later = await asked('"1"')
            assert (later.status_code, later.json()["days_in_stage"]) == (200, 2)
            tag = later.headers["ETag"]
            assert (await asked(tag)).status_code == 304
            changed = await api.request(
                "PATCH", path, json={"amount": "1"}, headers={"If-Match": tag}
            )
            assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
        with clock_at(NOON + timedelta(days=2)):
            assert (await asked(tag)).status_code == 200

    async def test_acceptance_is_dated_once(self, api: Api, clock_at: Frozen) -> None:
        async def accepted(opportunity_id: str) -> object:
            async with api.database().read(api.workspace_id) as session:
                return await session.fetchval(
                    "SELECT sales_accepted_date::text FROM pipeline.opportunities"
                    " WHERE workspace_id = $1 AND id = $2::text::uuid",
                    api.workspace_id,
                    opportunity_id,
                )

        with clock_at(NOON):
            stored = await deal(api, stage="pending_acceptance")
            assert await accepted(stored["id"]) is None
        with clock_at(NOON + timedelta(days=1)):
            await move(api, stored, "discovery")
        with clock_at(NOON + timedelta(days=2)):
            await move(api, stored, "proposal")
        assert await accepted(stored["id"]) == "2026-06-18"


class TestStageGate:
    async def test_says_what_is_checked_and_what_is_not(self, api: Api) -> None:
        stored = await deal(api)
        gate = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/stage-gate")
        assert (gate["stage"], gate["next_stage"], gate["unmet"]) == ("discovery", "scoping", [])
        assert gate["checked"] == ["stage_order", "closed_state"]
        allowed = {each["stage"]: each["allowed"] for each in gate["next_stages"]}
        assert allowed["closed_won"]
        assert not allowed["pending_acceptance"]
        assert "closing" not in allowed

    async def test_agrees_with_transitions(self, api: Api) -> None:
        stored = await deal(api, stage="scoping")
        gate = await api.call("GET", f"{OPPORTUNITIES}/{stored['id']}/stage-gate")
        for number, each in enumerate(gate["next_stages"]):
            other = await deal(api, f"N{number}", stage="scoping")
            answer = await move(api, other, each["stage"], reason="try")
            assert (answer.status_code == 200) == each["allowed"], each
