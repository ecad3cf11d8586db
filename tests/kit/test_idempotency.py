"""Idempotency-Key through HTTP: the first answer comes back, and nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from services.kit import clock
from tests.client import Api

POLICIES = "/pipeline/v1/policies"
BODY = {"settings": {"lost.reopen_days": 10}}
OTHER = {"settings": {"lost.reopen_days": 11}}


async def post(api: Api, key: str, body: dict[str, Any], **query: str) -> httpx.Response:
    return await api.request(
        "POST", POLICIES, json=body, params=query, headers={"Idempotency-Key": key}
    )


async def versions(api: Api) -> int:
    return len((await api.call("GET", POLICIES))["items"])


async def leave_running(api: Api, lease: timedelta) -> None:
    """As if the process that ran the first request had stopped before it was done."""
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            "UPDATE workspace.idempotency_keys"
            " SET status = NULL, headers = NULL, body = NULL, lease_until = $2"
            " WHERE workspace_id = $1",
            api.workspace_id,
            clock.now() + lease,
        )


async def test_same_key_and_body_replay_the_first_answer(api: Api) -> None:
    first = await post(api, "k", BODY)
    again = await post(api, "k", BODY)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await versions(api) == 2


async def test_an_answer_of_many_parts_is_replayed_too(api: Api) -> None:
    body = {"items": [{"external_id": "a", "name": "A"}, {"external_id": "b"}]}
    answers = [
        await api.request(
            "POST", "/pipeline/v1/users/batch", json=body, headers={"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [207, 207]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("change", ["body", "query"])
async def test_the_key_is_bound_to_its_request(api: Api, change: str) -> None:
    await post(api, "k", BODY)
    if change == "body":
        other = await post(api, "k", OTHER)
    else:
        other = await post(api, "k", BODY, dry_run="true")
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert await versions(api) == 2


async def test_a_running_request_is_not_started_again(api: Api) -> None:
    await post(api, "k", BODY)
    await leave_running(api, timedelta(seconds=30))
    answer = await post(api, "k", BODY)
    assert answer.status_code == 409
    assert answer.json()["code"] == "idempotency_in_progress"
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert await versions(api) == 2


async def test_a_lease_that_ran_out_is_taken_over(
    api: Api, clock_at: Callable[[datetime], AbstractContextManager[None]]
) -> None:
    await post(api, "k", BODY)
    await leave_running(api, timedelta(seconds=30))
    with clock_at(clock.now() + timedelta(seconds=31)):
        answer = await post(api, "k", BODY)
    # The work is done anew; here nothing differs any more, so no third version is made.
    assert answer.status_code == 200
    assert await versions(api) == 2


async def test_a_refused_request_gives_its_key_back(api: Api) -> None:
    refused = await post(api, "k", {"settings": {"no.such": 1}})
    assert refused.status_code == 422
    accepted = await post(api, "k", BODY)
    assert accepted.status_code == 201


async def test_simultaneous_twins_do_the_work_once(api: Api) -> None:
    answers = await asyncio.gather(*(post(api, "k", BODY) for _ in range(5)))
    made = [answer for answer in answers if answer.status_code == 201]
    others = {answer.status_code for answer in answers} - {201}
    assert made
    assert others <= {409}
    assert len({answer.content for answer in made}) == 1
    assert await versions(api) == 2


async def test_keys_of_two_callers_are_two_keys(api: Api) -> None:
    await post(api, "k", BODY)
    async with await api.client_for("sales_ops") as client:
        answer = await post(client, "k", OTHER)
    assert answer.status_code == 201


async def test_a_key_of_another_workspace_is_another_key(api: Api, other_api: Api) -> None:
    await post(api, "k", BODY)
    assert (await post(other_api, "k", OTHER)).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_has_a_length(api: Api, key: str) -> None:
    answer = await post(api, key, BODY)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "header/Idempotency-Key"


IMPORTS = "/pipeline/v1/imports"


async def upload(api: Api, **sent: Any) -> httpx.Response:
    return await api.request("POST", IMPORTS, headers={"Idempotency-Key": "k"}, **sent)


@pytest.mark.parametrize("multipart", [False, True])
async def test_a_streamed_body_is_bound_to_the_key_too(api: Api, multipart: bool) -> None:
    def sent(name: str) -> dict[str, Any]:
        body = f"external_id,name\n{name},Acme\n".encode() * 20_000
        if multipart:  # with another boundary each time
            return {"files": {"accounts": ("accounts.csv", body)}}
        return {"content": body, "params": {"file_name": "accounts.csv"}}

    first, again = await upload(api, **sent("a")), await upload(api, **sent("a"))
    assert first.status_code == again.status_code == 202, first.text
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert "streamed-body" not in again.headers
    other = await upload(api, **sent("b"))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await api.call("GET", IMPORTS))["items"]) == 1


async def test_an_answer_is_kept_for_a_day_and_then_forgotten(
    api: Api, clock_at: Callable[[datetime], AbstractContextManager[None]]
) -> None:
    now = clock.now()
    with clock_at(now):
        assert (await post(api, "old", BODY)).status_code == 201
    with clock_at(now + timedelta(hours=23)):
        assert "idempotent-replayed" in (await post(api, "old", BODY)).headers
    with clock_at(now + timedelta(hours=25)):
        assert (await post(api, "new", OTHER)).status_code == 201
        async with api.database().read(api.workspace_id) as session:
            rows = await session.fetch(
                "SELECT key FROM workspace.idempotency_keys WHERE workspace_id = $1",
                api.workspace_id,
            )
    assert [row["key"] for row in rows] == ["new"]
