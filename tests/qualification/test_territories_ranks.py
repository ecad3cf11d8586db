"""The rank of an organisation through HTTP: whose it is, what it lacks, and its history."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.client import Api
from tests.qualification.territories_book import (
    V1,
    make_organisation,
    make_territory,
    make_user,
    refusal,
    territory_path,
)

Freeze = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)


class TestRanks:
    async def book(self, api: Api) -> tuple[Any, Any]:
        await make_user(api, "ana")
        north = await make_territory(api, segment="mid_market", owner_external_ids=["ana"])
        return north, await make_organisation(api, north, "acme", employees=300)

    async def test_an_owner_ranks_with_reason_and_sources(self, api: Api, clock_at: Freeze) -> None:
        north, acme = await self.book(api)
        path = f"{V1}/organisations/{acme['id']}/rank"
        body = {"rank": 1.5, "reason": "Renews in autumn.", "sources": ["CRM", "Annual report"]}
        with clock_at(NOW):
            unranked = await api.call("GET", path)
            assert (unranked["rank"], unranked["version"]) == (None, 0)
            assert [lack["code"] for lack in unranked["lacks"]] == ["not_ranked"]
            async with await api.client_for("rep", "ana") as ana:
                first = await ana.request("PUT", path, json=body)
                assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
                again = await ana.request("PUT", path, json=body | {"rank": "1.5"})
                assert (again.status_code, again.json()["version"]) == (200, 1)
                # What is left out stays as the same person gave it this year.
                other = await ana.call("PUT", path, json={"rank": 2})
            assert (other["rank"], other["version"], other["is_complete"]) == ("2", 2, True)
            assert other["history"][0]["reason"] == "Renews in autumn."
            assert [given["rank"] for given in other["history"]] == ["2", "1.5"]
            assert other["history"][1]["fiscal_year"] == "FY27"
            ranks = await api.call("GET", territory_path(north, "ranks"))
        assert (ranks["complete"], ranks["lacking"]) == (1, 0)
        assert ranks["items"][0]["sources"] == ["CRM", "Annual report"]

    async def test_what_lacks_and_why(self, api: Api, clock_at: Freeze) -> None:
        north, acme = await self.book(api)
        await make_user(api, "ben")
        globex = await make_organisation(api, north, "globex", name="Globex")
        await make_organisation(api, north, "initech", name="Initech")
        with clock_at(datetime(2026, 1, 31, 17, tzinfo=UTC)):
            async with await api.client_for("rep", "ana") as ana:
                await ana.call(
                    "PUT",
                    f"{V1}/organisations/{acme['id']}/rank",
                    json={"rank": "3", "reason": "Small.", "sources": ["CRM"]},
                )
        with clock_at(NOW):
            await api.call("PUT", f"{V1}/organisations/{globex['id']}/rank", json={"rank": 1})
            ranks = await api.call("GET", territory_path(north, "ranks"))
            table = await api.request("GET", territory_path(north, "ranks?format=csv"))
        told = {
            item["organisation_external_id"]: [lack["code"] for lack in item["lacks"]]
            for item in ranks["items"]
        }
        # January belongs to the year before: the fiscal year begins in February.
        assert list(told.items()) == [
            ("globex", ["not_by_owner", "no_reason", "no_sources"]),
            ("acme", ["not_this_fiscal_year"]),
            ("initech", ["not_ranked"]),
        ]
        assert (ranks["fiscal_year"], ranks["complete"], ranks["lacking"]) == ("FY27", 0, 3)
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert [row["rank"] for row in rows] == ["1", "3", ""]

    async def test_a_new_owner_ranks_again(self, api: Api, clock_at: Freeze) -> None:
        _, acme = await self.book(api)
        await make_user(api, "ben")
        path = f"{V1}/organisations/{acme['id']}/rank"
        with clock_at(NOW):
            async with await api.client_for("rep", "ana") as ana:
                body = {"rank": 1, "reason": "Large.", "sources": ["CRM"]}
                assert (await ana.call("PUT", path, json=body))["is_complete"]
            await make_territory(api, owner_external_ids=["ben"])
            lacks = (await api.call("GET", path))["lacks"]
            assert [lack["code"] for lack in lacks] == ["not_by_owner"]
            async with await api.client_for("rep", "ana") as ana:
                refused = await ana.request("PUT", path, json={"rank": 2})
                assert refusal(refused)[:2] == (403, "territory_not_yours")
            async with await api.client_for("rep", "ben") as ben:
                # The reason of somebody else is not taken over.
                ranked = await ben.call("PUT", path, json={"rank": 1})
        assert [lack["code"] for lack in ranked["lacks"]] == ["no_reason", "no_sources"]

    async def test_an_integration_states_whose_rank_it_is(self, api: Api, clock_at: Freeze) -> None:
        _, acme = await self.book(api)
        path = f"{V1}/organisations/{acme['id']}/rank"
        body = {
            "rank": "2",
            "reason": "Told by the CRM.",
            "sources": ["CRM"],
            "ranked_by_external_id": "ana",
            "occurred_at": "2026-03-01T00:00:00Z",
        }
        with clock_at(NOW):
            async with await api.client_for("integration") as crm:
                told = await crm.call("PUT", path, json=body)
                assert (await crm.call("PUT", path, json=body))["version"] == 1
                late = await crm.call(
                    "PUT", path, json=body | {"rank": 3, "occurred_at": "2026-02-10T00:00:00Z"}
                )
            assert told["is_complete"] is True
            # Told late, it takes its place below.
            assert (late["rank"], late["version"]) == ("2", 2)
            async with await api.client_for("manager", "ana") as manager:
                await make_user(api, "ben")
                refused = await manager.request(
                    "PUT", path, json={"rank": 1, "ranked_by_external_id": "ben"}
                )
                assert refusal(refused)[:2] == (403, "not_your_rank")

    @pytest.mark.parametrize(
        ("employees", "allowed"),
        [(50, ["1", "1.5", "2", "3"]), (300, ["1", "1.5", "2", "3"]), (5000, ["1", "2", "3"])],
    )
    async def test_the_segment_says_which_ranks_there_are(
        self, api: Api, employees: int, allowed: list[str]
    ) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme", employees=employees)
        path = f"{V1}/organisations/{acme['id']}/rank"
        assert (await api.call("GET", path))["allowed_ranks"] == allowed
        response = await api.request("PUT", path, json={"rank": "1.5"})
        if "1.5" in allowed:
            assert response.status_code == 201
        else:
            assert refusal(response) == (422, "invalid_payload", ["/rank"])

    async def test_the_accounts_segment_comes_first(self, api: Api) -> None:
        await api.call(
            "PUT",
            "/pipeline/v1/accounts/by-external-id/crm-1",
            json={"name": "A", "employees": 9000},
        )
        north = await make_territory(api, segment="smb")
        acme = await make_organisation(api, north, "acme", account="crm-1", employees=5)
        globex = await make_organisation(api, north, "globex")
        for organisation, segment in ((acme, "large"), (globex, "smb")):
            answer = await api.call("GET", f"{V1}/organisations/{organisation['id']}/rank")
            assert answer["segment"] == segment

    @pytest.mark.parametrize("rank", [0, 4, "1.50", 2.5, True, None, "best"])
    async def test_other_ranks_are_refused(self, api: Api, rank: Any) -> None:
        _, acme = await self.book(api)
        path = f"{V1}/organisations/{acme['id']}/rank"
        response = await api.request("PUT", path, json={"rank": rank})
        assert refusal(response) == (422, "invalid_payload", ["/rank"])
