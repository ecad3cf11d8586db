"""A salesperson's day through HTTP: what to accept, qualify, bring up to date and prepare."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from services.qualification.evidence.views import evidence_of
from tests.client import Api
from tests.qualification.test_acceptance import GOOD, LATE
from tests.qualification.test_boards_sdr import hand_over, statement
from tests.qualification.working import BASE, LEADS, NOW, ClockAt, make_lead, make_user

BOARD = f"{BASE}/boards/ae"
OPPORTUNITIES = "/pipeline/v1/opportunities"
SECTIONS = ["to_accept", "stale", "leads", "failed_tests", "to_prepare", "plans"]


async def board(api: Api, **params: Any) -> dict[str, Any]:
    answer = await api.call("GET", BOARD, params=params)
    return {section["name"]: section for section in answer["sections"]}


async def make_deal(api: Api, external_id: str, **fields: Any) -> Any:
    return await api.call(
        "PUT",
        f"{OPPORTUNITIES}/by-external-id/{external_id}",
        json={
            "name": external_id,
            "owner_external_id": "ana",
            "type": "new_business",
            "stage": "pending_acceptance",
            **fields,
        },
    )


def names(section: Any) -> list[str]:
    return [item["opportunity_external_id"] for item in section["items"]]


class TestAcceptance:
    async def test_hours_since_the_hand_over(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        with clock_at(NOW):
            lead = await make_lead(
                api,
                external_id="L",
                status="qualifying",
                sdr_external_id="sid",
                owner_external_id="ana",
            )
            await api.call("POST", f"{LEADS}/{lead['id']}/assessments", json=GOOD)
            opportunity_id = await hand_over(api, lead)
        with clock_at(NOW + timedelta(hours=47)):
            section = (await board(ana))["to_accept"]
            item = section["items"][0]
        assert (section["count"], section["overdue"]) == (1, 0)
        assert (item["opportunity_id"], item["lead_external_id"]) == (opportunity_id, "L")
        assert (item["hours_waiting"], item["is_overdue"]) == (47, False)
        assert item["due_at"] == "2026-06-19T17:00:00.000000Z"
        with clock_at(NOW + timedelta(hours=49)):
            section = (await board(ana))["to_accept"]
        assert (section["count"], section["overdue"]) == (1, 1)

    async def test_renewals_are_not_handed_over(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        with clock_at(NOW):
            await make_deal(api, "new")
            await make_deal(api, "renewed", type="renewal", arr_basis="10.00")
            await make_deal(api, "open", stage="discovery")
            found = await board(await api.client_for("rep", "ana"))
        assert names(found["to_accept"]) == ["new"]

    async def test_stale_at_stage_0_but_for_a_step_ahead(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        with clock_at(NOW):
            await make_deal(api, "quiet", next_step="Call", next_step_date="2026-06-25")
            await make_deal(api, "behind", next_step="Call", next_step_date="2026-06-23")
            await make_deal(api, "undated")
        with clock_at(NOW + timedelta(days=7)):
            assert not (await board(ana))["stale"]["count"]
        with clock_at(NOW + timedelta(days=7, seconds=1)):
            section = (await board(ana))["stale"]
            assert sorted(names(section)) == ["behind", "undated"]
            assert section["overdue"] == 2
            # The day after its step the third one is no longer quiet.
            assert (await board(ana, on="2026-06-26"))["stale"]["count"] == 3


class TestTests:
    async def test_the_last_verdict_and_what_it_lacks(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        with clock_at(NOW):
            deal = await make_deal(api, "O")
            path = f"{BASE}/opportunities/{deal['id']}/assessments"
            await api.call("POST", path, json={**GOOD, "timing": LATE})
            lead = await make_lead(
                api, external_id="L", status="qualifying", owner_external_id="ana"
            )
            await api.call(
                "POST",
                f"{LEADS}/{lead['id']}/assessments",
                json={**GOOD, "initiative": {"kind": "none"}},
            )
            section = (await board(ana))["failed_tests"]
            by_deal = {item["opportunity_external_id"]: item for item in section["items"]}
            assert set(by_deal) == {"O", None}
            assert [one["part"] for one in by_deal["O"]["unmet"]] == ["timing"]
            assert "61 days" in by_deal["O"]["unmet"][0]["missing"]
            assert (by_deal["O"]["kind"], by_deal[None]["kind"]) == ("keep_pending", "unqualify")
            assert by_deal[None]["lead_external_id"] == "L"
            # What passes later is off the list.
            await api.call("POST", path, json=GOOD)
            section = (await board(ana))["failed_tests"]
        assert [item["lead_external_id"] for item in section["items"]] == ["L"]


class TestLeads:
    async def test_those_handed_to_the_rep(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "sid", "sdr")
        await make_user(api, "ana")
        with clock_at(NOW):
            for external_id, status, sdr in [
                ("taken", "accepted", "sid"),
                ("fresh-of-sid", "mql", "sid"),
                ("fresh-own", "mql", None),
                ("talked", "qualifying", None),
                ("raw", "raw", None),
                ("gone", "disqualified", None),
            ]:
                await make_lead(
                    api,
                    external_id=external_id,
                    status=status,
                    owner_external_id="ana",
                    sdr_external_id=sdr,
                    **({"status_reason": "bad_data"} if status == "disqualified" else {}),
                )
            section = (await board(await api.client_for("rep", "ana")))["leads"]
        found = [item["lead_external_id"] for item in section["items"]]
        assert sorted(found) == ["fresh-own", "taken", "talked"]


class TestPlans:
    async def test_gaps_and_stale_plans_of_open_deals(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        ana = await api.client_for("rep", "ana")
        with clock_at(NOW):
            await make_deal(api, "early", stage="discovery")
            late = await make_deal(api, "late", stage="proposal", close_date="2026-07-31")
            await make_deal(api, "soon", stage="scoping", close_date="2026-06-30")
            await make_deal(api, "won", stage="closed_won", close_date="2026-06-16")
            section = (await board(ana))["plans"]
            assert names(section) == ["soon", "late"]
            item = section["items"][1]
            async with api.database().read(api.workspace_id) as session:
                known = (await evidence_of(session, [UUID(late["id"])]))[UUID(late["id"])]
        told = {(one["part"], one["missing"]) for one in item["unmet"]}
        assert {("meddppicc", gap) for gap in known.gaps} <= told
        assert {tuple(name.split(".", 1)) for name in known.missing} <= told
        assert known.gaps
        assert known.missing
        with clock_at(NOW + timedelta(days=31)):
            section = (await board(ana))["plans"]
        assert section["overdue"] >= 1

    async def test_of_a_whole_company(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        with clock_at(NOW):
            await make_deal(api, "late", stage="proposal")
            assert (await board(api))["plans"]["count"] == 1


class TestMeetings:
    async def test_those_ahead_whose_agenda_was_not_sent(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        with clock_at(NOW):
            deal = await make_deal(api, "O", stage="discovery")
            for subject, at in [
                ("over", "2026-06-17T16:00:00Z"),
                ("today", "2026-06-17T20:00:00Z"),
                ("tomorrow", "2026-06-19T06:59:00Z"),
                ("later", "2026-06-19T07:00:00Z"),
            ]:
                await api.call(
                    "POST",
                    f"{BASE}/meetings",
                    json={
                        "subject": subject,
                        "scheduled_at": at,
                        "opportunity_id": deal["id"],
                        "owner_external_id": "ana",
                    },
                )
            ana = await api.client_for("rep", "ana")
            section = (await board(ana))["to_prepare"]
            assert [item["note"] for item in section["items"]] == ["today", "tomorrow"]
            assert section["items"][0]["kind"] == "not_begun"
            meeting_id = section["items"][0]["meeting_id"]
            await statement(
                api,
                """
                INSERT INTO qualification.preparations (workspace_id, meeting_id, version, checks,
                    pre_call_questions, call_plan, agenda, sendings, created_at, updated_at)
                VALUES ($1, $2, 1, '{}', '[]', '{}', '{}', '[{"to": "kim"}]', $3, $3)
                """,
                meeting_id,
                NOW,
            )
            section = (await board(ana))["to_prepare"]
        assert [item["note"] for item in section["items"]] == ["tomorrow"]


class TestAnswer:
    async def test_sections_and_csv(self, api: Api, clock_at: ClockAt) -> None:
        await make_user(api, "ana")
        with clock_at(NOW):
            await make_deal(api, "O")
            answer = await api.call("GET", BOARD, params={"user_id": "ana"})
            csv = await api.request("GET", BOARD, params={"user_id": "ana", "format": "csv"})
            one = await api.call("GET", BOARD, params={"section": "plans", "user_id": "ana"})
        assert [section["name"] for section in answer["sections"]] == SECTIONS
        assert [line.split(",")[0] for line in csv.text.splitlines()] == ["section", "to_accept"]
        assert [section["name"] for section in one["sections"]] == ["plans"]
