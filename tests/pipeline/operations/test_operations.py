"""The sales operation: what it lacks, reviews that come round, snapshots and what differs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import clock
from services.pipeline import tasks
from services.pipeline.operations import domain, snapshots
from services.pipeline.operations.domain import Stated
from tests.client import Api
from tests.pipeline.deals import company, deal

OPERATION = "/pipeline/v1/operation"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


def later(days: float) -> Any:
    return clock.replaced(lambda: NOW + timedelta(days=days))


async def review(api: Api, external_id: str = "weekly", /, **fields: Any) -> Any:
    body = {"kind": "metrics", "cadence": "weekly", "next_on": "2026-06-22", **fields}
    return await api.call("PUT", f"{OPERATION}/reviews/by-external-id/{external_id}", json=body)


async def snapshots_of(api: Api, told: Any) -> list[Any]:
    answer = await api.call("GET", f"{OPERATION}/reviews/{told['id']}/snapshots")
    items: list[Any] = answer["items"]
    return items


async def run(api: Api) -> int:
    return await tasks.run_due(api.database(), api.workspace_id)


class TestComponents:
    async def test_start_as_missing_and_say_how_to_supply_it(self, api: Api) -> None:
        answer = await api.call("GET", f"{OPERATION}/completeness")
        parts = {part["component"]: part for part in answer["components"]}
        assert tuple(parts) == domain.COMPONENTS
        assert {part["state"] for part in parts.values()} == {"missing"}
        assert answer["score"] == "0.00"
        missing = {one["code"]: one["how"] for one in parts["demand_generation"]["missing"]}
        assert missing["summary"] == (
            "PUT /v1/operation/components/demand_generation with `summary`."
        )
        assert "territories" in missing

    async def test_become_complete_by_what_is_said_and_what_is_seen(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await company(api)
            path = f"{OPERATION}/components/compensation"
            kinds = [{"kind": kind, "name": kind} for kind in ("plan", "quota")]
            await api.call("PUT", path, json={
                "summary": "Base and variable", "document_url": "https://acme.test/comp",
                "owner_external_id": "mia", "items": kinds,
            })  # fmt: skip
            partly = await self._state(api, "compensation")
            await api.call("PUT", path, json={"reviewed_on": "2026-06-01"})
            wholly = await self._state(api, "compensation")
        with later(400):
            stale = await self._state(api, "compensation")
        assert [one["code"] for one in partly["missing"]] == ["reviewed"]
        assert (wholly["state"], wholly["score"], wholly["missing"]) == ("complete", "100.00", [])
        assert (stale["state"], [one["code"] for one in stale["missing"]]) == (
            "partial", ["reviewed"]
        )  # fmt: skip

    async def _state(self, api: Api, component: str) -> Any:
        answer = await api.call("GET", f"{OPERATION}/completeness")
        return next(one for one in answer["components"] if one["component"] == component)

    async def test_are_versioned(self, api: Api) -> None:
        path = f"{OPERATION}/components/sales_process"
        first = await api.request("PUT", path, json={"summary": "One"})
        again = await api.request("PUT", path, json={"summary": "One"})
        second = await api.request(
            "PUT", path, json={"summary": "Two"}, headers={"If-Match": first.headers["etag"]}
        )
        late = await api.request(
            "PUT", path, json={"summary": "Three"}, headers={"If-Match": first.headers["etag"]}
        )
        versions = await api.call("GET", f"{path}/versions?limit=1")
        rest = await api.call("GET", f"{path}/versions?cursor={versions['next_cursor']}")
        assert [r.json()["version"] for r in (first, again, second)] == [1, 1, 2]
        assert late.status_code == 412
        said = [one["body"]["summary"] for one in versions["items"] + rest["items"]]
        assert said == ["Two", "One"]

    async def test_are_written_by_operations_and_read_by_all(
        self, api: Api, other_api: Api
    ) -> None:
        await company(api)
        path = f"{OPERATION}/components/sales_channels"
        rep = await api.client_for("rep", "ana")
        assert (await rep.request("PUT", path, json={"summary": "Ours"})).status_code == 403
        await api.call("PUT", path, json={"summary": "Ours"})
        assert (await rep.call("GET", path))["summary"] == "Ours"
        assert (await other_api.call("GET", path))["version"] == 0
        unknown = await api.request("PUT", path, json={"owner_external_id": "nobody"})
        assert unknown.status_code == 422

    @given(
        stated=st.builds(
            Stated,
            summary=st.none() | st.just("x"),
            document_url=st.none() | st.just("x"),
            owner_id=st.none() | st.just(1),
            reviewed_on=st.none() | st.dates(date(2024, 1, 1), date(2026, 6, 17)),
            kinds=st.frozensets(st.sampled_from(["plan", "quota", "pricing", "other"])),
        ),
        component=st.sampled_from(domain.COMPONENTS),
        seen=st.frozensets(st.sampled_from(["sellers", "territories", "geography"])),
    )
    def test_are_complete_only_where_nothing_is_missing(
        self, stated: Stated, component: str, seen: frozenset[str]
    ) -> None:
        told = domain.completeness(component, stated, seen, date(2026, 6, 17), 365)
        assert (told["state"] == "complete") == (told["missing"] == [])
        assert (told["score"] == "100.00") == (told["missing"] == [])
        assert all(one["message"] and "{" not in one["how"].split(" with")[0].replace(
            "{x}", "") for one in told["missing"])  # fmt: skip


class TestReviews:
    async def test_take_a_snapshot_on_the_day_and_go_on(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await company(api)
            await deal(api)
            told = await review(api)
            assert await run(api) == 0
        # 22 June begins at seven in the morning, UTC.
        with later(4.5):
            assert await run(api) == 0
        with later(4.6):
            assert await run(api) == 1
            assert await run(api) == 0
            taken = await snapshots_of(api, told)
            now = await api.call("GET", f"{OPERATION}/reviews/{told['id']}")
        assert [one["due_on"] for one in taken] == ["2026-06-22"]
        figures = taken[0]["figures"]
        assert figures["open"]["total"]["count"] == 1
        assert figures["open"]["total"]["amount"] == "120000.00"
        assert figures["win_rate"]["won"] == 0
        assert {"conversion", "completeness", "hygiene"} <= figures.keys()
        assert (now["next_on"], now["due_on"], now["state"]) == ("2026-06-29", "2026-06-22", "due")

    async def test_take_one_snapshot_for_all_the_times_that_were_missed(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            told = await review(api)
        with later(40):
            assert await run(api) == 1
            assert await run(api) == 0
            taken = await snapshots_of(api, told)
            now = await api.call("GET", f"{OPERATION}/reviews/{told['id']}")
        assert [one["due_on"] for one in taken] == ["2026-07-27"]
        assert (now["due_on"], now["next_on"]) == ("2026-07-27", "2026-08-03")
        # It has been waiting since the first of them.
        assert (now["state"], now["days_overdue"]) == ("overdue", 35)

    async def test_nobody_holds_are_overdue_though_they_come_round_again(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            told = await review(api)
        for days in (5, 12, 19):
            with later(days):
                assert await run(api) == 1
        with later(20):
            late = await api.call("GET", f"{OPERATION}/reviews?overdue=true")
            # Held late: that was for the first of three, the others still wait.
            path = f"{OPERATION}/reviews/by-external-id/weekly"
            held = await api.call("PUT", path, json={"held_on": "2026-06-24"})
            after = await api.call("GET", f"{OPERATION}/reviews?overdue=true")
            done = await api.call("PUT", path, json={"held_on": "2026-07-07"})
        assert [(one["id"], one["days_overdue"]) for one in late["items"]] == [(told["id"], 15)]
        assert (held["state"], held["days_overdue"], after["items"]) == ("due", 1, [])
        assert (done["state"], done["due_on"]) == ("scheduled", "2026-07-06")
        with later(26):
            assert await run(api) == 1
            again = await api.call("GET", f"{OPERATION}/reviews/{told['id']}")
        assert (again["state"], again["days_overdue"]) == ("due", 0)

    async def test_take_none_when_the_work_fails_and_one_afterwards(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with clock.replaced(lambda: NOW):
            told = await review(api)

        async def fails(*_: Any) -> Any:
            raise RuntimeError("in the middle")

        with later(5), monkeypatch.context() as patched:
            patched.setattr(snapshots.repository.REVIEWS, "update", fails)
            await run(api)
            assert await snapshots_of(api, told) == []
        with later(6):
            await run(api)
            assert len(await snapshots_of(api, told)) == 1

    async def test_see_one_moment_whatever_is_written_meanwhile(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with clock.replaced(lambda: NOW):
            await company(api)
            await deal(api)
            told = await review(api)
        count = snapshots.win_rate

        async def and_another_deal(*arguments: Any) -> Any:
            """Between what is open and what began."""
            await deal(api, "O2", occurred_at="2026-04-30T17:00:00Z")
            return await count(*arguments)

        with later(5), monkeypatch.context() as patched:
            patched.setattr(snapshots, "win_rate", and_another_deal)
            await run(api)
            (taken,) = await snapshots_of(api, told)
        assert taken["figures"]["open"]["total"]["count"] == 1
        assert taken["figures"]["conversion"]["count"] == 0

    async def test_are_overdue_until_they_are_held(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            told = await review(api)
        with later(5):
            await run(api)
        with later(14):
            late = await api.call("GET", f"{OPERATION}/reviews?overdue=true")
            held = await api.call(
                "PUT", f"{OPERATION}/reviews/by-external-id/weekly", json={"held_on": "2026-07-01"}
            )
            none = await api.call("GET", f"{OPERATION}/reviews?overdue=true")
        assert [(one["id"], one["state"], one["days_overdue"]) for one in late["items"]] == [
            (told["id"], "overdue", 9)
        ]
        assert (held["state"], none["items"]) == ("scheduled", [])

    async def test_that_are_switched_off_take_none(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            told = await review(api)
            await review(api, active=False)
        with later(10):
            assert await run(api) == 0
            assert await snapshots_of(api, told) == []

    async def test_tell_what_differs_between_two_times(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await company(api)
            await deal(api)
            told = await review(api)
        with later(5):
            await run(api)
            await deal(api, "O2", amount="30000.00")
        with later(12):
            await run(api)
            after, before = await snapshots_of(api, told)
            path = f"{OPERATION}/reviews/{told['id']}/snapshots/difference"
            found = await api.call("GET", f"{path}?before={before['id']}&after={after['id']}")
            same = await api.call("GET", f"{path}?before={after['id']}&after={after['id']}")
            unknown = await api.request("GET", f"{path}?before={told['id']}&after={after['id']}")
            table = await api.request(
                "GET", f"{path}?before={before['id']}&after={after['id']}&format=csv"
            )
        changes = {one["figure"]: one for one in found["figures"]}
        assert changes["open.total.amount"]["change"] == "30000.00"
        assert changes["open.groups[discovery].count"] == {
            "figure": "open.groups[discovery].count", "before": 1, "after": 2, "change": "1"
        }  # fmt: skip
        assert (same["figures"], unknown.status_code) == ([], 404)
        assert table.text.startswith("figure,before,after,change")

    async def test_show_the_companys_figures_only_to_who_sees_everything(
        self, api: Api, other_api: Api
    ) -> None:
        with clock.replaced(lambda: NOW):
            await company(api)
            told = await review(api)
            path = f"{OPERATION}/reviews/{told['id']}"
            rep = await api.client_for("rep", "ana")
            analyst = await api.client_for("analyst")
            assert (await rep.request("GET", path)).status_code == 200
            assert (await rep.request("GET", f"{path}/snapshots")).status_code == 403
            assert (await analyst.request("GET", f"{path}/snapshots")).status_code == 200
            assert (await other_api.request("GET", path)).status_code == 404
            refused = await analyst.request(
                "PUT", f"{OPERATION}/reviews/by-external-id/x",
                json={"kind": "metrics", "cadence": "weekly", "next_on": "2026-07-01"},
            )  # fmt: skip
            assert refused.status_code == 403
            incomplete = await api.request(
                "PUT", f"{OPERATION}/reviews/by-external-id/x", json={"kind": "metrics"}
            )
            assert incomplete.status_code == 422

    @given(
        anchor=st.dates(date(2024, 1, 1), date(2026, 12, 31)),
        cadence=st.sampled_from(["weekly", "monthly", "quarterly", "annual"]),
        days=st.integers(0, 1500),
    )
    def test_come_round_on_their_day(self, anchor: date, cadence: str, days: int) -> None:
        after = anchor + timedelta(days=days)
        found = domain.next_round(anchor, cadence, after)
        longest = {"weekly": 7, "monthly": 31, "quarterly": 92, "annual": 366}[cadence]
        assert after < found <= after + timedelta(days=longest)
        if cadence == "weekly":
            assert found.weekday() == anchor.weekday()
        else:
            assert found.day == min(anchor.day, found.day if found.day >= 28 else 31)


class TestFindings:
    async def test_are_taken_by_somebody_and_done(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await company(api)
            told = await review(api)
            path = f"{OPERATION}/reviews/{told['id']}/findings"
            note = await api.call("POST", path, json={"body": "Stage 2 takes long."})
            nobody = await api.request("POST", path, json={"kind": "action", "body": "Do it."})
            action = await api.call("POST", path, json={
                "kind": "action", "body": "Train scoping.", "owner_external_id": "ana",
                "due_on": "2026-06-20",
            })  # fmt: skip
            ana, ben = await api.client_for("rep", "ana"), await api.client_for("rep", "ben")
            finding = f"{OPERATION}/findings/{action['id']}"
            assert (await ben.request("PATCH", finding, json={"state": "done"})).status_code == 404
        with later(10):
            late = await api.call("GET", f"{path}?kind=action")
            done = await ana.call("PATCH", finding, json={"state": "done"})
            open_ = await api.call("GET", f"{path}?state=open")
        assert (note["state"], nobody.status_code) == ("open", 422)
        assert late["items"][0]["is_overdue"] is True
        assert (done["version"], done["is_overdue"]) == (2, False)
        assert [one["id"] for one in open_["items"]] == [note["id"]]


class TestAlignment:
    async def test_shows_the_widest_gap_first(self, api: Api) -> None:
        with clock.replaced(lambda: NOW):
            await company(api)
            functions = ["sales", "marketing", "finance"]
            told = await review(api, "align", kind="alignment", functions=functions)
            path = f"{OPERATION}/reviews/{told['id']}"
            for user, function, marks in (
                ("ana", "sales", (2, 4)), ("ben", "sales", (3, 4)), ("mia", "marketing", (5, 4)),
            ):  # fmt: skip
                rater = await api.client_for("manager" if user == "mia" else "rep", user)
                scores = [
                    {"factor": factor, "function": function, "score": score,
                     "comment": f"{user} says {score}"}
                    for factor, score in zip(("customer", "process"), marks, strict=True)
                ]  # fmt: skip
                await rater.call("PUT", f"{path}/scores", json={"scores": scores})
            # Whoever rates again means the last.
            ana = await api.client_for("rep", "ana")
            again = [{"factor": "process", "function": "sales", "score": 4}]
            await ana.call("PUT", f"{path}/scores", json={"scores": again})
            answer = await api.call("GET", f"{path}/alignment")
            metrics = await review(api)
            wrong = await api.request(
                "PUT", f"{OPERATION}/reviews/{metrics['id']}/scores", json={"scores": again}
            )
        customer, process = answer["factors"]
        assert (customer["factor"], customer["gap"], customer["average"]) == (
            "customer", "2.50", "3.33"
        )  # fmt: skip
        assert (customer["lowest"], customer["highest"]) == (2, 5)
        assert (process["gap"], len(customer["comments"])) == ("0.00", 3)
        assert answer["unrated"] == ["finance"]
        assert wrong.status_code == 409


class TestDrivers:
    async def test_are_measured_against_their_target(self, api: Api) -> None:
        told = await review(api, "values", kind="value_drivers", cadence="annual")
        path = f"{OPERATION}/reviews/{told['id']}/drivers"
        stated = {"fiscal_year": "FY27", "name": "Top-line growth", "target": "1000000"}
        await api.call("PUT", path, json=stated)
        await api.call("PUT", path, json={
            "fiscal_year": "FY27", "name": "Top-line growth", "actual": "450000",
        })  # fmt: skip
        answer = await api.call("GET", f"{path}?fiscal_year=FY27")
        assert [(one["target"], one["actual"], one["attainment"], one["version"])
                for one in answer["items"]] == [("1000000.00", "450000.00", "0.4500", 2)]  # fmt: skip
        assert (await api.request("GET", f"{path}?fiscal_year=2027")).status_code == 422
