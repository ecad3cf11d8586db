"""Stamps the workspace's effective-dated rows with the sequence at which the figures took them in.

A row without a sequence is not part of any answer yet; one that has a sequence keeps it.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.kit.db import WriteSession
from services.workspace.outbox import KIND_PLAN_TYPE, KIND_POLICY, KIND_REPORTING_LINE

_TABLES: Final = {
    KIND_REPORTING_LINE: "workspace.reporting_lines",
    KIND_POLICY: "workspace.policies",
    KIND_PLAN_TYPE: "workspace.plan_types",
}


async def stamp(session: WriteSession, kind: str, sequences: dict[UUID, int]) -> None:
    """By row id. A reporting line is due twice when it begins in the future: the second time only
    makes a batch, so the first sequence stays."""
    await session.execute(
        f"""
        UPDATE {_TABLES[kind]} AS stamped SET sequence = r.sequence
        FROM unnest($2::uuid[], $3::bigint[]) AS r (id, sequence)
        WHERE stamped.workspace_id = $1 AND stamped.id = r.id AND stamped.sequence IS NULL
        """,
        session.workspace_id,
        list(sequences),
        list(sequences.values()),
    )
