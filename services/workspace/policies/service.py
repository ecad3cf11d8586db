"""Versions of the policy: what a client asked for becomes the next version, complete.

Storing one moves no record: the worker applies it in batches once its time has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.kit import clock
from services.kit.db import WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.workspace.outbox import KIND_POLICY, OUTBOX
from services.workspace.policies import repository
from services.workspace.policies.errors import PolicyRefusedError
from services.workspace.policy import Policy, problems_of
from services.workspace.policy_settings import DEFAULTS


@dataclass(frozen=True, slots=True)
class Proposal:
    """The version a request asks for. `base` is the one it would follow, `changes` what differs,
    and `supersedes` scheduled versions that would never come into force, being older."""

    policy: Policy
    base: Policy
    effective_from: datetime
    changes: dict[str, dict[str, Any]]
    supersedes: list[int]

    @property
    def is_new(self) -> bool:
        return bool(self.changes) or self.policy.name != self.base.name


def propose(
    versions: Sequence[asyncpg.Record],
    *,
    name: str | None,
    effective_from: datetime | None,
    settings: Mapping[str, Any],
) -> Proposal:
    """`versions` are all there are, the earliest first. A setting of null goes back to its
    default. Raises InvalidPayloadError for a past instant and for every bad setting at once."""
    now = clock.now()
    if effective_from is not None and effective_from < now:
        raise InvalidPayloadError.one(
            "/effective_from",
            "instant_in_the_past",
            "must not be in the past, since figures already answered would change; leave it out"
            " for now",
        )
    begin = effective_from or now
    problems = problems_of(
        {key: value for key, value in settings.items() if value is not None or key not in DEFAULTS}
    )
    if problems:
        raise PolicyRefusedError(problems)
    row = next(row for row in reversed(versions) if row["effective_from"] <= begin)
    base = Policy.build(row["name"], row["version"], row["settings"])
    complete = dict(base.settings)
    for key, value in settings.items():
        complete[key] = DEFAULTS[key] if value is None else value
    if settings.get("stage.category") is not None:
        # A map of stages names only those that change.
        complete["stage.category"] = {**base.stage_categories, **settings["stage.category"]}
    return Proposal(
        policy=Policy.build(name or base.name, versions[-1]["version"] + 1, complete),
        base=base,
        effective_from=begin,
        changes={
            key: {"from": base.settings[key], "to": complete[key]}
            for key in DEFAULTS
            if base.settings[key] != complete[key]
        },
        supersedes=[row["version"] for row in versions if row["effective_from"] > begin],
    )


async def store(session: WriteSession, actor: str, proposal: Proposal) -> dict[str, Any]:
    """The new version's row, and its work at the moment it comes into force."""
    row: dict[str, Any] = {
        "id": new_id(),
        "version": proposal.policy.version,
        "name": proposal.policy.name,
        "effective_from": proposal.effective_from,
        "settings": dict(proposal.policy.settings),
        "recorded_at": clock.now(),
        "recorded_by": actor,
        "sequence": None,
        "applied_through": None,
        "applied_at": None,
    }
    await repository.POLICIES.insert(session, [row])
    await OUTBOX.append(
        session,
        kind=KIND_POLICY,
        subject_id=row["id"],
        version=row["version"],
        event_id=row["id"],
        due_at=proposal.effective_from,
    )
    return row
