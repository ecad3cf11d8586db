"""Nurture activities and fit through HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from services.kit import clock
from tests.client import Api

V1 = "/qualification/v1"
LEADS = f"{V1}/leads"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
Clock = Callable[[datetime], AbstractContextManager[None]]


async def make_lead(api: Api, **fields: Any) -> Any:
    return await api.call("POST", LEADS, json={"name": "Kim Larsen", **fields})


async def plan(api: Api, lead: Any, day: str, **fields: Any) -> Any:
    path = f"{LEADS}/{lead['id']}/nurture-activities"
    body = {"kind": "mail", "title": "Case study", "planned_on": day, **fields}
    return await api.call("POST", path, json=body)


class TestNurture:
    async def test_is_planned_done_and_taken_back(self, api: Api, clock_at: Clock) -> None:
        with clock_at(NOW):
            lead = await make_lead(api, status="recycle")
            made = await plan(api, lead, "2026-06-17", resource_external_id="paper-1")
            assert (made["is_due"], made["done_at"], made["version"]) == (True, None, 1)
            path = f"{LEADS}/{lead['id']}/nurture-activities/{made['id']}"
            done = await api.call("PATCH", path, json={"done_at": clock.isoformat(NOW)})
            assert (done["is_due"], done["done_at"]) == (False, clock.isoformat(NOW))
            same = await api.call("PATCH", path, json={"done_at": clock.isoformat(NOW)})
            assert same["version"] == done["version"] == 2
            back = await api.call("PATCH", path, json={"done_at": None, "note": "No answer"})
            assert (back["is_due"], back["note"], back["version"]) == (True, "No answer", 3)
            response = await api.request("GET", path)
            assert (response.json(), response.headers["ETag"]) == (back, '"3"')
            stale = await api.request(
                "PATCH", path, json={"title": "x"}, headers={"If-Match": '"1"'}
            )
            assert stale.status_code == 412

    async def test_refuses_what_it_cannot_mean(self, api: Api) -> None:
        lead = await make_lead(api)
        path = f"{LEADS}/{lead['id']}/nurture-activities"
        good = {"kind": "mail", "title": "A", "planned_on": "2026-07-01"}
        for change, pointer in [
            ({"kind": "pigeon"}, "/kind"),
            ({"title": " "}, "/title"),
            ({"planned_on": "July"}, "/planned_on"),
            ({"planed_on": "2026-07-01"}, "/planed_on"),
        ]:
            refused = await api.request("POST", path, json=good | change)
            assert refused.json()["errors"][0]["pointer"] == pointer
        made = await plan(api, lead, "2026-07-01")
        for change, pointer in [
            ({"title": None}, "/title"),
            ({"done_at": "2099-01-01T00:00:00Z"}, "/done_at"),
        ]:
            refused = await api.request("PATCH", f"{path}/{made['id']}", json=change)
            assert refused.json()["errors"][0]["pointer"] == pointer
        other = await make_lead(api)
        elsewhere = f"{LEADS}/{other['id']}/nurture-activities/{made['id']}"
        assert (await api.request("GET", elsewhere)).status_code == 404

    async def test_what_is_due_shows_by_day(self, api: Api, clock_at: Clock) -> None:
        user = {"name": "Sid", "role": "sdr"}
        await api.call("PUT", "/pipeline/v1/users/by-external-id/sid", json=user)
        with clock_at(NOW):
            one = await make_lead(api, sdr_external_id="sid")
            two = await make_lead(api)
            await plan(api, one, "2026-07-02")
            await plan(api, two, "2026-06-20", kind="call")
            await plan(api, one, "2026-06-10")
            done = await plan(api, two, "2026-06-01")
            path = f"{LEADS}/{two['id']}/nurture-activities/{done['id']}"
            await api.call("PATCH", path, json={"done_at": clock.isoformat(NOW)})

            async def days(**params: str) -> list[str]:
                page = await api.call("GET", f"{V1}/nurture-activities", params=params)
                return [item["planned_on"] for item in page["items"]]

            assert await days() == ["2026-06-10", "2026-06-20", "2026-07-02"]
            assert await days(due_before="2026-06-20") == ["2026-06-10"]
            assert await days(sdr_external_id="sid") == ["2026-06-10", "2026-07-02"]
            assert await days(kind="call") == ["2026-06-20"]
            first = await api.call("GET", f"{V1}/nurture-activities", params={"limit": 1})
            assert first["items"][0]["sdr_external_id"] == "sid"
            cursor = first["next_cursor"]
            assert await days(cursor=cursor) == ["2026-06-20", "2026-07-02"]
            leads = await api.call("GET", LEADS, params={"limit": 1})
            wrong = {"cursor": leads["next_cursor"]}
            refused = await api.request("GET", f"{V1}/nurture-activities", params=wrong)
            assert refused.status_code == 422
            text = await api.request("GET", f"{V1}/nurture-activities?format=csv")
            assert len(text.text.splitlines()) == 4

    async def test_keeps_to_whose_leads_they_are(self, api: Api, other_api: Api) -> None:
        for name in ("ana", "ben"):
            body = {"name": name, "role": "rep"}
            await api.call("PUT", f"/pipeline/v1/users/by-external-id/{name}", json=body)
        ana, ben = await api.client_for("rep", "ana"), await api.client_for("rep", "ben")
        lead = await make_lead(ana)
        await plan(ana, lead, "2026-06-10")
        path = f"{LEADS}/{lead['id']}/nurture-activities"
        for client in (ben, other_api):
            assert (await client.request("GET", path)).status_code == 404
            page = await client.call("GET", f"{V1}/nurture-activities")
            assert page["items"] == []
        assert len((await ana.call("GET", f"{V1}/nurture-activities"))["items"]) == 1
        analyst = await api.client_for("analyst")
        assert len((await analyst.call("GET", path))["items"]) == 1
        body = {"kind": "mail", "title": "A", "planned_on": "2026-07-01"}
        assert (await analyst.request("POST", path, json=body)).status_code == 403
        sold = await make_lead(api, owner_external_id="ana", sdr_external_id="ben", status="mql")
        await plan(api, sold, "2026-06-10")
        assert len((await ana.call("GET", f"{V1}/nurture-activities"))["items"]) == 1
        await api.call("PATCH", f"{LEADS}/{sold['id']}", json={"status": "accepted"})
        assert len((await ana.call("GET", f"{V1}/nurture-activities"))["items"]) == 2


class TestFit:
    async def test_a_lead_is_compared_side_by_side(self, api: Api) -> None:
        lead = await make_lead(api, external_id="L")
        assert lead["fit_score"] is None
        path = f"{LEADS}/by-external-id/L"
        known = {"employees": 500, "industry": "fishing", "tools": ["Excel", "Jenkins"]}
        lead = await api.call("PUT", path, json=known)
        assert lead["fit_score"] == 70
        fit = await api.call("GET", f"{LEADS}/{lead['id']}/fit")
        assert fit["fit_score"] == 70
        sides = {side["name"]: (side["result"], side["known"]) for side in fit["dimensions"]}
        assert sides == {
            "segments": ("match", ["mid_market"]),
            "industries": ("mismatch", ["fishing"]),
            "regions": ("not_asked", []),
            "tools": ("match", ["Excel", "Jenkins"]),
            "use_cases": ("not_asked", []),
        }
        assert (await api.call("PUT", path, json={"tools": None}))["fit_score"] == 57

    async def test_the_profile_is_the_policys(self, api: Api) -> None:
        shown = await api.call("GET", f"{V1}/ideal-customer-profile")
        assert (shown["policy_name"], shown["policy_version"]) == ("sop-2022", 1)
        assert shown["dimensions"]["segments"] == {
            "wanted": ["smb", "mid_market", "large"],
            "weight": 40,
        }
        profile = {"regions": ["EMEA"], "weights": {"regions": 5}}
        await api.call(
            "POST", "/pipeline/v1/policies", json={"name": "x", "settings": {"icp": profile}}
        )
        lead = await make_lead(api, region="emea", employees=5)
        assert lead["fit_score"] == 100
        shown = await api.call("GET", f"{V1}/ideal-customer-profile")
        assert shown["dimensions"]["regions"] == {"wanted": ["EMEA"], "weight": 5}
        assert shown["dimensions"]["segments"]["wanted"] == []
