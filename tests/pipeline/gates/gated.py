"""Policies that ask less, for tests that are about something else, and what supplies a gate."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from services.kit import clock
from services.workspace.policy_gates import GATES
from tests.client import Api
from tests.pipeline.deals import OPPORTUNITIES

NO_GATES: dict[str, list[Any]] = {gate: [] for gate in GATES}
ACCEPTANCE_ALONE = {
    **NO_GATES,
    "pending_acceptance": [{"code": "acceptance_test", "kind": "hard", "check": "acceptance_test"}],
}


async def set_policy(api: Api, **settings: Any) -> Any:
    """In force at once."""
    dotted = {name.replace("__", "."): value for name, value in settings.items()}
    body = {"name": "gates", "settings": dotted}
    return await api.call("POST", "/pipeline/v1/policies", json=body)


async def gate_of(api: Api, opportunity: Any) -> Any:
    return await api.call("GET", f"{OPPORTUNITIES}/{opportunity['id']}/stage-gate")


async def attest(api: Api, opportunity: Any, *codes: str, **fields: Any) -> Any:
    items = {code: {"state": "done", **fields} for code in codes}
    path = f"{OPPORTUNITIES}/{opportunity['id']}/checklist"
    return await api.call("PUT", path, json={"items": items})


def _fill(name: str, value: Any, today: date, amount: str) -> Any:
    """What a person would put where `how_to_supply` has angle brackets."""
    if isinstance(value, dict):
        return {key: _fill(key, each, today, amount) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(name, each, today, amount) for each in value]
    known = {
        "amount": amount,
        "seats": 40,
        "potential_seats": 40,
        "buying_role": "evaluator",
        "shown_by": "modernisation",
        "owner_external_id": "ana",
        "next_step_date": (today + timedelta(days=7)).isoformat(),
        "iqm_date": today.isoformat(),
        "due_on": (today + timedelta(days=30)).isoformat(),
    }
    return known.get(name, "What we know." if isinstance(value, str) and "<" in value else value)


async def supply(
    api: Api, opportunity: Any, *, kind: str = "hard", amount: str = "12000.00"
) -> list[str]:
    """Sends exactly what the stage gate says is to be sent; the codes that were open."""
    today = clock.now().date()
    supplied = []
    for item in (await gate_of(api, opportunity))["criteria"]:
        if item["status"] != "unmet" or item["kind"] != kind:
            continue
        how = item["how_to_supply"]
        while how is not None:
            await _send(api, how, today, amount)
            how = how["then"]
        supplied.append(item["code"])
    return supplied


async def give_up(api: Api, opportunity: Any, stage: str, **said: str) -> None:
    """Sends what the stage gate says closing without a win takes, until nothing is unmet; the
    reason comes first, and what else it wants is told then."""
    for _ in range(8):
        told = {each["stage"]: each for each in (await gate_of(api, opportunity))["next_stages"]}
        if not told[stage]["how_to_supply"]:
            return
        how = told[stage]["how_to_supply"][0]
        fields = {name: said.get(name, value) for name, value in how["fields"].items()}
        await _send(api, {**how, "fields": fields}, clock.now().date(), "12000.00")


async def _send(api: Api, how: Any, today: date, amount: str) -> None:
    body = _fill("", how["fields"], today, amount)
    if "occurred_at" in body:
        days = 3 if body["state"] == "planned" else 0
        body["occurred_at"] = clock.isoformat(clock.now() + timedelta(days=days))
        body["subject"] = how["fields"].get("subject", "Mail").replace("<subject>", "call")
    await api.call(how["method"], how["path"], json=body)
