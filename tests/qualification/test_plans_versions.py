"""Versions of command plans through HTTP: each save kept whole, and any two compared."""

from __future__ import annotations

from tests.client import Api
from tests.qualification.plan_helpers import (
    NOTE,
    OVERVIEW,
    STEP,
    element,
    knowing,
    paths,
    policy,
    scoping,
)


class TestVersions:
    async def test_each_save_is_kept_whole(self, api: Api) -> None:
        meddppicc, path = paths(await scoping(api))
        await api.call("PUT", path, json={"overview": OVERVIEW})
        await api.call("PUT", meddppicc, json=knowing(metrics=element(2, "Saves a day")))
        async with await api.client_for("manager", "mia") as mia:
            await mia.call("PUT", path, json={"manager_review": {"notes": [NOTE]}})
        await api.call("PUT", path, json={"overview": {"solution": "Another"}})
        fourth, third, second, first = (await api.call("GET", f"{path}/versions"))["items"]
        assert [each["version"] for each in (first, second, third, fourth)] == [1, 2, 3, 4]
        assert fourth["changes"] == [{"section": "overview", "item": None, "field": "solution"}]
        assert third["author_name"] == "Mia"
        assert {each["section"] for each in third["changes"]} == {"manager_review"}
        assert second["changes"] == [
            {"section": "meddppicc", "item": "metrics", "field": "score"},
            {"section": "meddppicc", "item": "metrics", "field": "evidence"},
        ]
        assert {each["policy_version"] for each in (first, fourth)} == {1}

        then = await api.call("GET", f"{path}/versions/2")
        assert then["overview"] == OVERVIEW
        assert then["manager_review"] == {"notes": []}
        assert then["meddppicc"]["elements"]["metrics"]["evidence"] == "Saves a day"
        assert (then["meddppicc"]["total"], then["meddppicc"]["percent"]) == (2, 7)
        assert (await api.call("GET", f"{path}/versions/1"))["meddppicc"]["total"] == 0
        assert (await api.call("GET", f"{path}/versions/0"))["overview"]["solution"] is None
        unknown = await api.request("GET", f"{path}/versions/5")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "plan_version_unknown")

    async def test_pages_and_csv(self, api: Api) -> None:
        _, path = paths(await scoping(api))
        for number in range(3):
            await api.call("PUT", path, json={"overview": {"why_now": str(number)}})
        page = await api.call("GET", f"{path}/versions?limit=2")
        rest = await api.call("GET", f"{path}/versions?limit=2&cursor={page['next_cursor']}")
        assert [each["version"] for each in page["items"] + rest["items"]] == [3, 2, 1]
        assert rest["next_cursor"] is None
        lines = (await api.request("GET", f"{path}/versions?format=csv")).text.splitlines()
        assert lines[0].startswith("version,author,author_name,saved_at")
        assert len(lines) == 4

    async def test_compares_any_two(self, api: Api) -> None:
        meddppicc, path = paths(await scoping(api))
        plan = await api.call("PUT", path, json={"close_plan": {"steps": [STEP]}})
        (step,) = plan["close_plan"]["steps"]
        await api.call("PUT", meddppicc, json=knowing(metrics=element(2, "a")))
        await api.call(
            "PUT",
            path,
            json={
                "overview": {"why_now": "b"},
                "close_plan": {"steps": [{"id": step["id"], "due_on": "2026-12-24"}]},
            },
        )
        found = await api.call("GET", f"{path}/comparison?from=1&to=3")
        assert [
            (each["section"], each["item"], each["field"], each["before"], each["after"])
            for each in found["changes"]
        ] == [
            ("overview", None, "why_now", None, "b"),
            ("meddppicc", "metrics", "score", None, 2),
            ("meddppicc", "metrics", "evidence", None, "a"),
            ("close_plan", step["id"], "due_on", "2026-12-01", "2026-12-24"),
        ]
        assert found["changes"][3]["label"] == "Security review"
        last = await api.call("GET", f"{path}/comparison")
        assert (last["from"], last["to"], len(last["changes"])) == (2, 3, 2)
        back = await api.call("GET", f"{path}/comparison?from=3&to=1")
        assert {each["after"] for each in back["changes"]} == {None, "2026-12-01"}
        text = (await api.request("GET", f"{path}/comparison?from=1&to=3&format=csv")).text
        assert text.splitlines()[0] == "section,item,field,label,before,after"
        assert (await api.request("GET", f"{path}/comparison?to=9")).status_code == 404
        assert (await api.request("GET", f"{path}/comparison?from=-1")).status_code == 422

    async def test_a_version_never_changes(self, api: Api) -> None:
        _, path = paths(await scoping(api))
        await api.call("PUT", path, json={"overview": {"why_now": "a"}})
        before = await api.call("GET", f"{path}/versions/1")
        await policy(api, meddppicc__colours=[1, 2])
        await api.call("PUT", path, json={"overview": {"why_now": "b"}})
        assert await api.call("GET", f"{path}/versions/1") == before
