"""What the tests of territories begin with: people, a territory, organisations and divisions."""

from __future__ import annotations

from typing import Any

from tests.client import Api

V1 = "/qualification/v1"


def refusal(response: Any) -> tuple[int, str, list[str]]:
    """Status, code and what is to blame."""
    problem = response.json()
    return response.status_code, problem["code"], [e["pointer"] for e in problem.get("errors", [])]


async def make_user(api: Api, external_id: str, role: str = "rep") -> str:
    user = await api.call(
        "PUT",
        f"/pipeline/v1/users/by-external-id/{external_id}",
        json={"name": external_id.title(), "role": role},
    )
    return str(user["id"])


async def make_territory(api: Api, external_id: str = "north", **fields: Any) -> Any:
    return await api.call("PUT", f"{V1}/territories/by-external-id/{external_id}", json=fields)


async def make_organisation(api: Api, territory: Any, external_id: str, **fields: Any) -> Any:
    path = f"{V1}/territories/{territory['id']}/organisations/by-external-id/{external_id}"
    return await api.call("PUT", path, json=fields)


def division_path(organisation: Any, external_id: str) -> str:
    return f"{V1}/organisations/{organisation['id']}/divisions/by-external-id/{external_id}"


async def make_division(api: Api, organisation: Any, external_id: str, **fields: Any) -> Any:
    return await api.call("PUT", division_path(organisation, external_id), json=fields)


async def history(api: Api, division: Any) -> list[Any]:
    page = await api.call("GET", f"{V1}/divisions/{division['id']}/colours")
    return list(page["items"])


async def read_map(api: Api, territory: Any, **params: Any) -> Any:
    return await api.call("GET", f"{V1}/territories/{territory['id']}/map", params=params)


async def small_book(api: Api) -> Any:
    """Acme and Globex in Healthcare, Initech in Financial: seven divisions of every colour."""
    territory = await make_territory(api, name="North", segment="mid_market", region="EMEA")
    acme = await make_organisation(
        api, territory, "acme", name="Acme", vertical="Healthcare", route_to_market="channel"
    )
    globex = await make_organisation(
        api, territory, "globex", name="Globex", vertical="Healthcare", route_to_market="direct"
    )
    initech = await make_organisation(
        api, territory, "initech", name="Initech", vertical="Financial"
    )
    for organisation, name, fields in [
        (acme, "platform", {"colour": "green", "users": 40, "early_adopter": True}),
        (acme, "data", {"colour": "yellow", "users": 60, "contact": "Kim Larsen"}),
        (acme, "sales", {"colour": "grey", "users": 100}),
        (globex, "mobile", {"colour": "red", "users": 200}),
        (globex, "lab", {}),
        (initech, "core", {"colour": "red"}),
        (initech, "risk", {"colour": "yellow", "users": 0}),
    ]:
        await make_division(api, organisation, name, name=name.title(), **fields)
    return territory


def territory_path(territory: Any, rest: str) -> str:
    return f"{V1}/territories/{territory['id']}/{rest}"
