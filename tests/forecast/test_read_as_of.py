"""The figures of the past, on both axes, and what never changes about them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.forecast.figures import FIGURES
from tests.client import Api
from tests.forecast.books import change, forecast, opportunity, people, tell

FIELDS = (
    "gross_arr", "renewal_loss", "net_arr", "quota", "gap", "attainment", "coverage",
    "opportunity_count", "as_of",
)  # fmt: skip
STAGES = (
    "pending_acceptance", "discovery", "technical_evaluation", "proposal", "negotiating",
    "closed_won", "closed_lost",
)  # fmt: skip


def figures_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in FIELDS}


def moved(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the moment, which the occurred axis echoes."""
    return {name: answer[name] for name in FIELDS if name != "as_of"}


async def test_a_version_told_late_changes_every_later_moment(api: Api) -> None:
    await people(api, {"ana": None})
    await tell(
        api,
        [opportunity("L1", "negotiating", amount="100", occurred_at="2026-01-10T00:00:00Z")],
    )
    await change(api, "L1", amount="200", occurred_at="2026-06-10T00:00:00Z")
    before = await forecast(api)
    await change(api, "L1", amount="150", occurred_at="2026-03-10T00:00:00Z")

    async def occurred(at: str) -> str:
        answer = await forecast(api, as_of=at, axis="occurred")
        assert answer["axis"] == "occurred"
        assert datetime.fromisoformat(answer["as_of"]) == datetime.fromisoformat(at)
        commit: str = answer["gross_arr"]["commit"]
        return commit

    assert await occurred("2026-01-09T23:59:59Z") == "0.00"
    assert await occurred("2026-01-10T00:00:00Z") == "100.00"
    assert await occurred("2026-02-20T12:00:00Z") == "100.00"
    assert await occurred("2026-04-20T12:00:00Z") == "150.00"
    assert await occurred("2026-06-20T12:00:00Z") == "150.00"
    now = await forecast(api)
    assert now["gross_arr"]["commit"] == "150.00"
    assert (await forecast(api, axis="occurred"))["gross_arr"]["commit"] == "150.00"

    # What was believed before stays what was believed.
    assert before["gross_arr"]["commit"] == "200.00"
    again = await forecast(api, as_of=before["as_of"])
    assert figures_of(again) == figures_of(before)
    assert again["freshness"]["sequence"] == before["freshness"]["sequence"]


async def test_every_answer_is_given_again_for_ever(api: Api) -> None:
    pick = random.Random(11)
    ids = await people(api, {"vp": None, "max": "vp", "ana": "max", "ben": "vp"})
    kept: list[tuple[str | None, dict[str, Any]]] = []
    for step in range(14):
        item = opportunity(
            f"A{pick.randrange(6)}",
            pick.choice(STAGES),
            f"2026-07-{pick.randrange(1, 29):02d}",
            amount=str(pick.randrange(1, 90_000)),
            owner_external_id=pick.choice(["ana", "ben"]),
        )
        await tell(api, [item])
        if step % 4 == 1:
            manager = pick.choice(["vp", "max"])
            await api.call(
                "PUT",
                "/pipeline/v1/users/by-external-id/ben",
                json={"manager_external_id": manager},
            )
        if step % 3 == 0:
            user, amount = pick.choice(["ana", "ben", "max"]), str(pick.randrange(1, 10**6))
            await api.call("PUT", f"/forecast/v1/quotas/FY27-Q2/{user}", json={"amount": amount})
        await api.settle()
        for who in (None, "vp", "max", "ben"):
            params = {"user_id": ids[who]} if who else {}
            answer = await forecast(api, **params)
            kept.append((who, answer))

    for who, then in kept:
        params = {"user_id": ids[who]} if who else {}
        again = await forecast(api, as_of=then["as_of"], **params)
        by_sequence = await forecast(api, as_of_sequence=then["freshness"]["sequence"], **params)
        assert figures_of(again) == figures_of(then)
        assert figures_of(by_sequence) == figures_of(then)


async def test_an_instant_between_batches_means_the_one_before(api: Api) -> None:
    await people(api, {"ana": None})
    await tell(api, [opportunity("B1", "negotiating", amount="100")])
    first = await forecast(api)
    await change(api, "B1", amount="300")

    at = datetime.fromisoformat(first["as_of"])
    later = (at + timedelta(microseconds=1)).isoformat()
    earlier = (at - timedelta(microseconds=1)).isoformat()
    assert (await forecast(api, as_of=later))["as_of"] == first["as_of"]
    assert (await forecast(api, as_of=earlier))["gross_arr"]["commit"] == "0.00"


