"""Webhooks to a receiver that refuses, hangs, is gone or comes back, and senders that die."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit import clock
from services.pipeline.webhooks import queue
from services.pipeline.webhooks.domain import RETRY_PAUSES
from tests.client import Api
from tests.pipeline.receiver import Receiver
from tests.pipeline.test_changes import make_owner, open_opportunity, read_all
from tests.pipeline.webhook_harness import (
    WEBHOOKS,
    Clock,
    Worker,
    allowed,
    change,
    deliveries,
    receiver,
    standing,
    subscribe,
    worker,
)

__all__ = ["allowed", "receiver", "standing", "worker"]


class TestFaults:
    async def test_a_receiver_that_fails_for_a_day_loses_nothing(
        self, api: Api, receiver: Receiver, worker: Worker, standing: Clock
    ) -> None:
        """Order per opportunity is kept throughout, whatever waits."""
        await make_owner(api)
        hook = await subscribe(api, receiver)
        status = 500
        receiver.answer = lambda _: status
        opened = [await open_opportunity(api, f"o-{number}") for number in range(12)]
        for hour in range(24):
            standing.later(hours=1)
            for number, opportunity in enumerate(opened):
                await change(api, opportunity, 1000 * (hour + 1) + number)
            await api.settle()
            await worker.look()
        assert receiver.accepted == []
        # While it is down, a bounded part of the feed is kept beside it and it is asked seldom.
        shown = await api.call("GET", f"{WEBHOOKS}/{hook['id']}")
        assert 0 < shown["waiting"] <= 128
        assert len(receiver.requests) < 1000
        status, already = 204, len(receiver.requests)
        standing.later(minutes=5)
        await worker.look()
        delivered = receiver.requests[already:]
        wanted = [e for e in await read_all(api, 1000) if e["subject"] == "opportunity"]
        assert sorted(r.json["data"]["sequence"] for r in delivered) == [
            entry["sequence"] for entry in wanted
        ]
        for opportunity in opened:
            versions = [
                r.json["data"]["version"]
                for r in delivered
                if r.json["data"]["subject_id"] == opportunity["id"]
            ]
            assert versions == list(range(1, 26))

    async def test_one_subject_that_is_refused_holds_up_no_other(
        self, api: Api, receiver: Receiver, worker: Worker, standing: Clock
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        bad = await open_opportunity(api, "bad")
        good = await open_opportunity(api, "good")
        await change(api, bad, 5)
        await change(api, good, 5)
        receiver.answer = lambda r: 500 if r.json["data"]["subject_id"] == bad["id"] else 200
        await api.settle()
        await worker.look()
        assert [r.json["data"]["version"] for r in receiver.accepted] == [1, 2]
        for pause in RETRY_PAUSES:
            standing.later(seconds=pause.total_seconds())
            await worker.look()
        failed = await deliveries(api, hook, "&state=failed")
        assert [(row["sequence"], row["attempts"]) for row in failed[-1:]] == [
            (failed[-1]["sequence"], len(RETRY_PAUSES) + 1)
        ]
        # Given up, it lets the next version of its subject go; a replay sends it after all.
        receiver.answer = lambda _: 200
        again = await api.call("POST", f"{WEBHOOKS}/{hook['id']}/replays", json={"failed": True})
        assert again["deliveries"] == len(failed)
        standing.later(days=2)
        await worker.look()
        states = {row["state"] for row in await deliveries(api, hook)}
        assert states == {"delivered"}

    async def test_killed_between_the_reply_and_the_record_it_sends_again(
        self, api: Api, receiver: Receiver, worker: Worker, standing: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        await make_owner(api)
        hook = await subscribe(api, receiver)
        await open_opportunity(api, "o-1")
        await api.settle()

        class Killed(BaseException):
            """The process is gone."""

        async def die(*_: Any) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(queue, "settle", die)
            with pytest.raises(Killed):
                await worker.look()
        # Its lease holds the others off until it has run out.
        assert await worker.look() == 0
        standing.later(minutes=2)
        await worker.look()
        first, second = receiver.requests
        assert first.message_id == second.message_id
        assert first.body == second.body
        (logged,) = await deliveries(api, hook)
        assert logged["state"] == "delivered"

    async def test_gone_disables_and_activation_goes_on(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        receiver.answer = lambda _: 410
        await open_opportunity(api, "o-1")
        await api.settle()
        await worker.look()
        path = f"{WEBHOOKS}/{hook['id']}"
        shown = await api.call("GET", path)
        assert (shown["state"], shown["reason"]) == ("disabled", "the receiver answered 410 Gone")
        await open_opportunity(api, "o-2")
        await api.settle()
        assert await worker.look() == 0
        refused = await api.request("POST", f"{path}/replays", json={"failed": True})
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
        receiver.answer = lambda _: 200
        await api.call("PATCH", path, json={"state": "active"})
        with clock.replaced(lambda: datetime.now(UTC) + timedelta(seconds=10)):
            await worker.look()
        names = [r.json["data"]["external_id"] for r in receiver.accepted]
        assert sorted(set(names)) == ["o-1", "o-2"]

    async def test_a_slow_or_silent_receiver_is_a_failed_attempt(
        self, api: Api, receiver: Receiver
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        await open_opportunity(api, "o-1")
        await api.settle()
        impatient = Worker(api, timeout_s=0.2)
        receiver.delay_s = 1.0
        await impatient.look()
        (row,) = await deliveries(api, hook)
        assert row["state"] == "pending"
        assert "no answer within" in row["history"][0]["error"]
        await impatient.outgoing.close()

    @pytest.mark.parametrize("status", [301, 302, 400, 404, 500, 503])
    async def test_only_success_is_success(
        self, api: Api, receiver: Receiver, worker: Worker, status: int
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        receiver.answer = lambda _: status
        await open_opportunity(api, "o-1")
        await api.settle()
        await worker.look()
        (row,) = await deliveries(api, hook)
        assert (row["state"], row["history"][0]["status"]) == ("pending", status)
        assert len(receiver.requests) == 1

    async def test_two_workers_send_each_message_once(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        await subscribe(api, receiver)
        for number in range(30):
            await open_opportunity(api, f"o-{number}")
        await api.settle()
        receiver.delay_s = 0.01
        other = Worker(api)
        await asyncio.gather(worker.look(), other.look())
        await worker.look()
        assert len({r.message_id for r in receiver.requests}) == len(receiver.requests) == 30
        await other.outgoing.close()
