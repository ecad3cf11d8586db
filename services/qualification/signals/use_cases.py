"""What callers ask of signals: who may, about which lead, and one outcome an item of a batch."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import (
    Batch,
    BatchItem,
    DuplicateInBatchError,
    Stored,
    unknown_reference,
)
from services.kit.db import ReadSession, WriteSession
from services.kit.errors import ServiceError
from services.kit.pagination import PageRequest
from services.qualification.leads import repository as leads
from services.qualification.leads.access import (
    READERS,
    WRITERS,
    may_see,
    require_lead,
    require_yours,
)
from services.qualification.leads.draft import Signal
from services.qualification.leads.profile import fit_of, profile_of
from services.qualification.leads.record import Lead
from services.qualification.signals import repository, service
from services.qualification.signals.schemas import SignalItem
from services.qualification.signals.service import Heard
from services.workspace.policy import Policy


async def hear_one(
    session: WriteSession, principal: Principal, lead_id: UUID, signal: Signal
) -> Heard:
    principal.require(*WRITERS)
    policy = await service.policy_now(session)
    service.check_signal(signal, policy)
    lead = await require_lead(session, principal, lead_id, lock=True)
    require_yours(principal, lead)
    return (await service.hear(session, principal, [(lead, signal)], policy))[0]


async def hear_batch(session: WriteSession, principal: Principal, batch: Batch[SignalItem]) -> None:
    """Settles every item. Those of one lead are heard in the order of the batch."""
    principal.require(*WRITERS)
    policy = await service.policy_now(session)
    now = clock.now()
    named = sorted({item.lead_external_id for item in batch.values})
    found = await leads.lock_by_external_id(session, named)
    told: list[tuple[BatchItem[SignalItem], Lead, Signal]] = []
    first_of: dict[tuple[UUID, str], int] = {}
    for item in batch.items:
        signal = item.values.to_signal(now)
        try:
            lead = _lead_of(principal, item.values, found, signal, policy)
            if signal.external_id is not None:
                first = first_of.setdefault((lead.id, signal.external_id), item.index)
                _require_first(signal.external_id, first, item.index)
        except ServiceError as refusal:
            batch.refuse(item.index, refusal)
            continue
        told.append((item, lead, signal))
    heard = await service.hear(
        session, principal, [(lead, signal) for _, lead, signal in told], policy
    )
    for (item, _, _), kept in zip(told, heard, strict=True):
        batch.settle(item, Stored(kept.row["id"], kept.lead_version, kept.is_new))


def _lead_of(
    principal: Principal,
    item: SignalItem,
    found: dict[str, Lead],
    signal: Signal,
    policy: Policy,
) -> Lead:
    lead = found.get(item.lead_external_id)
    if lead is None or not may_see(principal, lead):
        raise unknown_reference("/lead_external_id", "lead", item.lead_external_id)
    require_yours(principal, lead)
    service.check_signal(signal, policy)
    return lead


def _require_first(external_id: str, first: int, index: int) -> None:
    if first != index:
        raise DuplicateInBatchError(external_id, first)


async def list_signals(
    session: ReadSession, principal: Principal, lead_id: UUID, page: PageRequest, name: str | None
) -> list[asyncpg.Record]:
    """Up to one more than the page holds."""
    principal.require(*READERS)
    await require_lead(session, principal, lead_id)
    return await repository.list_signals(session, lead_id, page, name)


async def explain_score(
    session: ReadSession, principal: Principal, lead_id: UUID
) -> dict[str, Any]:
    principal.require(*READERS)
    lead = await require_lead(session, principal, lead_id)
    return await service.explain(session, lead)


async def explain_fit(session: ReadSession, principal: Principal, lead_id: UUID) -> dict[str, Any]:
    """By the policy in force; the lead shows the fit of its last write."""
    principal.require(*READERS)
    lead = await require_lead(session, principal, lead_id)
    policy = await service.policy_now(session)
    fit = fit_of(
        policy,
        employees=lead.employees,
        industry=lead.industry,
        region=lead.region,
        tools=lead.tools,
        use_case=lead.use_case,
    )
    return {
        "lead_id": lead.id,
        "fit_score": fit.score,
        "dimensions": [
            {
                "name": side.name,
                "result": side.result,
                "weight": side.weight,
                "wanted": list(side.wanted),
                "known": list(side.known),
            }
            for side in fit.dimensions
        ],
        "policy_version": policy.version,
    }


async def show_profile(session: ReadSession, principal: Principal) -> dict[str, Any]:
    principal.require(*READERS)
    policy = await service.policy_now(session)
    return {
        "dimensions": profile_of(policy),
        "policy_name": policy.name,
        "policy_version": policy.version,
    }
