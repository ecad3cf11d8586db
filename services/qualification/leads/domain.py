"""What decides about a lead: which status may follow which.

Pure: no database, no clock. A refusal is an answer, so it is returned, not raised.
"""

from __future__ import annotations

from typing import Final, NamedTuple

STATUSES: Final = (
    "raw",
    "inquiry",
    "mql",
    "pql",
    "accepted",
    "qualifying",
    "qualified",
    "recycle",
    "disqualified",
)
FIRST_STATUSES: Final = ("raw", "inquiry", "mql", "pql")
"""What a lead may begin as, where its status is not a record of another system."""

SOURCE_KINDS: Final = ("inbound", "outbound", "self_serve", "partner")
PERSONAS: Final = (
    "technology_leader",
    "business_application_leader",
    "security_leader",
    "coo_cxo_leader",
    "financial_leader",
)

_SIDE_EXITS: Final = ("recycle", "disqualified")
_MOVES: Final[dict[str, tuple[str, ...]]] = {
    "raw": ("inquiry", "mql", "pql", "accepted", "disqualified"),
    "inquiry": ("mql", "pql", "accepted", *_SIDE_EXITS),
    "mql": ("pql", "accepted", "qualifying", *_SIDE_EXITS),
    "pql": ("mql", "accepted", "qualifying", *_SIDE_EXITS),
    "accepted": ("qualifying", *_SIDE_EXITS),
    "qualifying": ("accepted", *_SIDE_EXITS),
    # A lead put aside comes back as a new sign of interest or is taken up again; never to raw.
    "recycle": ("mql", "pql", "accepted", "disqualified"),
    "disqualified": ("recycle",),
    "qualified": (),
}


class Refusal(NamedTuple):
    """Why something is not done: a stable code and a sentence."""

    code: str
    message: str


def check_move(old: str, new: str) -> Refusal | None:
    """None where the lead may go from one status to the other, or stays where it is."""
    if new == old or new in _MOVES[old]:
        return None
    if new == "qualified":
        return Refusal("status_needs_conversion", "A lead is qualified by its conversion.")
    allowed = ", ".join(_MOVES[old]) or "nothing"
    return Refusal("status_not_reachable", f"A lead that is {old} can become {allowed}, not {new}.")


def check_first_status(status: str) -> Refusal | None:
    """None where a new lead may begin there."""
    if status in FIRST_STATUSES:
        return None
    return Refusal(
        "status_not_reachable", f"A new lead begins as one of {', '.join(FIRST_STATUSES)}."
    )
