"""The stage gates of a policy: which criteria hold a deal back, by stage, and the check of them.

Pure data and checks, as in `policy_settings`, which gathers them. A gate is named by the open stage
that is left, or by the closed stage that is entered without a win. Each criterion is decided by a
check of pipeline's, or attested by a person. The tables of the default are in `policy_gate_table`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.workspace.policy_gate_table import (
    ATTESTED,
    CHECKS,
    DEFAULT_GATES,
    LOST_REASONS,
    REASON_NEEDS,
    UNQUALIFIED_REASONS,
)

Check = Callable[[Any], str | None]

GATES: Final = (
    "pending_acceptance", "discovery", "scoping", "technical_evaluation", "proposal",
    "negotiating", "awaiting_signature", "closing", "closed_lost", "unqualified", "duplicate",
)  # fmt: skip
TYPES: Final = ("new_business", "add_on", "renewal", "professional_services")
SEGMENTS: Final = ("smb", "mid_market", "large", "public_sector", "unknown")
SOURCES: Final = ("inbound", "outbound", "self_serve", "partner", "unknown")
CATEGORIES: Final = (
    "standard", "ramp", "credit", "contract_reset", "decommission", "internal_correction",
    "debook",
)  # fmt: skip
ORDER_TYPES: Final = (
    "new_first_order", "new_connected", "growth", "contraction", "churn_partial", "churn_final",
    "ps_other",
)  # fmt: skip
HARD: Final = "hard"
CHECKLIST: Final = "checklist"

_SCOPES: Final = {
    "types": TYPES, "segments": SEGMENTS, "sources": SOURCES, "categories": CATEGORIES,
}  # fmt: skip
_MINIMUMS: Final = ("amount_min", "net_arr_min")
_FIELDS: Final = {"code", "kind", "check", "message", "when", *_SCOPES, *_MINIMUMS}
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
_AMOUNT: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,2})?")
_CRITERIA_MAX: Final = 60
_REASONS_MAX: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing asked at a gate. What it is not asked of is left out: a scope that is None asks of
    everybody; a minimum is one amount, or one a segment. `when`: only where somebody attests that
    item."""

    gate: str
    code: str
    kind: str
    check: str
    message: str | None = None
    when: str | None = None
    types: frozenset[str] | None = None
    segments: frozenset[str] | None = None
    sources: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    amount_min: Decimal | Mapping[str, Decimal] | None = None
    net_arr_min: Decimal | Mapping[str, Decimal] | None = None

    @property
    def is_attested(self) -> bool:
        return self.check == ATTESTED


def criteria_of(gates: Mapping[str, Any]) -> dict[str, tuple[Criterion, ...]]:
    """The gates of a policy whose settings were checked, each in its order."""
    return {gate: tuple(_criterion(gate, item) for item in gates.get(gate, ())) for gate in GATES}


def _criterion(gate: str, item: Mapping[str, Any]) -> Criterion:
    given: dict[str, Any] = {name: frozenset(item[name]) for name in _SCOPES if name in item}
    for name in _MINIMUMS:
        value = item.get(name)
        if isinstance(value, Mapping):
            given[name] = {segment: Decimal(str(each)) for segment, each in value.items()}
        elif value is not None:
            given[name] = Decimal(str(value))
    given |= {name: item[name] for name in ("message", "when") if name in item}
    return Criterion(gate=gate, code=item["code"], kind=item["kind"], check=item["check"], **given)


def gates(value: Any) -> str | None:
    """Criteria by stage; a stage left out keeps its default, one with an empty list asks for
    nothing."""
    if not isinstance(value, Mapping):
        return "must be an object from stage to a list of criteria."
    for gate, items in value.items():
        if gate not in GATES:
            return f"has no stage {_shown(gate)}: use {', '.join(GATES)}."
        if not isinstance(items, list) or len(items) > _CRITERIA_MAX:
            return f"{gate} must be a list of at most {_CRITERIA_MAX} criteria."
        codes: set[str] = set()
        for place, item in enumerate(items):
            reason = _problem(item)
            if reason is not None:
                return f"{gate}[{place}] {reason}"
            if item["code"] in codes:
                return f"{gate}[{place}] repeats the code {item['code']!r}."
            codes.add(item["code"])
    return None


