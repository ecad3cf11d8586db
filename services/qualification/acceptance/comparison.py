"""What makes two tests come out differently: criteria, verdict, facts, and the policies' settings.

Pure. Both tests stay what they are; this only says where they part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from services.qualification.acceptance.domain import CRITERIA, SETTINGS_USED
from services.qualification.acceptance.evidence import FACTS
from services.workspace.policy import Policy


class Compared(NamedTuple):
    """One side: a stored test and the policy that judged it."""

    id: str
    verdict: str
    is_convertible: bool
    criteria: Mapping[str, Any]
    evidence: Mapping[str, Any]
    policy: Policy


def compare(old: Compared, new: Compared) -> dict[str, Any]:
    """As it is stored and shown. Only what differs is listed."""
    return {
        "from": _side(old),
        "to": _side(new),
        "verdict_changed": old.verdict != new.verdict,
        "criteria": [
            {
                "criterion": name,
                "from": old.criteria[name]["result"],
                "to": new.criteria[name]["result"],
                "reasons": new.criteria[name]["reasons"],
            }
            for name in CRITERIA
            if old.criteria[name]["result"] != new.criteria[name]["result"]
        ],
        "settings": [
            {"setting": name, "from": old.policy.settings[name], "to": new.policy.settings[name]}
            for name in SETTINGS_USED
            if old.policy.settings[name] != new.policy.settings[name] and _is_used(name, old, new)
        ],
        "facts": [
            {"fact": name, "from": before, "to": after}
            for (name, before), (_, after) in zip(_facts(old), _facts(new), strict=True)
            if before != after
        ],
    }


def _side(test: Compared) -> dict[str, Any]:
    return {
        "assessment_id": test.id,
        "policy_version": test.policy.version,
        "verdict": test.verdict,
        "convertible": test.is_convertible,
    }


def _is_used(setting: str, *tests: Compared) -> bool:
    """Segments by head count matter only where a segment was derived from one."""
    if setting != "segments":
        return True
    return any(test.evidence.get("segment_source") == "employees" for test in tests)


def _facts(test: Compared) -> Iterator[tuple[str, Any]]:
    """Every fact by name. Tests of the first release lack what was added since."""
    for name in ("segment", "employees", "source_kind"):
        yield name, test.evidence.get(name)
    for criterion, names in FACTS.items():
        told = test.evidence.get(criterion, {})
        for name in names:
            yield f"{criterion}.{name}", told.get(name)
