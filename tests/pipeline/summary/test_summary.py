"""The summary against the long way round, on books made by hand and by dice."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.kit import clock
from tests.client import Api, Stack
from tests.pipeline.deals import company
from tests.pipeline.summary import book
from tests.pipeline.summary.book import NOW, SUMMARY, at, small_book, tell

STAGES = (*book.LADDER[:-1], "closed_won", "closed_lost", "unqualified", "duplicate")
GROUPS = (
    "stage", "user", "segment", "region", "type", "order_type", "phase", "buyer_stage",
    "forecast_category", "route_to_market",
)  # fmt: skip


@st.composite
def books(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Deals that move about: each batch is later than the one before."""
    count = draw(st.integers(1, 10))
    batches: list[list[dict[str, Any]]] = [[], [], []]
    ages = sorted(
        draw(st.lists(st.integers(2, 400), min_size=3, max_size=3, unique=True)), reverse=True
    )
    for place in range(count):
        for step, age in enumerate(ages):
            if step and draw(st.booleans()):
                continue
            stage = draw(st.sampled_from(STAGES))
            item: dict[str, Any] = {
                "external_id": f"d{place}",
                "stage": stage,
                "occurred_at": at(age - draw(st.floats(0, 1))),
            }
            if stage == "closed_lost":
                item |= {"lost_reason": draw(st.sampled_from(["price", "merged"])),
                         "lost_details": "As told."}  # fmt: skip
            if stage == "duplicate":
                item["duplicate_of"] = "d0"
            if not step:
                item |= {
                    "name": f"Deal {place}",
                    "owner_external_id": draw(st.sampled_from(["ana", "ben", "zoe"])),
                    "account_external_id": "acme",
                    "amount": draw(st.none() | st.integers(1, 10**6)),
                    "term_months": 12,
                    "source_kind": draw(st.sampled_from(["inbound", "outbound", "self_serve"])),
                    "buyer_stage": draw(st.none() | st.sampled_from(["aware", "deciding"])),
                }
            item["close_date"] = draw(
                st.dates(date(2026, 1, 1), date(2026, 9, 30)).map(date.isoformat) | st.none()
            )
            if stage in book.CLOSED and item["close_date"] is None:
                item["close_date"] = "2026-06-01"
            batches[step].append(item)
    return batches


