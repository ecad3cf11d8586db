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
