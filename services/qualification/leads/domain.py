"""What decides about a lead: which status may follow which, and what a side exit must say.

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

UNTOUCHED: Final = ("raw", "inquiry", "mql", "pql")
"""Before somebody who qualifies leads took it up: what its owner does not see yet."""

SOURCE_KINDS: Final = ("inbound", "outbound", "self_serve", "partner")
PERSONAS: Final = (
    "technology_leader",
    "business_application_leader",
    "security_leader",
    "coo_cxo_leader",
    "financial_leader",
)

REASONS: Final[dict[str, tuple[str, ...]]] = {
    "recycle": (
        "no_immediate_need",
        "no_response",
        "timing",
        "budget",
        "competitor_contract",
        "other",
    ),
    # What older lists call ineligible or bad data is a reason here, not a status.
    "disqualified": (
        "not_a_fit",
        "no_authority",
        "ineligible",
        "bad_data",
        "duplicate",
        "competitor",
        "student_or_personal",
        "spam",
        "other",
    ),
}
"""Why a lead is put aside: each side exit has a list of its own."""

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


def may_move(old: str, new: str) -> bool:
    """Whether the product itself may move a lead: as anybody, and by handing it over."""
    if new == "qualified":
        return old not in (*_SIDE_EXITS, "qualified")
    return new != old and new in _MOVES[old]


def check_first_status(status: str) -> Refusal | None:
    """None where a new lead may begin there."""
    if status in FIRST_STATUSES:
        return None
    return Refusal(
        "status_not_reachable", f"A new lead begins as one of {', '.join(FIRST_STATUSES)}."
    )


def check_reason(status: str, reason: str | None, *, is_needed: bool) -> Refusal | None:
    """None where the reason fits the status: those of a side exit are listed, and must be given
    by whoever puts the lead aside; any other status may carry any words."""
    known = REASONS.get(status)
    if known is None or (reason is None and not is_needed) or reason in known:
        return None
    choices = ", ".join(known)
    if reason is None:
        return Refusal("reason_missing", f"is needed for a lead that is {status}: one of {choices}")
    return Refusal("unknown_reason", f"is no reason for {status}; known are {choices}")
