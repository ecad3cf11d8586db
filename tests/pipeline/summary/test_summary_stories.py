"""Deals told out of order, in any time zone and fiscal year: a team's figures are the long way's,
as the company's are."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.kit import clock
from services.workspace.workspaces.repository import get_workspace
from tests.client import Api, Stack
from tests.pipeline.deals import company
from tests.pipeline.summary import book
from tests.pipeline.summary.book import NOW, SUMMARY, at, tell
from tests.pipeline.summary.test_summary import STAGES

TEAMS = {None: {"ana", "ben", "zoe"}, "mia": {"ana", "ben"}, "zoe": {"zoe"}}
CREATED = ("new_first_order", "new_connected", "growth")
FIRST, LAST = date(2026, 1, 1), date(2026, 6, 10)


@st.composite
def stories(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Deals that change stage, owner and close date; when each change happened follows no order."""
    batches: list[list[dict[str, Any]]] = [[] for _ in range(4)]
    for place in range(draw(st.integers(1, 8))):
        for step, batch in enumerate(batches):
            if step and draw(st.booleans()):
                continue
            stage = draw(st.sampled_from(STAGES))
            item: dict[str, Any] = {
                "external_id": f"d{place}", "stage": stage,
                "owner_external_id": draw(st.sampled_from(["ana", "ben", "zoe"])),
                "occurred_at": at(draw(st.integers(0, 400)) + draw(st.integers(0, 23)) / 24),
                "close_date": draw(st.dates(date(2025, 10, 1), date(2026, 9, 30))).isoformat(),
            }  # fmt: skip
            if stage in ("closed_lost", "unqualified"):
                item |= {"lost_reason": "price", "lost_details": "As told."}
            if stage == "duplicate":
                item["duplicate_of"] = "d0"
            if not step:
                item |= {
                    "name": f"Deal {place}", "account_external_id": "acme", "term_months": 12,
                    "amount": draw(st.none() | st.integers(1, 10**6)),
                }  # fmt: skip
            batch.append(item)
    return batches


class TestStories:
    @settings(max_examples=10, phases=(Phase.explicit, Phase.generate))
    @given(
        moves=stories(),
        zone=st.sampled_from(["Pacific/Kiritimati", "America/Los_Angeles", "UTC"]),
        month=st.sampled_from([1, 2, 7]),
    )
    async def test_told_out_of_order_are_summed_up_for_a_team_too(
        self, stack: Stack, moves: Any, zone: str, month: int
    ) -> None:
        with clock.replaced(lambda: NOW):
            options = {"timezone": zone, "fiscal_year_start_month": month}
            async with await stack.new_workspace(**options) as api:
                await company(api)
                await tell(api, moves)
                await _compare(api, ZoneInfo(zone))

    async def test_a_team_misses_nothing_that_was_told_late(self, api: Api) -> None:
        """It met stage 1 in May and was then told to have been in stage 2 last year."""
        with clock.replaced(lambda: NOW):
            await company(api)
            deal = {"external_id": "a", "name": "A", "owner_external_id": "zoe", "amount": 100,
                    "term_months": 12, "close_date": "2026-07-31"}  # fmt: skip
            await tell(api, [
                [deal | {"stage": "discovery", "occurred_at": at(20)}],
                [{"external_id": "a", "stage": "scoping", "occurred_at": at(300)}],
            ])  # fmt: skip
            await _compare(api, book.ZONE)
            path = f"{SUMMARY}/conversion?stage=discovery&from=2026-05-01&to=2026-06-17"
            told = await api.call("GET", f"{path}&user_id=zoe")
            created = await api.call("GET", f"{SUMMARY}/pipeline-created?user_id=zoe")
            room = await api.call("GET", f"{SUMMARY}/capacity?user_id=zoe")
            whole = await api.call("GET", f"{SUMMARY}/capacity")
        assert (told["count"], created["total"]["count"]) == (1, 1)
        zoe = {one["user"]: one for one in whole["reps"]}["zoe"]
        assert room["reps"] == [zoe]


