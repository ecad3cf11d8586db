"""The worked example of a rep's quarter, from the records told to the figures answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.forecast.figures import FIGURES
from tests.client import Api
from tests.forecast.books import change, forecast, opportunity, people, tell, worked_example

TODAY = datetime(2026, 6, 17, 17, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today(clock_at: Callable[[datetime], AbstractContextManager[None]]) -> Iterator[None]:
    """Wednesday of the seventh week of FY27-Q2."""
    with clock_at(TODAY):
        yield


@pytest.fixture
async def ana(api: Api) -> str:
    ids = await people(api, {"ana": None})
    await tell(api, worked_example())
    await api.call("PUT", "/forecast/v1/quotas/FY27-Q2/ana", json={"amount": "400000"})
    await api.settle()
    return ids["ana"]


async def test_the_five_numbers(api: Api, ana: str) -> None:
    answer = await forecast(api, user_id=ana)

    assert answer["user_id"] == ana
    assert answer["currency"] == "USD"
    assert answer["gross_arr"] == {
        "closed": "100000.00", "commit": "280000.00", "best_case": "410000.00",
    }  # fmt: skip
    assert answer["renewal_loss"] == {
        "closed": "50000.00", "commit": "90000.00", "best_case": "115000.00",
    }  # fmt: skip
    assert answer["net_arr"] == {
        "closed": "50000.00",
        "commit": "190000.00",
        "best_case": "295000.00",
        "fifty_fifty": "242500.00",
        "fifty_fifty_source": "midpoint",
        "fifty_fifty_suggested": "242500.00",
        "fifty_fifty_called": None,
        "called_at": None,
        "system_change_since_call": None,
    }
    assert answer["opportunity_count"] == 12
    assert answer["warnings"] == []
    assert answer["freshness"]["pending_events"] == 0


async def test_gap_attainment_and_coverage(api: Api, ana: str) -> None:
    answer = await forecast(api, user_id="ana")

    assert answer["quota"] == "400000.00"
    assert answer["gap"] == {
        "closed": "350000.00", "commit": "210000.00", "fifty_fifty": "157500.00",
        "best_case": "105000.00",
    }  # fmt: skip
    assert answer["attainment"] == "0.1250"
    assert answer["coverage"] == {
        "open_pipeline": "380000.00",
        "open_stage_3_plus": "310000.00",
        "open_signed": "315000.00",
        "to_target": "0.9500",
        "to_remainder": "1.0857",
        "band": ["2.50", "3.00"],
        "state": "below",
    }


async def test_the_next_quarter_holds_the_twelfth_opportunity(api: Api, ana: str) -> None:
    answer = await forecast(api, "FY27-Q3")

    assert answer["coverage"]["open_pipeline"] == "90000.00"
    assert answer["opportunity_count"] == 1


async def test_a_ceiling_below_the_floor_is_a_warning(api: Api, ana: str) -> None:
    await change(api, "O14", arr_basis="200000", expected_renewed_arr="0")

    answer = await forecast(api)
    assert answer["renewal_loss"]["best_case"] == "290000.00"
    assert answer["net_arr"]["best_case"] == "120000.00"
    assert [warning["code"] for warning in answer["warnings"]] == ["ceiling_below_floor"]


async def test_a_gross_plan_gap_is_against_gross_closed(api: Api, ana: str) -> None:
    net = await forecast(api, user_id=ana)
    await api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"plan_type": "gross"})
    assert (await forecast(api))["freshness"]["pending_events"] == 1
    await api.settle()

    answer = await forecast(api, user_id=ana)
    assert answer["gap"]["closed"] == "300000.00"
    assert answer["gap"]["commit"] == "210000.00"
    assert answer["attainment"] == "0.2500"
    # Roll-ups stay net, and so does what was answered before.
    assert (await forecast(api))["gap"]["closed"] == "350000.00"
    before = await forecast(api, user_id=ana, as_of=net["as_of"])
    assert before["gap"] == net["gap"]
    assert before["attainment"] == net["attainment"]


async def test_an_annual_quota_shows_the_pipeline_built_against_its_goal(
    api: Api, ana: str
) -> None:
    await api.call("PUT", "/forecast/v1/quotas/FY27/ana", json={"amount": "1500000"})
    await api.settle()

    annual = (await forecast(api, user_id=ana))["annual"]
    assert annual == {
        "fiscal_year": "FY27",
        "quota": "1500000.00",
        # Booked 100,000 gross, open 380,000 in this quarter and 90,000 in the next.
        "pipeline_built": "570000.00",
        "goal": ["3750000.00", "4500000.00"],
        "coverage": "0.3800",
        "band": ["2.50", "3.00"],
        "state": "below",
    }


@pytest.mark.parametrize("figure", FIGURES)
async def test_the_opportunities_behind_every_figure_add_up_to_it(
    api: Api, ana: str, figure: str
) -> None:
    answer: Any = await forecast(api)
    for name in figure.split("."):
        answer = answer[name]

    seen, cursor = [], None
    while True:
        params = {"figure": figure, "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await api.call("GET", "/forecast/v1/forecasts/FY27-Q2/opportunities", params=params)
        assert page["total"] == answer
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len({item["opportunity_id"] for item in seen}) == len(seen)
    assert sum(Decimal(item["contribution"]) for item in seen) == Decimal(answer)


async def test_an_opportunity_behind_a_figure_says_what_it_is(api: Api, ana: str) -> None:
    page = await api.call(
        "GET",
        "/forecast/v1/forecasts/FY27-Q2/opportunities",
        params={"figure": "gross_arr.commit", "limit": 1},
    )
    (item,) = page["items"]
    assert item["external_id"] == "O6"
    assert item["contribution"] == "120000.00"
    assert item["stage"] == "awaiting_signature"
    assert item["forecast_category"] == "commit"
    assert item["net_arr"] == "120000.00"
    assert item["owner_external_id"] == "ana"
    assert item["account_external_id"] == "acme"
    assert item["close_date"] == "2026-07-15"


async def test_an_unknown_figure_is_refused(api: Api) -> None:
    response = await api.request(
        "GET",
        "/forecast/v1/forecasts/FY27-Q2/opportunities",
        params={"figure": "net_arr.fifty_fifty"},
    )
    assert response.status_code == 422
    assert response.json()["code"] == "unknown_figure"


async def test_entries_tell_cause_and_event(api: Api, ana: str) -> None:
    await change(api, "O8", amount="100000")
    path = "/forecast/v1/forecasts/FY27-Q2/entries"
    entries = await api.call("GET", path, params={"figure": "gross_arr.best_case"})
    assert sum(Decimal(item["contribution"]) for item in entries["items"]) == Decimal(422000)

    (raised,) = (await api.call("GET", path, params={"cause": "amount_up"}))["items"]
    assert raised["opportunity_external_id"] == "O8"
    assert raised["version"] == 2
    assert raised["measures"]["gross_best_case"] == "12000.00"
    assert raised["event"]["changes"]["amount"] == "100000.00"
    assert raised["owner_external_id"] == "ana"
    assert raised["dimensions"]["type"] == "new_business"

    later = await api.call("GET", path, params={"after": raised["sequence"] - 1})
    assert [item["id"] for item in later["items"]] == [raised["id"]]


async def test_figures_as_csv(api: Api, ana: str) -> None:
    response = await api.request(
        "GET", "/forecast/v1/forecasts/FY27-Q2", headers={"Accept": "text/csv"}
    )
    header, line = response.text.strip().splitlines()
    row = dict(zip(header.split(","), line.split(","), strict=False))
    assert row["fiscal_quarter"] == "FY27-Q2"
    assert row["gross_arr.commit"] == "280000.00"

    grouped = await api.request(
        "GET", "/forecast/v1/forecasts/FY27-Q2", params={"format": "csv", "group_by": "type"}
    )
    assert len(grouped.text.strip().splitlines()) == 4


async def test_another_workspace_sees_none_of_it(api: Api, other_api: Api, ana: str) -> None:
    assert (await forecast(other_api))["gross_arr"]["best_case"] == "0.00"
    response = await other_api.request(
        "GET", "/forecast/v1/forecasts/FY27-Q2", params={"user_id": ana}
    )
    assert response.status_code == 404
    for path in ("opportunities?figure=gross_arr.commit", "entries"):
        page = await other_api.call("GET", f"/forecast/v1/forecasts/FY27-Q2/{path}")
        assert page["items"] == []


async def test_one_side_only(api: Api) -> None:
    """Each row of the table of open opportunities, alone in its quarter."""
    await people(api, {"ana": None})
    renewal = {"type": "renewal", "arr_basis": "100"}
    # name: (opportunity, gross best case, loss best case, open pipeline, warning codes)
    rows: dict[str, tuple[dict[str, Any], str, str, str, list[str]]] = {
        "FY28-Q1": (opportunity("R1", "proposal", amount="50"), "50", "0", "50", []),
        "FY28-Q2": (opportunity("R2", "pending_acceptance", amount="50"), "0", "0", "0", []),
        "FY28-Q3": (
            opportunity(
                "R3", "pending_acceptance", **renewal, amount="150",
                renewal_loss_category="commit", expected_renewed_arr="30",
            ), "0", "70", "0", [],
        ),
        "FY28-Q4": (
            opportunity("R4", "proposal", **renewal, amount="150"), "50", "0", "50", [],
        ),
        "FY29-Q1": (
            opportunity("R5", "proposal", **renewal, amount="60"), "0", "40", "0",
            ["ceiling_below_floor", "contraction_uncategorised"],
        ),
        "FY29-Q2": (
            opportunity("R6", "discovery", **renewal, amount="60"), "0", "0", "0",
            ["contraction_uncategorised"],
        ),
        "FY29-Q3": (
            opportunity("R7", "proposal", **renewal, amount="0"), "0", "0", "0",
            ["renewal_unsized"],
        ),
        "FY29-Q4": (
            opportunity("R8", "proposal", amount=None), "0", "0", "0", ["unsized"],
        ),
        "FY30-Q1": (
            opportunity("R9", "proposal", amount="50", currency="EUR"), "0", "0", "0",
            ["foreign_currency"],
        ),
        "FY30-Q2": (
            opportunity("R10", "proposal", amount="50", term_months=None), "50", "0", "50",
            ["term_assumed"],
        ),
    }  # fmt: skip
    months = {"1": "03", "2": "06", "3": "09", "4": "12"}
    await tell(
        api,
        [
            row[0] | {"close_date": f"{1999 + int(quarter[2:4])}-{months[quarter[-1]]}-15"}
            for quarter, row in rows.items()
        ],
    )
    for quarter, (told, gross, loss, pipeline, codes) in rows.items():
        answer = await forecast(api, quarter)
        name = told["external_id"]
        assert Decimal(answer["gross_arr"]["best_case"]) == Decimal(gross), name
        assert Decimal(answer["renewal_loss"]["best_case"]) == Decimal(loss), name
        assert Decimal(answer["coverage"]["open_pipeline"]) == Decimal(pipeline), name
        assert [warning["code"] for warning in answer["warnings"]] == codes, name


async def test_what_has_no_close_date_is_in_no_quarter_but_is_told(api: Api) -> None:
    await people(api, {"ana": None})
    await tell(api, [opportunity("U1", "proposal", None, amount="50")])

    answer = await forecast(api)
    assert answer["opportunity_count"] == 0
    (warning,) = answer["warnings"]
    assert warning["code"] == "unsized"
    assert warning["count"] == 1
    assert warning["message"] == "1 opportunity without a close date in no quarter."


async def test_open_in_a_past_quarter_is_told(api: Api) -> None:
    await people(api, {"ana": None})
    await tell(api, [opportunity("P1", "proposal", "2025-06-01", amount="50")])

    answer = await forecast(api, "FY26-Q2")
    assert [warning["code"] for warning in answer["warnings"]] == ["open_in_past_quarter"]
