"""MEDDPPICC through HTTP: write, read, look back, and who may do it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit.ids import new_id
from services.qualification.plans import repository as plans
from services.workspace.policy_qualification import ELEMENTS
from tests.client import Api
from tests.pipeline import deals
from tests.qualification.plan_helpers import contact, element, knowing, paths, policy, scoping

START = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
ClockAt = Callable[[datetime], AbstractContextManager[None]]


class TestRead:
    async def test_nobody_wrote_anything(self, api: Api) -> None:
        deal = await scoping(api)
        path, _ = paths(deal)
        answer = await api.request("GET", path)
        assert answer.status_code == 200
        assert answer.headers["ETag"].startswith('"0-')
        known = answer.json()
        assert (known["version"], known["total"], known["percent"]) == (0, 0, 0)
        assert (known["total_max"], known["colour"]) == (27, "red")
        assert set(known["elements"]) == set(ELEMENTS)
        assert {each["score"] for each in known["elements"].values()} == {0}
        assert known["gaps"] == ["identify_pain", "competition", "partner"]
        assert len(known["next_stage_gaps"]) == 8
        assert known["elements"]["partner"]["is_gap"] is True
        assert known["elements"]["paper_process"]["required_by_stage"] == 4
        assert (known["stage"], known["stage_number"]) == ("scoping", 2)

    async def test_an_unknown_opportunity(self, api: Api) -> None:
        for method in ("GET", "PUT"):
            path = paths({"id": new_id()})[0]
            answer = await api.request(method, path, json={} if method == "PUT" else None)
            assert (answer.status_code, answer.json()["code"]) == (404, "opportunity_unknown")

    async def test_an_answer_it_knows_is_not_sent_again(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        await api.call("PUT", path, json=knowing(metrics=element()))
        known = await api.request("GET", path)
        again = {"If-None-Match": known.headers["ETag"]}
        assert (await api.request("GET", path, headers=again)).status_code == 304
        # A new stage has other gaps, without a new version.
        await deals.put(api, "O1", stage="proposal")
        moved = await api.request("GET", path, headers=again)
        assert moved.status_code == 200
        assert moved.json()["version"] == known.json()["version"]
        assert moved.json()["gaps"] != known.json()["gaps"]
        changed = await api.request(
            "PUT", path, json=knowing(metrics=element(1)),
            headers={"If-Match": known.headers["ETag"]},
        )  # fmt: skip
        assert changed.status_code == 200
        refused = await api.request(
            "PUT", path, json=knowing(metrics=element(2)),
            headers={"If-Match": known.headers["ETag"]},
        )  # fmt: skip
        assert refused.status_code == 412

    async def test_a_closed_deal_has_no_gaps(self, api: Api) -> None:
        deal = await scoping(api)
        await deals.put(api, "O1", stage="closed_lost", lost_reason="other", lost_details="x")
        known = await api.call("GET", paths(deal)[0])
        assert (known["gaps"], known["next_stage_gaps"]) == ([], [])
        assert known["stage_number"] is None
        assert known["staleness"]["is_stale"] is False

    async def test_the_policy_colours(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        await api.call("PUT", path, json=knowing(metrics=element(3)))
        await policy(api, meddppicc__colours=[5, 11], meddppicc__required_by_stage={"champion": 1})
        known = await api.call("GET", path)
        assert (known["percent"], known["colour"], known["policy_version"]) == (11, "green", 2)
        assert (known["gaps"], known["next_stage_gaps"]) == (["champion"], ["champion"])
        assert known["elements"]["partner"]["required_by_stage"] is None


class TestWrite:
    async def test_scores_colour_and_close_gaps(self, api: Api, clock_at: ClockAt) -> None:
        path, _ = paths(await scoping(api))
        with clock_at(START):
            known = await api.call(
                "PUT", path, json=knowing(partner=element(2), competition=element(1, "Jenkins"))
            )
        assert known["version"] == 1
        assert (known["total"], known["percent"]) == (3, 11)
        assert known["gaps"] == ["identify_pain", "competition"]
        partner = known["elements"]["partner"]
        assert (partner["colour"], partner["is_gap"]) == ("yellow", False)
        assert partner["changed_at"] == known["changed_at"] == "2026-06-17T17:00:00.000000Z"
        assert partner["author"].startswith("key:")
        assert partner["author_name"] == "test"
        assert known["elements"]["metrics"]["author"] is None

    async def test_merges(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        await api.call("PUT", path, json=knowing(metrics=element(2, "Saves 2 days")))
        known = await api.call("PUT", path, json=knowing(metrics={"score": 3}))
        assert known["elements"]["metrics"]["evidence"] == "Saves 2 days"
        known = await api.call("PUT", path, json=knowing(partner=element(1)))
        assert known["elements"]["metrics"]["score"] == 3
        known = await api.call("PUT", path, json=knowing(metrics=None))
        assert known["elements"]["metrics"]["score"] == 0
        assert known["elements"]["metrics"]["evidence"] is None
        known = await api.call("PUT", path, json=knowing(partner={"score": None}))
        assert known["elements"]["partner"]["score"] == 0
        assert known["elements"]["partner"]["evidence"] == "Said so."
        assert known["version"] == 5

    async def test_what_was_read_can_be_sent_back(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        known = await api.call("PUT", path, json=knowing(metrics=element(), partner=element(1)))
        assert await api.call("PUT", path, json=known) == known
        assert await api.call("PUT", path, json={}) == known
        assert len((await api.call("GET", f"{path}/history"))["items"]) == 2

    async def test_a_score_needs_evidence(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        refused = await api.request(
            "PUT", path, json=knowing(metrics={"score": 3}, partner=element(2, None))
        )
        assert refused.status_code == 422
        assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [
            ("/elements/metrics/evidence", "evidence_missing"),
            ("/elements/partner/evidence", "evidence_missing"),
        ]
        await api.call("PUT", path, json=knowing(metrics=element(2)))
        refused = await api.request("PUT", path, json=knowing(metrics={"evidence": None}))
        assert refused.status_code == 422
        assert (await api.call("GET", path))["version"] == 1
        mentioned = await api.call("PUT", path, json=knowing(partner={"score": 1}))
        assert mentioned["elements"]["partner"]["score"] == 1

    async def test_a_champion_has_a_name(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        nameless = await api.call("PUT", path, json=knowing(champion=element(3)))
        assert nameless["elements"]["champion"]["score"] == 3
        assert [each["code"] for each in nameless["warnings"]] == ["champion_not_named"]
        refused = await api.request(
            "PUT", path, json=knowing(champion={"score": 3, "contact_external_id": "kim"})
        )
        assert refused.json()["errors"][0]["code"] == "unknown_reference"
        await contact(api, "kim", name="Kim")
        known = await api.call(
            "PUT", path, json=knowing(champion={"score": 3, "contact_external_id": "kim"})
        )
        assert known["elements"]["champion"]["contact_external_id"] == "kim"
        assert known["warnings"] == []

    async def test_says_when_the_champion_has_left(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        await contact(api, "kim", name="Kim")
        await api.call("PUT", path, json=knowing(champion=element(3, contact_external_id="kim")))
        await contact(api, "kim", left_at="2026-05-01")
        known = await api.call("GET", path)
        assert [(each["element"], each["code"]) for each in known["warnings"]] == [
            ("champion", "contact_left")
        ]

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"elements": {"metric": {}}}, "/elements/metric"),
            ({"elements": {"metrics": {"scor": 1}}}, "/elements/metrics/scor"),
            ({"elements": {"metrics": {"score": 4}}}, "/elements/metrics/score"),
            ({"elements": {"metrics": {"score": "2"}}}, "/elements/metrics/score"),
            ({"elements": {"metrics": {"evidence": " "}}}, "/elements/metrics/evidence"),
            ({"elements": None}, "/elements"),
            ({"element": {}}, "/element"),
        ],
    )
    async def test_refuses_what_it_does_not_know(
        self, api: Api, body: dict[str, Any], pointer: str
    ) -> None:
        path, _ = paths(await scoping(api))
        refused = await api.request("PUT", path, json=body)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer

    async def test_a_stale_tag_is_refused(self, api: Api) -> None:
        path, plan = paths(await scoping(api))
        await api.call("PUT", path, json=knowing(metrics=element()), headers={"If-Match": '"0"'})
        refused = await api.request(
            "PUT", path, json=knowing(partner=element()), headers={"If-Match": '"0"'}
        )
        assert (refused.status_code, refused.headers["ETag"]) == (412, '"1"')
        # Its own tag: a save of the plan's other sections is no change of MEDDPPICC.
        await api.call("PUT", plan, json={"overview": {"why_now": "x"}})
        await api.call("PUT", path, json=knowing(partner=element()), headers={"If-Match": '"1"'})

    async def test_counts_towards_the_length_of_the_plan(self, api: Api) -> None:
        path, plan = paths(await scoping(api))
        await policy(api, plan__max_chars=100)
        await api.call("PUT", plan, json={"overview": {"why_now": "x" * 60}})
        refused = await api.request("PUT", path, json=knowing(metrics=element(1, "y" * 45)))
        assert refused.status_code == 422
        (problem,) = refused.json()["errors"]
        assert (problem["pointer"], problem["code"]) == ("/elements", "plan_too_long")
        assert "105 characters long, 5 too many" in problem["message"]
        await api.call("PUT", path, json=knowing(metrics=element(1, "y" * 40)))


class TestHistory:
    async def test_every_change_of_every_element(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        await api.call("PUT", path, json=knowing(metrics=element(1, "a"), partner=element(2, "b")))
        await api.call("PUT", path, json=knowing(metrics=element(2, "c"), partner=element(2, "b")))
        await api.call("PUT", path, json=knowing(metrics=None))
        first, second, third, fourth = (await api.call("GET", f"{path}/history"))["items"]
        assert (first["version"], first["element"], first["before"]) == (1, "metrics", None)
        assert (second["version"], second["element"]) == (1, "partner")
        assert third["before"] == {"score": 1, "evidence": "a", "contact_external_id": None}
        assert third["after"] == {"score": 2, "evidence": "c", "contact_external_id": None}
        assert (fourth["version"], fourth["after"]) == (3, None)
        assert fourth["author_name"] == "test"

    async def test_pages_and_csv(self, api: Api) -> None:
        path, _ = paths(await scoping(api))
        everything = {name: element(1) for name in ELEMENTS if name != "champion"}
        await api.call("PUT", path, json={"elements": everything})
        await api.call("PUT", path, json=knowing(metrics=element(2)))
        seen: list[Any] = []
        cursor: str | None = None
        while cursor is not None or not seen:
            page = await api.call(
                "GET",
                f"{path}/history",
                params={"limit": 2, **({"cursor": cursor} if cursor else {})},
            )
            seen += page["items"]
            cursor = page["next_cursor"]
        assert [(each["version"], each["element"]) for each in seen] == [
            *((1, name) for name in sorted(everything)),
            (2, "metrics"),
        ]
        text = (await api.request("GET", f"{path}/history?format=csv")).text
        assert "after.score" in text.splitlines()[0]
        assert len(text.splitlines()) == 10
        for cursor in ("W10", "WzEsMV0", "WyJhIiwiYiJd"):
            refused = await api.request("GET", f"{path}/history?cursor={cursor}")
            assert refused.status_code == 422


class TestAccess:
    async def test_whose_it_is(self, api: Api, other_api: Api) -> None:
        deal = await scoping(api, sdr_external_id="ben")
        path, _ = paths(deal)
        body = knowing(metrics=element())
        expected = {
            ("rep", "ana"): (200, 200),
            ("sdr", "ben"): (200, 200),
            ("manager", "mia"): (200, 200),
            ("sales_ops", None): (200, 200),
            ("integration", None): (200, 200),
            ("analyst", None): (200, 403),
            ("rep", "ben"): (404, 404),
            ("manager", "zoe"): (404, 404),
        }
        for (role, user), (reads, writes) in expected.items():
            async with await api.client_for(role, user) as client:
                assert (await client.request("GET", path)).status_code == reads, role
                assert (await client.request("GET", f"{path}/history")).status_code == reads, role
                assert (await client.request("PUT", path, json=body)).status_code == writes, role
        assert (await other_api.request("GET", path)).status_code == 404
        assert (await other_api.request("PUT", path, json=body)).status_code == 404

    async def test_to_read_everything_is_not_to_write_it(self, api: Api) -> None:
        """Roles combine, and each gives what it gives alone."""
        deal = await scoping(api)
        meddppicc, _ = paths(deal)
        record = meddppicc.rsplit("/", 1)[0]
        consult = {"held_on": "2026-06-01", "context": "x"}
        for user, status in (("ben", 403), ("ana", 200)):
            async with await api.client_for("rep", user, "analyst") as client:
                assert (await client.request("GET", meddppicc)).status_code == 200
                saved = await client.request("PUT", meddppicc, json=knowing(metrics=element()))
                assert saved.status_code == status
                for path, said in (("assessments", {}), ("consults", consult)):
                    made = await client.request("POST", f"{record}/{path}", json=said)
                    assert made.status_code == (201 if status == 200 else 403)


class TestStaleness:
    async def test_from_days_without_a_word(self, api: Api, clock_at: ClockAt) -> None:
        deal = await scoping(api)
        path, plan = paths(deal)
        with clock_at(START):
            await api.call("PUT", path, json=knowing(metrics=element()))
        for days, is_stale in ((29, False), (30, True)):
            with clock_at(START + timedelta(days=days)):
                found = (await api.call("GET", path))["staleness"]
                assert found["is_stale"] is is_stale
        assert found["since"] == "2026-07-17T17:00:00.000000Z"
        assert [reason["code"] for reason in found["reasons"]] == ["not_touched_for_days"]
        # A word about something else in the plan is none about MEDDPPICC.
        with clock_at(START + timedelta(days=31)):
            await api.call("PUT", plan, json={"overview": {"why_now": "x"}})
            assert (await api.call("GET", path))["staleness"]["is_stale"] is True
            assert (await api.call("GET", plan))["staleness"]["is_stale"] is False


async def test_a_hundred_writes_at_once_lose_nothing(api: Api) -> None:
    """Two clients, fifty writes each, of different elements."""
    path, plan = paths(await scoping(api))

    async def write(client: Api, name: str) -> None:
        for number in range(1, 51):
            await client.call("PUT", path, json=knowing(**{name: element(2, f"{name} {number}")}))

    async with (
        await api.client_for("rep", "ana") as ana,
        await api.client_for("manager", "mia") as mia,
    ):
        await asyncio.gather(write(ana, "metrics"), write(mia, "competition"))

    changes: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = await api.call("GET", f"{path}/history?limit=200{cursor}")
        changes += page["items"]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert len(changes) == 100
    assert [each["version"] for each in changes] == list(range(1, 101))
    for name in ("metrics", "competition"):
        said = [each["after"]["evidence"] for each in changes if each["element"] == name]
        assert said == [f"{name} {number}" for number in range(1, 51)]
    known = await api.call("GET", path)
    assert known["version"] == 100
    assert known["elements"]["metrics"]["evidence"] == "metrics 50"
    assert known["elements"]["competition"]["evidence"] == "competition 50"
    assert (await api.call("GET", plan))["version"] == 100


async def test_two_first_writers_wait_for_each_other(api: Api) -> None:
    path, _ = paths(await scoping(api))
    await asyncio.gather(
        *(api.call("PUT", path, json=knowing(**{name: element(1)})) for name in ELEMENTS)
    )
    known = await api.call("GET", path)
    assert (known["version"], known["total"]) == (9, 9)


async def test_a_save_that_fails_half_way_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    meddppicc, plan = paths(await scoping(api))

    async def fail(*args: Any, **options: Any) -> None:
        raise AssertionError("after the history was written")

    with monkeypatch.context() as broken:
        broken.setattr(plans, "save", fail)
        failed = await api.request("PUT", meddppicc, json=knowing(metrics=element()))
        assert failed.status_code == 500
    assert (await api.call("GET", f"{meddppicc}/history"))["items"] == []
    assert (await api.call("GET", meddppicc))["version"] == 0
    assert (await api.call("GET", plan))["version"] == 0
    assert (await api.call("PUT", meddppicc, json=knowing(metrics=element())))["version"] == 1
