"""Which criteria a move meets with, and whether each is met: what is known goes in, answers come
out. Pure. The checks themselves are in `checks`; which criteria there are is the policy's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.pipeline.gates.checks import ATTESTATIONS, CHECKS, NEEDS, attested
from services.pipeline.gates.facts import Facts, Outcome, is_done
from services.pipeline.opportunities.stages import STAGE, STAGES, Refusal
from services.workspace.policy import Policy
from services.workspace.policy_gates import HARD, Criterion

MET: Final = "met"
UNMET: Final = "unmet"
NOT_APPLICABLE: Final = "not_applicable"

_WON_RANK: Final = STAGE["closed_won"].rank
_LEFT_OPEN: Final = tuple(stage for stage in STAGES if stage.is_open)


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion and what became of it."""

    criterion: Criterion
    status: str
    outcome: Outcome | None = None

    @property
    def is_unmet(self) -> bool:
        return self.status == UNMET

    @property
    def refusals(self) -> Sequence[Refusal]:
        """What is missing, as codes and sentences; nothing where nothing is."""
        if not self.is_unmet or self.outcome is None:
            return ()
        return self.outcome.parts or (Refusal(self.criterion.code, self.outcome.message),)


def gates_passed(from_stage: str | None, to_stage: str, policy: Policy) -> list[str]:
    """The gates a move goes through: that of every open stage it leaves behind, the first included,
    or that of the closed stage it ends in. `from_stage` None is a deal that was in none."""
    new = STAGE[to_stage]
    if new.rank > _WON_RANK:
        return [to_stage]
    rank = 0 if from_stage is None else STAGE[from_stage].rank
    return [
        stage.key
        for stage in _LEFT_OPEN
        if rank <= stage.rank < new.rank
        and (stage.key != "closing" or stage.key == from_stage or _books(policy))
    ]


def _books(policy: Policy) -> bool:
    return policy.is_on("stage.closing_enabled")


def criteria_at(gates: Iterable[str], policy: Policy) -> list[Criterion]:
    """In order. A code may come at several gates, each asking it of other deals: which of them
    holds is known once all are judged."""
    return [criterion for gate in gates for criterion in policy.gates[gate]]


def asks(criterion: Criterion, row: Mapping[str, Any]) -> bool:
    """Whether it is asked of a deal like this; what people attest is not looked at here."""
    scopes = (
        (criterion.types, row["type"]),
        (criterion.segments, row["segment"] or "unknown"),
        (criterion.sources, row["source_kind"] or "unknown"),
        (criterion.categories, row["category"]),
    )
    if any(scope is not None and value not in scope for scope, value in scopes):
        return False
    segment = row["segment"]
    return _reaches(row["amount"], criterion.amount_min, segment) and _reaches(
        row["net_arr"], criterion.net_arr_min, segment
    )


def _reaches(
    value: Decimal | None, minimum: Decimal | Mapping[str, Decimal] | None, segment: str
) -> bool:
    if minimum is None:
        return True
    if isinstance(minimum, Mapping):
        # Nobody knows what is much for a customer whose size nobody knows.
        if segment not in minimum:
            return False
        minimum = minimum[segment]
    return (value or Decimal(0)) >= minimum


def needs_of(criteria: Iterable[Criterion]) -> frozenset[str]:
    """The kinds of facts these criteria are decided by."""
    needs: set[str] = set()
    for criterion in criteria:
        needs |= NEEDS.get(criterion.check, ATTESTATIONS)
        if criterion.when is not None:
            needs |= ATTESTATIONS
    return frozenset(needs)


def judge(criterion: Criterion, facts: Facts) -> Judged:
    if not asks(criterion, facts.row):
        return Judged(criterion, NOT_APPLICABLE)
    if criterion.when is not None and not is_done(facts.checklist.get(criterion.when)):
        return Judged(criterion, NOT_APPLICABLE)
    if criterion.is_attested:
        outcome = attested(criterion, facts)
    else:
        outcome = CHECKS[criterion.check](criterion, facts)
    if outcome.is_met is None:
        return Judged(criterion, NOT_APPLICABLE, outcome)
    return Judged(criterion, MET if outcome.is_met else UNMET, outcome)


def judge_all(criteria: Iterable[Criterion], facts: Facts) -> list[Judged]:
    """Each code once, in order: what holds before what is only shown, what is asked before what is
    not."""
    found: dict[str, Judged] = {}
    for criterion in criteria:
        judged, known = judge(criterion, facts), found.get(criterion.code)
        if known is None or _weight(judged) > _weight(known):
            found[criterion.code] = judged
    return list(found.values())


def _weight(judged: Judged) -> tuple[bool, bool, bool]:
    is_hard = judged.criterion.kind == HARD
    return (judged.is_unmet and is_hard, judged.status != NOT_APPLICABLE and is_hard,
            judged.status != NOT_APPLICABLE)  # fmt: skip


def unmet(criteria: Iterable[Criterion], facts: Facts) -> list[Refusal]:
    """Everything these criteria miss, each code once."""
    found: dict[str, Refusal] = {}
    for judged in judge_all(criteria, facts):
        for refusal in judged.refusals:
            found.setdefault(refusal.code, refusal)
    return list(found.values())


def attested_codes(policy: Policy) -> dict[str, str | None]:
    """What may be attested under a policy, with what it says: criteria a person decides, what makes
    others apply, and what closing a deal wants named."""
    found: dict[str, str | None] = dict(NAMED)
    for criteria in policy.gates.values():
        for criterion in criteria:
            if criterion.is_attested:
                found[criterion.code] = criterion.message
    for criteria in policy.gates.values():
        for criterion in criteria:
            if criterion.when is not None:
                found.setdefault(criterion.when, None)
    return found


NAMED: Final[Mapping[str, str]] = {
    "competitor": "Name the competitor in the note.",
    "product_line": "Name the product line in the note.",
    "terms_changed": "Say that the terms of the contract are changed.",
    "customer_paper_used": "Say that the contract is on the customer's own paper.",
}
"""What the checks themselves look for in a checklist."""