def _problem(item: Any) -> str | None:
    if not isinstance(item, Mapping) or not {"code", "kind", "check"} <= set(item):
        return 'must be an object with "code", "kind" and "check".'
    unknown = sorted(set(item) - _FIELDS)
    if unknown:
        return f"has no field {_shown(unknown[0])}: use {', '.join(sorted(_FIELDS))}."
    if not _is_code(item["code"]):
        return "must have a code of small letters, digits and underscores, such as quote_ready."
    if item["kind"] not in (HARD, CHECKLIST):
        return f"({item['code']}) must be of kind {HARD} or {CHECKLIST}."
    if item["check"] not in CHECKS and item["check"] != ATTESTED:
        return f"names no check {_shown(item['check'])}: use {ATTESTED}, {', '.join(CHECKS)}."
    if "when" in item and not _is_code(item["when"]):
        return f"({item['code']}) must name in `when` the code of an attested item."
    if "message" in item and not _is_sentence(item["message"]):
        return f"({item['code']}) must have a message of at most 500 characters."
    return _scope_problem(item)


def _scope_problem(item: Mapping[str, Any]) -> str | None:
    for name, choices in _SCOPES.items():
        value = item.get(name, choices)
        fits = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
        if not fits or not value or not set(value) <= set(choices):
            return f"({item['code']}) must list in {name} some of {', '.join(choices)}."
    for name in _MINIMUMS:
        value = item.get(name, 0)
        if isinstance(value, Mapping):
            is_by_segment = bool(value) and set(value) <= set(SEGMENTS) - {"unknown"}
            fits = is_by_segment and all(_is_amount(each) for each in value.values())
        else:
            fits = _is_amount(value)
        if not fits:
            return f"({item['code']}) must give {name} as an amount, or as amounts by segment."
    return None


def _shown(value: Any) -> str:
    """What somebody sent, as far as a sentence can hold it."""
    return repr(value[:80]) if isinstance(value, str) else "of another form than text"


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= 500


def _is_amount(value: Any) -> bool:
    if isinstance(value, str):
        return _AMOUNT.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**15


def lost_reasons(value: Any) -> str | None:
    """Why deals are lost: a code each, what else must be known for it, and the order types that
    cannot have it."""
    if not isinstance(value, list) or not 0 < len(value) <= _REASONS_MAX:
        return f"must be a list of 1 to {_REASONS_MAX} reasons."
    for place, item in enumerate(value):
        fields = {"code", "needs", "except_order_types"}
        if not isinstance(item, Mapping) or not {"code"} <= set(item) <= fields:
            return f"[{place}] must be an object with code, and needs or except_order_types."
        if not _is_code(item["code"]):
            return f"[{place}] must have a code of small letters, digits and underscores."
        for name, choices in (("needs", REASON_NEEDS), ("except_order_types", ORDER_TYPES)):
            named = item.get(name, [])
            if not isinstance(named, list) or not all(each in choices for each in named):
                return f"[{place}] must list in {name} some of {', '.join(choices)}."
    return _codes_problem([item["code"] for item in value])


def reasons(value: Any) -> str | None:
    if not isinstance(value, list) or not 0 < len(value) <= _REASONS_MAX:
        return f"must be a list of 1 to {_REASONS_MAX} codes."
    if not all(_is_code(each) for each in value):
        return "must be codes of small letters, digits and underscores."
    return _codes_problem(value)


def _codes_problem(codes: list[str]) -> str | None:
    if len(set(codes)) < len(codes):
        return "must name each reason once."
    return None if "other" in codes else "must have the reason other, for what is said in words."


def _amount(value: Any) -> str | None:
    return None if _is_amount(value) else "must be an amount, as a string or an integer."


def _mode(value: Any) -> str | None:
    return None if value in ("enforce", "warn", "off") else "must be one of enforce, warn, off."


def table() -> dict[str, tuple[Any, Check]]:
    """The default of each setting and the check of any other value, for `policy_settings`."""
    return {
        "gates": (DEFAULT_GATES, gates),
        # warn: what is not met is a finding and holds nobody; off: nothing is asked.
        "gates.mode": ("enforce", _mode),
        "lost.reasons": (LOST_REASONS, lost_reasons),
        "unqualified.reasons": (UNQUALIFIED_REASONS, reasons),
        # Below it nobody changes the terms of a contract; nor takes the customer's paper.
        "terms.change_min": (25_000, _amount),
        "terms.customer_paper_min": (100_000, _amount),
    }
