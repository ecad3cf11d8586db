"""The team board, and who may read whose list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.kit.db import Session
from tests.client import Api
from tests.qualification.test_boards_ae import make_deal
from tests.qualification.working import BASE, NOW, ClockAt, make_lead, touch

TEAM = f"{BASE}/boards/team"
BOARDS = (f"{BASE}/boards/sdr", f"{BASE}/boards/ae", TEAM)


async def organise(api: Api) -> dict[str, str]:
    """Dora leads Vera and Otto; Vera leads Ana and Sid."""
    ids = {}
    for name, role, manager in [
        ("dora", "manager", None),
        ("vera", "manager", "dora"),
        ("otto", "manager", "dora"),
        ("ana", "rep", "vera"),
        ("sid", "sdr", "vera"),
    ]:
        user = await api.call(
            "PUT",
            f"/pipeline/v1/users/by-external-id/{name}",
            json={"name": name.title(), "role": role, "manager_external_id": manager},
        )
        ids[name] = user["id"]
    return ids


async def fill(api: Api) -> None:
    await make_lead(api, external_id="S1", status="mql", sdr_external_id="sid")
    await make_lead(api, external_id="S2", status="mql", sdr_external_id="sid")
    await make_lead(api, external_id="O1", status="mql", sdr_external_id="otto")
    await make_lead(api, external_id="pool", status="pql")
    await make_deal(api, "D1")
    await make_deal(api, "D2", stage="proposal")
    await make_deal(api, "D3", owner_external_id="otto")


def by_name(team: Any) -> dict[str, Any]:
    return {person["user_external_id"]: person for person in team["people"]}


class TestTeam:
    async def test_counts_by_person_and_in_total(self, api: Api, clock_at: ClockAt) -> None:
        await organise(api)
        with clock_at(NOW):
            await fill(api)
        vera = await api.client_for("manager", "vera")
        with clock_at(NOW + timedelta(hours=2)):
            team = await vera.call("GET", TEAM)
        people = by_name(team)
        assert list(people) == ["ana", "sid", "vera"]
        assert people["sid"]["sdr"]["fresh"] == {"count": 2, "overdue": 0}
        assert people["sid"]["sdr"]["responses"] == {"count": 2, "overdue": 2}
        assert people["ana"]["ae"]["to_accept"] == {"count": 1, "overdue": 0}
        assert people["ana"]["ae"]["plans"]["count"] == 1
        assert people["vera"]["sdr"]["fresh"]["count"] == 0
        assert team["unassigned"] == 1
        for side in ("sdr", "ae"):
            for name, load in team["total"][side].items():
                assert load["count"] == sum(each[side][name]["count"] for each in people.values())
        assert team["total"]["sdr"]["fresh"]["count"] == 2

    async def test_agrees_with_everybodys_own_board(self, api: Api, clock_at: ClockAt) -> None:
        await organise(api)
        with clock_at(NOW):
            await fill(api)
        with clock_at(NOW + timedelta(hours=50)):
            team = await api.call("GET", TEAM, params={"user_id": "dora"})
            for name, person in by_name(team).items():
                # Nobody reports to these, so their boards are their own work.
                if name in ("ana", "sid", "otto"):
                    for side in ("sdr", "ae"):
                        own = await api.call(
                            "GET", f"{BASE}/boards/{side}", params={"user_id": name}
                        )
                        sections = {section["name"]: section for section in own["sections"]}
                        for section, load in person[side].items():
                            shown = sections[section]
                            assert load == {
                                "count": shown["count"],
                                "overdue": shown["overdue"],
                            }, (name, section)
            whole = await api.call("GET", f"{BASE}/boards/sdr", params={"user_id": "dora"})
        for section in whole["sections"]:
            if section["name"] != "unassigned":
                assert section["count"] == team["total"]["sdr"][section["name"]]["count"]

    async def test_the_whole_company_is_everybody(self, api: Api, clock_at: ClockAt) -> None:
        await organise(api)
        with clock_at(NOW):
            await fill(api)
            company = await api.call("GET", TEAM)
            below_dora = await api.call("GET", TEAM, params={"user_id": "dora"})
            listed = await api.call("GET", f"{BASE}/boards/ae")
        assert company["people"] == below_dora["people"]
        assert company["total"]["ae"]["plans"]["count"] == 1
        for section in listed["sections"]:
            assert section["count"] == company["total"]["ae"][section["name"]]["count"]

    async def test_how_many_were_answered_in_time(self, api: Api, clock_at: ClockAt) -> None:
        await organise(api)
        with clock_at(NOW):
            leads = [
                await make_lead(api, external_id=f"L{n}", status="mql", sdr_external_id="sid")
                for n in range(3)
            ]
        sid = await api.client_for("sdr", "sid")
        with clock_at(NOW + timedelta(minutes=30)):
            await touch(sid, leads[0])
        with clock_at(NOW + timedelta(minutes=90)):
            await touch(sid, leads[1])
            team = await api.call("GET", TEAM, params={"user_id": "vera"})
        assert by_name(team)["sid"]["answered"] == {
            "met": 1,
            "missed": 1,
            "overdue": 1,
            "met_percent": "33.33",
            "is_goal_met": False,
        }
        assert team["total"]["answered"]["met_percent"] == "33.33"
        assert by_name(team)["ana"]["answered"]["met_percent"] is None
        assert (team["goal_percent"], team["answered_from"]) == (90, "2026-05-19")

    async def test_comes_as_csv(self, api: Api, clock_at: ClockAt) -> None:
        await organise(api)
        with clock_at(NOW):
            await fill(api)
            csv = await api.request("GET", TEAM, params={"user_id": "vera", "format": "csv"})
        header, *rows = [line.split(",") for line in csv.text.splitlines()]
        assert [row[:2] for row in rows] == [
            ["person", "ana"], ["person", "sid"], ["person", "vera"], ["total", ""],
        ]  # fmt: skip
        fresh = header.index("sdr.fresh.count")
        assert [row[fresh] for row in rows] == ["0", "2", "0", "2"]

    async def test_people_who_left_are_not_in_it(self, api: Api, clock_at: ClockAt) -> None:
        await organise(api)
        with clock_at(NOW):
            await api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"active": False})
            team = await api.call("GET", TEAM, params={"user_id": "vera"})
        assert list(by_name(team)) == ["sid", "vera"]

    async def test_what_people_who_left_still_hold_is(self, api: Api, clock_at: ClockAt) -> None:
        await organise(api)
        with clock_at(NOW):
            await fill(api)
            await api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"active": False})
            team = await api.call("GET", TEAM, params={"user_id": "vera"})
            own = await api.call("GET", f"{BASE}/boards/ae", params={"user_id": "vera"})
        people = by_name(team)
        assert (people["ana"]["active"], people["sid"]["active"]) == (False, True)
        assert people["ana"]["ae"]["to_accept"]["count"] == 1
        for section in own["sections"]:
            assert team["total"]["ae"][section["name"]]["count"] == section["count"]


class TestReach:
    @pytest.mark.parametrize("path", BOARDS)
    async def test_who_reads_whose(self, api: Api, path: str) -> None:
        await organise(api)
        keys = {
            name: await api.client_for(role, name)
            for name, role in [("ana", "rep"), ("sid", "sdr"), ("vera", "manager")]
        }
        for reader, wanted, status in [
            ("ana", None, 200), ("ana", "ana", 200), ("ana", "sid", 403), ("ana", "vera", 403),
            ("sid", None, 200), ("sid", "ana", 403),
            ("vera", None, 200), ("vera", "ana", 200), ("vera", "vera", 200),
            ("vera", "otto", 403), ("vera", "dora", 403), ("vera", "nobody", 404),
        ]:  # fmt: skip
            params = {} if wanted is None else {"user_id": wanted}
            answer = await keys[reader].request("GET", path, params=params)
            assert answer.status_code == status, (reader, wanted, answer.text)
            if status == 200:
                assert answer.json()["user_external_id"] == (wanted or reader)
            elif status == 403:
                assert answer.json()["code"] == "out_of_reach"

    @pytest.mark.parametrize("path", BOARDS)
    async def test_readers_of_everything(self, api: Api, path: str) -> None:
        ids = await organise(api)
        for role in ("analyst", "sales_ops", "integration"):
            client = await api.client_for(role)
            assert (await client.call("GET", path))["user_external_id"] is None
            found = await client.call("GET", path, params={"user_id": ids["otto"]})
            assert found["user_external_id"] == "otto"

    @pytest.mark.parametrize("path", BOARDS)
    async def test_a_key_of_nobody_has_no_list(self, api: Api, path: str) -> None:
        refused = await (await api.client_for("rep")).request("GET", path)
        assert refused.status_code == 403

    @pytest.mark.parametrize("path", BOARDS)
    async def test_of_one_workspace(
        self, api: Api, other_api: Api, path: str, clock_at: ClockAt
    ) -> None:
        await organise(api)
        with clock_at(NOW):
            await fill(api)
            assert (
                await other_api.request("GET", path, params={"user_id": "sid"})
            ).status_code == 404
            answer = await other_api.call("GET", path)
        if path == TEAM:
            assert (answer["people"], answer["unassigned"]) == ([], 0)
        else:
            assert {section["count"] for section in answer["sections"]} == {0}

    async def test_a_manager_reads_the_whole_team_in_one_list(
        self, api: Api, clock_at: ClockAt
    ) -> None:
        await organise(api)
        with clock_at(NOW):
            await fill(api)
            dora = await api.client_for("manager", "dora")
            answer = await dora.call("GET", BOARDS[0], params={"section": "fresh"})
        items = answer["sections"][0]["items"]
        assert {item["user_external_id"] for item in items} == {"sid", "otto"}


@pytest.mark.parametrize("path", BOARDS)
async def test_more_to_do_takes_no_more_statements(
    api: Api, path: str, clock_at: ClockAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval"):
        original = getattr(Session, name)

        def watch(original: Any = original) -> Any:
            async def call(self: Session, statement: Any, *args: Any) -> Any:
                counted.append(str(statement))
                return await original(self, statement, *args)

            return call

        monkeypatch.setattr(Session, name, watch())
    await organise(api)
    with clock_at(NOW):
        await fill(api)
        dora = await api.client_for("manager", "dora")
        await dora.call("GET", path)
        counted.clear()
        await dora.call("GET", path)
        few = len(counted)
        for number in range(12):
            await make_lead(api, external_id=f"X{number}", status="mql", sdr_external_id="sid")
            await make_deal(api, f"X{number}", stage="proposal" if number % 2 else "scoping")
        counted.clear()
        await dora.call("GET", path)
    assert len(counted) == few
    assert few < 20
