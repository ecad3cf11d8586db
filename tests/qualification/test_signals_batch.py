"""Signals of many leads at once, and who may tell and read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.kit.db import Session
from tests.client import Api
from tests.qualification.test_signals import LEADS, V1, hear, history, make_lead


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements sent while the block runs."""
    seen: list[str] = []
    with monkeypatch.context() as patched:
        for method in ("fetch", "fetchrow", "fetchval", "execute"):
            original = getattr(Session, method)

            async def watched(
                self: Any, statement: Any, *args: Any, _original: Any = original
            ) -> Any:
                seen.append(str(statement))
                return await _original(self, statement, *args)

            patched.setattr(Session, method, watched)
        yield seen


class TestBatch:
    async def test_each_item_by_itself(self, api: Api) -> None:
        await make_lead(api, external_id="A", email="a@acme.example")
        await make_lead(api, external_id="B")
        items = [
            {"lead_external_id": "A", "name": "content_download", "external_id": "1"},
            {"lead_external_id": "A", "name": "contact_request"},
            {"lead_external_id": "nobody", "name": "trial"},
            {"lead_external_id": "B", "name": "no_such"},
            {"lead_external_id": "A", "name": "trial", "external_id": "1"},
            {"lead_external_id": "B", "name": "trial", "external_id": "1"},
            {"name": "trial"},
        ]
        answer = await api.call("POST", f"{V1}/signals/batch", json={"items": items})
        results = answer["results"]
        assert [result["status"] for result in results] == [201, 201, 422, 422, 409, 201, 422]
        assert results[2]["error"]["errors"][0]["pointer"] == "/items/2/lead_external_id"
        assert results[3]["error"]["errors"][0]["pointer"] == "/items/3/name"
        again = await api.call("POST", f"{V1}/signals/batch", json={"items": items[:1]})
        assert again["results"][0]["status"] == 200
        assert again["results"][0]["id"] == results[0]["id"]
        page = await api.call("GET", LEADS)
        found = {lead["external_id"]: lead for lead in page["items"]}
        assert (found["A"]["behaviour_points"], found["A"]["status"]) == (115, "mql")
        assert (found["B"]["behaviour_points"], found["B"]["status"]) == (65, "inquiry")
        assert await history(api, found["A"]) == [
            (None, "raw", None),
            ("raw", "inquiry", "form"),
            ("inquiry", "mql", "automatic_signal"),
        ]

    async def test_a_thousand_take_as_many_statements_as_ten(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for count in (10, 300):
            items = [{"external_id": f"{count}-{n}", "name": "A"} for n in range(count)]
            await api.call("POST", f"{LEADS}/batch", json={"items": items})
        counts = []
        for count in (10, 300):
            items = [
                {"lead_external_id": f"{count}-{n}", "name": "contact_request"}
                for n in range(count)
            ]
            with counted(monkeypatch) as statements:
                await api.call("POST", f"{V1}/signals/batch", json={"items": items})
            counts.append(len(statements))
        assert counts[0] == counts[1]


class TestRoles:
    async def test_who_may_tell_and_read(self, api: Api, other_api: Api) -> None:
        await api.call(
            "PUT", "/pipeline/v1/users/by-external-id/ana", json={"name": "Ana", "role": "rep"}
        )
        ana = await api.client_for("rep", "ana")
        mine, theirs = await make_lead(ana, external_id="mine"), await make_lead(api)
        path = f"{LEADS}/{theirs['id']}/signals"
        assert (await hear(ana, mine, "key_page"))["points"] == 5
        for client, status in [(ana, 404), (other_api, 404)]:
            told = await client.request("POST", path, json={"name": "key_page"})
            assert told.status_code == status
            for what in ("signals", "score", "fit", "moves"):
                seen = await client.request("GET", f"{LEADS}/{theirs['id']}/{what}")
                assert seen.status_code == status
        for role in ("sdr", "manager", "sales_ops", "integration"):
            client = await api.client_for(role)
            assert (await client.request("POST", path, json={"name": "key_page"})).is_success
        analyst = await api.client_for("analyst")
        assert (await analyst.request("POST", path, json={"name": "trial"})).status_code == 403
        assert (await analyst.request("GET", path)).is_success
        assert (await analyst.request("GET", f"{V1}/ideal-customer-profile")).is_success
        # A lead it may not see answers as one that is not there.
        ben = await api.client_for("rep")
        items = [{"lead_external_id": name, "name": "trial"} for name in ("mine", "nobody")]
        answer = await ben.call("POST", f"{V1}/signals/batch", json={"items": items})
        errors = [result["error"]["errors"][0] for result in answer["results"]]
        assert [result["status"] for result in answer["results"]] == [422, 422]
        assert errors[0]["code"] == errors[1]["code"] == "unknown_reference"
