"""Merges through HTTP: one lead of several, with everything they had, and no other way."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from services.kit.auth import Principal
from services.kit.ids import new_id
from services.qualification.merges import service
from services.qualification.merges.repository import CHILDREN
from tests.client import Api
from tests.qualification.test_acceptance import GOOD
from tests.qualification.test_handover import Killed, dying_at
from tests.qualification.working import (
    BASE,
    LEADS,
    NOW,
    ClockAt,
    get,
    make_lead,
    make_resource,
    make_user,
    merge,
    refused,
    signal,
    touch,
)


@pytest.fixture(autouse=True)
def _wednesday(clock_at: ClockAt) -> Any:
    with clock_at(NOW):
        yield


async def live_a_little(api: Api, lead: Any, number: int) -> None:
    """A row in every table that has rows of a lead, more of some for some."""
    path = f"{LEADS}/{lead['id']}"
    for place in range(1 + number % 3):
        await signal(api, lead, "content_download", external_id=f"S-{place}")
    await signal(api, lead, "contact_request")
    for place in range(1 + number % 2):
        await touch(api, lead, external_id=f"T-{place}", resource_external_id="paper")
    await api.call(
        "POST", f"{path}/nurture-activities",
        json={"kind": "mail", "title": "Write", "planned_on": "2026-07-01"},
    )  # fmt: skip
    await api.call("POST", f"{path}/assessments", json=GOOD)
    await api.call("POST", f"{path}/screens", json={"budget": {"result": "pass"}})
    await api.call(
        "POST", f"{BASE}/meetings",
        json={"subject": "Qualification", "scheduled_at": "2026-06-18T17:00:00Z",
              "lead_id": lead["id"]},
    )  # fmt: skip


async def rows_of(api: Api, *leads: Any) -> dict[str, set[str]]:
    """By table, which rows are of these leads."""
    found = {}
    async with api.database().read(api.workspace_id) as session:
        for table, key in CHILDREN.items():
            rows = await session.fetch(
                f"SELECT {key} AS id FROM qualification.{table}"
                " WHERE workspace_id = $1 AND lead_id = ANY($2::uuid[])",
                api.workspace_id,
                [UUID(lead["id"]) for lead in leads],
            )
            found[table] = {str(row["id"]) for row in rows}
    return found


async def everything(api: Api) -> dict[str, list[Any]]:
    """Every row of leads and of what belongs to them."""
    tables = [*CHILDREN, "leads", "lead_merges", "timers", "outbox"]
    async with api.database().read(api.workspace_id) as session:
        return {
            table: [
                dict(row)
                for row in await session.fetch(
                    f"SELECT * FROM qualification.{table} WHERE workspace_id = $1 ORDER BY 2",
                    api.workspace_id,
                )
            ]
            for table in tables
        }


async def test_every_table_with_rows_of_a_lead_is_moved(api: Api) -> None:
    """A table that is added later and forgotten here would lose its rows to a merge."""
    async with api.database().read(api.workspace_id) as session:
        rows = await session.fetch(
            """
            SELECT c.conrelid::regclass::text AS name FROM pg_constraint AS c
            JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
            WHERE c.contype = 'f' AND c.confrelid = 'qualification.leads'::regclass
              AND a.attname = 'lead_id'
            """
        )
    assert {row["name"] for row in rows} == {f"qualification.{table}" for table in CHILDREN}


class TestNothingIsLost:
    @pytest.mark.parametrize("number", range(4))
    async def test_every_row_is_found_from_the_survivor(self, api: Api, number: int) -> None:
        await make_user(api, "ana")
        await make_resource(api, "paper")
        leads = [
            await make_lead(api, external_id=f"L-{place}", email=f"{place}@acme.example")
            for place in range(2 + number % 2)
        ]
        for place, lead in enumerate(leads):
            await live_a_little(api, lead, number + place)
        survivor, *others = leads
        own, theirs = await rows_of(api, survivor), await rows_of(api, *others)
        assert all(rows for table, rows in theirs.items() if table != "conversions")
        infos = [await get(api, lead) for lead in leads]
        merged = await merge(api, survivor, *others)
        after = await rows_of(api, survivor)
        for table in CHILDREN:
            assert own[table] | theirs[table] <= after[table], table
        assert await rows_of(api, *others) == {table: set() for table in CHILDREN}
        history = (await api.call("GET", f"{LEADS}/{survivor['id']}/merges"))["items"]
        told = {
            table: {row for item in history for row in item["moved"].get(table, [])}
            for table in CHILDREN
        }
        assert told == theirs
        assert merged["behaviour_points"] == sum(info["behaviour_points"] for info in infos)
        assert merged["mql_count"] == sum(info["mql_count"] for info in infos)
        assert merged["first_mql_at"] == min(info["first_mql_at"] for info in infos)

    async def test_running_points_equal_the_stored_signals(self, api: Api) -> None:
        from services.qualification.signals.service import rescore

        one, two = await make_lead(api), await make_lead(api)
        for lead in (one, two):
            await signal(api, lead, "product_demo")
            await signal(api, lead, "jobs_page")
        merged = await merge(api, one, two)
        assert merged["behaviour_points"] == 110
        assert (await get(api, two))["behaviour_points"] == 0
        before = await everything(api)
        async with api.database().write(api.workspace_id) as session:
            await rescore(session, [UUID(one["id"]), UUID(two["id"])])
        assert await everything(api) == before

    async def test_two_of_one_name_are_both_kept(self, api: Api) -> None:
        one, two, three = [await make_lead(api) for _ in range(3)]
        for lead in (one, two, three):
            await touch(api, lead, external_id="T", subject=lead["id"])
            await signal(api, lead, "content_download", external_id="S")
        await merge(api, one, three, two)
        touches = (await api.call("GET", f"{LEADS}/{one['id']}/touches"))["items"]
        names = {item["subject"]: item["external_id"] for item in touches}
        assert names == {one["id"]: "T", two["id"]: None, three["id"]: None}
        history = (await api.call("GET", f"{LEADS}/{one['id']}/merges"))["items"]
        assert [item["merged_id"] for item in history] == [two["id"], three["id"]]
        for item in history:
            assert [list(rows.values()) for rows in item["moved"]["renamed"].values()] == [
                ["S"], ["T"],
            ]  # fmt: skip
        # Told again it is still the survivor's.
        again = await api.request(
            "POST", f"{LEADS}/{one['id']}/touches",
            json={"channel": "email", "direction": "outbound", "external_id": "T"},
        )  # fmt: skip
        assert again.status_code == 200

    async def test_a_merge_that_dies_leaves_everything_as_it_was(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await make_resource(api, "paper")
        one, two = await make_lead(api), await make_lead(api, phone="1")
        for number, lead in enumerate((one, two)):
            await live_a_little(api, lead, number)
        principal = Principal(api.workspace_id, new_id(), None, "test", frozenset({"admin"}))
        asked = service.Asked(UUID(one["id"]), [UUID(two["id"])], {})
        before = await everything(api)
        steps = 0
        while True:
            try:
                with dying_at(monkeypatch, steps, Killed):
                    async with api.database().write(api.workspace_id) as session:
                        await service.merge_leads(session, principal, asked)
            except Killed:
                assert await everything(api) == before, steps
                steps += 1
                continue
            break
        assert steps > 20
        assert (await get(api, two))["merged_into_id"] == one["id"]


class TestRefusals:
    async def test_names_what_is_wrong(self, api: Api) -> None:
        one, two, three = [await make_lead(api) for _ in range(3)]
        for body, pointer in [
            ({"lead_ids": []}, "/lead_ids"),
            ({"lead_ids": [one["id"]]}, "/lead_ids/0"),
            ({"lead_ids": [two["id"], two["id"]]}, "/lead_ids/1"),
            ({"lead_ids": [two["id"]], "keep": {"status": two["id"]}}, "/keep/status"),
            ({"lead_ids": [two["id"]], "keep": {"phone": three["id"]}}, "/keep/phone"),
            ({"lead_ids": [two["id"]], "keeps": {}}, "/keeps"),
        ]:
            answer = await api.request("POST", f"{LEADS}/{one['id']}/merge", json=body)
            assert answer.status_code == 422, body
            assert answer.json()["errors"][0]["pointer"] == pointer
        nobody = {"id": str(new_id())}
        assert (await refused(api, one, nobody)).status_code == 404
        assert (await refused(api, nobody, one)).status_code == 404

    async def test_what_is_merged_is_not_merged_again(self, api: Api) -> None:
        one, two, three = [await make_lead(api) for _ in range(3)]
        await merge(api, one, two)
        for survivor, other in ((three, two), (two, three), (one, two)):
            answer = await refused(api, survivor, other)
            assert (answer.status_code, answer.json()["code"]) == (409, "lead_already_merged")
            assert answer.json()["survivor_id"] == one["id"]


class TestConcurrency:
    async def test_merges_that_cross_wait_for_each_other(self, api: Api) -> None:
        leads = [await make_lead(api, name=f"Kim {n}") for n in range(4)]
        for lead in leads:
            await touch(api, lead)

        async def attempt(survivor: Any, *others: Any) -> int:
            body = {"lead_ids": [other["id"] for other in others]}
            path = f"{LEADS}/{survivor['id']}/merge"
            return (await api.request("POST", path, json=body)).status_code

        a, b, c, d = leads
        statuses = await asyncio.gather(
            attempt(a, b), attempt(b, a), attempt(b, c), attempt(c, d), attempt(d, a, b)
        )
        assert set(statuses) <= {200, 409}
        assert 200 in statuses
        found = [await get(api, lead) for lead in leads]
        alive = {lead["id"] for lead in found if lead["merged_into_id"] is None}
        assert {lead["merged_into_id"] for lead in found} - {None} <= alive
        rows = [await rows_of(api, lead) for lead in leads]
        touches = {lead["id"]: len(row["touches"]) for lead, row in zip(leads, rows, strict=True)}
        assert sum(touches.values()) == 4
        assert {lead_id for lead_id, count in touches.items() if count} <= alive

    async def test_touches_meanwhile_are_not_lost(self, api: Api) -> None:
        one = await make_lead(api, external_id="one")
        two = await make_lead(api, external_id="two")
        items = [
            {"channel": "email", "direction": "outbound", "lead_external_id": "two",
             "external_id": str(number)}
            for number in range(10)
        ]  # fmt: skip

        async def tell(item: Any) -> int:
            answer = await api.call("POST", f"{BASE}/touches/batch", json={"items": [item]})
            return answer["results"][0]["status"]

        *statuses, _ = await asyncio.gather(*(tell(item) for item in items), merge(api, one, two))
        assert statuses == [201] * 10
        assert len((await rows_of(api, one))["touches"]) == 10


class TestRoles:
    async def test_who_may_merge_whom(self, api: Api, other_api: Api) -> None:
        for name in ("ana", "ben"):
            await make_user(api, name)
        ana, ben = await api.client_for("rep", "ana"), await api.client_for("rep", "ben")

        async def pair(**fields: Any) -> tuple[Any, Any]:
            return await make_lead(api, **fields), await make_lead(api, **fields)

        mine, theirs = await pair(owner_external_id="ana"), await pair(owner_external_id="ben")
        assert (await refused(ben, *mine)).status_code == 404
        assert (await refused(ana, mine[0], theirs[0])).status_code == 404
        assert (await refused(await api.client_for("analyst"), *mine)).status_code == 403
        assert (await refused(other_api, *mine)).status_code == 404
        await merge(ana, *mine)
        await merge(await api.client_for("sdr"), *theirs)
        await merge(await api.client_for("manager"), *await pair())
        path = f"{LEADS}/{mine[0]['id']}/merges"
        for client, status in [
            (ana, 200), (ben, 404), (await api.client_for("analyst"), 200), (other_api, 404),
        ]:  # fmt: skip
            assert (await client.request("GET", path)).status_code == status
