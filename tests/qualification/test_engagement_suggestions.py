"""Which kinds of engagement are suggested for a territory, and why."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from services.qualification.engagement.kinds import ENTRY, GROWTH
from services.qualification.engagement.suggestions import Organisation, suggest
from tests.client import Api
from tests.qualification.test_engagement import ACTIVITIES, put_activity

SUGGESTIONS = f"{ACTIVITIES}/suggestions"
TERRITORIES = "/qualification/v1/territories"

ENTRY_FOR_ALL = {"trade_show", "meetup", "marketing_campaign", "industry_membership"}
GROWTH_FOR_ALL = {
    "lunch_and_learn", "workshop", "meetup", "marketing_campaign", "industry_membership",
}  # fmt: skip


def kinds(*organisations: Organisation) -> dict[str, list[str]]:
    return {found.kind.key: found.serves for found in suggest(organisations)}


def test_nothing_where_nothing_can_be_won() -> None:
    assert suggest([]) == []
    assert kinds(Organisation("a", "channel", 0, 0), Organisation("b", "direct", 3, 0)) == {}


@pytest.mark.parametrize(
    ("route", "more"),
    [
        (None, set()),
        ("direct", set()),
        (
            "channel",
            {"cloud_provider", "system_integrator", "reseller", "original_equipment_manufacturer"},
        ),
        ("programs", {"division_programme", "cloud_provider", "original_equipment_manufacturer"}),
    ],
)
def test_an_entry_by_the_route_they_buy(route: str | None, more: set[str]) -> None:
    found = kinds(Organisation("a", route, 0, 2))
    assert set(found) == ENTRY_FOR_ALL | more
    assert all(serves == [ENTRY] for serves in found.values())


@pytest.mark.parametrize(
    ("route", "more"),
    [("direct", set()), ("channel", {"reseller", "original_equipment_manufacturer"})],
)
def test_growth_where_some_use_it(route: str, more: set[str]) -> None:
    found = kinds(Organisation("a", route, 1, 2))
    assert set(found) == GROWTH_FOR_ALL | more
    assert all(serves == [GROWTH] for serves in found.values())


def test_most_organisations_first_with_reasons() -> None:
    found = suggest(
        [
            Organisation("a", "channel", 0, 1),
            Organisation("b", "direct", 0, 1),
            Organisation("c", "direct", 2, 1),
        ]
    )
    assert [each.kind.key for each in found[:3]] == [
        "meetup", "marketing_campaign", "industry_membership",
    ]  # fmt: skip
    assert found[0].organisations == ["a", "b", "c"]
    assert [reason.code for reason in found[0].reasons] == [
        "point_of_entry_needed", "users_to_grow_from",
    ]  # fmt: skip
    reseller = next(each for each in found if each.kind.key == "reseller")
    assert reseller.organisations == ["a"]
    assert [reason.message for reason in reseller.reasons] == [
        "1 organisation needs a point of entry: somebody could use the product, nobody does.",
        "They buy through the channel.",
    ]


async def make_territory(api: Api) -> Any:
    """North, where Acme buys through the channel and nobody uses the product yet."""
    territory = await api.call("PUT", f"{TERRITORIES}/by-external-id/north", json={"name": "North"})
    organisation = await api.call(
        "PUT",
        f"{TERRITORIES}/{territory['id']}/organisations/by-external-id/acme",
        json={"name": "Acme", "route_to_market": "channel"},
    )
    await api.call(
        "PUT",
        f"/qualification/v1/organisations/{organisation['id']}/divisions/by-external-id/rd",
        json={"name": "R&D", "colour": "red"},
    )
    return territory


async def test_from_the_map_of_a_territory(api: Api, other_api: Api) -> None:
    territory = await make_territory(api)
    await put_activity(api, "r-1", kind="reseller", territory_external_id="north")
    await put_activity(api, "r-2", kind="reseller", territory_external_id="north", state="done")
    await put_activity(api, "r-3", kind="reseller", territory_external_id="south")
    params = {"territory_id": territory["id"]}
    answer = await api.call("GET", SUGGESTIONS, params=params)
    found = {item["kind"]: item for item in answer["items"]}
    assert set(found) == ENTRY_FOR_ALL | {
        "cloud_provider", "system_integrator", "reseller", "original_equipment_manufacturer",
    }  # fmt: skip
    reseller = found["reseller"]
    assert reseller["organisation_external_ids"] == ["acme"]
    assert reseller["activity_external_ids"] == ["r-1"]
    assert reseller["questions"][0]["key"] == "buying_route"
    async with await api.client_for("analyst") as analyst:
        assert (await analyst.call("GET", SUGGESTIONS, params=params)) == answer
    text = await api.request("GET", SUGGESTIONS, params=params | {"format": "csv"})
    assert text.text.startswith("kind,title,serves,organisation_count")
    for client, asked in ((other_api, params), (api, {"territory_id": str(uuid4())})):
        response = await client.request("GET", SUGGESTIONS, params=asked)
        assert (response.status_code, response.json()["code"]) == (404, "territory_not_found")
    assert (await api.request("GET", SUGGESTIONS)).status_code == 422
