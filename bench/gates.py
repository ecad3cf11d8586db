"""What judging the gates adds to a transition over HTTP: the same moves with the policy's gates
enforced and off, in turns, in one company. No worker runs, so that nothing else is measured."""

from __future__ import annotations

import time
from statistics import median
from typing import Any, Final

from bench.client import Connection
from bench.results import Result, measured
from bench.run import Run, wait
from services.kit.ids import new_id

DEALS: Final = 60
TURNS: Final = 4
"""Pairs of turns a round, each pair in the other order than the one before."""
_FORWARD: Final = ("scoping", "technical_evaluation")


def gates(run: Run) -> list[Result]:
    """Two moves forward, which look at meetings, activities and plans; the way back is not timed."""
    product = run.product("small")
    token = wait(product.make_key(run.big("small")))
    with product.serving() as gateway:
        return wait(_gates(run, gateway.address, token))


async def _gates(run: Run, address: str, token: str) -> list[Result]:
    ratios: list[float] = []
    times: dict[str, list[float]] = {"enforce": [], "off": []}
    async with Connection(address, token) as client:
        ids = await _deals(client)
        for round_ in range(run.sizes.rounds + 1):
            spent = {"enforce": 0.0, "off": 0.0}
            for turn in range(TURNS):
                modes = ("enforce", "off") if turn % 2 else ("off", "enforce")
                for mode in modes:
                    spent[mode] += await _turn(client, ids, mode)
            if round_:
                ratios.append(spent["enforce"] / spent["off"])
                for mode, seconds in spent.items():
                    times[mode].append(1000 * seconds / (TURNS * len(ids) * len(_FORWARD)))
    detail = f"{median(times['enforce']):.2f} ms against {median(times['off']):.2f} ms a move"
    name = "transition with gates / without"
    return [measured(name, "a move forward over HTTP", ratios, "x", at_most=1.2, detail=detail)]


async def _deals(client: Connection) -> list[str]:
    """Deals that meet their gates: a partner runs them, so that no plan must be written, and a
    meeting is to come."""
    tag = f"gates-{new_id()}"
    deal: dict[str, Any] = {
        "name": "Gated (Channel-Managed)", "owner_external_id": "u70", "seats": 40,
        "use_case": "CI", "stage": "discovery", "amount": "9000.00", "segment": "smb",
    }  # fmt: skip
    items = [{"external_id": f"{tag}-{number}", **deal} for number in range(DEALS)]
    answer = await client.call("POST", "/pipeline/v1/opportunities/batch", {"items": items})
    ids = [result["id"] for result in answer["results"]]
    meeting = {
        "kind": "meeting", "state": "planned", "subject": "Workshop",
        "occurred_at": "2040-01-01T17:00:00Z",
    }  # fmt: skip
    for each in ids:
        await client.call("POST", f"/pipeline/v1/opportunities/{each}/activities", meeting)
    return ids


async def _turn(client: Connection, ids: list[str], mode: str) -> float:
    body = {"name": f"gates {mode}", "settings": {"gates.mode": mode}}
    await client.call("POST", "/pipeline/v1/policies", body)
    spent = 0.0
    for each in ids:
        path = f"/pipeline/v1/opportunities/{each}/transitions"
        for stage in _FORWARD:
            started = time.perf_counter()
            await client.call("POST", path, {"to_stage": stage})
            spent += time.perf_counter() - started
        await client.call("POST", path, {"to_stage": "discovery", "reason": "Once more."})
    return spent
