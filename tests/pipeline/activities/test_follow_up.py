"""Where opportunities stand in the five steps of a follow-up."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.kit import clock
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.activities.logs import ACTIVITIES, batch, listed, log, patch


@pytest.fixture(autouse=True)
async def _company(api: Api, travel: Callable[[str], None]) -> None:
    await deals.company(api)


def at(days: float) -> str:
    return clock.isoformat(clock.now() + timedelta(days=days))


async def standing(api: Api, opportunity: Any) -> Any:
    return await api.call("GET", f"{deals.OPPORTUNITIES}/{opportunity['id']}/follow-up")


def states(found: Any) -> list[str]:
    return [step["state"] for step in found["steps"]]


async def test_the_five_steps(api: Api, travel: Callable[[str], None]) -> None:
    opportunity = await deals.deal(api)
    found = await standing(api, opportunity)
    assert (states(found), found["state"]) == (["open"] * 5, "not_started")
    assert found["steps"][0]["to_do"] == found["next"] == "Connect by email, phone or meeting."
    await log(api, opportunity, "email", direction="outbound", body="Hello")
    assert states(await standing(api, opportunity)) == ["open"] * 5
    call = await log(api, opportunity, outcome="connected")
    found = await standing(api, opportunity)
    assert (states(found), found["due_at"]) == (["done"] + ["open"] * 4, at(7))
    assert found["steps"][0]["activity_id"] == call["id"]
    await patch(api, call, details={"interest": 2}, body="They build nightly.")
    found = await standing(api, opportunity)
    assert (states(found), found["next_step"]) == (
        ["done", "done", "done", "open", "open"],
        "appointment",
    )
    meeting = await log(api, opportunity, "meeting", scheduled_for=at(3))
    found = await standing(api, opportunity)
    assert found["steps"][3] == {
        "step": "appointment", "state": "done", "activity_id": meeting["id"], "kind": "meeting",
        "at": at(3), "to_do": None,
    }  # fmt: skip
    travel("2026-06-25T17:00:00Z")
    assert (await standing(api, opportunity))["state"] == "overdue"
    await patch(api, meeting, state="no_show")
    assert states(await standing(api, opportunity))[3] == "open"
    await log(api, opportunity, "documentation", details={"url": "https://example.com/paper"})
    found = await standing(api, opportunity)
    assert (states(found)[3:], found["state"], found["due_at"]) == (
        ["skipped", "done"],
        "complete",
        None,
    )
    travel("2026-06-26T17:00:00Z")
    await log(api, opportunity, "meeting")
    found = await standing(api, opportunity)
    assert (states(found), found["next_step"]) == (["done"] + ["open"] * 4, "discover")


async def test_objections_and_break_up_mails(api: Api) -> None:
    opportunity = await deals.deal(api)
    price = await log(api, opportunity, "objection", details={"objection": "Too dear"})
    await log(api, opportunity, "objection", details={"objection": "Not now"})
    await patch(api, price, details={"state": "handled", "response": "Fewer tools"})
    bye = await log(api, opportunity, "breakup_email", subject="Shall I close this?")
    assert bye["direction"] == "outbound"
    found = await standing(api, opportunity)
    assert [each["objection"] for each in found["open_objections"]] == ["Not now"]
    assert [each["activity_id"] for each in found["breakup_emails"]] == [bye["id"]]
    (item,) = await listed(api, f"{ACTIVITIES}/follow-ups", user_id="ana")
    assert (item["open_objections"], item["last_breakup_email_at"]) == (1, at(0))
    counted = (await api.call("GET", f"{ACTIVITIES}/counts"))["total"]
    assert (counted["objections"], counted["objections_handled"]) == (2, 1)


async def test_overdue_first_and_closed_ones_left_out(api: Api) -> None:
    told = {"late": -20, "later": -9, "fresh": -1, "complete": -30}
    for name, days in told.items():
        opportunity = await deals.deal(api, name)
        await log(api, opportunity, outcome="connected", occurred_at=at(days))
        if name == "complete":
            await log(api, opportunity, "documentation", occurred_at=at(days + 1))
    await deals.deal(api, "nothing")
    lost = await deals.deal(api, "lost")
    await deals.put(api, "lost", stage="closed_lost", lost_reason="price", lost_details="Dear.")
    items = await listed(api, f"{ACTIVITIES}/follow-ups", user_id="mia", limit=2)
    assert [(each["opportunity_external_id"], each["state"]) for each in items] == [
        ("late", "overdue"),
        ("later", "overdue"),
        ("fresh", "on_track"),
        ("nothing", "not_started"),
        ("complete", "complete"),
    ]
    assert [each["days_overdue"] for each in items] == [13, 2, 0, 0, 0]
    assert lost["id"] not in [each["opportunity_id"] for each in items]
    answer = await api.request("GET", f"{ACTIVITIES}/follow-ups?user_id=mia&format=csv")
    assert len(answer.text.splitlines()) == 6


async def test_the_list_says_what_each_record_says(api: Api) -> None:
    """Random histories: the set-based list and the fold over one opportunity agree."""
    rng = random.Random(7)
    opportunities = [await deals.deal(api, f"O{number}") for number in range(6)]
    items = []
    for number in range(90):
        fields: dict[str, Any] = {
            "external_id": f"a{number}",
            "opportunity_external_id": f"O{rng.randrange(6)}",
            "kind": rng.choice(["call", "email", "meeting", "note", "documentation", "calendar"]),
        }
        if rng.random() < 0.4:
            fields["outcome"] = rng.choice(["connected", "no_answer", "replied"])
        if rng.random() < 0.3:
            fields["body"] = "Said"
        if rng.random() < 0.2:
            fields["buyer_stage"] = "buys"
        # Several at one instant on purpose.
        fields["occurred_at"] = at(rng.randrange(-12, 4))
        items.append(fields)
    assert {result["status"] for result in await batch(api, *items)} == {201}
    listed_items = {
        each["opportunity_id"]: each
        for each in await listed(api, f"{ACTIVITIES}/follow-ups", user_id="ana")
    }
    seen = set()
    for opportunity in opportunities:
        one, item = await standing(api, opportunity), listed_items[opportunity["id"]]
        assert item["done"] == [step["step"] for step in one["steps"] if step["state"] == "done"]
        for name in ("state", "cycle_started_at", "completed_at", "due_at", "next_step", "next"):
            assert item[name] == one[name], name
        seen.add(one["state"])
    assert len(seen) > 1
