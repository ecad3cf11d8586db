"""The usage map through HTTP: figures, neighbours, ranking, the past, the shares' history."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.qualification.territories.colours import Statement, standing_at
from services.qualification.territories.domain import COLOURS
from tests.client import Api
from tests.qualification.territories_book import (
    V1,
    make_division,
    make_organisation,
    make_territory,
    read_map,
    refusal,
    small_book,
)

Freeze = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)


def organisation(answer: Any, external_id: str) -> Any:
    return next(each for each in answer["organisations"] if each["external_id"] == external_id)


class TestMap:
    async def test_counts_and_shares(self, api: Api) -> None:
        answer = await read_map(api, await small_book(api))
        assert answer["counts"] == {
            "green": 1, "yellow": 2, "red": 2, "grey": 1, "unstated": 1, "devops": 5, "total": 7,
        }  # fmt: skip
        assert answer["shares"]["of_devops"] == {
            "green": "0.2000", "yellow": "0.4000", "red": "0.4000",
        }  # fmt: skip
        assert answer["users"]["total"] == 400
        assert answer["users"]["divisions_known"] == 5
        assert answer["shares"]["of_all_users"]["red"] == "0.5000"
        assert answer["goal"] == "1.0000"
        assert [each["name"] for each in answer["organisations"]] == ["Acme", "Globex", "Initech"]
        acme = organisation(answer, "acme")
        assert acme["counts"]["total"] == 3
        assert acme["shares"]["of_all"] == {
            "green": "0.3334", "yellow": "0.3333", "red": "0.0000",
            "grey": "0.3333", "unstated": "0.0000",
        }  # fmt: skip
        for shares in answer["shares"].values():
            assert sum(Decimal(part) for part in shares.values()) == 1

    async def test_says_who_said_so_and_since_when(self, api: Api, clock_at: Freeze) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        with clock_at(NOW):
            await make_division(
                api, acme, "it", colour="red", said_by="Kim", occurred_at="2026-01-01T00:00:00Z"
            )
            await make_division(api, acme, "it", colour="red", said_by="Lee", evidence="Asked.")
            answer = await read_map(api, north)
        (division,) = organisation(answer, "acme")["divisions"]
        assert division["colour_since"] == "2026-01-01T00:00:00.000000Z"
        assert (division["said_by"], division["evidence"]) == ("Lee", "Asked.")
        assert division["stated_at"] == "2026-06-17T17:00:00.000000Z"

    async def test_who_needs_a_point_of_entry(self, api: Api) -> None:
        answer = await read_map(api, await small_book(api))
        needing = [each["external_id"] for each in answer["point_of_entry_needed"]]
        assert needing == ["globex", "initech"]
        assert organisation(answer, "globex")["point_of_entry_needed"] is True
        assert organisation(answer, "acme")["point_of_entry_needed"] is False

    async def test_whose_success_can_be_shown_to_whom(self, api: Api) -> None:
        answer = await read_map(api, await small_book(api))
        (acme,) = answer["early_adopters"]
        assert acme["organisation"]["external_id"] == "acme"
        assert [(each["name"], each["early_adopter"]) for each in acme["divisions"]] == [
            ("Platform", True)
        ]
        assert [each["external_id"] for each in acme["in_organisation"]] == ["data"]
        assert (acme["in_vertical"]["vertical"], acme["in_vertical"]["count"]) == ("Healthcare", 1)
        (first,) = acme["in_vertical"]["first"]
        assert (first["organisation_external_id"], first["external_id"]) == ("globex", "mobile")

    async def test_ranks_what_to_turn_next(self, api: Api) -> None:
        territory = await small_book(api)
        answer = await read_map(api, territory)
        order = [each["division_external_id"] for each in answer["next_divisions"]]
        assert order == ["data", "risk", "mobile", "core"]
        first = answer["next_divisions"][0]
        assert first["points"] == sum(factor["points"] for factor in first["factors"])
        assert answer["next_divisions_count"] == 4
        path = f"{V1}/territories/{territory['id']}/next-divisions"
        seen, params = [], {"limit": 3}
        while True:
            page = await api.call("GET", path, params=params)
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        assert seen == answer["next_divisions"]
        table = await api.request("GET", path, headers={"Accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert [row["division_external_id"] for row in rows] == order

    async def test_one_organisation_in_its_territory(self, api: Api) -> None:
        territory = await small_book(api)
        whole = await read_map(api, territory)
        globex = organisation(whole, "globex")
        one = await api.call("GET", f"{V1}/organisations/{globex['id']}/map")
        assert one["organisations"] == [globex]
        assert one["counts"] == globex["counts"]
        # Its place is that among the whole territory.
        (mobile,) = one["next_divisions"]
        assert mobile == whole["next_divisions"][2]
        assert one["territory"] == whole["territory"]

    async def test_what_is_inactive_is_off_the_map(self, api: Api) -> None:
        territory = await small_book(api)
        initech = await make_organisation(api, territory, "initech", active=False)
        acme = await make_organisation(api, territory, "acme")
        await make_division(api, acme, "sales", active=False)
        answer = await read_map(api, territory)
        assert answer["counts"]["total"] == 4
        gone = await api.request("GET", f"{V1}/organisations/{initech['id']}/map")
        assert refusal(gone)[:2] == (404, "organisation_not_found")

    async def test_takes_from_the_account_what_is_not_stated(self, api: Api) -> None:
        await api.call(
            "PUT",
            "/pipeline/v1/accounts/by-external-id/crm-1",
            json={
                "name": "Acme",
                "vertical": "Energy",
                "employees": 70,
                "route_to_market": "programs",
            },
        )
        north = await make_territory(api)
        await make_organisation(api, north, "acme", account_external_id="crm-1", employees=9)
        await make_organisation(api, north, "globex", account_external_id="crm-unknown")
        answer = await read_map(api, north)
        acme = organisation(answer, "acme")
        assert (acme["vertical"], acme["employees"]) == ("Energy", 9)
        assert acme["route_to_market"] == "programs"
        assert organisation(answer, "globex")["vertical"] is None

    async def test_of_a_territory_without_anything(self, api: Api) -> None:
        answer = await read_map(api, await make_territory(api))
        assert answer["counts"]["total"] == 0
        assert answer["shares"]["of_devops"] is None
        assert answer["organisations"] == answer["next_divisions"] == []

    async def test_as_csv_one_row_a_division(self, api: Api) -> None:
        territory = await small_book(api)
        await make_organisation(api, territory, "bare", name='=cmd|"x"')
        response = await api.request(
            "GET", f"{V1}/territories/{territory['id']}/map", params={"format": "csv"}
        )
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert len(rows) == 8
        by_name = {row["division_external_id"]: row for row in rows}
        assert by_name["data"]["next_place"] == "1"
        assert by_name["data"]["meaning"] == "evaluates or tests the product"
        assert by_name[""]["organisation"] == '\'=cmd|"x"'

    async def test_bulk_over_organisations(self, api: Api) -> None:
        territory = await small_book(api)
        other = await make_territory(api, "south")
        await make_organisation(api, other, "elsewhere")
        items = [
            {"organisation_external_id": "acme", "external_id": "new", "colour": "red"},
            {"organisation_external_id": "globex", "external_id": "new", "colour": "green"},
            {"organisation_external_id": "globex", "external_id": "new", "colour": "red"},
            {"organisation_external_id": "elsewhere", "external_id": "new"},
            {"organisation_external_id": "acme", "external_id": "data", "users": -1},
            {"organisation_external_id": "acme", "external_id": "data", "users": 61},
        ]
        response = await api.request(
            "POST", f"{V1}/territories/{territory['id']}/divisions/batch", json={"items": items}
        )
        results = response.json()["results"]
        assert [each["status"] for each in results] == [201, 201, 409, 422, 422, 200]
        pointer = results[3]["error"]["errors"][0]["pointer"]
        assert pointer == "/items/3/organisation_external_id"
        answer = await read_map(api, territory)
        assert answer["counts"]["green"] == 2

    async def test_reads_with_as_many_statements_however_large(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from services.kit.db import Session

        ran: list[str] = []
        fetch = Session.fetch

        async def counting(self: Session, statement: Any, *args: Any) -> Any:
            ran.append(str(statement))
            return await fetch(self, statement, *args)

        counts = []
        territory = await make_territory(api)
        for number in (2, 20):
            for place in range(number):
                acme = await make_organisation(api, territory, f"o{place}")
                await make_division(api, acme, "it", colour="red")
            with monkeypatch.context() as patched:
                patched.setattr(Session, "fetch", counting)
                ran.clear()
                await read_map(api, territory)
                counts.append(len(ran))
        assert counts[0] == counts[1] <= 4


class TestPast:
    async def test_on_both_axes(self, api: Api, clock_at: Freeze) -> None:
        north = await make_territory(api)
        with clock_at(NOW):
            acme = await make_organisation(api, north, "acme")
            await make_division(api, acme, "it", colour="red", occurred_at="2026-02-01T00:00:00Z")
        with clock_at(NOW + timedelta(days=10)):
            await make_division(api, acme, "it", colour="green", occurred_at="2026-04-01T00:00:00Z")

            async def colours(as_of: str, axis: str) -> list[str | None]:
                answer = await read_map(api, north, as_of=as_of, axis=axis)
                divisions = organisation(answer, "acme")["divisions"]
                return [division["colour"] for division in divisions]

            assert await colours("2026-01-01T00:00:00Z", "occurred") == []
            assert await colours("2026-03-01T00:00:00Z", "occurred") == ["red"]
            assert await colours("2026-04-01T00:00:00Z", "occurred") == ["green"]
            # Whoever looked in March saw no division yet, and a red one until the end of June.
            assert await colours("2026-03-01T00:00:00Z", "recorded") == []
            assert await colours("2026-06-20T00:00:00Z", "recorded") == ["red"]
            assert await colours("2026-06-27T17:00:00Z", "recorded") == ["green"]
            future = await api.request(
                "GET",
                f"{V1}/territories/{north['id']}/map",
                params={"as_of": "2026-12-01T00:00:00Z"},
            )
            assert refusal(future) == (422, "invalid_payload", ["query/as_of"])

    async def test_equals_replaying_the_statements(self, api: Api, clock_at: Freeze) -> None:
        """Divisions are told of in any order and late; the database and the pure replay of what it
        stores agree at every instant, on both axes, and so does the shares' history."""
        dice = random.Random(20260617)
        north = await make_territory(api)
        names = [f"d{number}" for number in range(6)]
        with clock_at(NOW - timedelta(days=60)):
            acme = await make_organisation(api, north, "acme")
        for day in range(60):
            told_at = NOW - timedelta(days=59 - day)
            with clock_at(told_at):
                await make_division(
                    api,
                    acme,
                    dice.choice(names),
                    colour=dice.choice([*COLOURS, None]),
                    said_by=f"teller {day}",
                    occurred_at=(told_at - timedelta(days=dice.randint(0, 20))).isoformat(),
                )
        stored = await _stored(api)
        with clock_at(NOW):
            for days in range(0, 90, 7):
                at = NOW - timedelta(days=days)
                for axis in ("occurred", "recorded"):
                    answer = await read_map(api, north, as_of=at.isoformat(), axis=axis)
                    for division in organisation(answer, "acme")["divisions"]:
                        standing = standing_at(stored.get(division["id"], []), at, axis)
                        told = standing and (standing.colour, standing.said_by)
                        assert (division["colour"], division["said_by"]) == (told or (None, None))
                        if standing is not None:
                            since = datetime.fromisoformat(division["colour_since"])
                            assert since == standing.since
            shares = await api.call(
                "GET",
                f"{V1}/territories/{north['id']}/shares",
                params={"from": "2026-04-01", "to": "2026-06-17", "interval": "day"},
            )
            for point in shares["points"][::9] + shares["points"][-1:]:
                answer = await read_map(api, north, as_of=point["as_of"])
                assert point["counts"] == answer["counts"], point["day"]
                assert point["shares"] == answer["shares"]


