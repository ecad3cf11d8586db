"""Notices: told once, read by whom they are for, and heard of through the feed and webhooks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.forecast.audits.service import audit
from services.kit import clock
from services.pipeline.notices.service import notify
from services.workspace.users.repository import manager_of
from tests.client import Api
from tests.pipeline.deals import SOME_ID, company, deal
from tests.pipeline.receiver import Receiver
from tests.pipeline.webhook_harness import (
    Worker,
    allowed,
    receiver,
    standing,
    subscribe,
    worker,
)

__all__ = ["allowed", "receiver", "standing", "worker"]

FIGURES = "/forecast/v1/forecasts/FY27-Q4"
NOTICES = "/pipeline/v1/notices"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
Clock = Callable[[datetime], AbstractContextManager[None]]


async def users(api: Api) -> dict[str, UUID]:
    page = await api.call("GET", "/pipeline/v1/users?limit=200")
    return {item["external_id"]: UUID(item["id"]) for item in page["items"]}


async def tell(api: Api, *names: str, key: str = "k", **fields: Any) -> None:
    ids = await users(api)
    async with api.database().write(api.workspace_id) as session:
        await notify(
            session,
            **{
                "kind": "stale_warning",
                "user_ids": [ids[name] for name in names],
                "subject": "O1 has not moved",
                "message": "Nothing happened for seven days.",
                "key": key,
                **fields,
            },
        )


async def listed(api: Api, **params: Any) -> list[tuple[str, str]]:
    page = await api.call("GET", NOTICES, params=params)
    return [(item["user_external_id"], item["subject"]) for item in page["items"]]


class TestNotify:
    async def test_tells_each_person_of_an_occasion_once(self, api: Api) -> None:
        await company(api)
        await tell(api, "ana", "mia", "ana")
        await tell(api, "ana", "mia", "ben")
        await tell(api, "ana", key="another")
        told = await listed(api)
        assert sorted(told) == sorted(
            (name, "O1 has not moved") for name in ("ana", "mia", "ben", "ana")
        )

    async def test_tells_nothing_to_who_left(self, api: Api) -> None:
        await company(api)
        await api.call("PUT", "/pipeline/v1/users/by-external-id/ben", json={"active": False})
        await tell(api, "ben", "ana")
        assert await listed(api) == [("ana", "O1 has not moved")]

    async def test_knows_who_reports_to_whom(self, api: Api) -> None:
        await company(api)
        ids = await users(api)
        async with api.database().read(api.workspace_id) as session:
            assert await manager_of(session, ids["ana"], clock.now()) == ids["mia"]
            assert await manager_of(session, ids["mia"], clock.now()) is None


class TestReading:
    async def test_shows_ones_own_and_what_is_within_reach(self, api: Api, other_api: Api) -> None:
        await company(api)
        await tell(api, "ana", "mia", "zoe")
        for name, role in [("ana", "rep"), ("mia", "manager")]:
            async with await api.client_for(role, name) as own:
                assert [who for who, _ in await listed(own)] == [name]
        async with await api.client_for("manager", "mia") as mia:
            assert await listed(mia, user_id="ana") == [("ana", "O1 has not moved")]
            assert sorted(who for who, _ in await listed(mia, user_id="mia")) == ["ana", "mia"]
            assert await listed(mia, user_id="zoe") == []
        async with await api.client_for("rep", "ana") as ana:
            assert await listed(ana, user_id="mia") == [("ana", "O1 has not moved")]
            assert await listed(ana, user_id="ben") == []
        async with await api.client_for("analyst") as analyst:
            assert len(await listed(analyst)) == 3
        assert await listed(other_api) == []
        unknown = await api.request("GET", NOTICES, params={"user_id": "nobody"})
        assert unknown.status_code == 422

    async def test_pages_the_newest_first_and_filters(self, api: Api) -> None:
        await company(api)
        opportunity = await deal(api)
        for number in range(5):
            await tell(
                api,
                "ana",
                key=str(number),
                subject=f"Notice {number}",
                kind="a" if number % 2 else "b",
                opportunity_id=UUID(opportunity["id"]) if number == 3 else None,
            )
        first = await api.call("GET", NOTICES, params={"limit": 3})
        rest = await api.call("GET", NOTICES, params={"cursor": first["next_cursor"], "limit": 3})
        subjects = [item["subject"] for item in first["items"] + rest["items"]]
        assert subjects == [f"Notice {number}" for number in (4, 3, 2, 1, 0)]
        assert await listed(api, kind="a") == [("ana", "Notice 3"), ("ana", "Notice 1")]
        about = await api.call("GET", NOTICES, params={"opportunity_id": opportunity["id"]})
        assert [item["opportunity_external_id"] for item in about["items"]] == ["O1"]
        csv = await api.request("GET", NOTICES, params={"format": "csv", "limit": 2})
        assert csv.text.splitlines()[0].startswith("id,kind,user_external_id,subject,message")
        assert "X-Next-Cursor" in csv.headers

    async def test_is_marked_as_read_once_by_whom_it_is_for(
        self, api: Api, other_api: Api, clock_at: Clock
    ) -> None:
        with clock_at(NOW):
            await company(api)
            await tell(api, "ana")
            (notice,) = (await api.call("GET", NOTICES))["items"]
            path = f"{NOTICES}/{notice['id']}/read"
            ana = await api.client_for("rep", "ana")
            ben = await api.client_for("rep", "ben")
            mia = await api.client_for("manager", "mia")
        with clock_at(NOW + timedelta(hours=1)):
            for client, status in [(ben, 404), (mia, 403), (other_api, 404), (ana, 200)]:
                answer = await client.request("POST", path)
                assert answer.status_code == status, answer.text
        with clock_at(NOW + timedelta(hours=2)):
            again = await ana.call("POST", path)
        assert again["read_at"] == clock.isoformat(NOW + timedelta(hours=1))
        assert await listed(ana, state="unread") == []
        assert len(await listed(ana, state="all")) == 1
        unknown = await api.request("POST", f"{NOTICES}/{SOME_ID}/read")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "notice_not_found")

    async def test_marks_many_by_id_or_up_to_an_instant(self, api: Api, clock_at: Clock) -> None:
        for hours in range(3):
            with clock_at(NOW + timedelta(hours=hours)):
                if not hours:
                    await company(api)
                await tell(api, "ana", "mia", key=str(hours))
        ana = await api.client_for("rep", "ana")
        up_to = clock.isoformat(NOW + timedelta(hours=1))
        with clock_at(NOW + timedelta(days=1)):
            assert await ana.call("POST", f"{NOTICES}/read", json={"up_to": up_to}) == {"read": 2}
            assert len(await listed(ana, state="unread")) == 1
            assert len(await listed(api, state="unread")) == 4
            hers = [item["id"] for item in (await api.call("GET", NOTICES))["items"]]
            assert await ana.call("POST", f"{NOTICES}/read", json={"ids": hers}) == {"read": 1}
            assert await api.call("POST", f"{NOTICES}/read", json={"ids": hers}) == {"read": 3}
            for body in ({}, {"ids": hers, "up_to": up_to}, {"ids": []}):
                answer = await ana.request("POST", f"{NOTICES}/read", json=body)
                assert answer.status_code == 422, body
            all_mine = await api.request("POST", f"{NOTICES}/read", json={"up_to": up_to})
            assert all_mine.status_code == 403
            async with await api.client_for("analyst") as analyst:
                answer = await analyst.request("POST", f"{NOTICES}/read", json={"ids": hers})
                assert answer.status_code == 403


class TestFeed:
    async def test_carries_it_and_moves_no_figure(self, api: Api) -> None:
        await company(api)
        opportunity = await deal(api)
        await api.settle()
        before = await api.call("GET", FIGURES)
        at = (await api.call("GET", "/pipeline/v1/changes"))["last_sequence"]
        await tell(api, "ana", "mia", opportunity_id=UUID(opportunity["id"]), details={"days": 7})
        pending = await api.call("GET", FIGURES)
        assert pending["freshness"]["pending_events"] == 2
        await api.settle()
        after = await api.call("GET", FIGURES)
        assert after["freshness"]["pending_events"] == 0
        moving = {"freshness", "as_of", "version"}
        assert {k: v for k, v in after.items() if k not in moving} == {
            k: v for k, v in before.items() if k not in moving
        }
        page = await api.call("GET", f"/pipeline/v1/changes?after={at}")
        assert [entry["subject"] for entry in page["items"]] == ["notice", "notice"]
        told = page["items"][0]
        assert told["notice"] == {
            "kind": "stale_warning",
            "user_external_id": "ana",
            "subject": "O1 has not moved",
            "message": "Nothing happened for seven days.",
            "opportunity_id": opportunity["id"],
            "details": {"days": 7},
        }
        assert told["subject_id"] in {
            item["id"] for item in (await api.call("GET", NOTICES))["items"]
        }
        report = await audit(api.database(), api.workspace_id)
        assert report.differences == []

    async def test_reaches_webhooks(self, api: Api, receiver: Receiver, worker: Worker) -> None:
        await company(api)
        await subscribe(api, receiver, event_types=["notice.created"])
        await deal(api)
        await tell(api, "ana")
        await api.settle()
        await worker.look()
        (message,) = receiver.requests
        assert message.json["type"] == "notice.created"
        assert message.json["data"]["notice"]["user_external_id"] == "ana"


async def test_the_newest_of_several_people_come_in_order(api: Api) -> None:
    """Page by page, whoever they are for."""
    await company(api)
    users = await api.call("GET", "/pipeline/v1/users?limit=200")
    ids = {each["external_id"]: UUID(each["id"]) for each in users["items"]}
    async with api.database().write(api.workspace_id) as session:
        for number in range(7):
            whose = [ids["ana"], ids["mia"]][: 1 + number % 2]
            await notify(
                session, kind="test", key=str(number), user_ids=whose, subject=f"{number}",
                message="x",
            )  # fmt: skip
    found: list[str] = []
    path: str | None = "/pipeline/v1/notices?user_id=mia&kind=test&limit=4"
    while path is not None:
        page = await api.call("GET", path)
        found += [f"{each['subject']} {each['user_external_id']}" for each in page["items"]]
        cursor = page["next_cursor"]
        path = None if cursor is None else f"{path.partition('&cursor')[0]}&cursor={cursor}"
    assert sorted(found) == sorted(
        [f"{n} ana" for n in range(7)] + [f"{n} mia" for n in range(1, 7, 2)]
    )
    assert [int(each.split()[0]) for each in found] == sorted(
        (int(each.split()[0]) for each in found), reverse=True
    )
