"""The figures as server-sent events: sent at once, and again whenever they change.

Every event is a whole answer, so a client that missed some has lost nothing. How a stream lives is
the kit's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from services.forecast import repository, service
from services.forecast.question import Question
from services.forecast.service import Answer
from services.kit import clock, sse
from services.kit.auth import Principal
from services.kit.db import Database
from services.kit.settings import StreamSettings

# Of no interest to a reader of figures when nothing else is different.
_MOMENT: Final = ("as_of", "freshness")


def events(
    database: Database,
    principal: Principal,
    question: Question,
    settings: StreamSettings,
    seen: int | None,
) -> AsyncIterator[bytes]:
    """Frames of server-sent events. `seen` is the last sequence the client knows: nothing is sent
    again before there is a newer one."""
    said: dict[str, Any] | None = None

    async def look() -> list[bytes]:
        nonlocal seen, said
        answer = await _newer(database, principal, question, seen)
        if answer is None:
            return []
        seen = answer.sequence
        figures = _figures(answer)
        if figures == said:
            return []
        said = figures
        return [sse.frame(answer.sequence, "figures", answer.body)]

    return sse.stream(look, settings)


async def _newer(
    database: Database, principal: Principal, question: Question, seen: int | None
) -> Answer | None:
    """The answer, where the ledger is not where the client last saw it."""
    async with database.read(principal.workspace_id) as session:
        if seen is not None:
            standing = await repository.read_standing(session, clock.now())
            if standing.batch.sequence == seen:
                return None
        return await service.read_forecast(session, principal, question)


def _figures(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.content.items() if name not in _MOMENT}
