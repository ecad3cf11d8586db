"""Suggesting engagement for a territory from its map, beside what is planned there already."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.kit.db import ReadSession
from services.qualification.engagement import repository
from services.qualification.engagement.suggestions import Organisation, Suggestion, suggest
from services.qualification.territories.service_map import read_map


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion, and the activities of its kind that are planned or running there."""

    suggestion: Suggestion
    activities: list[str]


async def suggest_for(session: ReadSession, territory_id: UUID) -> list[Suggested]:
    """Raises TerritoryNotFoundError."""
    usage = await read_map(session, territory_id, axis="occurred")
    organisations = [
        Organisation(
            external_id=group.external_id,
            route_to_market=group.route_to_market,
            users=group.figures.counts["green"],
            others=group.figures.counts["yellow"] + group.figures.counts["red"],
        )
        for group in usage.groups
    ]
    under_way = await repository.under_way(session, usage.territory.external_id)
    return [
        Suggested(suggestion, under_way.get(suggestion.kind.key, []))
        for suggestion in suggest(organisations)
    ]
