"""Suggestions where something else changes meanwhile: the renewal, the day, a decision."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from services.kit import clock
from services.kit.db import WriteSession
from services.pipeline.customers.suggestions import repository
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.customers.harness import (
    SUGGESTIONS,
    customer,
    decide,
    measure,
    policy,
    subscribe,
    suggestions,
)


@pytest.fixture(autouse=True)
def travel() -> Iterator[Callable[[str], None]]:
    now = [datetime.fromisoformat("2026-06-17T17:00:00Z")]

    def to(instant: str) -> None:
        now[0] = datetime.fromisoformat(instant)

    with clock.replaced(lambda: now[0]):
        yield to


async def renewal(api: Api, external_id: str = "R1", /, **fields: Any) -> Any:
    body = {
        "name": "Renewal", "owner_external_id": "ana", "account_external_id": "acme",
        "type": "renewal", "stage": "discovery", "arr_basis": "100000.00", "amount": "100000.00",
        "subscription_external_id": "S1", "close_date": "2026-10-31", **fields,
    }  # fmt: skip
    return await deals.put(api, external_id, **body)


async def test_a_decision_made_meanwhile_stands(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await customer(api)
    bought = await subscribe(api)
    await renewal(api)
    await measure(api, bought, "2026-06-01", 70)
    await measure(api, bought, "2026-06-02", 50)
    (found,) = await suggestions(api, "&state=open")
    looked, decided = asyncio.Event(), asyncio.Event()
    plain = repository.update

    async def late(session: WriteSession, rows: Sequence[Mapping[str, Any]]) -> None:
        looked.set()
        # Whoever decides may have to wait for this transaction, so this one does not for ever.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(decided.wait(), 1)
        await plain(session, rows)

    monkeypatch.setattr(repository, "update", late)

    async def dismiss() -> Any:
        await looked.wait()
        body = {"decision": "dismiss"}
        answer = await api.request("POST", f"{SUGGESTIONS}/{found['id']}/decision", json=body)
        decided.set()
        return answer

    _, answer = await asyncio.gather(measure(api, bought, "2026-06-03", 40), dismiss())
    assert answer.status_code == 200
    (stands,) = await suggestions(api)
    assert (stands["state"], stands["decided_by"]) == ("dismissed", answer.json()["decided_by"])


async def test_a_renewal_that_turns_out_to_be_of_another_subscription(api: Api) -> None:
    await customer(api)
    bought = await subscribe(api)
    await subscribe(api, "S2")
    await renewal(api)
    await measure(api, bought, "2026-06-01", 70)
    await measure(api, bought, "2026-06-02", 50)
    (found,) = await suggestions(api, "&state=open")
    await renewal(api, subscription_external_id="S2")
    await api.follow()
    (stands,) = await suggestions(api)
    assert (stands["id"], stands["state"]) == (found["id"], "withdrawn")


async def test_an_add_on_that_turns_out_to_be_of_another_subscription(api: Api) -> None:
    await customer(api)
    bought = await subscribe(api)
    await subscribe(api, "S2")
    await measure(api, bought, "2026-06-02", 90)
    (found,) = await suggestions(api, "&state=open")
    opened = await decide(api, found, "accept")
    await deals.patch(api, {"id": opened["opportunity_id"]}, subscription_external_id="S2")
    await api.follow()
    await measure(api, bought, "2026-06-03", 30)
    await measure(api, bought, "2026-06-04", 90)
    assert [each["state"] for each in await suggestions(api, "&kind=expansion")] == [
        "accepted",
        "open",
    ]


async def test_it_becomes_a_commit_when_the_end_is_near(
    api: Api, travel: Callable[[str], None]
) -> None:
    await customer(api)
    await policy(api, commit_within_months=3)
    bought = await subscribe(api)
    await renewal(api)
    await measure(api, bought, "2026-06-02", 5)
    await api.follow()
    assert [each["value"] for each in await suggestions(api, "&state=open")] == ["best_case"]
    # Three months are left on August 1; nobody measures anything, and nobody touches the deal.
    travel("2026-07-31T23:00:00Z")
    await api.follow()
    assert [each["value"] for each in await suggestions(api, "&state=open")] == ["best_case"]
    travel("2026-08-01T12:00:00Z")
    await api.follow()
    assert [each["value"] for each in await suggestions(api, "&state=open")] == ["commit"]


async def test_nothing_is_sold_on_after_the_end(api: Api, travel: Callable[[str], None]) -> None:
    await customer(api)
    bought = await subscribe(api)
    await renewal(api)
    await measure(api, bought, "2026-06-02", 90)
    await api.follow()
    assert [each["kind"] for each in await suggestions(api, "&state=open")] == ["expansion"]
    travel("2026-11-01T17:00:00Z")
    await api.follow()
    assert await suggestions(api, "&state=open") == []
