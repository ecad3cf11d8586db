"""Identifiers: UUIDv7, made here or sent by the client; time-ordered so that indexes stay dense."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7

NIL = UUID(int=0)


def new_id() -> UUID:
    """A new UUIDv7. Ordered within one process; across processes only as far as clocks agree."""
    return uuid7()