class TestBooksMadeByDice:
    @settings(max_examples=6, phases=(Phase.explicit, Phase.generate))
    @given(moves=books())
    async def test_are_summed_up_as_the_long_way_round(self, stack: Stack, moves: Any) -> None:
        with clock.replaced(lambda: NOW):
            async with await stack.new_workspace() as api:
                await company(api)
                await tell(api, moves)
                rows, dates, visits = await book.rows_of(api)
                await self._open(api, rows, visits)
                await self._conversion(api, rows, dates)
                await self._win_rate(api, rows)
                await self._people(api)

    async def _open(self, api: Api, rows: list[Any], visits: list[Any]) -> None:
        answer = await api.call("GET", SUMMARY)
        expected = book.open_sums(rows, lambda row: row["stage"])
        assert {line["group"] for line in answer["groups"]} == set(expected)
        lengths = book.stays(visits)
        for line in answer["groups"]:
            wanted = expected[line["group"]]
            for name in ("count", "with_amount", "without_close_date", "amount", "net_arr"):
                assert line[name] == wanted[name], (line, wanted)
            in_stage = line["days_in_stage"]
            assert {**in_stage, "count": line["count"]} == wanted["in_stage"]
            assert (line["age"]["average"], line["age"]["oldest"]) == (
                wanted["age"], wanted["oldest"]
            )  # fmt: skip
            assert (line["pushes"]["total"], line["pushes"]["pushed"]) == (
                wanted["pushes"], wanted["pushed"]
            )  # fmt: skip
            assert line["completed"] == lengths.get(line["group"], book.told([]))
        assert {
            one["stage"]: {name: one[name] for name in ("count", "average", "median")}
            for one in answer["completed_stays"]["stages"]
        } == lengths
        for group_by in GROUPS:
            other = await api.call("GET", f"{SUMMARY}?group_by={group_by}")
            assert other["total"] == answer["total"]
            for name in ("amount", "net_arr"):
                assert sum(Decimal(line[name]) for line in other["groups"]) == Decimal(
                    answer["total"][name]
                )

    async def _conversion(self, api: Api, rows: list[Any], dates: list[Any]) -> None:
        first, last = date(2025, 9, 1), date(2026, 6, 10)
        for stage in (None, "discovery", "proposal"):
            query = f"?from={first}&to={last}" + (f"&stage={stage}" if stage else "")
            answer = await api.call("GET", f"{SUMMARY}/conversion{query}")
            wanted = book.conversion(rows, dates, stage, first, last)
            assert answer["count"] == wanted["count"] == sum(answer["outcomes"].values())
            for name in ("won", "lost", "open"):
                assert answer["outcomes"][name] == wanted[name]
            for line in answer["stages"]:
                expected = wanted["stages"][line["stage"]]
                assert line["reached"] == expected["reached"]
                assert line["days_from_start"] == expected["start"]
                assert line["days_from_previous"] == expected["previous"]

    async def _people(self, api: Api) -> None:
        """A team's book is looked up another way than the company's, and adds up to it."""
        for path, read in (
            ("conversion?from=2025-09-01&to=2026-06-10", lambda one: one["count"]),
            ("conversion?stage=scoping&from=2025-09-01&to=2026-06-10", lambda one: one["count"]),
            ("pipeline-created?fiscal_quarter=FY27-Q1", lambda one: one["total"]["count"]),
            ("capacity?", lambda one: one["actual"]["won"] + one["actual"]["active_deals"]),
            ("?", lambda one: sum(line["count"] for line in one["completed_stays"]["stages"])),
        ):
            whole = read(await api.call("GET", f"{SUMMARY}/{path}".replace("/?", "?")))
            parts = [
                read(await api.call("GET", f"{SUMMARY}/{path}&user_id={user}".replace("/?", "?")))
                for user in ("mia", "zoe")
            ]
            assert sum(parts) == whole, (path, parts, whole)

    async def _win_rate(self, api: Api, rows: list[Any]) -> None:
        first, last = date(2026, 2, 1), date(2026, 7, 31)
        answer = await api.call("GET", f"{SUMMARY}/win-rate?from={first}&to={last}")
        wanted = book.judged(rows, first, last)
        for name in ("won", "lost", "net_arr_won", "net_arr_lost"):
            assert answer[name] == wanted[name], (name, answer, wanted)
        assert {one["reason"]: one["count"] for one in answer["excluded"]} == wanted["excluded"]


