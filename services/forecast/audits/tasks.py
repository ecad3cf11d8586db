"""Audits that were asked for, run by the worker."""

from __future__ import annotations

from services.kit.db import Database


async def run_due(database: Database) -> None:
    """Not written yet."""
