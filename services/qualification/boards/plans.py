"""Which of somebody's open opportunities have a command plan that is behind: elements the stage
needs and nobody identified, sections not filled in, or nothing written for too long. What counts
is decided by `evidence`; here it is only gathered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.kit.db import ReadSession
from services.qualification.boards import repository
from services.qualification.boards.domain import Unmet
from services.qualification.boards.section import Look
from services.qualification.evidence.views import Evidence, evidence_of


@dataclass(frozen=True, slots=True)
class Behind:
    """An opportunity whose plan is behind; `since` is since when it is stale, None: it is not."""

    id: UUID
    owner_id: UUID
    close_date: date | None
    since: datetime | None
    unmet: list[Unmet]


async def behind(session: ReadSession, look: Look) -> list[Behind]:
    """Of everybody on the list, soonest to close first; nothing of a whole company, whose plans
    have a list of their own."""
    if look.ids is None:
        return []
    deals = await repository.open_deals(session, look.ids)
    known = await evidence_of(session, [deal.id for deal in deals], look.policy)
    found = []
    for deal in deals:
        evidence = known.get(deal.id)
        unmet = [] if evidence is None else _unmet(evidence)
        if evidence is not None and unmet:
            since = evidence.staleness.since
            found.append(Behind(deal.id, deal.owner_id, deal.close_date, since, unmet))
    return found


def _unmet(evidence: Evidence) -> list[Unmet]:
    gaps = [Unmet("meddppicc", element) for element in evidence.gaps]
    missing = [Unmet(*name.split(".", 1)) for name in evidence.missing]
    stale = [Unmet("stale", rule.message) for rule in evidence.staleness.reasons]
    return list(dict.fromkeys([*gaps, *missing, *stale]))
