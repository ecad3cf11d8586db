"""What is said of a division's colour: statements, their order, contradictions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.qualification.territories.repository import STATEMENTS
from tests.client import Api
from tests.qualification.territories_book import (
    V1,
    division_path,
    history,
    make_division,
    make_organisation,
    make_territory,
    refusal,
)

Freeze = Callable[[datetime], AbstractContextManager[None]]
NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)


class TestColours:
    async def test_a_colour_is_a_statement_with_its_source(
        self, api: Api, clock_at: Freeze
    ) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        with clock_at(NOW):
            division = await make_division(
                api,
                acme,
                "platform",
                colour="yellow",
                said_by="Kim Larsen",
                occurred_at="2026-05-01T08:00:00Z",
                evidence="Runs a trial with forty people.",
            )
        assert division["colour"] == "yellow"
        assert division["colour_since"] == "2026-05-01T08:00:00.000000Z"
        assert (division["said_by"], division["practises_devops"]) == ("Kim Larsen", True)
        (said,) = await history(api, division)
        assert said["evidence"] == "Runs a trial with forty people."
        assert said["recorded_at"] == "2026-06-17T17:00:00.000000Z"
        assert said["actor"].startswith("key:")

    async def test_said_again_it_is_one_statement(self, api: Api, clock_at: Freeze) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        body = {"colour": "red", "said_by": "Kim", "evidence": "A call."}
        with clock_at(NOW):
            first = await make_division(api, acme, "platform", **body)
        with clock_at(NOW + timedelta(days=1)):
            again = await make_division(api, acme, "platform", **body)
            only_the_colour = await make_division(api, acme, "platform", colour="red")
        assert first["version"] == again["version"] == only_the_colour["version"] == 1
        assert again["statements"] == 1
        with clock_at(NOW + timedelta(days=2)):
            confirmed = await make_division(api, acme, "platform", colour="red", said_by="Lee")
        assert (confirmed["version"], confirmed["statements"]) == (2, 2)
        assert confirmed["colour_since"] == first["colour_since"]
        assert confirmed["stated_at"] > first["stated_at"]

    async def test_told_late_it_finds_its_place(self, api: Api, clock_at: Freeze) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        with clock_at(NOW):
            await make_division(
                api, acme, "platform", colour="green", occurred_at="2026-06-01T00:00:00Z"
            )
            late = await make_division(
                api, acme, "platform", colour="red", occurred_at="2026-03-01T00:00:00Z"
            )
            taken_back = await make_division(
                api, acme, "platform", colour="green", occurred_at="2026-05-01T00:00:00Z"
            )
        assert late["colour"] == "green"
        assert (late["version"], late["statements"]) == (2, 2)
        assert taken_back["colour_since"] == "2026-05-01T00:00:00.000000Z"
        assert [said["colour"] for said in await history(api, late)] == ["red", "green", "green"]

    async def test_null_takes_back_what_was_said(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        await make_division(api, acme, "platform", colour="grey")
        cleared = await make_division(api, acme, "platform", colour=None)
        assert (cleared["colour"], cleared["statements"]) == (None, 2)
        assert [said["colour"] for said in await history(api, cleared)] == ["grey", None]

    async def test_history_pages(self, api: Api, clock_at: Freeze) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        for day, colour in enumerate(["red", "yellow", "green", "red", "grey"]):
            with clock_at(NOW + timedelta(days=day)):
                division = await make_division(api, acme, "platform", colour=colour)
        path = f"{V1}/divisions/{division['id']}/colours"
        seen, params = [], {"limit": 2}
        while True:
            page = await api.call("GET", path, params=params)
            seen += [said["colour"] for said in page["items"]]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        assert seen == ["red", "yellow", "green", "red", "grey"]
        bad = await api.request("GET", path, params={"cursor": "WyJhIl0"})
        assert refusal(bad) == (422, "invalid_payload", ["query/cursor"])

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            ({"colour": "grey", "practises_devops": True}, ["/colour", "/practises_devops"]),
            ({"colour": "red", "practises_devops": False}, ["/colour", "/practises_devops"]),
            ({"colour": "green", "practises_devops": False}, ["/colour", "/practises_devops"]),
        ],
    )
    async def test_names_both_sides_of_a_contradiction(
        self, api: Api, body: Any, pointers: list[str]
    ) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        response = await api.request("PUT", division_path(acme, "platform"), json=body)
        assert refusal(response) == (422, "contradictory_colour", pointers)
        assert (await api.call("GET", f"{V1}/organisations/{acme['id']}/divisions"))["items"] == []

    async def test_contradicts_what_holds_already(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        await make_division(api, acme, "sales", colour="grey")
        path = division_path(acme, "sales")
        refused = await api.request("PUT", path, json={"practises_devops": True})
        assert refusal(refused)[1:] == ("contradictory_colour", ["/colour", "/practises_devops"])
        # A colour sent without the other brings it along.
        turned = await make_division(api, acme, "sales", colour="red")
        assert turned["practises_devops"] is True

    async def test_devops_without_a_colour_is_kept(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        known = await make_division(api, acme, "lab", practises_devops=True)
        assert (known["colour"], known["practises_devops"], known["statements"]) == (None, True, 0)
        assert (await make_division(api, acme, "lab", users=3))["practises_devops"] is True
        assert (await make_division(api, acme, "lab", colour="grey"))["practises_devops"] is False

    async def test_a_source_needs_a_colour(self, api: Api) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")
        for body, pointer in [
            ({"said_by": "Kim"}, "/said_by"),
            ({"evidence": "A call."}, "/evidence"),
            ({"occurred_at": "2026-01-01T00:00:00Z"}, "/occurred_at"),
            ({"colour": "red", "occurred_at": "2126-01-01T00:00:00Z"}, "/occurred_at"),
            ({"colour": "blue"}, "/colour"),
        ]:
            response = await api.request("PUT", division_path(acme, "x"), json=body)
            assert refusal(response) == (422, "invalid_payload", [pointer]), body

    async def test_a_division_without_its_statement_is_not_stored(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        north = await make_territory(api)
        acme = await make_organisation(api, north, "acme")

        async def fail(*args: Any) -> None:
            raise AssertionError

        with monkeypatch.context() as broken:
            broken.setattr(STATEMENTS, "insert", fail)
            response = await api.request("PUT", division_path(acme, "it"), json={"colour": "red"})
        assert response.status_code == 500
        assert (await api.call("GET", f"{V1}/organisations/{acme['id']}/divisions"))["items"] == []
        assert (await make_division(api, acme, "it", colour="red"))["statements"] == 1
