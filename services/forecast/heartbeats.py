"""That a worker is alive, said in Postgres, so that it can be asked while Redis is away."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from services.kit import clock
from services.kit.db import Session, WriteSession

INTERVAL_S: Final = 2.0
SILENCE_MAX: Final = timedelta(seconds=12)
"""How long a living worker may be silent: several beats, so that one slow one is no alarm."""
_FORGOTTEN_AFTER: Final = timedelta(days=1)


async def beat(session: WriteSession, worker_id: UUID) -> None:
    """Says that this worker is alive; forgets those long gone."""
    now = clock.now()
    await session.execute(
        """
        INSERT INTO forecast.workers (id, started_at, beat_at) VALUES ($1, $2, $2)
        ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at
        """,
        worker_id,
        now,
    )
    await session.execute("DELETE FROM forecast.workers WHERE beat_at < $1", now - _FORGOTTEN_AFTER)


async def say_goodbye(session: WriteSession, worker_id: UUID) -> None:
    """At an orderly end, so that readiness does not wait for the silence to be long enough."""
    await session.execute("DELETE FROM forecast.workers WHERE id = $1", worker_id)


async def is_worker_up(session: Session) -> bool:
    """Whether any worker has been heard of lately."""
    found: bool = await session.fetchval(
        "SELECT EXISTS (SELECT FROM forecast.workers WHERE beat_at > $1)",
        clock.now() - SILENCE_MAX,
    )
    return found
