"""Plans that are behind: what the board counts by statement is what evidence judges one by one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from services.qualification.evidence.views import evidence_of
from services.workspace.policy_qualification import ELEMENTS
from tests.client import Api
from tests.qualification.plan_helpers import OVERVIEW, STEP, element, knowing, paths, policy
from tests.qualification.test_boards_ae import BOARD, make_deal
from tests.qualification.working import NOW, ClockAt, make_user

STAGES = ("pending_acceptance", "discovery", "scoping", "proposal", "negotiating", "closed_won")
AMOUNTS = (None, "1000.00", "15000.00", "90000.00")


async def judged(api: Api, ids: list[str]) -> dict[str, bool]:
    """By id of those that are behind: whether they are stale."""
    async with api.database().read(api.workspace_id) as session:
        known = await evidence_of(session, [UUID(id_) for id_ in ids])
    return {
        str(id_): evidence.is_stale
        for id_, evidence in known.items()
        if evidence.gaps or evidence.missing or evidence.is_stale
    }


async def write(api: Api, deal: dict[str, str], place: int) -> None:
    """Nothing, a little or everything, by turns."""
    meddppicc, plan = paths(deal)
    if place % 4 in (1, 3):
        score = 1 if place % 8 == 1 else 2
        some = ELEMENTS if place % 4 == 3 else ELEMENTS[:4]
        elements = {name: element(score) for name in some}
        await api.call("PUT", meddppicc, json=knowing(**elements))
    if place % 4 in (2, 3):
        body = {"overview": OVERVIEW, "close_plan": {"steps": [STEP] if place % 4 == 3 else []}}
        await api.call("PUT", plan, json=body)


async def test_counts_and_shows_what_evidence_judges(api: Api, clock_at: ClockAt) -> None:
    await make_user(api, "ana")
    await api.call(
        "PUT",
        "/pipeline/v1/accounts/by-external-id/acme",
        json={"name": "Acme", "employees": 50},
    )
    ids = []
    with clock_at(NOW):
        for place in range(24):
            deal = await make_deal(
                api,
                f"D{place}" if place % 7 else f"Channel-Managed {place}",
                stage=STAGES[place % 6],
                amount=AMOUNTS[place // 6],
                term_months=12,
                account_external_id="acme",
                close_date="2026-07-31",
            )
            await write(api, deal, place)
            if deal["stage"] not in ("pending_acceptance", "closed_won"):
                ids.append(deal["id"])
    told = []
    for days in (0, 8, 31):
        with clock_at(NOW + timedelta(days=days)):
            answer = await api.call(
                "GET", BOARD, params={"user_id": "ana", "section": "plans", "limit": 200}
            )
            expected = await judged(api, ids)
        (section,) = answer["sections"]
        found = {item["opportunity_id"]: item["is_overdue"] for item in section["items"]}
        assert found == expected
        assert (section["count"], section["overdue"]) == (len(expected), sum(expected.values()))
        assert all(item["unmet"] for item in section["items"])
        told.append(len(expected))
    assert 0 < told[0] < len(ids)
    with clock_at(NOW + timedelta(days=31)):
        await policy(api, meddppicc__required_by_stage={}, plan__stale_days=3650)
        answer = await api.call("GET", BOARD, params={"user_id": "ana", "section": "plans"})
        expected = await judged(api, ids)
    assert answer["sections"][0]["count"] == len(expected)
