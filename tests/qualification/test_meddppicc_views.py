"""What pipeline may know of evidence: for many at once, and beside the gate of a stage."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.gateway import SERVICES
from services.kit.db import Database, Session
from services.kit.ids import new_id
from services.qualification.views import Evidence, evidence_of
from tests.client import Api
from tests.pipeline import deals
from tests.qualification.plan_helpers import (
    OVERVIEW,
    STEP,
    contact,
    element,
    knowing,
    paths,
    policy,
    scoping,
)


def pipeline() -> Database:
    """Pipeline's own connections, with pipeline's rights."""
    database: Database = SERVICES["pipeline"].state.service.database
    return database


async def seen(api: Api, *ids: str) -> dict[str, Evidence]:
    async with pipeline().read(api.workspace_id) as session:
        found = await evidence_of(session, [UUID(id_) for id_ in ids])
    return {str(id_): evidence for id_, evidence in found.items()}


class TestEvidenceOf:
    async def test_tells_what_the_paths_tell(self, api: Api) -> None:
        deal = await scoping(api)
        meddppicc, path = paths(deal)
        await contact(api, "kim", name="Kim")
        await api.call("PUT", path, json={"overview": OVERVIEW, "close_plan": {"steps": [STEP]}})
        known = await api.call(
            "PUT",
            meddppicc,
            json=knowing(partner=element(2), champion=element(3, contact_external_id="kim")),
        )
        plan = await api.call("GET", path)
        found = (await seen(api, deal["id"]))[deal["id"]]
        assert found.scores == {name: each["score"] for name, each in known["elements"].items()}
        assert (found.total, found.percent, found.colour) == (
            known["total"],
            known["percent"],
            known["colour"],
        )
        assert list(found.gaps) == known["gaps"]
        assert list(found.next_stage_gaps) == known["next_stage_gaps"] == list(found.gaps_at(3))
        assert found.gaps_at(1) == ()
        assert (found.is_overview_complete, found.is_close_plan_complete) == (True, True)
        assert found.is_meddppicc_complete is False
        assert found.version == plan["version"] == 2
        assert found.last_touched_at is not None
        assert [each.section for each in found.requirements] == [
            each["section"] for each in plan["requirements"]
        ]
        assert set(found.missing) == {
            f"meddppicc.{name}" for name in known["elements"] if name not in ("partner", "champion")
        }
        assert found.missing_at(1) == found.missing

    async def test_those_nobody_wrote_about_and_those_there_are_not(
        self, api: Api, other_api: Api
    ) -> None:
        deal = await scoping(api, stage="discovery", amount="1000.00")
        found = await seen(api, deal["id"], str(new_id()))
        assert set(found) == {deal["id"]}
        evidence = found[deal["id"]]
        assert (evidence.version, evidence.percent, evidence.missing) == (0, 0, ())
        # What leaving scoping wants of it.
        assert set(evidence.missing_at(3)) == {f"overview.{name}" for name in OVERVIEW}
        assert await seen(other_api, deal["id"]) == {}
        assert await seen(api) == {}

    async def test_a_thousand_in_two_statements(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await deals.company(api)
        items = [{**deals.PLAIN, "external_id": f"O{number}"} for number in range(1000)]
        results = await deals.batch(api, *items)
        asked: list[str] = []
        fetch = Session.fetch

        async def counted(self: Session, statement: Any, *args: Any) -> Any:
            asked.append(statement)
            return await fetch(self, statement, *args)

        monkeypatch.setattr(Session, "fetch", counted)
        found = await seen(api, *(result["id"] for result in results))
        assert len(found) == 1000
        assert len(asked) == 2

    async def test_pipeline_writes_nothing_there(self, api: Api) -> None:
        async with api.database().read(api.workspace_id) as session:
            for table, privilege in (
                ("command_plans", "UPDATE"),
                ("command_plans", "INSERT"),
                ("command_plan_versions", "SELECT"),
                ("consults", "SELECT"),
            ):
                assert not await session.fetchval(
                    "SELECT has_table_privilege('leadline_pipeline', $1, $2)",
                    f"qualification.{table}",
                    privilege,
                )


async def gate(api: Api, deal: Any) -> Any:
    return (await api.call("GET", f"{deals.OPPORTUNITIES}/{deal['id']}/stage-gate"))["evidence"]


class TestStageGate:
    async def test_shows_what_the_next_stage_wants(self, api: Api) -> None:
        deal = await scoping(api)
        meddppicc, path = paths(deal)
        before = await gate(api, deal)
        assert (before["percent"], before["colour"]) == (0, "red")
        assert len(before["gaps"]) == 8
        assert "overview.why_now" in before["plan_missing"]
        assert "close_plan.steps" in before["plan_missing"]
        known = {name: element(2) for name in before["gaps"]}
        await api.call("PUT", meddppicc, json={"elements": known})
        await api.call("PUT", path, json={"overview": OVERVIEW, "close_plan": {"steps": [STEP]}})
        after = await gate(api, deal)
        assert after == {
            "percent": 59,
            "colour": "yellow",
            "gaps": [],
            "plan_missing": ["meddppicc.paper_process"],
            "is_plan_stale": False,
            "policy_version": 1,
        }

    async def test_the_last_stage_and_a_closed_deal(self, api: Api) -> None:
        deal = await scoping(api, stage="awaiting_signature")
        assert len((await gate(api, deal))["gaps"]) == 9
        await deals.put(api, "O1", stage="closed_won")
        shown = await gate(api, deal)
        assert (shown["gaps"], shown["plan_missing"]) == ([], [])

    async def test_a_gap_alone_holds_no_move(self, api: Api) -> None:
        deal = await scoping(api)
        held = await deals.move(api, deal, "technical_evaluation")
        codes = {item["code"] for item in held.json()["unmet"]}
        assert codes == {
            "overview_complete", "full_plan_complete", "technical_evaluation_meeting_set",
        }  # fmt: skip

    async def test_goes_by_the_policy_in_force(self, api: Api) -> None:
        deal = await scoping(api)
        await policy(api, plan__full={}, commercial__overview_amount={},
                     meddppicc__required_by_stage={"metrics": 3})  # fmt: skip
        shown = await gate(api, deal)
        assert (shown["gaps"], shown["policy_version"]) == (["metrics"], 2)
        assert {name.partition(".")[0] for name in shown["plan_missing"]} == {"overview"}