async def test_both_axes_agree_on_now_and_groups_add_up_on_each(api: Api) -> None:
    pick = random.Random(5)
    await people(api, {"vp": None, "ana": "vp", "ben": "vp"})
    start = datetime(2026, 1, 1, 9, tzinfo=UTC)
    moments = sorted(start + timedelta(hours=pick.randrange(24 * 300)) for _ in range(40))
    for place, moment in enumerate(moments):
        item = opportunity(
            f"G{pick.randrange(12)}",
            pick.choice(STAGES),
            amount=str(pick.randrange(1, 90_000)),
            type=pick.choice(["new_business", "add_on"]),
            owner_external_id=pick.choice(["ana", "ben"]),
            occurred_at=moment.isoformat(),
        )
        if place % 7 == 6:
            # Told late: it happened before what is already known.
            item["occurred_at"] = (moment - timedelta(days=pick.randrange(1, 90))).isoformat()
        await tell(api, [item])

    now = await forecast(api)
    assert moved(now) == moved(await forecast(api, axis="occurred"))
    last = (moments[-1] + timedelta(hours=1)).isoformat()
    assert moved(now) == moved(await forecast(api, as_of=last, axis="occurred"))

    questions: list[dict[str, Any]] = [{}, {"as_of": now["as_of"]}]
    questions += [{"as_of": moment.isoformat(), "axis": "occurred"} for moment in moments[::9]]
    questions += [{"as_of_sequence": sequence} for sequence in (5, 20, 33)]
    for question in questions:
        whole = await forecast(api, **question)
        for group_by in ("user", "type", "segment", "order_type", "region", "vertical"):
            grouped = await forecast(api, group_by=group_by, **question)
            assert moved(grouped) == moved(whole)
            for level in ("closed", "commit", "best_case"):
                for side in ("gross_arr", "renewal_loss", "net_arr"):
                    parts = (Decimal(group[side][level]) for group in grouped["groups"])
                    assert sum(parts, Decimal(0)) == Decimal(whole[side][level])
            counts = (group["opportunity_count"] for group in grouped["groups"])
            assert sum(counts) == whole["opportunity_count"]


@pytest.mark.parametrize("axis", ["recorded", "occurred"])
async def test_the_past_opens_into_its_opportunities(api: Api, axis: str) -> None:
    pick = random.Random(3)
    await people(api, {"vp": None, "ana": "vp", "ben": "vp"})
    moments: list[str] = []
    for place in range(16):
        item = opportunity(
            f"D{pick.randrange(7)}",
            pick.choice(STAGES),
            amount=str(pick.randrange(1, 90_000)),
            owner_external_id=pick.choice(["ana", "ben"]),
            occurred_at=datetime(2026, 2, 1 + place, tzinfo=UTC).isoformat(),
        )
        await tell(api, [item])
        occurred: str = item["occurred_at"]
        moments.append((await forecast(api))["as_of"] if axis == "recorded" else occurred)

    for moment in moments[::4]:
        for user in ("vp", "ben"):
            asked = {"as_of": moment, "axis": axis, "user_id": user}
            answer = await forecast(api, **asked)
            for figure in FIGURES:
                want: Any = answer
                for name in figure.split("."):
                    want = want[name]
                page = await api.call(
                    "GET",
                    "/forecast/v1/forecasts/FY27-Q2/opportunities",
                    params={**asked, "figure": figure, "limit": 200},
                )
                assert page["total"] == want
                parts = (Decimal(item["contribution"]) for item in page["items"])
                assert sum(parts, Decimal(0)) == Decimal(want)


async def test_an_opportunity_is_told_as_it_stood_then(api: Api) -> None:
    await people(api, {"ana": None, "ben": None})
    await tell(api, [opportunity("S1", "proposal", amount="100")])
    then = await forecast(api)
    await change(api, "S1", amount="900", stage="negotiating", owner_external_id="ben")

    page = await api.call(
        "GET",
        "/forecast/v1/forecasts/FY27-Q2/opportunities",
        params={"figure": "gross_arr.best_case", "as_of": then["as_of"]},
    )
    (item,) = page["items"]
    assert item["contribution"] == "100.00"
    assert item["stage"] == "proposal"
    assert item["net_arr"] == "100.00"
    assert item["owner_external_id"] == "ana"
    assert item["version"] == 1


async def test_pages_are_of_one_state_though_the_figures_move_on(api: Api) -> None:
    await people(api, {"ana": None})
    await tell(
        api,
        [opportunity(f"K{n}", "negotiating", amount=str(100 * n)) for n in range(1, 6)],
    )
    path = "/forecast/v1/forecasts/FY27-Q2/opportunities"
    params = {"figure": "gross_arr.commit", "limit": 2}
    page = await api.call("GET", path, params=params)
    seen = page["items"]
    await change(api, "K1", amount="100000")
    await change(api, "K5", amount="1")
    while page["next_cursor"]:
        page = await api.call("GET", path, params=params | {"cursor": page["next_cursor"]})
        assert page["total"] == "1500.00"
        seen += page["items"]
    assert sum(Decimal(item["contribution"]) for item in seen) == Decimal(1500)


async def test_parameters_that_contradict_each_other_are_refused(api: Api) -> None:
    for params in (
        {"as_of_sequence": 0, "as_of": "2026-01-01T00:00:00Z"},
        {"as_of_sequence": 0, "axis": "occurred"},
        {"as_of": "2026-01-01T00:00:00"},
        {"as_of_sequence": 99},
        {"axis": "posted"},
        {"group_by": "stage"},
    ):
        response = await api.request("GET", "/forecast/v1/forecasts/FY27-Q2", params=params)
        assert response.status_code == 422, params


@pytest.mark.parametrize(
    "instant",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-13-01T00:00:00Z",
        "yesterday",
    ],
)
async def test_instants_no_calendar_holds_are_refused(api: Api, instant: str) -> None:
    for path, name in (("", "as_of"), ("/waterfall", "from"), ("/entries", "as_of")):
        response = await api.request(
            "GET", f"/forecast/v1/forecasts/FY27-Q2{path}", params={name: instant}
        )
        assert response.status_code == 422


async def test_long_ago_was_nothing(api: Api) -> None:
    for axis in ("recorded", "occurred"):
        answer = await forecast(api, as_of="1950-01-01T00:00:00-08:00", axis=axis)
        assert answer["net_arr"]["best_case"] == "0.00"
