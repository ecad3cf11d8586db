"""The figures of a quarter, as an answer carries them."""

from __future__ import annotations

from tests.client import Api

PATH = "/forecast/v1/forecasts/FY27-Q2"


async def test_an_empty_workspace_answers_zeros_and_no_quota(api: Api) -> None:
    answer = await api.call("GET", PATH)

    assert answer["gross_arr"] == {"closed": "0.00", "commit": "0.00", "best_case": "0.00"}
    assert answer["net_arr"]["fifty_fifty"] == "0.00"
    assert answer["quota"] is None
    assert answer["gap"] == dict.fromkeys(("closed", "commit", "fifty_fifty", "best_case"))
    assert answer["attainment"] is None
    assert answer["coverage"]["band"] == ["2.50", "3.00"]
    assert answer["coverage"]["state"] is None
    assert answer["opportunity_count"] == 0
    assert answer["warnings"] == []
    assert answer["freshness"]["sequence"] == 0
    assert answer["freshness"]["pending_events"] == 0


async def test_an_unknown_quarter_label_is_refused(api: Api) -> None:
    response = await api.request("GET", "/forecast/v1/forecasts/2027-Q2")

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "path/fiscal_quarter"


async def test_an_unknown_user_is_not_found(api: Api) -> None:
    assert (await api.request("GET", PATH, params={"user_id": "nobody"})).status_code == 404


async def test_an_unknown_parameter_is_refused(api: Api) -> None:
    assert (await api.request("GET", PATH, params={"asof": "x"})).status_code == 422


async def test_the_future_is_refused(api: Api) -> None:
    for axis in ("recorded", "occurred"):
        response = await api.request(
            "GET", PATH, params={"as_of": "2099-01-01T00:00:00Z", "axis": axis}
        )
        assert response.status_code == 422
        assert response.json()["errors"][0]["code"] == "future_instant"


async def test_the_empty_past_answers_zeros_on_both_axes(api: Api) -> None:
    for axis in ("recorded", "occurred"):
        for group_by in ("user", "segment"):
            answer = await api.call(
                "GET",
                PATH,
                params={"as_of": "2020-01-01T00:00:00Z", "axis": axis, "group_by": group_by},
            )
            assert answer["net_arr"]["best_case"] == "0.00"
            assert answer["groups"] == []


async def test_an_unchanged_answer_is_not_sent_again(api: Api) -> None:
    first = await api.request("GET", PATH)
    again = await api.request("GET", PATH, headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""