async def _stored(api: Api) -> dict[str, list[Statement]]:
    async with api.database().read(api.workspace_id) as session:
        rows = await session.fetch(
            "SELECT id, division_id, colour, said_by, evidence, occurred_at, recorded_at"
            " FROM qualification.division_colours WHERE workspace_id = $1",
            api.workspace_id,
        )
    found: dict[str, list[Statement]] = {}
    for row in rows:
        found.setdefault(str(row["division_id"]), []).append(Statement(**dict(row)))
    return found


class TestShares:
    async def book(self, api: Api, clock_at: Freeze) -> Any:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        with clock_at(NOW):
            for name, colour, day in [
                ("a", "red", "2026-01-15"),
                ("b", "red", "2026-02-15"),
                ("a", "yellow", "2026-03-15"),
                ("a", "green", "2026-04-15"),
                ("b", "green", "2026-05-31"),
            ]:
                await make_division(api, acme, name, colour=colour, occurred_at=f"{day}T12:00:00Z")
        return north

    async def test_by_month_up_to_the_goal(self, api: Api, clock_at: Freeze) -> None:
        north = await self.book(api, clock_at)
        path = f"{V1}/territories/{north['id']}/shares"
        params = {"from": "2025-12-20", "to": "2026-05-31", "interval": "month"}
        with clock_at(NOW):
            answer = await api.call("GET", path, params=params)
            table = await api.request("GET", path, params=params | {"format": "csv"})
        told = [(point["day"], point["to_goal"]) for point in answer["points"]]
        assert told == [
            ("2025-12-31", None),
            ("2026-01-31", "1.0000"),
            ("2026-02-28", "1.0000"),
            ("2026-03-31", "1.0000"),
            ("2026-04-30", "0.5000"),
            ("2026-05-31", "0.0000"),
        ]
        april = answer["points"][4]
        assert april["shares"]["of_devops"] == {
            "green": "0.5000", "yellow": "0.0000", "red": "0.5000",
        }  # fmt: skip
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert [row["to_goal"] for row in rows] == [told[1] or "" for told in told]
        assert rows[4]["shares.of_devops.green"] == "0.5000"
        # The first point has no shares, and no column of its own for that.
        assert rows[0]["shares.of_devops.green"] == ""
        assert not {"shares.of_devops", "shares.of_all_users"} & set(rows[0])

    async def test_points_end_with_the_companys_day(self, api: Api, clock_at: Freeze) -> None:
        """Los Angeles: what happened at 06:00 UTC of the 16th was on the 15th there."""
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        with clock_at(NOW):
            await make_division(api, acme, "it", colour="green", occurred_at="2026-06-16T06:00:00Z")
            answer = await api.call(
                "GET",
                f"{V1}/territories/{north['id']}/shares",
                params={"from": "2026-06-14", "interval": "day"},
            )
        assert [point["counts"]["green"] for point in answer["points"]] == [0, 1, 1, 1]
        assert answer["points"][1]["as_of"] == "2026-06-16T06:59:59.999999Z"
        assert answer["points"][-1]["as_of"] == "2026-06-17T17:00:00.000000Z"

    async def test_a_year_of_weeks_by_default(self, api: Api, clock_at: Freeze) -> None:
        north = await self.book(api, clock_at)
        with clock_at(NOW):
            answer = await api.call("GET", f"{V1}/territories/{north['id']}/shares")
        assert answer["interval"] == "week"
        assert len(answer["points"]) == 53
        assert answer["points"][-1]["day"] == "2026-06-17"

    @pytest.mark.parametrize(
        ("params", "pointer"),
        [
            ({"from": "2026-06-02", "to": "2026-06-01"}, "query/from"),
            ({"from": "2026-07-01"}, "query/from"),
            ({"from": "2020-01-01", "interval": "day"}, "query/interval"),
            ({"interval": "year"}, "query/interval"),
            ({"from": "June"}, "query/from"),
            ({"until": "2026-06-01"}, "query/until"),
        ],
    )
    async def test_refuses_what_cannot_be_answered(
        self, api: Api, clock_at: Freeze, params: Any, pointer: str
    ) -> None:
        north = await make_territory(api)
        with clock_at(NOW):
            response = await api.request(
                "GET", f"{V1}/territories/{north['id']}/shares", params=params
            )
        assert refusal(response) == (422, "invalid_payload", [pointer])