class TestSummary:
    async def test_says_what_a_manager_needs_to_know(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            answer = await api.call("GET", SUMMARY)
        assert [line["group"] for line in answer["groups"]] == [
            "discovery", "scoping", "technical_evaluation"
        ]  # fmt: skip
        discovery = answer["groups"][0]
        assert (discovery["count"], discovery["amount"]) == (2, "100000.00")
        assert discovery["days_in_stage"] == {"average": "26.00", "median": "26.00"}
        assert discovery["age"] == {
            "average": "25.00", "oldest": 40, "oldest_since": "2026-05-08"
        }  # fmt: skip
        assert discovery["pushes"]["pushed"] == 1
        # B left it after 80 days.
        assert discovery["completed"] == {"count": 1, "average": "80.00", "median": "80.00"}
        assert answer["total"]["count"] == 4
        assert {one["code"] for one in answer["warnings"]} == {"unsized", "without_close_date"}
        assert answer["warnings"][0]["message"].startswith("3 of 4 carry an amount")

    async def test_of_a_quarter_leaves_out_what_closes_elsewhere(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            answer = await api.call("GET", f"{SUMMARY}?fiscal_quarter=FY27-Q2")
        assert (answer["total"]["count"], answer["total"]["amount"]) == (2, "100000.00")

    async def test_is_cut_by_any_dimension(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            early = await api.call("GET", f"{SUMMARY}?phase=engage_and_educate")
            facilitate = await api.call("GET", f"{SUMMARY}?group_by=phase&user_id=ana")
            nothing = await api.call("GET", f"{SUMMARY}?region=Nowhere")
        assert early["total"]["count"] == 3
        assert {line["group"]: line["count"] for line in facilitate["groups"]} == {
            "engage_and_educate": 1, "facilitate": 1
        }  # fmt: skip
        assert (nothing["total"]["count"], nothing["groups"]) == (0, [])
        assert nothing["total"]["age"]["average"] is None

    async def test_is_a_table_too(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            answer = await api.request("GET", f"{SUMMARY}?format=csv")
        lines = list(csv.DictReader(io.StringIO(answer.text)))
        assert [line["group"] for line in lines][-1] == "total"
        assert sum(int(line["count"]) for line in lines[:-1]) == int(lines[-1]["count"]) == 4

    @pytest.mark.parametrize(
        "query", ["group_by=colour", "fiscal_quarter=Q2", "user_id=nobody", "phase=late", "foo=1"]
    )
    async def test_says_what_it_does_not_understand(self, api: Api, query: str) -> None:
        assert (await api.request("GET", f"{SUMMARY}?{query}")).status_code == 422


class TestReaders:
    async def test_see_their_own_part(self, api: Api, other_api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            counts = {}
            for role, user in (
                ("rep", "ana"),
                ("manager", "mia"),
                ("rep", "zoe"),
                ("analyst", None),
            ):
                reader = await api.client_for(role, user)
                counts[role, user] = (await reader.call("GET", SUMMARY))["total"]["count"]
            ana = await api.client_for("rep", "ana")
            of_ben = await ana.call("GET", f"{SUMMARY}?user_id=ben")
            won = await ana.call("GET", f"{SUMMARY}/win-rate?fiscal_quarter=FY27-Q2")
            of_zoe = await (await api.client_for("rep", "zoe")).call("GET", f"{SUMMARY}/win-rate")
            cohort = await ana.call("GET", f"{SUMMARY}/conversion?from=2025-01-01&to=2026-06-17")
            other = await other_api.call("GET", SUMMARY)
        assert counts == {
            ("rep", "ana"): 2, ("manager", "mia"): 4, ("rep", "zoe"): 0, ("analyst", None): 4
        }  # fmt: skip
        assert of_ben["total"]["count"] == other["total"]["count"] == 0
        assert (won["won"], of_zoe["won"], of_zoe["lost"]) == (0, 1, 1)
        assert cohort["count"] == 2


class TestAgeing:
    async def test_puts_deals_in_bands_and_finds_those_too_old(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            answer = await api.call("GET", f"{SUMMARY}/ageing")
            page = await api.call("GET", f"{SUMMARY}/ageing/items?limit=1")
            older = await api.call("GET", f"{SUMMARY}/ageing/items?older_than=39&limit=2")
            rest = await api.call(
                "GET", f"{SUMMARY}/ageing/items?older_than=39&cursor={older['next_cursor']}"
            )
        assert {band["band"]: band["count"] for band in answer["bands"]} == {
            "0-30": 1, "31-60": 1, "61-90": 0, "91-180": 1, "181+": 1
        }  # fmt: skip
        # Nobody has won twenty deals yet, so the policy's 180 days hold.
        assert answer["older_than_cycle"]["count"] == 1
        assert [(one["external_id"], one["age"], one["days_over"]) for one in page["items"]] == [
            ("d", 200, "20")
        ]
        assert page["items"][0]["cycle"] == {"days": "180", "basis": "policy", "deals": 0}
        assert [one["external_id"] for one in older["items"] + rest["items"]] == ["d", "b", "a"]
        assert rest["next_cursor"] is None

    async def test_measures_by_the_cycle_of_segment_and_order_type(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            settings_ = {"cycle.minimum_deals": 2}
            await api.call(
                "POST", "/pipeline/v1/policies",
                json={"name": "ours", "settings": settings_},
            )  # fmt: skip
            won = [
                {"external_id": f"w{place}", "name": "Won", "owner_external_id": "ana",
                 "account_external_id": "acme", "stage": "discovery", "amount": 1000,
                 "type": "new_business", "order_type": "new_first_order",
                 "occurred_at": at(100 + place)}
                for place in range(2)
            ]  # fmt: skip
            closed = [
                {"external_id": f"w{place}", "stage": "closed_won", "close_date": "2026-04-28",
                 "occurred_at": at(50)}
                for place in range(2)
            ]  # fmt: skip
            await tell(api, [won, closed])
            page = await api.call("GET", f"{SUMMARY}/ageing/items")
        first = page["items"][0]
        assert first["cycle"]["basis"] in ("segment_and_order_type", "segment")
        # Begun 100 and 101 days ago, won on 28 April: 50 and 51 days; E was won after 74.
        assert {one["cycle"]["days"] for one in page["items"]} <= {"50.50", "51.00"}
        assert {one["external_id"] for one in page["items"]} == {"b", "d"}


class TestConversion:
    async def test_counts_a_skipped_stage_as_reached(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            path = f"{SUMMARY}/conversion?stage=discovery&from=2025-01-01&to=2026-06-17"
            answer = await api.call("GET", path)
            table = await api.request("GET", f"{path}&format=csv")
        lines = {line["stage"]: line for line in answer["stages"]}
        assert answer["count"] == 6
        assert answer["outcomes"] == {
            "open": 4, "won": 1, "lost": 1, "unqualified": 0, "duplicate": 0
        }  # fmt: skip
        assert (lines["scoping"]["reached"], lines["proposal"]["reached"]) == (4, 1)
        # E met proposal at once and was won 74 days later, past two stages it skipped.
        assert lines["awaiting_signature"]["skipped"] == 1
        assert lines["closed_won"]["days_from_start"]["median"] == "74.00"
        assert lines["scoping"]["from_previous"] == "0.6667"
        assert "pending_acceptance" not in lines
        assert table.text.count("\r\n") == len(lines) + 1

    async def test_may_be_of_those_that_began(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            await tell(api, [[{
                "external_id": "old", "name": "Told as lost", "owner_external_id": "ana",
                "stage": "closed_lost", "lost_reason": "price", "lost_details": "Dear",
                "close_date": "2026-05-30", "occurred_at": at(18),
            }]])  # fmt: skip
            answer = await api.call("GET", f"{SUMMARY}/conversion?fiscal_quarter=FY27-Q2")
        # A, C and the one that was never told of before it was lost.
        assert (answer["count"], answer["outcomes"]["lost"]) == (3, 1)
        assert answer["stages"][0]["reached"] == 2


class TestWinRate:
    async def test_counts_what_was_decided_and_names_the_rest(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            answer = await api.call("GET", f"{SUMMARY}/win-rate?fiscal_quarter=FY27-Q2")
            by_user = await api.call("GET", f"{SUMMARY}/win-rate?group_by=user")
        assert (answer["won"], answer["lost"], answer["win_rate"]) == (1, 1, "0.5000")
        # What was lost counts with what it would have brought: 80,000 of 100,000.
        assert answer["win_rate_net_arr"] == "0.8000"
        assert (answer["goal"], answer["goal_met"], answer["until"]) == (
            "0.3000", True, "2026-06-17"
        )  # fmt: skip
        assert [line["group"] for line in by_user["groups"]] == ["zoe"]

    async def test_needs_days_in_order(self, api: Api) -> None:
        path = f"{SUMMARY}/win-rate"
        backwards = await api.request("GET", f"{path}?from=2026-02-01&to=2026-01-01")
        both = await api.request("GET", f"{path}?from=2026-02-01&fiscal_quarter=FY27-Q2")
        assert (backwards.status_code, both.status_code) == (422, 422)


class TestPipelineCreated:
    async def test_is_dated_by_stage_1(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            answer = await api.call("GET", f"{SUMMARY}/pipeline-created?fiscal_quarter=FY27-Q2")
            before = await api.call("GET", f"{SUMMARY}/pipeline-created?fiscal_quarter=FY27-Q1")
        assert (answer["total"]["count"], answer["total"]["net_arr"]) == (1, "100000.00")
        assert [(one["reason"], one["count"]) for one in answer["excluded"]] == [("unsized", 1)]
        # B and E, and F with what it would have brought before it was lost.
        assert (before["total"]["count"], before["total"]["net_arr"]) == (3, "150000.00")


class TestCapacity:
    async def test_puts_what_happened_beside_the_formula(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await small_book(api)
            answer = await api.call("GET", f"{SUMMARY}/capacity?user_id=zoe")
            whole = await api.call("GET", f"{SUMMARY}/capacity")
        assert answer["assumed"]["capacity_per_rep_and_month"] == "10.00"
        assert answer["assumed"]["wins_per_rep_and_month"] == "3.30"
        actual = answer["actual"]
        assert actual["days_to_close"] == {"count": 1, "average": "74.00", "median": "74.00"}
        # 74 days of E and 32 of F: 53 on average, 1.74 months.
        assert actual["months_in_pipe"] == "1.74"
        assert actual["capacity_per_rep_and_month"] == "22.97"
        assert (actual["win_rate"], actual["wins_per_rep_and_month"]) == ("0.5000", "11.49")
        assert [one["user"] for one in whole["reps"]] == ["ana", "ben", "zoe"]
        assert [one["active_deals"] for one in whole["reps"]] == [2, 2, 0]
