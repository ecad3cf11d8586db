"""Timers of qualification that are due, worked on by the worker: each exactly once."""

from __future__ import annotations

from services.kit.db import Database
from services.kit.timers import Handler
from services.qualification.leads.waking import KIND_WAKE, wake
from services.qualification.signals.silences import KIND_SILENCE, fall_silent
from services.qualification.timers import TIMERS
from services.qualification.touches.service import KIND_SILENT
from services.qualification.touches.tasks import recycle_silent

HANDLERS: dict[str, Handler] = {
    KIND_SILENCE: fall_silent,
    KIND_SILENT: recycle_silent,
    KIND_WAKE: wake,
}
"""A handler locks its subject and decides anew whether the time has come; to go off once more it
calls `timers.rearm`."""


async def run_due(database: Database) -> int:
    """Handles what is due, in all workspaces, and says how many timers went off."""
    return await TIMERS.run_due(database, HANDLERS)
