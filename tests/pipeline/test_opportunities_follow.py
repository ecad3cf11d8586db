"""What happens to opportunities because of something else: policies and handed-over leads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.kit import clock
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.pipeline.opportunities.service import apply_policy, open_requested
from tests.client import Api
from tests.pipeline.deals import (
    OPPORTUNITIES,
    account,
    company,
    deal,
    findings,
    get,
    history,
    patch,
    rows_of,
    try_patch,
)
from tests.pipeline.gates.gated import NO_GATES, set_policy, supply


@pytest.fixture(autouse=True)
async def _company(api: Api) -> None:
    await company(api)


async def new_policy(api: Api, **settings: Any) -> int:
    """Posted, in force, and not applied to any record yet."""
    answer = await api.call(
        "POST",
        "/pipeline/v1/policies",
        json={"name": "next", "settings": {k.replace("__", "."): v for k, v in settings.items()}},
    )
    version: int = answer["version"]
    return version


async def apply_all(api: Api, version: int, limit: int = 2) -> int:
    """In chunks, as the worker does; how many there were."""
    after, chunks = None, 0
    while chunks == 0 or after is not None:
        async with api.database().write(api.workspace_id) as session:
            after = await apply_policy(session, version, after=after, limit=limit)
        chunks += 1
    return chunks


class TestApplyPolicy:
    async def test_derives_anew_where_it_makes_a_difference(self, api: Api) -> None:
        moved = await deal(api, "moved", stage="proposal")
        same = await deal(api, "same")
        chosen = await deal(api, "chosen", stage="proposal", forecast_category="pipeline")
        won = await deal(api, "won", stage="closed_won")
        version = await new_policy(api, stage__category={"proposal": "commit"})
        assert await apply_all(api, version) == 2
        after = await get(api, moved)
        assert (after["forecast_category"], after["version"]) == ("commit", 2)
        last = (await history(api, moved))[-1]
        assert (last["kind"], last["actor"]) == ("policy_applied", "system")
        assert last["changes"] == {"policy_version": {"from": 1, "to": version}}
        for stored in (same, chosen, won):
            assert (await get(api, stored))["version"] == 1
        assert (await rows_of(api, moved["id"]))["outbox"] == 2

    async def test_moves_segments_with_their_thresholds(self, api: Api) -> None:
        followed = await deal(api, "followed")
        stated = await deal(api, "stated", segment="mid_market", account_external_id=None)
        segments = {"smb": [1, 600], "mid_market": [601, 1999], "large": [2000, None]}
        version = await new_policy(api, segments=segments)
        await apply_all(api, version)
        assert (await get(api, followed))["segment"] == "smb"
        assert (await history(api, followed))[-1]["changes"] == {
            "policy_version": {"from": 1, "to": version},
            "segment": {"from": "mid_market", "to": "smb"},
        }
        assert (await get(api, stated))["segment"] == "mid_market"

    async def test_twice_is_once(self, api: Api) -> None:
        stored = await deal(api, stage="proposal")
        version = await new_policy(api, stage__category={"proposal": "commit"})
        await apply_all(api, version)
        await apply_all(api, version)
        assert (await get(api, stored))["version"] == 2

    async def test_a_change_made_meanwhile_names_the_new_policy(self, api: Api) -> None:
        stored = await deal(api)
        version = await new_policy(api, stage__category={"proposal": "commit"})
        assert (await patch(api, stored, next_step=None))["version"] == 1
        await patch(api, stored, next_step="Call")
        assert (await history(api, stored))[-1]["changes"]["policy_version"] == {
            "from": 1,
            "to": version,
        }

    async def test_blocked_segments_follow_the_stage(self, api: Api) -> None:
        before = await deal(api, "before", forecast_category="commit")
        version = await new_policy(api, category__override_blocked_segments=["mid_market"])
        await apply_all(api, version)
        after = await get(api, before)
        assert (after["forecast_category"], after["forecast_category_source"]) == (
            "pipeline",
            "stage",
        )
        answer = await try_patch(api, before, forecast_category="best_case")
        assert answer.json()["unmet"][0]["code"] == "category_driven_by_stage"
        recorded = await deal(api, "recorded", forecast_category="commit")
        assert recorded["forecast_category"] == "pipeline"
        assert await findings(api, recorded) == [(1, "category_driven_by_stage")]

    async def test_a_policy_may_switch_closing_on(self, api: Api) -> None:
        stored = await deal(api, stage="awaiting_signature")
        await new_policy(api, stage__closing_enabled=True)
        await supply(api, stored)
        closing = await patch(api, stored, stage="7 - Closing")
        assert (closing["stage"], closing["stage_number"]) == ("closing", None)
        assert closing["forecast_category"] == "commit"


@dataclass(frozen=True)
class Request:
    """As qualification hands it over."""

    opportunity_id: UUID
    requested_at: datetime
    name: str = "Globex"
    account_external_id: str | None = "acme"
    owner_external_id: str = "ana"
    sdr_external_id: str | None = "ben"
    source_kind: str | None = "inbound"
    region: str | None = None
    use_case: str | None = "CI"
    seats: int | None = 40
    next_step: str | None = None
    next_step_date: date | None = None
    contact_external_ids: list[str] = field(default_factory=list)
    segment: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    close_date: date | None = None
    actor: str = "user:sdr"


class TestOpenRequested:
    async def test_opens_at_stage_0_by_the_id_given(self, api: Api) -> None:
        request = Request(new_id(), clock.now())
        async with api.database().write(api.workspace_id) as session:
            opened = await open_requested(session, request)
        assert opened.created
        stored = await api.call("GET", f"{OPPORTUNITIES}/{request.opportunity_id}")
        assert stored["stage"] == "pending_acceptance"
        assert (stored["sdr_external_id"], stored["seats"]) == ("ben", 40)
        assert (await history(api, stored))[0]["actor"] == "user:sdr"

    async def test_closes_the_policys_months_after_the_companys_day(self, api: Api) -> None:
        # In Los Angeles it is still the last day of May; February has no 31st.
        asked_at = datetime(2026, 6, 1, 5, tzinfo=UTC)
        request = Request(new_id(), asked_at)
        async with api.database().write(api.workspace_id) as session:
            await open_requested(session, request)
        stored = await api.call("GET", f"{OPPORTUNITIES}/{request.opportunity_id}")
        assert stored["close_date"] == "2027-02-28"
        stated = Request(new_id(), asked_at, close_date=date(2026, 9, 30))
        async with api.database().write(api.workspace_id) as session:
            await open_requested(session, stated)
        stored = await api.call("GET", f"{OPPORTUNITIES}/{stated.opportunity_id}")
        assert stored["close_date"] == "2026-09-30"

    @pytest.mark.parametrize(
        ("account_external_id", "segment", "expected", "follows"),
        [
            ("acme", "smb", "mid_market", True),
            ("acme", "public_sector", "public_sector", False),
            ("acme", None, "mid_market", True),
            ("blank", "smb", "smb", False),
            (None, "large", "large", False),
            (None, None, "unknown", True),
        ],
    )
    async def test_states_the_segment_where_no_account_gives_one(
        self,
        api: Api,
        account_external_id: str | None,
        segment: str | None,
        expected: str,
        follows: bool,
    ) -> None:
        await account(api, "blank", name="Blank")
        request = Request(
            new_id(), clock.now(), account_external_id=account_external_id, segment=segment
        )
        async with api.database().write(api.workspace_id) as session:
            await open_requested(session, request)
        stored = await api.call("GET", f"{OPPORTUNITIES}/{request.opportunity_id}")
        assert stored["segment"] == expected
        if account_external_id is not None:
            await account(api, account_external_id, employees=9000)
            stored = await api.call("GET", f"{OPPORTUNITIES}/{request.opportunity_id}")
            assert stored["segment"] == ("large" if follows else expected)

    async def test_again_leaves_it_as_it_is_now(self, api: Api) -> None:
        request = Request(new_id(), clock.now())
        async with api.database().write(api.workspace_id) as session:
            await open_requested(session, request)
        await set_policy(api, gates=NO_GATES)
        await patch(api, {"id": request.opportunity_id}, stage="discovery", name="Renamed")
        async with api.database().write(api.workspace_id) as session:
            opened = await open_requested(session, request)
        assert not opened.created
        stored = await api.call("GET", f"{OPPORTUNITIES}/{request.opportunity_id}")
        assert (stored["name"], stored["version"]) == ("Renamed", 2)

    async def test_refuses_an_owner_who_is_not_there(self, api: Api) -> None:
        request = Request(new_id(), clock.now(), owner_external_id="nobody")
        with pytest.raises(InvalidPayloadError):
            async with api.database().write(api.workspace_id) as session:
                await open_requested(session, request)
        assert set((await rows_of(api, str(request.opportunity_id))).values()) == {0}


async def test_following_waits_for_no_one_elses_account(api: Api) -> None:
    await account(api, "other", name="Other", employees=5)
    stored = await deal(api)
    await account(api, "other", employees=9000)
    assert (await get(api, stored))["version"] == 1


async def test_a_batch_of_accounts_takes_its_opportunities_along(api: Api) -> None:
    await account(api, "other", name="Other", region="APAC")
    mine, others = await deal(api, "a"), await deal(api, "b", account_external_id="other")
    own = await deal(api, "c", account_external_id="other", region="LATAM")
    won = await deal(api, "d", stage="closed_won")
    items = [{"external_id": name, "region": "AMER"} for name in ("other", "acme")]
    await api.call("POST", "/pipeline/v1/accounts/batch", json={"items": items})
    regions = [(await get(api, each))["region"] for each in (mine, others, own, won)]
    assert regions == ["AMER", "AMER", "LATAM", "EMEA"]
    assert [(await get(api, each))["version"] for each in (mine, others, own, won)] == [2, 2, 1, 1]
