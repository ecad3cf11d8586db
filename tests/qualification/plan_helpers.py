"""Evidence, plans and consults through HTTP, for the tests of all three."""

from __future__ import annotations

from typing import Any

from tests.client import Api
from tests.pipeline import deals

BASE = "/qualification/v1"


def paths(opportunity: Any) -> tuple[str, str]:
    """Where its MEDDPPICC and its command plan are."""
    base = f"{BASE}/opportunities/{opportunity['id']}"
    return f"{base}/meddppicc", f"{base}/command-plan"


async def scoping(api: Api, **fields: Any) -> Any:
    """Ana's deal in scoping: mid-market, 120,000 of Net ARR. Ana reports to Mia."""
    await deals.company(api)
    return await deals.deal(api, **{"stage": "scoping", **fields})


async def contact(api: Api, external_id: str, **fields: Any) -> None:
    await api.call("PUT", f"/pipeline/v1/contacts/by-external-id/{external_id}", json=fields)


async def policy(api: Api, **settings: Any) -> None:
    """A policy in force from now on; dots in names are written as two underscores."""
    changed = {name.replace("__", "."): value for name, value in settings.items()}
    await api.call("POST", "/pipeline/v1/policies", json={"name": "ours", "settings": changed})


def element(score: int = 2, evidence: str | None = "Said so.", **fields: Any) -> dict[str, Any]:
    return {"score": score, "evidence": evidence, **fields}


def knowing(**elements: Any) -> dict[str, Any]:
    return {"elements": elements}


OVERVIEW = {
    "why_now": "The contract with the old vendor ends in March.",
    "primary_value_driver": "Faster releases",
    "solution": "One platform",
    "primary_capability": "CI",
    "why_us": "One tool for all",
    "why_do_anything": "Twelve tools cost too much",
}
STEP = {"title": "Security review", "due_on": "2026-12-01"}
NOTE: dict[str, Any] = {
    "dated_on": "2026-06-16",
    "text": "Nobody has met the economic buyer.",
    "gaps_and_actions": [{"what": "Meet the CFO", "who": "ana", "due_on": "2026-07-01"}],
}
