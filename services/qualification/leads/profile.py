"""How well a lead fits the ideal customer profile of the policy. Pure: each dimension is a match,
a mismatch or unknown, and only what is asked for and known counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.workspace.policy import UNKNOWN_SEGMENT, Policy
from services.workspace.policy_qualification import PROFILE_DIMENSIONS

MATCH: Final = "match"
MISMATCH: Final = "mismatch"
UNKNOWN: Final = "unknown"
NOT_ASKED: Final = "not_asked"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One side of the profile: what is wanted, what the lead says, and what follows."""

    name: str
    result: str
    weight: int
    wanted: tuple[str, ...]
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """`score` is the weight of what matches among what is asked for and known, in percent; None
    where nothing is known, or nothing asked."""

    score: int | None
    dimensions: tuple[Dimension, ...]


def profile_of(policy: Policy) -> dict[str, Any]:
    """The policy's profile, complete: every dimension with its wishes and its weight. Without
    weights every dimension counts the same."""
    stated = policy.settings["icp"]
    weights = stated.get("weights")
    return {
        name: {
            "wanted": list(stated.get(name, ())),
            "weight": 1 if weights is None else weights.get(name, 0),
        }
        for name in PROFILE_DIMENSIONS
    }


def fit_of(
    policy: Policy,
    *,
    employees: int | None,
    industry: str | None,
    region: str | None,
    tools: Sequence[str],
    use_case: str | None,
) -> Fit:
    """Compares without regard to the case of letters. One known tool of the profile is a match."""
    segment = policy.segment_of(employees)
    known = {
        "segments": () if segment == UNKNOWN_SEGMENT else (segment,),
        "industries": _words(industry),
        "regions": _words(region),
        "tools": tuple(tools),
        "use_cases": _words(use_case),
    }
    dimensions = tuple(
        _compare(name, asked["wanted"], asked["weight"], known[name])
        for name, asked in profile_of(policy).items()
    )
    counted = sum(d.weight for d in dimensions if d.result in (MATCH, MISMATCH))
    matched = sum(d.weight for d in dimensions if d.result == MATCH)
    # Half up, in whole numbers.
    score = (200 * matched + counted) // (2 * counted) if counted else None
    return Fit(score, dimensions)


def _words(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)


def _compare(name: str, wanted: Sequence[str], weight: int, known: tuple[str, ...]) -> Dimension:
    if not wanted or weight == 0:
        result = NOT_ASKED
    elif not known:
        result = UNKNOWN
    else:
        folded = {text.strip().casefold() for text in wanted}
        found = any(text.strip().casefold() in folded for text in known)
        result = MATCH if found else MISMATCH
    return Dimension(name, result, weight, tuple(wanted), known)
