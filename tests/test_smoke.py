"""The application starts, and refuses strangers."""

from __future__ import annotations

from tests.client import Api


async def test_is_ready(api: Api) -> None:
    for prefix in ("", "/qualification", "/pipeline", "/forecast"):
        response = await api.request("GET", f"{prefix}/readyz")
        assert response.status_code in (200, 503), response.text
        assert (await api.request("GET", f"{prefix}/healthz")).status_code == 200


async def test_publishes_its_contract(api: Api) -> None:
    for prefix in ("/qualification", "/pipeline", "/forecast"):
        document = await api.call("GET", f"{prefix}/openapi.json")
        assert document["openapi"].startswith("3.")


async def test_refuses_with_problems_outside_of_every_service(api: Api) -> None:
    for method, path, code in (
        ("GET", "/nope", "path_not_found"),
        ("POST", "/healthz", "method_not_allowed"),
    ):
        answer = await api.request(method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code
