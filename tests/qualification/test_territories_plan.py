"""How a territory buys, through HTTP: verticals, team, ranks, and the plan on a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from tests.client import Api
from tests.qualification.territories_book import (
    V1,
    make_division,
    make_organisation,
    make_territory,
    make_user,
    refusal,
    small_book,
    territory_path,
)

Freeze = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)
ROLES = (
    "sdr",
    "isr",
    "solutions_architect",
    "customer_success_manager",
    "reseller_channel_manager",
    "si_channel_manager",
    "oem_cloud_channel_manager",
    "field_marketing",
)


class TestVerticals:
    async def test_counts_top_three_and_routes(self, api: Api) -> None:
        north = await make_territory(api)
        for number, (vertical, route) in enumerate(
            [
                ("Healthcare", "direct"),
                ("Healthcare", "channel"),
                ("Healthcare", None),
                ("Financial", "programs"),
                ("Financial", "programs"),
                ("Energy", None),
                ("Retail", "direct"),
                (None, "direct"),
            ]
        ):
            await make_organisation(
                api, north, f"o{number}", vertical=vertical, route_to_market=route
            )
        answer = await api.call("GET", territory_path(north, "verticals"))
        assert (answer["organisations"], answer["without_vertical"]) == (8, 1)
        assert answer["top_three"] == ["Healthcare", "Financial", "Energy"]
        healthcare, financial, energy, retail = answer["items"]
        assert healthcare["routes"] == {"direct": 1, "channel": 1, "programs": 0, "unstated": 1}
        assert healthcare["most_common_routes"] == ["direct", "channel"]
        assert financial["most_common_routes"] == ["programs"]
        assert (energy["is_top_three"], retail["is_top_three"]) == (True, False)
        assert energy["most_common_routes"] == []
        table = await api.request("GET", territory_path(north, "verticals?format=csv"))
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert [row["organisations"] for row in rows] == ["3", "2", "1", "1"]

    async def test_objectives_and_tactics_merge(self, api: Api) -> None:
        north = await make_territory(api)
        path = territory_path(north, "verticals/Public%20Sector%2FDefence")
        body = {
            "routes_strategy": "Frameworks first.",
            "objectives": [
                {
                    "text": "Two ministries on the product.",
                    "tactics": [
                        {"text": "Lunch and learn", "owner": "Ana", "due_on": "2026-09-01"}
                    ],
                }
            ],
        }
        first = await api.request("PUT", path, json=body)
        assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
        assert first.json()["vertical"] == "Public Sector/Defence"
        assert first.json()["organisations"] == 0
        (tactic,) = first.json()["objectives"][0]["tactics"]
        assert tactic == {
            "text": "Lunch and learn", "owner": "Ana", "due_on": "2026-09-01", "is_done": False,
        }  # fmt: skip
        again = await api.request("PUT", path, json=body)
        assert (again.status_code, again.json()["version"]) == (200, 1)
        cleared = await api.call("PUT", path, json={"routes_strategy": None})
        assert (cleared["version"], cleared["routes_strategy"]) == (2, None)
        assert len(cleared["objectives"]) == 1
        stale = await api.request("PUT", path, json={}, headers={"If-Match": '"1"'})
        assert refusal(stale)[:2] == (412, "stale_version")
        read = await api.request("GET", path)
        assert (read.json(), read.headers["ETag"]) == (cleared, '"2"')
        for bad, pointer in [
            ({"objectives": [{"tactics": []}]}, "/objectives/0/text"),
            (
                {"objectives": [{"text": "x", "tactics": [{"text": "y", "due_on": "soon"}]}]},
                "/objectives/0/tactics/0/due_on",
            ),
            ({"strategy": "x"}, "/strategy"),
        ]:
            response = await api.request("PUT", path, json=bad)
            assert refusal(response) == (422, "invalid_payload", [pointer])

    async def test_a_vertical_nobody_knows(self, api: Api) -> None:
        north = await make_territory(api)
        response = await api.request("GET", territory_path(north, "verticals/Nowhere"))
        assert refusal(response)[:2] == (404, "vertical_not_found")


class TestTeam:
    async def test_says_who_and_what_is_missing(self, api: Api) -> None:
        await make_user(api, "sid", "sdr")
        north = await make_territory(api)
        path = territory_path(north, "team")
        empty = await api.request("GET", path)
        assert (empty.json()["version"], empty.headers["ETag"]) == (0, '"0"')
        assert tuple(empty.json()["missing_roles"]) == ROLES
        body = {
            "sdr": [{"user_external_id": "sid"}],
            "field_marketing": [{"name": "Mo", "email": "mo@example.com"}],
        }
        first = await api.request("PUT", path, json=body, headers={"If-Match": '"0"'})
        assert first.status_code == 201
        team = first.json()
        assert team["roles"]["sdr"] == [{"name": "Sid", "user_external_id": "sid", "email": None}]
        assert set(ROLES) - set(team["missing_roles"]) == {"sdr", "field_marketing"}
        assert (await api.call("PUT", path, json=body))["version"] == 1
        changed = await api.call("PUT", path, json={"sdr": None, "isr": [{"name": "Io"}]})
        assert changed["version"] == 2
        assert changed["roles"]["field_marketing"] == team["roles"]["field_marketing"]
        assert "sdr" in changed["missing_roles"]

    async def test_refuses_nobody(self, api: Api) -> None:
        north = await make_territory(api)
        for body, pointer in [
            ({"sdr": [{"user_external_id": "nobody"}]}, "/sdr/0/user_external_id"),
            ({"sdr": [{"name": "A"}, {"email": "a@b.example"}]}, "/sdr/1/name"),
            ({"bdr": []}, "/bdr"),
        ]:
            response = await api.request("PUT", territory_path(north, "team"), json=body)
            assert refusal(response) == (422, "invalid_payload", [pointer])


class TestPlan:
    async def test_says_what_is_not_filled_in_yet(self, api: Api, clock_at: Freeze) -> None:
        with clock_at(NOW):
            territory = await small_book(api)
            await make_organisation(api, territory, "bare", name="Bare")
            await api.call(
                "PUT",
                territory_path(territory, "verticals/Healthcare"),
                json={
                    "routes_strategy": "Through resellers.",
                    "objectives": [
                        {
                            "text": "One hospital more.",
                            "tactics": [
                                {"text": "Workshop", "due_on": "2026-06-16"},
                                {"text": "Call", "owner": "Ana", "is_done": True},
                            ],
                        },
                        {"text": "Keep Acme."},
                    ],
                },
            )
            plan = await api.call("GET", territory_path(territory, "plan"))
        assert plan["is_complete"] is False
        assert [(each["code"], each["count"]) for each in plan["missing"]] == [
            ("no_owner", 1),
            ("no_divisions", 1),
            ("no_colour", 1),
            ("no_contact", 1),
            ("no_vertical", 1),
            ("no_route", 1),
            ("no_strategy", 1),
            ("no_tactics", 1),
            ("no_tactic_owner", 1),
            ("tactic_overdue", 1),
            *[("no_team_role", 1)] * 8,
            ("no_rank", 4),
        ]
        assert plan["usage"]["counts"]["total"] == 7
        assert plan["verticals"]["top_three"] == ["Healthcare", "Financial"]
        assert plan["ranks"] == {"fiscal_year": "FY27", "complete": 0, "lacking": 4}

    async def test_is_complete_once_everything_is_there(self, api: Api, clock_at: Freeze) -> None:
        await make_user(api, "ana")
        with clock_at(NOW):
            north = await make_territory(
                api, segment="smb", region="EMEA", owner_external_ids=["ana"]
            )
            acme = await make_organisation(
                api, north, "acme", vertical="Retail", route_to_market="direct"
            )
            async with await api.client_for("rep", "ana") as ana:
                await make_division(ana, acme, "it", colour="yellow", contact="Kim")
                await ana.call(
                    "PUT",
                    territory_path(north, "verticals/Retail"),
                    json={
                        "routes_strategy": "Direct.",
                        "objectives": [
                            {
                                "text": "Win Acme.",
                                "tactics": [
                                    {"text": "Demo", "owner": "Ana", "due_on": "2026-06-17"}
                                ],
                            }
                        ],
                    },
                )
                await ana.call(
                    "PUT",
                    territory_path(north, "team"),
                    json={role: [{"name": "Mo"}] for role in ROLES},
                )
                await ana.call(
                    "PUT",
                    f"{V1}/organisations/{acme['id']}/rank",
                    json={"rank": 1, "reason": "The only one.", "sources": ["CRM"]},
                )
                plan = await ana.call("GET", territory_path(north, "plan"))
        assert plan["missing"] == []
        assert plan["is_complete"] is True

    async def test_of_an_empty_territory(self, api: Api) -> None:
        plan = await api.call("GET", territory_path(await make_territory(api), "plan"))
        codes = [each["code"] for each in plan["missing"]]
        assert codes[:4] == ["no_segment", "no_region", "no_owner", "no_organisations"]


async def test_who_writes_plans(api: Api) -> None:
    await make_user(api, "ana")
    await make_user(api, "ben")
    north = await make_territory(api, owner_external_ids=["ana"])
    acme = await make_organisation(api, north, "acme")
    writes: list[tuple[str, Any]] = [
        (territory_path(north, "team"), {}),
        (territory_path(north, "verticals/Retail"), {}),
        (f"{V1}/organisations/{acme['id']}/rank", {"rank": 1}),
    ]
    for role, user, allowed in [
        ("rep", "ana", True),
        ("sdr", "ana", True),
        ("rep", "ben", False),
        ("sdr", "ben", False),
        ("manager", "ben", True),
        ("sales_ops", None, True),
        ("analyst", None, False),
    ]:
        async with await api.client_for(role, user) as caller:
            for path, body in writes:
                status = (await caller.request("PUT", path, json=body)).status_code
                assert (status in (200, 201)) is allowed, (role, path)
                if not allowed:
                    assert status == 403
                assert (await caller.request("GET", path)).status_code == 200
            for rest in ("plan", "ranks", "verticals"):
                answer = await caller.request("GET", territory_path(north, rest))
                assert answer.status_code == 200


async def test_another_workspace_sees_nothing(api: Api, other_api: Api) -> None:
    north = await make_territory(api)
    acme = await make_organisation(api, north, "acme")
    it = await make_division(api, acme, "it", colour="red")
    for path, code in [
        (territory_path(north, "plan"), "territory_not_found"),
        (territory_path(north, "team"), "territory_not_found"),
        (territory_path(north, "ranks"), "territory_not_found"),
        (territory_path(north, "verticals"), "territory_not_found"),
        (territory_path(north, "next-divisions"), "territory_not_found"),
        (f"{V1}/organisations/{acme['id']}", "organisation_not_found"),
        (f"{V1}/organisations/{acme['id']}/rank", "organisation_not_found"),
        (f"{V1}/organisations/{acme['id']}/map", "organisation_not_found"),
        (f"{V1}/organisations/{acme['id']}/divisions", "organisation_not_found"),
        (f"{V1}/divisions/{it['id']}", "division_not_found"),
        (f"{V1}/divisions/{it['id']}/colours", "division_not_found"),
    ]:
        assert refusal(await other_api.request("GET", path))[:2] == (404, code)
    for path, body in [
        (territory_path(north, "team"), {}),
        (f"{V1}/organisations/{acme['id']}/rank", {"rank": 1}),
        (f"{V1}/organisations/{acme['id']}/divisions/by-external-id/it", {}),
    ]:
        assert (await other_api.request("PUT", path, json=body)).status_code == 404
