"""Lists of response timers, and the report of how quickly leads are answered."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.client import Api
from tests.qualification.working import (
    BASE,
    LEADS,
    NOW,
    ClockAt,
    make_lead,
    make_user,
)


@pytest.fixture(autouse=True)
def _wednesday(clock_at: ClockAt) -> Any:
    with clock_at(NOW):
        yield


async def move(api: Api, lead: Any, status: str, **fields: Any) -> None:
    if status in ("recycle", "disqualified"):
        fields = {"status_reason": "other", **fields}
    await api.call("PATCH", f"{LEADS}/{lead['id']}", json={"status": status, **fields})


async def signal(api: Api, lead: Any, name: str, **fields: Any) -> None:
    await api.call("POST", f"{LEADS}/{lead['id']}/signals", json={"name": name, **fields})


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


async def a_week_of_answers(api: Api, clock_at: ClockAt) -> None:
    """Ten leads: six answered after 10 to 60 minutes, two late, one overdue, one handed over."""
    for name in ("sid", "sue"):
        await make_user(api, name, "sdr")
    for place in range(10):
        lead = await make_lead(
            api, external_id=f"L-{place}", status="mql", source="web" if place % 2 else None,
            region="AMER", sdr_external_id="sid" if place < 5 else "sue",
        )  # fmt: skip
        if place == 8:
            continue
        after = 10 * (place + 1) if place != 9 else 5
        with clock_at(minutes(after)):
            if place == 9:
                path = f"{LEADS}/{lead['id']}"
                await api.call("PATCH", path, json={"sdr_external_id": "sid"})
            else:
                await move(api, lead, "accepted")
    with clock_at(minutes(5)):
        raw = await make_lead(api, external_id="R", status="accepted")
        await signal(api, raw, "contact_request")


class TestList:
    async def test_filters_by_state_holder_and_time(self, api: Api, clock_at: ClockAt) -> None:
        await a_week_of_answers(api, clock_at)
        users = await api.call("GET", "/pipeline/v1/users")
        sid = next(user["id"] for user in users["items"] if user["external_id"] == "sid")

        async def found(**params: Any) -> str:
            page = await api.call("GET", f"{BASE}/response-timers", params=params)
            return "".join(item["lead_external_id"][-1] for item in page["items"])

        with clock_at(minutes(120)):
            assert await found(state="met") == "012345"
            assert await found(state="missed") == "67"
            # The one that was handed over waits for its new holder.
            assert await found(state="overdue") == "89"
            assert await found(state="unanswered") == "9"
            assert await found(state="open") == "R"
            assert await found(kind="request") == "R"
            assert sorted(await found(user_id=sid)) == list("012349")
            assert await found(state="overdue", due_before="2026-06-17T18:00:01Z") == "8"
            assert len(await found()) == 12

    async def test_pages_by_when_they_are_due(self, api: Api, clock_at: ClockAt) -> None:
        await a_week_of_answers(api, clock_at)

        async def page(**params: Any) -> Any:
            with clock_at(minutes(120)):
                return await api.request("GET", f"{BASE}/response-timers", params=params)

        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = (await page(limit=5, **cursor)).json()
            seen += [item["id"] for item in answer["items"]]
            if answer["next_cursor"] is None:
                break
            cursor = {"cursor": answer["next_cursor"]}
        whole = (await page(limit=200)).json()
        assert seen == [item["id"] for item in whole["items"]]
        assert len(seen) == 12
        dues = [item["due_at"] for item in whole["items"]]
        assert dues == sorted(dues)
        for wrong in ("WyJ4Il0", "WyJ4IiwieSJd", "WzEsMl0"):
            assert (await page(cursor=wrong)).status_code == 422


class TestReport:
    async def test_its_sums_agree(self, api: Api, clock_at: ClockAt) -> None:
        await a_week_of_answers(api, clock_at)
        with clock_at(minutes(120)):
            found = await api.call("GET", f"{BASE}/response-report", params={"group_by": "sdr"})
        assert found["total"] == {
            "name": None, "count": 12, "answered": 8, "unanswered": 1, "open": 3, "overdue": 2,
            "met": 6, "missed": 2, "met_percent": "60.00", "is_goal_met": False,
            "median_business_minutes": 40, "p90_business_minutes": 80,
        }  # fmt: skip
        assert [group["name"] for group in found["groups"]] == ["sid", "sue", None]
        sid = found["groups"][0]
        assert (sid["count"], sid["met"], sid["overdue"]) == (6, 5, 1)
        assert sid["met_percent"] == "83.33"
        assert (found["from"], found["to"]) == ("2026-05-19", "2026-06-17")
        assert found["goal_percent"] == 90

    @pytest.mark.parametrize("group_by", ["sdr", "region", "source", "kind"])
    async def test_every_way_of_grouping_adds_up(
        self, api: Api, clock_at: ClockAt, group_by: str
    ) -> None:
        await a_week_of_answers(api, clock_at)
        with clock_at(minutes(120)):
            found = await api.call("GET", f"{BASE}/response-report", params={"group_by": group_by})
        assert len(found["groups"]) > 1
        for figure in ("count", "answered", "unanswered", "open", "overdue", "met", "missed"):
            assert sum(group[figure] for group in found["groups"]) == found["total"][figure]
        for row in (*found["groups"], found["total"]):
            assert row["count"] == row["answered"] + row["unanswered"] + row["open"]
            assert row["overdue"] <= row["open"]
            assert row["met"] + row["missed"] <= row["answered"] + row["unanswered"]

    async def test_counts_what_began_in_the_period_where_the_company_is(self, api: Api) -> None:
        # Half an hour before and after midnight in Los Angeles.
        for place, text in enumerate(("2026-06-10T06:30:00Z", "2026-06-10T07:30:00Z")):
            await make_lead(api, external_id=str(place), status="mql", occurred_at=text)

        async def count(**params: str) -> int:
            found = await api.call("GET", f"{BASE}/response-report", params=params)
            return found["total"]["count"]

        assert await count() == 2
        assert await count(**{"from": "2026-06-10", "to": "2026-06-10"}) == 1
        assert await count(to="2026-06-09") == 1
        assert await count(**{"from": "2026-06-11"}) == 0
        refused = await api.request(
            "GET", f"{BASE}/response-report", params={"from": "2026-06-11", "to": "2026-06-10"}
        )
        assert refused.status_code == 422

    async def test_nothing_is_no_goal(self, api: Api) -> None:
        found = await api.call("GET", f"{BASE}/response-report", params={"group_by": "sdr"})
        assert found["groups"] == []
        assert found["total"]["count"] == 0
        assert found["total"]["met_percent"] is None
        assert found["total"]["median_business_minutes"] is None

    async def test_comes_as_csv(self, api: Api, clock_at: ClockAt) -> None:
        await a_week_of_answers(api, clock_at)
        params = {"group_by": "kind", "format": "csv"}
        with clock_at(minutes(120)):
            response = await api.request("GET", f"{BASE}/response-report", params=params)
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["name"] for row in rows] == ["mql", "request", "total"]
        assert int(rows[2]["count"]) == int(rows[0]["count"]) + int(rows[1]["count"]) == 12
