"""Webhooks through the door: subscribe, receive, verify, manage."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from services.kit import clock, outgoing
from services.kit.outgoing import Outgoing
from services.kit.settings import get_settings
from services.pipeline.webhooks import queue
from tests.client import Api
from tests.pipeline.receiver import Receiver
from tests.pipeline.test_changes import make_owner, open_opportunity, read_all
from tests.pipeline.webhook_harness import (
    EVENTS,
    WEBHOOKS,
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


class TestMessages:
    async def test_are_signed_and_tell_what_the_feed_tells(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        opened = await open_opportunity(api, "o-1", amount="1000.00")
        await change(api, opened, 2000)
        await api.settle()
        await worker.look()
        created, changed = receiver.requests
        told = Verifier(hook["secret"]).verify(created.body, created.headers)
        assert (told["type"], changed.json["type"]) == tuple(EVENTS)
        entries = [e for e in await read_all(api, 100) if e["subject"] == "opportunity"]
        assert [told["data"], changed.json["data"]] == entries
        with pytest.raises(WebhookVerificationError):
            Verifier(hook["secret"]).verify(created.body + b" ", created.headers)

    async def test_carry_both_signatures_while_a_secret_is_rotated(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        path = f"{WEBHOOKS}/{hook['id']}/rotations"
        rotated = await api.call("POST", path, json={"overlap_hours": 1})
        assert rotated["secret"] != hook["secret"]
        await open_opportunity(api, "o-1")
        await api.settle()
        await worker.look()
        (sent,) = receiver.requests
        for secret in (hook["secret"], rotated["secret"]):
            Verifier(secret).verify(sent.body, sent.headers)
        await api.call("POST", path, json={"overlap_hours": 0})
        await open_opportunity(api, "o-2")
        await api.settle()
        await worker.look()
        with pytest.raises(WebhookVerificationError):
            Verifier(rotated["secret"]).verify(
                receiver.requests[1].body, receiver.requests[1].headers
            )

    async def test_tell_the_figures_that_moved(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        await subscribe(api, receiver, event_types=["figures.changed"])
        await open_opportunity(
            api, "o-1", amount="12000.00", close_date="2026-12-10", stage="negotiating"
        )
        await api.settle()
        await worker.look()
        (sent,) = receiver.requests
        quarter = sent.json["data"]["fiscal_quarter"]
        answer = await api.call("GET", f"/forecast/v1/forecasts/{quarter}")
        assert sent.json["data"]["net_arr"] == answer["net_arr"]
        assert sent.json["data"]["as_of"] == answer["as_of"]
        assert sent.json["data"]["net_arr"]["commit"] == "12000.00"
        # Nothing moved, so nothing is told.
        assert await worker.look() == 0

    async def test_a_test_message_is_sent_and_logged(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        hook = await subscribe(api, receiver)
        await api.call("POST", f"{WEBHOOKS}/{hook['id']}/tests")
        await worker.look()
        assert receiver.requests[0].json["type"] == "webhook.test"
        (logged,) = await deliveries(api, hook)
        assert (logged["state"], logged["history"][0]["status"]) == ("delivered", 204)


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com/hook",
            "https://10.0.0.8/hook",
            "https://169.254.169.254/latest",
            "https://[::1]/hook",
            "https://[::ffff:10.0.0.1]/hook",
            "https://[64:ff9b::a9fe:a9fe]/latest",
            "https://a..b/hook",
            "https://example.com:0/hook",
            "https://example.com:65536/hook",
            f"https://{'a' * 64}.example/hook",
            "https://localhost/hook",
            "https://db.internal/hook",
            "https://ana:secret@example.com/hook",
            "ftp://example.com",
            "hook",
        ],
    )
    async def test_inside_addresses_are_refused_at_the_door(
        self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LEADLINE_WEBHOOK_ALLOWED_NETWORKS", "")
        get_settings.cache_clear()
        answer = await api.request("POST", WEBHOOKS, json={"url": url})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "address_refused"

    async def test_a_name_that_turns_inside_is_not_followed(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The name was public when it was told; now it stands for this machine."""
        guarded = Outgoing(allowed=[], timeout_s=2)

        async def inside(*_: Any, **__: Any) -> list[Any]:
            return [(0, 0, 0, "", ("127.0.0.1", 443))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", inside, raising=False)
        answer = await guarded.post("https://example.com/hook", b"{}", {})
        assert answer.status is None
        assert "not public" in str(answer.error)
        assert receiver.requests == []
        await guarded.close()

    async def test_no_answer_is_unpacked_and_no_connection_kept(self) -> None:
        packed = gzip.compress(b"x" * 10_000_000)
        connections, asked = 0, b""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections, asked
            connections += 1
            with suppress(asyncio.IncompleteReadError):
                while True:
                    asked = await reader.readuntil(b"\r\n\r\n{}")
                    body = packed if connections == 1 else b""
                    writer.write(b"HTTP/1.1 500 X\r\nContent-Encoding: gzip\r\n")
                    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        outgoing_ = Outgoing(allowed=["127.0.0.0/8"], timeout_s=5)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        for _ in range(3):
            answer = await outgoing_.post(url, b"{}", {})
            assert answer.status == 500
            assert "xxx" not in str(answer.error)
        assert connections == 3
        assert b"accept-encoding: identity" in asked.lower()
        await outgoing_.close()
        server.close()

    async def test_a_name_that_cannot_be_one_is_an_answer_like_any_other(self) -> None:
        """It may have been stored before it was checked; it must not end the round."""
        guarded = Outgoing(allowed=[], timeout_s=2)
        for name in ("a..b", "a" * 64):
            answer = await guarded.post(f"https://{name}/hook", b"{}", {})
            assert (answer.status, "is not a name" in str(answer.error)) == (None, True)
        answer = await guarded.post("https://[2606:4700::1]:65536/hook", b"{}", {})
        assert (answer.status, answer.error) == (None, "65536 is not a port")
        await guarded.close()

    def test_every_private_network_counts_as_inside(self) -> None:
        for text in (
            "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1",
            "192.168.1.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
            "ff02::1", "::ffff:192.168.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1",
            "2002:a00:1::", "fec0::1", "192.0.0.8", "192.88.99.1",
        ):  # fmt: skip
            assert not outgoing.is_allowed(outgoing.ipaddress.ip_address(text), ()), text
        assert outgoing.is_allowed(outgoing.ipaddress.ip_address("93.184.216.34"), ())


class TestManaging:
    async def test_the_secret_is_shown_once(self, api: Api, receiver: Receiver) -> None:
        hook = await subscribe(api, receiver, description="CRM")
        assert hook["secret"].startswith("whsec_")
        shown = await api.call("GET", f"{WEBHOOKS}/{hook['id']}")
        assert "secret" not in shown
        listed = await api.call("GET", WEBHOOKS)
        assert listed["items"] == [shown]

    async def test_begins_where_it_is_told_to(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        await open_opportunity(api, "o-1")
        await api.settle()
        await subscribe(api, receiver)
        await worker.look()
        assert receiver.requests == []
        await subscribe(api, receiver, after=0)
        await worker.look()
        assert len(receiver.requests) == 1
        refused = await api.request("POST", WEBHOOKS, json={"url": receiver.url, "after": 10**9})
        assert refused.json()["errors"][0]["pointer"] == "/after"

    async def test_a_stretch_is_sent_again_under_the_same_ids(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        for number in range(5):
            await open_opportunity(api, f"o-{number}")
        await api.settle()
        await worker.look()
        first = [r.message_id for r in receiver.requests]
        sequences = [r.json["data"]["sequence"] for r in receiver.requests]
        body = {"from_sequence": min(sequences), "to_sequence": max(sequences)}
        answer = await api.call("POST", f"{WEBHOOKS}/{hook['id']}/replays", json=body)
        assert answer["deliveries"] == 5
        await worker.look()
        assert sorted(r.message_id for r in receiver.requests[5:]) == sorted(first)
        wrong = await api.request(
            "POST", f"{WEBHOOKS}/{hook['id']}/replays", json={**body, "failed": True}
        )
        assert wrong.status_code == 422

    async def test_deleting_takes_the_log_along(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        await open_opportunity(api, "o-1")
        await api.settle()
        await worker.look()
        path = f"{WEBHOOKS}/{hook['id']}"
        assert (await api.request("DELETE", path)).status_code == 204
        assert (await api.request("GET", path)).status_code == 404
        async with api.database().read(api.workspace_id) as session:
            left = await session.fetchval(
                "SELECT count(*) FROM pipeline.webhook_deliveries WHERE workspace_id = $1",
                api.workspace_id,
            )
        assert left == 0

    async def test_settled_deliveries_leave_the_log_in_time(
        self, api: Api, receiver: Receiver, worker: Worker
    ) -> None:
        await make_owner(api)
        hook = await subscribe(api, receiver)
        await open_opportunity(api, "o-1")
        await api.settle()
        await worker.look()
        async with api.database().write(api.workspace_id) as session:
            soon = clock.now() + timedelta(seconds=5)
            assert await queue.forget_settled(session, clock.now() - timedelta(hours=1), 10) == 0
            assert await queue.forget_settled(session, soon, 10) == 1
        assert await deliveries(api, hook) == []

    async def test_needs_a_role_and_stays_in_its_workspace(
        self, api: Api, other_api: Api, receiver: Receiver
    ) -> None:
        hook = await subscribe(api, receiver)
        analyst = await api.client_for("analyst")
        body = {"url": receiver.url}
        assert (await analyst.request("POST", WEBHOOKS, json=body)).status_code == 403
        assert (await analyst.request("GET", WEBHOOKS)).status_code == 403
        path = f"{WEBHOOKS}/{hook['id']}"
        for method in ("GET", "PATCH", "DELETE"):
            options = {"json": {"description": "x"}} if method == "PATCH" else {}
            assert (await other_api.request(method, path, **options)).status_code == 404
        stale = await api.request(
            "PATCH", path, json={"description": "x"}, headers={"If-Match": '"9"'}
        )
        assert stale.status_code == 412

    async def test_there_is_a_limit(
        self, api: Api, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LEADLINE_WEBHOOKS_MAX", "1")
        get_settings.cache_clear()
        await subscribe(api, receiver)
        again = await api.request("POST", WEBHOOKS, json={"url": receiver.url})
        assert (again.status_code, again.json()["code"]) == (409, "too_many_webhooks")
        assert UUID((await api.call("GET", WEBHOOKS))["items"][0]["id"])
