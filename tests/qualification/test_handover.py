"""The hand-over of a converted lead: exactly one opportunity, wherever it is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from services import handover
from services.kit.db import Session
from services.qualification import events as requests
from services.qualification.events import ATTEMPTS_MAX
from tests.client import Api
from tests.qualification.test_acceptance import GOOD, due, make_ready
from tests.qualification.test_leads import LEADS, make_lead, make_user

OPPORTUNITIES = "/pipeline/v1/opportunities"


class Killed(BaseException):
    """The process dies here: nothing may handle it."""


class DefectError(Exception):
    """A defect nobody expected."""


async def convert(api: Api, lead: Any) -> str:
    answer = await api.call("POST", f"{LEADS}/{lead['id']}/conversion")
    return str(answer["opportunity_id"])


async def conversion_of(api: Api, lead: Any) -> Any:
    return (await api.call("GET", f"{LEADS}/{lead['id']}"))["conversion"]


async def hand_over(api: Api) -> int:
    return await handover.hand_over(api.database(), api.workspace_id)


async def count_opportunities(api: Api) -> tuple[int, int]:
    """Opportunities and outbox rows of pipeline."""
    async with api.database().read(api.workspace_id) as session:
        row = await session.fetchrow(
            """
            SELECT (SELECT count(*) FROM pipeline.opportunities WHERE workspace_id = $1) AS opened,
                   (SELECT count(*) FROM pipeline.outbox WHERE workspace_id = $1
                      AND kind = 'opportunity') AS told
            """,
            api.workspace_id,
        )
    assert row is not None
    return row["opened"], row["told"]


async def count_people(api: Api) -> tuple[int, int]:
    """Contacts and accounts of pipeline."""
    async with api.database().read(api.workspace_id) as session:
        row = await session.fetchrow(
            """
            SELECT (SELECT count(*) FROM pipeline.contacts WHERE workspace_id = $1) AS contacts,
                   (SELECT count(*) FROM pipeline.accounts WHERE workspace_id = $1) AS accounts
            """,
            api.workspace_id,
        )
    assert row is not None
    return row["contacts"], row["accounts"]


@contextmanager
def dying_at(
    monkeypatch: pytest.MonkeyPatch, step: int, error: type[BaseException]
) -> Iterator[None]:
    """Every database call counts as a step; the given one raises instead."""
    steps = iter(range(step + 1))
    originals = {name: getattr(Session, name) for name in ("fetch", "fetchrow", "execute")}

    def counted(name: str) -> Any:
        async def call(self: Session, *args: Any) -> Any:
            if next(steps, None) == step:
                raise error
            return await originals[name](self, *args)

        return call

    with monkeypatch.context() as patch:
        for name in originals:
            patch.setattr(Session, name, counted(name))
        yield


async def test_opens_a_pending_opportunity_by_the_id_promised(api: Api) -> None:
    await make_user(api, "sid", "sdr")
    lead = await make_ready(api, source_kind="inbound", sdr_external_id="sid")
    opportunity_id = await convert(api, lead)
    assert await hand_over(api) == 1
    opened = await api.call("GET", f"{OPPORTUNITIES}/{opportunity_id}")
    assert opened["stage"] == "pending_acceptance"
    assert opened["name"] == "Acme – CI"
    assert (opened["owner_external_id"], opened["sdr_external_id"]) == ("ana", "sid")
    assert (opened["seats"], opened["use_case"]) == (80, "CI")
    assert opened["source_kind"] == "inbound"
    assert opened["next_step_date"] == GOOD["timing"]["next_step_date"]
    conversion = await conversion_of(api, lead)
    assert (conversion["opportunity_id"], conversion["state"]) == (opportunity_id, "opened")
    assert conversion["reason"] is None
    assert await due(api) == 0
    # Asked again afterwards, it is the same one, and nothing is requested.
    assert await convert(api, lead) == opportunity_id
    assert await hand_over(api) == 0


async def test_the_worker_does_it_and_counts_it(api: Api) -> None:
    lead = await make_ready(api)
    opportunity_id = await convert(api, lead)
    await api.settle()
    assert (await api.request("GET", f"{OPPORTUNITIES}/{opportunity_id}")).status_code == 200


async def test_killed_between_any_two_steps_it_happens_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = await make_ready(api, account_external_id="acme", email="kim@acme.example")
    opportunity_id = await convert(api, lead)
    died = 0
    for step in range(60):
        try:
            with dying_at(monkeypatch, step, Killed):
                await hand_over(api)
        except Killed:
            died += 1
            opened, told = await count_opportunities(api)
            state = (await conversion_of(api, lead))["state"]
            assert (opened, told, state) in [(0, 0, "requested"), (1, 1, "opened")]
            assert await count_people(api) in [(0, 0), (1, 1)]
        else:
            break
    assert died > 10
    assert await count_opportunities(api) == (1, 1)
    assert await count_people(api) == (1, 1)
    assert (await conversion_of(api, lead))["state"] == "opened"
    assert (await api.call("GET", f"{OPPORTUNITIES}/{opportunity_id}"))["version"] == 1


async def test_a_conversion_killed_on_its_way_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = await make_ready(api)
    before = await api.call("GET", f"{LEADS}/{lead['id']}")
    died = 0
    for step in range(40):
        try:
            with dying_at(monkeypatch, step, Killed):
                response = await api.request("POST", f"{LEADS}/{lead['id']}/conversion")
        except (Killed, BaseExceptionGroup):
            died += 1
            assert await due(api) == 0
            assert await api.call("GET", f"{LEADS}/{lead['id']}") == before
            continue
        assert response.status_code == 202
        break
    assert died > 3
    assert await due(api) == 1


async def test_many_workers_at_once_open_each_once(api: Api) -> None:
    leads = [await make_ready(api, external_id=f"L-{number}") for number in range(6)]
    for lead in leads:
        await convert(api, lead)
    settled = await asyncio.gather(*(hand_over(api) for _ in range(4)))
    assert sum(settled) == len(leads)
    assert await count_opportunities(api) == (len(leads), len(leads))


async def test_a_refusal_shows_on_the_lead_and_can_be_cured(api: Api) -> None:
    lead = await make_ready(api, account_external_id="acme")
    opportunity_id = await convert(api, lead)
    # Whoever was to get it is gone by the time it is opened.
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            "UPDATE qualification.conversions"
            ' SET request = request || \'{"owner_external_id": "gone"}\' WHERE workspace_id = $1',
            api.workspace_id,
        )
    assert await hand_over(api) == 1
    refused = await conversion_of(api, lead)
    assert refused["state"] == "failed"
    assert "gone" in refused["reason"]
    assert await due(api) == 0
    # Refused as a whole: neither contact nor account stays behind.
    for kind in ("accounts", "contacts"):
        assert (await api.call("GET", f"/pipeline/v1/{kind}"))["items"] == []
    assert await convert(api, lead) == opportunity_id
    assert (await conversion_of(api, lead))["state"] == "requested"
    assert await hand_over(api) == 1
    assert (await conversion_of(api, lead))["state"] == "opened"
    assert await count_opportunities(api) == (1, 1)


async def test_a_defect_waits_longer_each_time_and_then_shows(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = await make_ready(api)
    await convert(api, lead)

    async def broken(*_: Any) -> None:
        raise DefectError

    monkeypatch.setattr(handover, "open_requested", broken)
    for attempt in range(ATTEMPTS_MAX):
        with pytest.raises(DefectError):
            await hand_over(api)
        # It does not stand in the way of others, nor is it tried again at once.
        assert await hand_over(api) == 0
        if attempt < ATTEMPTS_MAX - 1:
            await _make_due(api)
    failed = await conversion_of(api, lead)
    assert failed["state"] == "failed"
    assert "DefectError" in failed["reason"]
    assert await due(api) == 0


async def test_a_failure_told_late_does_not_undo_what_another_opened(api: Api) -> None:
    """Between the failed transaction and its count, another worker may take the request."""
    lead = await make_ready(api)
    await convert(api, lead)
    async with api.database().write(api.workspace_id) as session:
        claimed = await requests.claim_request(session)
    assert claimed is not None
    assert await hand_over(api) == 1
    async with api.database().write(api.workspace_id) as session:
        last = replace(claimed, attempts=ATTEMPTS_MAX - 1)
        await requests.count_failure(session, last, "late")
    assert (await conversion_of(api, lead))["state"] == "opened"


async def test_a_request_of_the_release_before_is_opened(api: Api) -> None:
    """Its outbox row names the lead, and its request says less."""
    lead = await make_ready(api)
    opportunity_id = await convert(api, lead)
    added = ["contact", "account", "segment", "amount", "currency", "close_date", "next_step"]
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            "UPDATE qualification.conversions SET request = request - $2::text[]"
            " WHERE workspace_id = $1",
            api.workspace_id,
            added,
        )
        await session.execute(
            "UPDATE qualification.outbox SET kind = 'opportunity_requested',"
            " subject_id = $2::text::uuid WHERE workspace_id = $1",
            api.workspace_id,
            lead["id"],
        )
    assert await hand_over(api) == 1
    assert (await conversion_of(api, lead))["state"] == "opened"
    opened = await api.call("GET", f"{OPPORTUNITIES}/{opportunity_id}")
    assert (opened["stage"], opened["contact_external_ids"]) == ("pending_acceptance", [])
    assert await due(api) == 0


async def _make_due(api: Api) -> None:
    async with api.database().write(api.workspace_id) as session:
        await session.execute(
            "UPDATE qualification.outbox SET due_at = recorded_at WHERE workspace_id = $1",
            api.workspace_id,
        )


async def test_the_sweep_finds_every_workspace(api: Api, other_api: Api) -> None:
    for client in (api, other_api):
        await convert(client, await make_ready(client))
    found = await handover.due_workspaces(api.database(), limit=1000)
    assert {api.workspace_id, other_api.workspace_id} <= set(found)
    assert await hand_over(api) == 1
    found = await handover.due_workspaces(api.database(), limit=1000)
    assert api.workspace_id not in found
    assert other_api.workspace_id in found
    # Every other role sees only its own workspace.
    lead = await make_lead(api, name="Unrelated")
    assert lead["conversion"] is None
