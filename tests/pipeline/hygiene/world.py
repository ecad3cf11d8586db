"""Hygiene in tests: letting the worker come to rest, what is found, and what ought to be."""

from __future__ import annotations

from typing import Any

from services.kit import clock
from services.pipeline import following, tasks
from services.pipeline.hygiene import follower, looking
from services.pipeline.hygiene.catalogue import rules_on
from services.pipeline.hygiene.domain import judge
from services.pipeline.hygiene.facts import read_facts, read_rows
from tests.client import Api

HYGIENE = "/pipeline/v1/hygiene"
ONLY = {following.HYGIENE: follower.follow}
"""The one follower under test: what the others do is theirs."""


async def rest(api: Api) -> None:
    """Posts what was written, lets what is due go off, and lets hygiene follow."""
    await api.settle()
    await tasks.run_due(api.database(), api.workspace_id)
    await following.run(api.database(), ONLY, api.workspace_id)


async def standing(api: Api) -> dict[tuple[str, str], dict[str, Any]]:
    """By external id and rule: the rows as they are."""
    async with api.database().read(api.workspace_id) as session:
        rows = await session.fetch(
            """
            SELECT f.*, o.external_id FROM pipeline.hygiene_findings AS f
            JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = f.opportunity_id
            WHERE f.workspace_id = $1
            """,
            api.workspace_id,
        )
    return {(row["external_id"], row["rule"]): dict(row) for row in rows}


async def rules_of(api: Api, external_id: str) -> set[str]:
    return {rule for named, rule in await standing(api) if named == external_id}


async def from_scratch(api: Api) -> dict[tuple[Any, str], tuple[Any, ...]]:
    """Every rule on every opportunity there is, as of now, whatever was found before."""
    async with api.database().read(api.workspace_id) as session:
        at = await follower.moment(session)
        ids = await session.fetch(
            "SELECT id FROM pipeline.opportunities WHERE workspace_id = $1", api.workspace_id
        )
        stored = await session.fetchval(
            "SELECT cycles FROM pipeline.hygiene_looks WHERE workspace_id = $1", api.workspace_id
        )
        rows = await read_rows(session, [row["id"] for row in ids])
        facts = await read_facts(session, rows, at, looking.from_json(stored))
    rules = rules_on(at.policy)
    return {
        (each.id, name): (found.severity, found.evidence, each.owner_id, each.close_quarter)
        for each in facts
        for name, found in judge(each, at, rules)[0].items()
    }


async def check(api: Api) -> int:
    """What is stored is what is found from scratch; how many findings that is."""
    expected = await from_scratch(api)
    found = {
        (row["opportunity_id"], row["rule"]): (
            row["severity"], row["evidence"], row["owner_id"], row["fiscal_quarter"],
        )
        for row in (await standing(api)).values()
    }  # fmt: skip
    assert found == expected, (
        f"at {clock.now()}: missing {expected.keys() - found.keys()},"
        f" left over {found.keys() - expected.keys()}, different"
        f" {[(key, found[key], expected[key]) for key in found.keys() & expected.keys() if found[key] != expected[key]]}"
    )
    return len(found)
