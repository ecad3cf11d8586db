"""What is known when a test is made: gathered from what is said now, from the record it is about
and from an earlier test; kept as JSON and read back from it for a test that is made again.

Pure. A test keeps all it used, so that it can be read, and repeated, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from services.qualification.acceptance.domain import CRITERIA, RESULTS, Evidence, Statement

UNKNOWN_SEGMENT: Final = "unknown"

FACTS: Final[Mapping[str, Mapping[str, str]]] = {
    "authority": {
        "buying_role": "buying_role",
        "directly_involved": "directly_involved",
        "path_to_decision_maker": "decision_maker_path",
        "evaluators_known": "evaluators_known",
    },
    "initiative": {
        "kind": "initiative",
        "shown_by": "signs",
        "identified_need": "identified_need",
    },
    "fit": {
        "current_tools": "current_tools",
        "use_case": "use_case",
        "potential_seats": "seats",
        "new_account_or_buying_group": "needs_seats",
        "hosting": "hosting",
        "future_seats": "future_seats",
        "total_seats": "total_seats",
    },
    "timing": {"iqm_date": "iqm_date", "next_step_date": "next_step_date"},
}
"""The facts of each criterion: the name clients know, and the evidence's own."""

# About one contact and one initiative: said anew, they are said whole. Other facts stand alone.
_WHOLE: Final = frozenset({"authority", "initiative"})
_LISTS: Final = frozenset({"signs", "current_tools"})
_DAYS: Final = frozenset({"iqm_date", "next_step_date"})
_NOTHING: Final = (None, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the record a test is about says by itself. `segment_source` is where its segment comes
    from: derived from `employees`, or as the opportunity or the account has it."""

    segment: str
    segment_source: str
    employees: int | None = None
    source_kind: str | None = None
    use_case: str | None = None
    seats: int | None = None
    next_step_date: date | None = None
    buying_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier test, whose evidence may be carried on."""

    id: str
    evidence: Mapping[str, Any]
    criteria: Mapping[str, Any]
    carried: Mapping[str, str] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """The test a piece of evidence was first said in."""
        criterion = name.partition(".")[0]
        return self.carried.get(name) or self.carried.get(criterion) or self.id


def gather(
    stated: Mapping[str, Any], known: Known, earlier: Earlier | None = None
) -> tuple[Evidence, dict[str, str]]:
    """The evidence, and which of it came from which earlier test. What is said now comes first,
    then what the record says, then what an earlier test knew."""
    carried: dict[str, str] = {}
    facts: dict[str, Any] = {}
    statements: dict[str, Statement] = {}
    before = statements_of(earlier) if earlier is not None else {}
    for criterion in CRITERIA:
        said: Mapping[str, Any] | None = stated.get(criterion)
        if said is not None:
            statements[criterion] = Statement(
                result=said.get("result"), evidence=said.get("evidence")
            )
        elif criterion in before:
            statements[criterion] = before[criterion]
        facts |= _facts_of(criterion, said, earlier, carried)
    for name in ("use_case", "seats", "next_step_date", "buying_role"):
        own = getattr(known, name)
        if own is not None and _is_open(name, stated, facts):
            facts[name] = own
    facts |= _surroundings(stated, known, earlier, carried)
    return Evidence(**facts, statements=statements), carried


def _facts_of(
    criterion: str,
    said: Mapping[str, Any] | None,
    earlier: Earlier | None,
    carried: dict[str, str],
) -> dict[str, Any]:
    """The criterion's facts by the evidence's names; notes in `carried` where they come from."""
    names = FACTS[criterion]
    told = earlier.evidence.get(criterion, {}) if earlier is not None else {}
    facts = {own: _read(own, None) for own in names.values()}
    if earlier is not None and said is None:
        facts |= {own: _read(own, told.get(name)) for name, own in names.items()}
        is_known = any(value not in _NOTHING for value in facts.values())
        if is_known or criterion in statements_of(earlier):
            carried[criterion] = earlier.origin(criterion)
        return facts
    for name, own in names.items():
        if said is not None and name in said:
            facts[own] = _read(own, said[name])
        elif (
            earlier is not None
            and criterion not in _WHOLE
            and _read(own, told.get(name)) not in _NOTHING
        ):
            facts[own] = _read(own, told[name])
            carried[f"{criterion}.{name}"] = earlier.origin(f"{criterion}.{name}")
    return facts


def _is_open(name: str, stated: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether the record's own word counts: nothing else was said of it now."""
    criterion, wire = _PLACE[name]
    said = stated.get(criterion) or {}
    return said.get(wire) is None and (name != "buying_role" or facts[name] is None)


_PLACE: Final = {
    own: (criterion, wire) for criterion, names in FACTS.items() for wire, own in names.items()
}


def _surroundings(
    stated: Mapping[str, Any], known: Known, earlier: Earlier | None, carried: dict[str, str]
) -> dict[str, Any]:
    """Segment and source, which belong to no criterion."""
    before: Mapping[str, Any] = earlier.evidence if earlier is not None else {}
    facts: dict[str, Any] = {
        "segment": known.segment,
        "segment_source": known.segment_source,
        "employees": known.employees,
        "source_kind": stated.get("source_kind") or known.source_kind,
    }
    if stated.get("segment"):
        facts |= {"segment": stated["segment"], "segment_source": "stated", "employees": None}
    elif known.segment == UNKNOWN_SEGMENT and before.get("segment", UNKNOWN_SEGMENT) != (
        UNKNOWN_SEGMENT
    ):
        assert earlier is not None
        facts |= {name: before.get(name) for name in ("segment", "segment_source", "employees")}
        carried["segment"] = earlier.origin("segment")
    if earlier is not None and facts["source_kind"] is None and before.get("source_kind"):
        facts["source_kind"] = before["source_kind"]
        carried["source_kind"] = earlier.origin("source_kind")
    return facts


def _read(own: str, value: Any) -> Any:
    if own in _LISTS:
        return tuple(value or ())
    if own in _DAYS and isinstance(value, str):
        return date.fromisoformat(value)
    return value


def to_json(evidence: Evidence) -> dict[str, Any]:
    """As it is stored and shown."""
    shown: dict[str, Any] = {
        "segment": evidence.segment,
        "segment_source": evidence.segment_source,
        "employees": evidence.employees,
        "source_kind": evidence.source_kind,
    }
    for criterion, names in FACTS.items():
        shown[criterion] = {name: _plain(getattr(evidence, own)) for name, own in names.items()}
    shown["statements"] = {
        name: {"result": statement.result, "evidence": statement.evidence}
        for name, statement in evidence.statements.items()
        if statement != Statement()
    }
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, date) else value


def from_json(test: Earlier) -> Evidence:
    """The evidence of a stored test."""
    stored = test.evidence
    facts = {
        own: _read(own, stored.get(criterion, {}).get(name))
        for criterion, names in FACTS.items()
        for name, own in names.items()
    }
    return Evidence(
        segment=stored["segment"],
        segment_source=stored.get("segment_source"),
        employees=stored.get("employees"),
        source_kind=stored.get("source_kind"),
        statements=statements_of(test),
        **facts,
    )


def statements_of(test: Earlier) -> dict[str, Statement]:
    """What was stated in a test. Tests of the first release did not keep it apart: there it shows
    where it decided, or where the facts contradicted it."""
    kept = test.evidence.get("statements")
    if kept is not None:
        return {name: Statement(**statement) for name, statement in kept.items()}
    found = {}
    for name, finding in test.criteria.items():
        if finding["source"] == "stated":
            found[name] = Statement(result=finding["result"], evidence=finding["evidence"])
            continue
        for reason in finding["reasons"]:
            if reason["code"] == "statement_contradicts_facts":
                stated = next(word for word in RESULTS if f"as {word}," in reason["message"])
                found[name] = Statement(result=stated, evidence=finding["evidence"])
    return found
