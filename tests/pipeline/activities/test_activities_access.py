"""Who sees and who logs which activities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.activities.logs import (
    ACCOUNTS,
    ACTIVITIES,
    batch,
    listed,
    log,
    problem,
    put,
    try_log,
    try_patch,
    try_put,
)


@pytest.fixture(autouse=True)
async def _company(api: Api, travel: Callable[[str], None]) -> None:
    await deals.company(api)
    sid = {"name": "Sid", "role": "sdr"}
    await api.call("PUT", "/pipeline/v1/users/by-external-id/sid", json=sid)


async def names(api: Api, path: str = ACTIVITIES) -> set[str]:
    return {each["external_id"] for each in await listed(api, path)}


async def test_a_rep_logs_on_own_opportunities(api: Api) -> None:
    own = await deals.deal(api, "O1", owner_external_id="ana")
    other = await deals.deal(api, "O2", owner_external_id="ben")
    ana = await api.client_for("rep", "ana")
    call = await log(ana, own, external_id="mine")
    assert call["user_external_id"] == "ana"
    assert (await try_log(ana, other)).status_code == 404
    hidden = await put(api, "theirs", kind="call", opportunity_external_id="O2")
    assert (await ana.request("GET", f"{ACTIVITIES}/{hidden['id']}")).status_code == 404
    assert (await try_patch(ana, hidden, subject="x")).status_code == 404
    assert (await try_put(ana, "theirs", subject="x")).status_code == 403
    assert await names(ana) == {"mine"}
    path = f"{deals.OPPORTUNITIES}/{other['id']}"
    assert (await ana.request("GET", f"{path}/activities")).status_code == 404
    assert (await ana.request("GET", f"{path}/follow-up")).status_code == 404
    (refused,) = await batch(
        ana, {"external_id": "x", "kind": "call", "opportunity_external_id": "O2"}
    )
    assert refused["error"]["errors"][0]["code"] == "unknown_reference"
    assert problem(await try_log(ana, own, user_external_id="ben")) == (
        422,
        "/user_external_id",
        "out_of_reach",
    )


async def test_a_manager_reaches_the_own_reports(api: Api) -> None:
    await deals.deal(api, "O1", owner_external_id="ana")
    zoes = await deals.deal(api, "O2", owner_external_id="zoe", account_external_id=None)
    mia = await api.client_for("manager", "mia")
    await put(mia, "m", kind="meeting", opportunity_external_id="O1", user_external_id="ben")
    assert (await try_log(mia, zoes)).status_code == 404
    assert await names(mia) == {"m"}


async def test_an_sdr_logs_while_it_waits_at_stage_0(api: Api) -> None:
    waits = await deals.deal(api, "O1", stage="pending_acceptance", sdr_external_id="sid")
    moved = await deals.deal(api, "O2", stage="discovery", sdr_external_id="sid")
    sid = await api.client_for("sdr", "sid")
    await log(sid, waits, external_id="s", buyer_stage="recognises_need")
    assert (await deals.get(api, waits))["buyer_stage"] == "recognises_need"
    refused = await try_log(sid, moved)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_activity")
    await put(api, "seen", kind="call", opportunity_external_id="O2")
    assert await names(sid) == {"s", "seen"}


async def test_an_account_follows_its_owner_and_who_sells_to_it(api: Api) -> None:
    await deals.account(api, "acme", owner_external_id="ana")
    await deals.deal(api, "O1", owner_external_id="ben")
    (account,) = (await api.call("GET", ACCOUNTS))["items"]
    path = f"{ACCOUNTS}/{account['id']}/activities"
    for who in ("ana", "ben"):
        rep = await api.client_for("rep", who)
        await rep.call("POST", path, json={"kind": "email", "external_id": who})
    await put(api, "deal", kind="call", opportunity_external_id="O1")
    zoe = await api.client_for("rep", "zoe")
    refused = await zoe.request("POST", path, json={"kind": "email"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_activity")
    assert await names(zoe) == await names(zoe, path) == set()
    ana, ben = await api.client_for("rep", "ana"), await api.client_for("rep", "ben")
    # Ana owns the account and not the opportunity.
    assert await names(ana) == await names(ana, path) == {"ana", "ben"}
    assert await names(ben) == await names(ben, path) == {"ana", "ben", "deal"}


async def test_an_analyst_reads_and_does_not_write(api: Api) -> None:
    opportunity = await deals.deal(api)
    await log(api, opportunity, external_id="a")
    analyst = await api.client_for("analyst")
    assert await names(analyst) == {"a"}
    assert (await try_log(analyst, opportunity)).status_code == 403
    assert (await try_put(analyst, "a", subject="x")).status_code == 403


async def test_another_workspace_sees_nothing(api: Api, other_api: Api) -> None:
    opportunity = await deals.deal(api)
    call = await log(api, opportunity, external_id="a")
    assert await names(other_api) == set()
    for path in (
        f"{ACTIVITIES}/{call['id']}",
        f"{deals.OPPORTUNITIES}/{opportunity['id']}/activities",
        f"{deals.OPPORTUNITIES}/{opportunity['id']}/follow-up",
        f"{ACCOUNTS}/{call['account_id']}/activities",
    ):
        assert (await other_api.request("GET", path)).status_code == 404, path
    assert (await try_log(other_api, opportunity)).status_code == 404
    reused: Any = await try_put(other_api, "b", kind="call", opportunity_external_id="O1")
    assert problem(reused) == (422, "/opportunity_external_id", "unknown_reference")


async def test_reports_are_cut_to_the_caller_s_reach(api: Api) -> None:
    await deals.deal(api, "O1", owner_external_id="ana")
    await deals.deal(api, "O2", owner_external_id="ben")
    for who, name in (("ana", "O1"), ("ben", "O2")):
        await put(
            api, f"qual {who}", kind="call", subject="Qual", opportunity_external_id=name,
            user_external_id=who, outcome="connected",
        )  # fmt: skip

    async def calls(client: Api, query: str = "") -> tuple[int, int]:
        counted = await client.call("GET", f"{ACTIVITIES}/counts?x=1{query}".replace("x=1&", ""))
        qualified = await client.call(
            "GET", f"{ACTIVITIES}/qualification-calls?x=1{query}".replace("x=1&", "")
        )
        return counted["total"]["calls"], qualified["total"]["calls"]

    ana, mia = await api.client_for("rep", "ana"), await api.client_for("manager", "mia")
    analyst = await api.client_for("analyst")
    assert await calls(mia, "&user_id=mia") == await calls(analyst, "&user_id=mia") == (2, 2)
    assert await calls(ana, "&user_id=mia") == (1, 1)
    assert await calls(ana, "&user_id=ben") == (0, 0)
    standing = await listed(ana, f"{ACTIVITIES}/follow-ups")
    assert [each["opportunity_external_id"] for each in standing] == ["O1"]
    unnamed = await analyst.request("GET", f"{ACTIVITIES}/follow-ups")
    assert problem(unnamed) == (422, "query/user_id", "missing")
