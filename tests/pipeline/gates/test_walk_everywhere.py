"""Every kind of deal, from stage 0 to its win, by its seller, who does nothing but what
`how_to_supply` says."""

from __future__ import annotations

from typing import Any

import pytest

from services.workspace.policy_gates import SEGMENTS, SOURCES, TYPES
from tests.client import Api
from tests.pipeline.deals import account, company, findings, move, put
from tests.pipeline.gates.gated import gate_of, supply

EMPLOYEES = {"smb": 60, "mid_market": 500, "large": 9000}


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("segment", SEGMENTS)
async def test_following_the_gate_wins_the_deal(api: Api, segment: str, type_: str) -> None:
    await company(api)
    await account(api, "theirs", name="Theirs", employees=EMPLOYEES.get(segment))
    ana = await api.client_for("rep", "ana")
    for source in SOURCES:
        fields: dict[str, Any] = {
            "name": source, "type": type_, "owner_external_id": "ana", "close_date": "2040-01-15",
            "account_external_id": "theirs", "stage": "pending_acceptance",
        }  # fmt: skip
        if source != "unknown":
            fields["source_kind"] = source
        if segment == "public_sector":
            fields["segment"] = segment
        stored = await put(api, f"{segment}-{type_}-{source}", **fields)
        assert (stored["segment"] or "unknown") == segment
        while (gate := await gate_of(ana, stored))["next_stage"] is not None:
            if gate["unmet"]:
                refused = await move(ana, stored, gate["next_stage"])
                assert refused.json()["unmet"] == gate["unmet"]
            await supply(ana, stored, amount="120000.00")
            moved = await move(ana, stored, gate["next_stage"])
            assert moved.status_code == 200, (source, moved.text)
        assert gate["stage"] == "closed_won"
        assert "stage_gate_not_met" not in {rule for _, rule in await findings(api, stored)}