async def _compare(api: Api, zone: ZoneInfo) -> None:
    """Everything a team is told, from its rows alone."""
    rows, dates, visits = await book.rows_of(api)
    names = {row["id"]: row["owner"] for row in await _owners(api)}
    for user, people in TEAMS.items():
        theirs = [row for row in rows if names[row["id"]] in people]
        ids = {row["id"] for row in theirs}
        of = f"user_id={user}" if user else ""
        await _open(api, theirs, [one for one in visits if one["opportunity_id"] in ids], of, zone)
        dated = [one for one in dates if one["opportunity_id"] in ids]
        for stage in (None, "discovery", "proposal"):
            wanted = book.conversion(theirs, dated, stage, FIRST, LAST)
            cohort = f"&stage={stage}" if stage else ""
            told = await api.call(
                "GET", f"{SUMMARY}/conversion?from={FIRST}&to={LAST}{cohort}&{of}"
            )
            assert told["count"] == wanted["count"], (user, stage)
            assert {name: told["outcomes"][name] for name in ("won", "lost", "open")} == {
                name: wanted[name] for name in ("won", "lost", "open")
            }
            for line in told["stages"]:
                expected = wanted["stages"][line["stage"]]
                assert (
                    line["reached"], line["days_from_start"], line["days_from_previous"]
                ) == (expected["reached"], expected["start"], expected["previous"])  # fmt: skip
        await _created(api, theirs, dated, of)


async def _open(api: Api, rows: list[Any], visits: list[Any], of: str, zone: ZoneInfo) -> None:
    told = await api.call("GET", f"{SUMMARY}?{of}")
    wanted = book.open_sums(rows, lambda row: row["stage"], zone)
    assert {line["group"] for line in told["groups"]} == set(wanted)
    for line in told["groups"]:
        expected = wanted[line["group"]]
        for name in ("count", "with_amount", "without_close_date", "amount", "net_arr"):
            assert line[name] == expected[name]
        assert {**line["days_in_stage"], "count": line["count"]} == expected["in_stage"]
        assert line["age"]["average"] == expected["age"]
    assert {
        one["stage"]: {name: one[name] for name in ("count", "average", "median")}
        for one in told["completed_stays"]["stages"]
    } == book.stays(visits)


async def _created(api: Api, rows: list[Any], dates: list[Any], of: str) -> None:
    """New business that met stage 1 in the quarter of today, with a positive Net ARR."""
    calendar = await api.call("GET", f"{SUMMARY}/pipeline-created?{of}")
    first, last = await _days_of(api, calendar["fiscal_quarter"])
    met = {
        one["opportunity_id"]
        for one in dates
        if one["stage"] == "discovery" and first <= one["entered_on"] <= last
    }
    created = [
        row for row in rows
        if row["id"] in met and row["amount"] and row["order_type"] in CREATED
        and row["stage"] not in ("pending_acceptance", "unqualified", "duplicate")
    ]  # fmt: skip
    assert calendar["total"]["count"] == len(created)
    assert sum(one["count"] for one in calendar["excluded"]) == len(met) - len(created)


async def _days_of(api: Api, quarter: str) -> tuple[date, date]:
    async with api.database().read(api.workspace_id) as session:
        found = (await get_workspace(session)).calendar.parse(quarter)
    return found.first_day, found.last_day


async def _owners(api: Api) -> list[Any]:
    async with api.database().read(api.workspace_id) as session:
        found: list[Any] = await session.fetch(
            "SELECT o.id, u.external_id AS owner FROM pipeline.opportunities AS o"
            " JOIN workspace.users AS u ON u.workspace_id = $1 AND u.id = o.owner_id"
            " WHERE o.workspace_id = $1",
            api.workspace_id,
        )
    return found


class TestTables:
    async def test_of_ages_end_with_everything_the_answer_tells_of_the_whole(
        self, api: Api
    ) -> None:
        with clock.replaced(lambda: NOW):
            await book.small_book(api)
            told = await api.call("GET", f"{SUMMARY}/ageing")
            answer = await api.request("GET", f"{SUMMARY}/ageing?format=csv")
        total = list(csv.DictReader(io.StringIO(answer.text)))[-1]
        assert total["older_than_cycle.count"] == str(told["older_than_cycle"]["count"]) == "1"
        assert {band["band"]: str(band["count"]) for band in told["bands"]} == {
            name.removeprefix("bands."): value
            for name, value in total.items()
            if name.startswith("bands.")
        }

    async def test_of_nobody_still_name_their_columns(self, api: Api) -> None:
        answer = await api.request("GET", f"{SUMMARY}/capacity?format=csv")
        assert answer.text == "user,name,active_deals,room,accepted_per_month\r\n"
