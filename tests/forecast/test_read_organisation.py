"""Roll-ups, reorganisations, who may read what, and the waterfall across them."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api
from tests.forecast.books import change, forecast, opportunity, people, tell

TREE = {"vp": None, "max": "vp", "mia": "vp", "ana": "max", "ben": "max", "eve": "mia"}


async def book(api: Api) -> dict[str, str]:
    """100 with Ana, 20 with Ben, 3 with Eve, all committed."""
    ids = await people(api, dict(TREE))
    await tell(
        api,
        [
            opportunity("OA", "negotiating", amount="100", owner_external_id="ana"),
            opportunity("OB", "negotiating", amount="20", owner_external_id="ben"),
            opportunity("OE", "negotiating", amount="3", owner_external_id="eve"),
        ],
    )
    return ids


async def commit(api: Api, user: str | None = None, **params: Any) -> Decimal:
    asked = {"user_id": user} if user else {}
    return Decimal((await forecast(api, **asked, **params))["gross_arr"]["commit"])


async def move(api: Api, user: str, manager: str | None, **fields: Any) -> None:
    await api.call(
        "PUT",
        f"/pipeline/v1/users/by-external-id/{user}",
        json={"manager_external_id": manager, **fields},
    )
    await api.settle()


async def test_three_levels_add_up(api: Api) -> None:
    ids = await book(api)

    assert await commit(api) == 123
    assert await commit(api, "vp") == 123
    assert await commit(api, ids["max"]) == 120
    assert await commit(api, "mia") == 3
    assert await commit(api, "ben") == 20


async def test_a_past_answer_by_todays_lines_is_sent_again_once_they_move(api: Api) -> None:
    await book(api)
    params = {"as_of": (await forecast(api))["as_of"], "organised": "now", "user_id": "max"}
    path = "/forecast/v1/forecasts/FY27-Q2"
    first = await api.request("GET", path, params=params)
    headers = {"If-None-Match": first.headers["etag"]}
    unchanged = await api.request("GET", path, params=params, headers=headers)
    await move(api, "ben", "mia")
    moved = await api.request("GET", path, params=params, headers=headers)

    assert unchanged.status_code == 304
    assert moved.status_code == 200
    assert moved.json()["gross_arr"]["commit"] == "100.00"


async def test_a_reorganisation_then_and_now(api: Api) -> None:
    await book(api)
    before = (await forecast(api))["as_of"]
    await move(api, "ben", "mia")

    assert await commit(api, "max") == 100
    assert await commit(api, "mia") == 23
    assert await commit(api, "max", as_of=before) == 120
    assert await commit(api, "mia", as_of=before) == 3
    assert await commit(api, "max", as_of=before, organised="now") == 100
    assert await commit(api, "mia", as_of=before, organised="now") == 23


async def test_a_line_told_afterwards_moves_the_past_on_the_occurred_axis_only(
    api: Api,
) -> None:
    await people(api, dict(TREE))
    await tell(
        api,
        [
            opportunity(
                "OB", "negotiating", amount="20", owner_external_id="ben",
                occurred_at="2026-01-05T00:00:00Z",
            )
        ],
    )  # fmt: skip
    known = (await forecast(api))["as_of"]
    await move(api, "ben", "mia", effective_from="2026-03-01T00:00:00Z")

    assert await commit(api, "max", as_of=known) == 20
    assert await commit(api, "mia") == 20
    for at, max_, mia in (("2026-02-01T00:00:00Z", 20, 0), ("2026-03-01T00:00:00Z", 0, 20)):
        assert await commit(api, "max", as_of=at, axis="occurred") == max_
        assert await commit(api, "mia", as_of=at, axis="occurred") == mia


async def test_a_line_of_the_future_begins_at_its_hour(api: Api) -> None:
    await book(api)
    begins = clock.now() + timedelta(hours=1)
    await move(api, "ben", "mia", effective_from=begins.isoformat())
    waiting = await forecast(api, user_id="mia")
    assert waiting["gross_arr"]["commit"] == "3.00"
    assert waiting["freshness"]["pending_events"] == 0

    with clock.replaced(lambda: begins + timedelta(seconds=1)):
        assert (await forecast(api))["freshness"]["pending_events"] == 1
        await api.settle()
        assert await commit(api, "mia") == 23
        assert await commit(api, "mia", as_of=waiting["as_of"]) == 3
        assert await commit(api, "mia", as_of=waiting["as_of"], organised="now") == 23


async def test_quotas_of_a_subtree(api: Api) -> None:
    await book(api)
    for user, amount in (("ana", "100"), ("ben", "50"), ("eve", "30")):
        await api.call("PUT", f"/forecast/v1/quotas/FY27-Q2/{user}", json={"amount": amount})
    await api.settle()

    async def quota(user: str | None) -> str | None:
        answer = await forecast(api, **({"user_id": user} if user else {}))
        found: str | None = answer["quota"]
        return found

    assert await quota("ana") == "100.00"
    assert await quota("max") == "150.00"
    assert await quota("vp") == "180.00"
    assert await quota(None) == "180.00"
    # A manager's own promise stands for everybody below.
    await api.call("PUT", "/forecast/v1/quotas/FY27-Q2/max", json={"amount": "120"})
    await api.settle()
    assert await quota("max") == "120.00"
    assert await quota("ana") == "100.00"
    assert await quota(None) == "150.00"


async def test_a_quota_counts_from_its_batch(api: Api) -> None:
    await book(api)
    before = await forecast(api, user_id="ana")
    await api.call("PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": "100"})
    pending = await forecast(api, user_id="ana")
    assert pending["quota"] is None
    assert pending["freshness"]["pending_events"] == 1
    await api.settle()

    after = await forecast(api, user_id="ana")
    assert after["quota"] == "100.00"
    assert after["freshness"]["pending_events"] == 0
    assert (await forecast(api, user_id="ana", as_of=before["as_of"]))["quota"] is None


async def test_a_quota_of_zero_is_met(api: Api) -> None:
    await book(api)
    await api.call("PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": "0"})
    await api.settle()

    answer = await forecast(api, user_id="ana")
    assert answer["quota"] == "0.00"
    assert answer["attainment"] is None
    assert answer["coverage"]["to_target"] is None
    assert answer["coverage"]["state"] == "target_met"


@pytest.mark.parametrize(
    ("role", "user", "readable", "refused"),
    [
        ("rep", "ana", ["ana"], ["ben", "max", "vp"]),
        ("manager", "max", ["max", "ana", "ben"], ["mia", "eve", "vp"]),
        ("analyst", None, list(TREE), []),
        ("sales_ops", None, list(TREE), []),
        ("integration", None, list(TREE), []),
    ],
)
async def test_who_may_read_whom(
    api: Api, role: str, user: str | None, readable: list[str], refused: list[str]
) -> None:
    ids = await book(api)
    async with await api.client_for(role, user) as reader:
        for other in readable:
            answer = await forecast(reader, user_id=other)
            assert answer["user_id"] == ids[other]
        for other in refused:
            for path in ("", "/opportunities", "/entries", "/waterfall", "/trend"):
                params = {"user_id": other}
                if path == "/opportunities":
                    params["figure"] = "gross_arr.commit"
                if path == "/waterfall":
                    params["from"] = "2026-01-01T00:00:00Z"
                response = await reader.request(
                    "GET", f"/forecast/v1/forecasts/FY27-Q2{path}", params=params
                )
                assert response.status_code == 403
                assert response.json()["code"] == "out_of_scope"
        own = await forecast(reader)
        assert own["user_id"] == (ids[user] if user else None)


async def test_a_rep_without_a_user_reads_nothing(api: Api) -> None:
    async with await api.client_for("rep") as reader:
        response = await reader.request("GET", "/forecast/v1/forecasts/FY27-Q2")
        assert response.status_code == 403


async def waterfall(api: Api, **params: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await api.call(
        "GET", "/forecast/v1/forecasts/FY27-Q2/waterfall", params=params
    )
    return answer


async def test_the_waterfall_names_a_reorganisation(api: Api) -> None:
    await book(api)
    start = (await forecast(api))["as_of"]
    await change(api, "OA", amount="150")
    await move(api, "ben", "mia")
    await change(api, "OB", amount="25")

    answer = await waterfall(api, user_id="max", figure="gross_arr.commit", **{"from": start})
    assert answer["starting"] == "120.00"
    assert answer["causes"] == [
        {"cause": "amount_up", "amount": "50.00", "entry_count": 1},
        {"cause": "reorganised", "amount": "-20.00", "entry_count": 0},
    ]
    assert answer["ending"] == "150.00"
    assert answer["from"] == start


STAGES = ("pending_acceptance", "scoping", "proposal", "negotiating", "closed_won", "closed_lost")


@pytest.mark.parametrize("seed", [1, 2])
async def test_waterfalls_add_up(api: Api, seed: int) -> None:
    """Between any two moments, on both axes, for anybody, for every kind of figure."""
    pick = random.Random(seed)
    await people(api, dict(TREE))
    reps = ["ana", "ben", "eve"]
    recorded: list[str] = [clock.isoformat(clock.now() - timedelta(days=1))]
    occurred = ["2026-01-01T00:00:00Z"]
    for step in range(24):
        kind = pick.choice(["new_business", "renewal"])
        happened = f"2026-0{1 + step // 8}-{1 + step % 8 * 3:02d}T{pick.randrange(24):02d}:30:00Z"
        item = opportunity(
            f"W{pick.randrange(8)}",
            pick.choice(STAGES),
            pick.choice(["2026-07-15", "2026-09-15"]),
            type=kind,
            amount=str(pick.randrange(1, 90_000)),
            arr_basis=str(pick.randrange(1, 90_000)) if kind == "renewal" else "0",
            owner_external_id=pick.choice(reps),
            occurred_at=pick.choice([happened, occurred[-1]]),
        )
        await tell(api, [item])
        if step % 6 == 5:
            await move(api, pick.choice(reps), pick.choice(["max", "mia", "vp"]))
        recorded.append((await forecast(api))["as_of"])
        occurred.append(happened)

    for axis, moments in (("recorded", recorded), ("occurred", occurred)):
        for _ in range(10):
            start, end = sorted(pick.sample(moments, 2))
            user = pick.choice([None, "vp", "max", "mia", "ben"])
            figure = pick.choice(
                ["net_arr.commit", "gross_arr.best_case", "coverage.open_pipeline",
                 "opportunity_count", "renewal_loss.closed"]
            )  # fmt: skip
            asked = {"axis": axis} | ({"user_id": user} if user else {})
            answer = await waterfall(api, figure=figure, **asked, **{"from": start, "to": end})
            steps = (Decimal(step["amount"]) for step in answer["causes"])
            assert Decimal(answer["starting"]) + sum(steps) == Decimal(answer["ending"])
            for moment, side in ((start, "starting"), (end, "ending")):
                want: Any = await forecast(api, as_of=moment, **asked)
                for name in figure.split("."):
                    want = want[name]
                assert answer[side] == want


async def test_an_interval_that_ends_before_it_begins_is_refused(api: Api) -> None:
    response = await api.request(
        "GET",
        "/forecast/v1/forecasts/FY27-Q2/waterfall",
        params={"from": "2026-03-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
    )
    assert response.status_code == 422
    assert response.json()["code"] == "reversed_interval"


async def test_a_waterfall_into_the_future_names_its_own_parameter(api: Api) -> None:
    params = {"from": "2026-06-01T00:00:00Z", "to": "2046-06-01T00:00:00Z"}
    response = await api.request("GET", "/forecast/v1/forecasts/FY27-Q2/waterfall", params=params)
    assert response.json()["errors"][0]["pointer"] == "query/to"


async def test_the_trend_ends_where_the_figures_are(api: Api) -> None:
    await people(api, {"ana": None})
    quarter = "FY27-Q4"  # 2026-11 to 2027-01
    with clock.replaced(lambda: clock_day(2)):
        await tell(api, [opportunity("T1", "negotiating", "2027-01-15", amount="100")])
    with clock.replaced(lambda: clock_day(12)):
        await change(api, "T1", amount="250")
    with clock.replaced(lambda: clock_day(20)):
        answer = await api.call(
            "GET",
            f"/forecast/v1/forecasts/{quarter}/trend",
            params={"interval": "day"},
        )
        weeks = await api.call("GET", f"/forecast/v1/forecasts/{quarter}/trend")
    values = {point["date"]: point["gross_arr"]["commit"] for point in answer["points"]}
    assert len(values) == 20
    assert values["2026-11-01"] == "0.00"
    assert values["2026-11-02"] == values["2026-11-11"] == "100.00"
    assert values["2026-11-12"] == values["2026-11-20"] == "250.00"
    assert [point["date"] for point in weeks["points"]] == [
        "2026-11-07", "2026-11-14", "2026-11-20",
    ]  # fmt: skip


def clock_day(day: int) -> Any:
    """Noon in Los Angeles of a day of November 2026."""
    from datetime import UTC, datetime

    return datetime(2026, 11, day, 20, tzinfo=UTC)
