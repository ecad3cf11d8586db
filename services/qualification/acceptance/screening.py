"""The screen by budget, authority, need and timeline: a count and what is open, never a verdict.

Pure. It is a help for the first conversation; whether a lead is handed over is the acceptance
test's business alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

TOPICS: Final = ("budget", "authority", "need", "timeline")
POINTS_MAX: Final = len(TOPICS)


def score(answers: Mapping[str, Any]) -> int:
    """How many topics pass."""
    return sum(answers[name]["result"] == "pass" for name in TOPICS)


def open_topics(answers: Mapping[str, Any]) -> list[str]:
    """What still has to be asked."""
    return [name for name in TOPICS if answers[name]["result"] == "unknown"]
