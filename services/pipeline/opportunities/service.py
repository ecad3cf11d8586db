"""Use cases on one opportunity: change, move, look at. Many at once are in `service_batch`, what
others cause in `service_follow`; what they publish is offered here too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.answers import check_version
from services.kit.db import Session, WriteSession
from services.pipeline.gates.closing import split_reason
from services.pipeline.opportunities import events, gates, linked, repository
from services.pipeline.opportunities.access import Actor, Sight
from services.pipeline.opportunities.alerts import tell_lost
from services.pipeline.opportunities.context import circumstances_of
from services.pipeline.opportunities.decisions import draft, finish
from services.pipeline.opportunities.drafts import Circumstances, Draft
from services.pipeline.opportunities.errors import (
    ExternalIdTakenError,
    NotYourOpportunityError,
    OpportunityNotFoundError,
)
from services.pipeline.opportunities.families import Families
from services.pipeline.opportunities.family_rows import find_families
from services.pipeline.opportunities.order_types import needs_family
from services.pipeline.opportunities.record import Row, figure_state, told
from services.pipeline.opportunities.references import References, Wanted
from services.pipeline.opportunities.schemas import Transition
from services.pipeline.opportunities.service_batch import follow_through, upsert_many
from services.pipeline.opportunities.service_follow import (
    apply_policy,
    follow_accounts,
    open_requested,
)
from services.pipeline.opportunities.stage_gate import describe_gate
from services.pipeline.views import FigureState
from services.workspace.policies.repository import get_policy
from services.workspace.policy import Policy
from services.workspace.workspaces.repository import get_workspace

__all__ = [
    "apply_policy",
    "change",
    "follow_accounts",
    "move",
    "open_requested",
    "upsert_many",
]

_NO_REFERENCES = References()
_NO_FAMILIES = Families({})


@dataclass(frozen=True, slots=True)
class Current:
    """A record as it stands after a use case."""

    row: Row
    state: FigureState
    content: dict[str, Any]

    @property
    def version(self) -> int:
        version: int = self.row["version"]
        return version


async def change(
    session: WriteSession,
    actor: Actor,
    opportunity_id: UUID,
    stated: Mapping[str, Any],
    *,
    if_match: str | None = None,
    reason: str | None = None,
    override: str | None = None,
    closing: str | None = None,
) -> Current:
    """One record, bound by the order of stages, their gates and closed states. `override` is why a
    gate is set aside, for who may; `closing` is why a deal is given up, in one word of the list or
    in others. No new version where nothing changes."""
    now = clock.now()
    found = await repository.lock(session, opportunity_id, now)
    if found is None or not actor.may_write(found[0]["owner_id"]):
        raise OpportunityNotFoundError(opportunity_id)
    current, policy_version = found
    check_version(if_match, current["version"])
    circumstances = await circumstances_of(
        session, actor, is_recording=False, policy_version=policy_version, now=now
    )
    if closing is not None:
        known = {**current, **stated}
        stated = {**stated, **split_reason(stated["stage"], closing, known, circumstances.policy)}
    wanted = Wanted()
    wanted.add(stated, current)
    references = _NO_REFERENCES
    if wanted:
        references = await repository.find_references(session, wanted)
    drafted = draft(current, stated, references, circumstances, reason=reason)
    await _check_change(session, actor, drafted)
    await gates.hold(session, actor, drafted, circumstances, override=override)
    for refusal in (await linked.hold(session, [drafted], circumstances)).values():
        raise refusal
    families = _NO_FAMILIES
    if needs_family(drafted):
        families = await find_families(session, [drafted.row["account_id"]])
    changed = finish(drafted, families, circumstances)
    if changed is None:
        policy = await get_policy(session, current["policy_version"])
        return _as_it_stands(current, figure_state(current, policy), policy, circumstances)
    await events.record(session, current, changed, actor.name, now)
    await tell_lost(session, [changed], circumstances)
    await follow_through(session, actor, [changed])
    return _as_it_stands(changed.row, changed.state, circumstances.policy, circumstances)


async def move(
    session: WriteSession,
    actor: Actor,
    opportunity_id: UUID,
    transition: Transition,
    *,
    if_match: str | None = None,
) -> Current:
    """A move to another stage. An override's reason is in the history too, beside the move's."""
    override = None if transition.override is None else transition.override.reason
    reasons = [said for said in (transition.reason, override) if said is not None]
    stated: dict[str, Any] = {"stage": transition.to_stage}
    if transition.occurred_at is not None:
        stated["occurred_at"] = transition.occurred_at
    if transition.details is not None:
        stated["lost_details"] = transition.details
    return await change(
        session,
        actor,
        opportunity_id,
        stated,
        if_match=if_match,
        reason="\n".join(reasons) or None,
        override=override,
        closing=transition.reason,
    )


async def _check_change(session: WriteSession, actor: Actor, drafted: Draft) -> None:
    current, row = drafted.current, drafted.row
    assert current is not None
    if row["owner_id"] != current["owner_id"] and not actor.may_write(row["owner_id"]):
        raise NotYourOpportunityError("The new owner is out of your reach")
    external_id = row["external_id"]
    if external_id != current["external_id"] and external_id is not None:
        other = await repository.find_id(session, external_id)
        if other is not None:
            raise ExternalIdTakenError(external_id, other)


def _as_it_stands(
    row: Row, state: FigureState, policy: Policy, circumstances: Circumstances
) -> Current:
    return Current(row, state, told(row, state, policy, circumstances.calendar, circumstances.now))


async def describe(session: Session, rows: list[Row]) -> list[dict[str, Any]]:
    """Rows as clients read them, each under the policy version it was derived with."""
    calendar, now = (await get_workspace(session)).calendar, clock.now()
    policies = {
        version: await get_policy(session, version)
        for version in {row["policy_version"] for row in rows}
    }
    return [
        told(row, figure_state(row, policy), policy, calendar, now)
        for row in rows
        for policy in (policies[row["policy_version"]],)
    ]


async def require(session: Session, sight: Sight, opportunity_id: UUID) -> Row:
    """The record; absent and out of sight are not told apart."""
    row = await repository.get(session, opportunity_id)
    if row is None or not sight.covers(row["owner_id"], row["sdr_id"]):
        raise OpportunityNotFoundError(opportunity_id)
    return row


async def lock_writable(session: WriteSession, actor: Actor, opportunity_id: UUID) -> Row:
    """The record, locked until the transaction ends, for whoever may write it."""
    found = await repository.lock(session, opportunity_id, clock.now())
    if found is None or not actor.may_write(found[0]["owner_id"]):
        raise OpportunityNotFoundError(opportunity_id)
    return found[0]


async def stage_gate(
    session: Session, sight: Sight, opportunity_id: UUID, *, is_manager: bool
) -> dict[str, Any]:
    """Which stages are reachable now and what each move needs that is missing."""
    row = await require(session, sight, opportunity_id)
    return await describe_gate(session, row, is_manager=is_manager)
