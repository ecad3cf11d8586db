"""When a deal is booked: early ones are held, months lock, approvals close, late renewals are lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.pipeline.opportunities.domain import booking_close_date
from services.workspace.fiscal import calendar_for
from services.workspace.policy import SOP_2022, Policy
from tests.client import Api
from tests.pipeline.bookings.harness import audit, closed, renewal, try_ask
from tests.pipeline.deals import OPPORTUNITIES, company, deal, findings, get, move, put, try_patch

Clock = Callable[[datetime], AbstractContextManager[None]]
CALENDAR = calendar_for(2, "America/Los_Angeles")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


async def use_closing(api: Api) -> None:
    await api.call(
        "POST", "/pipeline/v1/policies", json={"settings": {"stage.closing_enabled": True}}
    )
    await api.settle()


class TestGoldenDates:
    @pytest.mark.parametrize(
        ("signed", "start", "hold", "booked", "quarter"),
        [
            ("2026-03-02", "2026-05-01", 15, "2026-04-16", "FY27-Q1"),
            ("2026-03-02", "2026-05-01", 30, "2026-04-01", "FY27-Q1"),
            ("2026-04-20", "2026-06-20", 15, "2026-06-05", "FY27-Q2"),
            ("2026-05-10", "2026-05-01", 15, "2026-05-10", "FY27-Q2"),
        ],
    )
    def test_early_ones_are_booked_later(
        self, signed: str, start: str, hold: int, booked: str, quarter: str
    ) -> None:
        policy = Policy.build(settings={"booking.hold_before_start_days": hold})
        found = booking_close_date(date.fromisoformat(signed), date.fromisoformat(start), policy)
        assert (str(found), CALENDAR.quarter_of(found).label) == (booked, quarter)

    async def test_a_win_just_before_midnight_pacific_is_of_that_quarter(
        self, api: Api, clock_at: Clock
    ) -> None:
        quarters = {}
        for external_id, moment in (("O1", "2026-08-01T06:59"), ("O2", "2026-08-01T07:00")):
            with clock_at(at(moment)):
                await deal(api, external_id, stage="awaiting_signature")
                won = await put(api, external_id, stage="closed_won")
                quarters[external_id] = (won["close_date"], won["close_fiscal_quarter"])
        assert quarters == {"O1": ("2026-07-31", "FY27-Q2"), "O2": ("2026-08-01", "FY27-Q3")}

    async def test_an_early_win_moves_into_the_later_quarter(
        self, api: Api, clock_at: Clock
    ) -> None:
        with clock_at(at("2026-04-20T17:00")):
            await deal(api, stage="awaiting_signature", quote_start_date="2026-06-20",
                       close_date="2026-04-30")  # fmt: skip
            won = await put(api, "O1", stage="closed_won")
            assert (won["close_date"], won["close_fiscal_quarter"]) == ("2026-06-05", "FY27-Q2")
            assert await closed(api, "FY27-Q1") == 0
            assert await closed(api, "FY27-Q2") == 120000


class TestApprovals:
    async def test_two_book_a_deal_that_was_held(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-04-20T17:00")):
            await use_closing(api)
        with clock_at(at("2026-04-20T17:01")):
            held = await deal(api, stage="closing", quote_start_date="2026-06-20")
            assert held["held_until"] == "2026-06-05"
            assert held["submitted_at"] == "2026-04-20T17:01:00.000000Z"
            early = await try_ask(api, held, "approvals", kind="billing", decision="approved")
            assert (early.status_code, early.json()["code"]) == (409, "approval_out_of_order")
            around = await try_patch(
                await api.client_for("manager", "mia"), held, stage="closed_won"
            )
            assert (around.status_code, around.json()["code"]) == (409, "approvals_missing")
        with clock_at(at("2026-04-21T17:00")):
            first = await _decide(api, held, "deal_desk", "approved")
            assert first["opportunity"]["stage"] == "closing"
            again = await _decide(api, held, "deal_desk", "approved")
            assert again == first
        with clock_at(at("2026-04-22T17:00")):
            second = await _decide(api, held, "billing", "approved")
            won = second["opportunity"]
            assert (won["stage"], won["close_date"]) == ("closed_won", "2026-06-05")
            assert (won["close_fiscal_quarter"], won["held_until"]) == ("FY27-Q2", None)
            assert [each["kind"] for each in second["approvals"]] == ["deal_desk", "billing"]
            assert await _decide(api, held, "billing", "approved") == second
            assert await closed(api, "FY27-Q2") == 120000
        await audit(api)

    async def test_a_rejection_hands_it_back_unlocked(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-04-20T17:00")):
            await use_closing(api)
        with clock_at(at("2026-04-20T17:01")):
            held = await deal(api, stage="closing")
            silent = await try_ask(api, held, "approvals", kind="deal_desk", decision="rejected")
            assert (silent.status_code, silent.json()["errors"][0]["pointer"]) == (422, "/note")
            back = await _decide(api, held, "deal_desk", "rejected", note="No purchase order")
            assert back["opportunity"]["stage"] == "awaiting_signature"
            assert back["opportunity"]["submitted_at"] is None
            unlocked = await try_patch(api, held, amount="110000.00")
            assert unlocked.status_code == 200, unlocked.text
        with clock_at(at("2026-04-23T17:00")):
            await put(api, "O1", stage="closing")
            await _decide(api, held, "deal_desk", "approved")
            listed = await api.call("GET", f"{OPPORTUNITIES}/{held['id']}/approvals")
            assert [each["decision"] for each in listed["items"]] == ["rejected", "approved"]
            assert listed["items"][0]["note"] == "No purchase order"
            other = await try_ask(
                api, held, "approvals", kind="deal_desk", decision="rejected", note="Too late"
            )
            assert (other.status_code, other.json()["code"]) == (409, "already_decided")

    async def test_are_for_operations(self, api: Api, other_api: Api) -> None:
        stored = await deal(api)
        path = f"{OPPORTUNITIES}/{stored['id']}/approvals"
        body = {"kind": "deal_desk", "decision": "approved"}
        codes = {}
        for role, user in (("rep", "ana"), ("manager", "mia"), ("sales_ops", None)):
            client = await api.client_for(role, user)
            codes[role] = (await client.request("POST", path, json=body)).status_code
        assert codes == {"rep": 403, "manager": 403, "sales_ops": 409}
        assert (await other_api.request("POST", path, json=body)).status_code == 404
        assert (await other_api.request("GET", path)).status_code == 404


class TestMonthLock:
    async def test_holds_who_does_not_record(self, api: Api, clock_at: Clock) -> None:
        rep = await api.client_for("rep", "ana")
        with clock_at(at("2026-05-20T17:00")):
            won = await deal(api, stage="closed_won", close_date="2026-05-20")
        with clock_at(at("2026-06-10T17:00")):
            reopened = await try_patch(rep, won, stage="negotiating")
            assert reopened.status_code == 200, reopened.text
            await put(api, "O1", stage="closed_won", close_date="2026-05-20")
            count = len(await findings(api, won))
        with clock_at(at("2026-06-11T17:00")):
            answer = await try_patch(rep, won, stage="negotiating")
            assert (answer.status_code, answer.json()["code"]) == (409, "month_locked")
            await put(api, "O1", amount="1.00")
            rules = [rule for _, rule in await findings(api, won)]
            assert "month_locked" in rules
            assert len(rules) > count

    async def test_lets_nothing_close_into_it(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-06-17T17:00")):
            open_ = await renewal(api, "R1", stage="proposal", close_date="2026-05-15")
            manager = await api.client_for("manager", "mia")
            fields = {"stage": "closed_lost", "lost_reason": "loss_of_budget", "lost_details": "x"}
            answer = await try_patch(manager, open_, **fields)
            assert (answer.status_code, answer.json()["code"]) == (409, "month_locked")
            fresh = await try_patch(manager, open_, **fields, close_date="2026-06-17")
            assert fresh.status_code == 200, fresh.text


class TestChecks:
    async def test_a_close_date_nobody_can_mean(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-06-17T17:00")):
            stored = await deal(api)
            rep = await api.client_for("rep", "ana")
            answer = await try_patch(rep, stored, close_date="2037-01-01")
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
                422, "closes_far_away",
            )  # fmt: skip
            await put(api, "O1", close_date="2037-01-01")
            assert [rule for _, rule in await findings(api, stored)] == ["closes_far_away"]

    async def test_a_renewal_won_below_its_basis_says_why(self, api: Api) -> None:
        await renewal(api, "R1", stage="awaiting_signature", amount="80.00")
        won = await put(api, "R1", stage="closed_won")
        assert "downgrade_reason_missing" in [rule for _, rule in await findings(api, won)]
        other = await renewal(api, "R2", stage="awaiting_signature", amount="80.00")
        rep = await api.client_for("rep", "ana")
        answer = await try_patch(rep, other, stage="closed_won")
        assert answer.status_code == 409
        await renewal(api, "R3", stage="awaiting_signature", amount="80.00")
        told = await put(api, "R3", stage="closed_won", lost_reason="fewer seats")
        rules = [rule for _, rule in await findings(api, told)]
        assert "downgrade_reason_missing" not in rules

    async def test_what_a_downgrade_lacks_is_said_at_once(self, api: Api) -> None:
        below = await renewal(api, "R1", stage="awaiting_signature", amount="80.00")
        rep = await api.client_for("rep", "ana")
        path = f"{OPPORTUNITIES}/{below['id']}/stage-gate"
        gate = await rep.call("GET", path)
        won = next(each for each in gate["next_stages"] if each["stage"] == "closed_won")
        asked = {each["code"] for each in won["unmet"]}
        assert {"downgrade_reason_given", "documents_attached", "won_reason"} <= asked
        refused = (await move(rep, below, "closed_won")).json()
        assert refused["code"] == "stage_gate_not_met"
        assert {each["code"] for each in refused["unmet"]} == asked
        await put(api, "R1", lost_reason="fewer seats")
        gate = await rep.call("GET", path)
        told = {each["code"]: each["status"] for each in gate["criteria"]}
        assert told["downgrade_reason_given"] == "met"
        await put(api, "R1", amount="100.00", lost_reason=None)
        gate = await rep.call("GET", path)
        told = {each["code"]: each["status"] for each in gate["criteria"]}
        assert told["downgrade_reason_given"] == "not_applicable"

    async def test_no_override_wins_a_downgrade_without_a_reason(self, api: Api) -> None:
        below = await renewal(
            api, "R1", stage="awaiting_signature", amount="80.00", renewal_date=None
        )
        manager = await api.client_for("manager", "mia")
        answer = await move(manager, below, "closed_won", override={"reason": "Quarter end"})
        assert (answer.status_code, answer.json()["code"]) == (409, "downgrade_reason_missing")

    async def test_a_late_renewal_needs_an_exception(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-06-17T17:00")):
            await renewal(api, "R1", stage="awaiting_signature", renewal_date="2026-05-01")
            won = await put(api, "R1", stage="closed_won")
            assert "renewal_too_late" in [rule for _, rule in await findings(api, won)]
            body = {"reason": "Merger", "impact": "None", "new_date": "2026-07-31"}
            await renewal(api, "R2", stage="awaiting_signature", renewal_date="2026-05-01")
            second = await put(api, "R2")
            manager = await api.client_for("manager", "mia")
            path = f"{OPPORTUNITIES}/{second['id']}/renewal-exception"
            kept = await manager.call("POST", path, json=body)
            assert kept["new_date"] == "2026-07-31"
            told = await put(api, "R2", stage="closed_won")
            assert "renewal_too_late" not in [rule for _, rule in await findings(api, told)]
            assert (await get(api, told))["stage"] == "closed_won"

    def test_the_default_holds_fifteen_days(self) -> None:
        assert SOP_2022.number("booking.hold_before_start_days") == 15


async def _decide(api: Api, opportunity: Any, kind: str, decision: str, **fields: Any) -> Any:
    path = f"{OPPORTUNITIES}/{opportunity['id']}/approvals"
    return await api.call("POST", path, json={"kind": kind, "decision": decision, **fields})


class TestHandedInAgain:
    async def test_after_it_was_won_is_booked_then(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-05-20T17:00")):
            await deal(api, "O1", close_date=None)
            won = await put(api, "O1", stage="closed_won", submitted_at="2026-05-19T17:00:00Z")
            assert won["close_date"] == "2026-05-19"
        with clock_at(at("2026-06-05T17:00")):
            assert (await put(api, "O1", stage="proposal"))["submitted_at"] is None
        with clock_at(at("2026-06-17T17:00")):
            won = await put(api, "O1", stage="closed_won")
            assert won["close_date"] == "2026-06-17"
            assert "month_locked" not in [rule for _, rule in await findings(api, won)]


class TestHandedInUnderOneDate:
    """Under a date that was approved once."""

    HANDED_IN = "2026-06-17T16:00:00Z"

    async def _decide(self, api: Api, stored: Any, *decisions: tuple[str, str]) -> None:
        for kind, decision in decisions:
            answer = await try_ask(
                api, stored, "approvals", kind=kind, decision=decision, note="As seen"
            )
            assert answer.status_code == 200, answer.text

    async def _hand_in(self, api: Api) -> Any:
        return await put(api, "O1", stage="closing", occurred_at=self.HANDED_IN)

    async def test_is_decided_anew(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-06-17T17:00")):
            await use_closing(api)
            await deal(api, "O1", stage="awaiting_signature", close_date="2026-06-30")
            stored = await self._hand_in(api)
            await self._decide(api, stored, ("deal_desk", "approved"), ("billing", "rejected"))
        with clock_at(at("2026-06-17T18:00")):
            await self._hand_in(api)
            await self._decide(api, stored, ("deal_desk", "approved"), ("billing", "approved"))
            assert (await get(api, stored))["stage"] == "closed_won"

    async def test_is_not_won_by_old_approvals(self, api: Api, clock_at: Clock) -> None:
        with clock_at(at("2026-06-17T17:00")):
            await use_closing(api)
            await deal(api, "O1", stage="awaiting_signature", close_date="2026-06-30")
            stored = await self._hand_in(api)
            await self._decide(api, stored, ("deal_desk", "approved"), ("billing", "approved"))
        with clock_at(at("2026-06-18T17:00")):
            manager, override = await api.client_for("manager", "mia"), {"reason": "In a hurry"}
            await move(manager, stored, "awaiting_signature")
            await try_patch(manager, stored, amount="999999.00")
            await move(
                manager, stored, "closing", occurred_at=self.HANDED_IN, override=override
            )  # fmt: skip
            answer = await move(manager, stored, "closed_won", override=override)
            assert (answer.status_code, answer.json()["code"]) == (409, "approvals_missing")
