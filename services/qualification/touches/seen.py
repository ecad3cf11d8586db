"""Which leads a salesperson sees, as a clause: what `leads.access.is_seen_by` says of one lead."""

from __future__ import annotations

from typing import Final

from services.qualification.leads.domain import UNTOUCHED

_UNTOUCHED: Final = ", ".join(f"'{status}'" for status in UNTOUCHED)

SEEN: Final = (
    "(l.sdr_id = {0} OR (l.owner_id = {0}"
    f" AND (l.sdr_id IS NULL OR l.status NOT IN ({_UNTOUCHED}))))"
)
"""For `Filters`, about the lead `l`; its parameter is the user's id."""
