"""API keys: whose they are and when they stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.kit import clock
from tests.client import Api

USERS = "/pipeline/v1/users"


async def test_a_person_who_left_has_no_key_any_more(api: Api) -> None:
    ana = f"{USERS}/by-external-id/ana"
    await api.call("PUT", ana, json={"name": "Ana", "role": "rep"})
    key = await api.client_for("rep", "ana")
    started = datetime.now(UTC)
    # Good answers are remembered for two seconds of the clock.
    with clock.replaced(lambda: started):
        assert (await key.request("GET", USERS)).status_code == 200
        await api.call("PUT", ana, json={"active": False})
    with clock.replaced(lambda: started + timedelta(seconds=3)):
        assert (await key.request("GET", USERS)).status_code == 401
        await api.call("PUT", ana, json={"active": True})
    with clock.replaced(lambda: started + timedelta(seconds=6)):
        assert (await key.request("GET", USERS)).status_code == 200
