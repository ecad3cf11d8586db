"""Every rule of hygiene there is, and those a policy leaves on. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from services.pipeline.hygiene import rules_dates, rules_record, rules_work
from services.pipeline.hygiene.domain import Rule
from services.workspace.policy import Policy

RULES: Final = (*rules_record.RULES, *rules_dates.RULES, *rules_work.RULES)
RULE: Final = {rule.name: rule for rule in RULES}


@lru_cache(maxsize=256)
def _without(off: tuple[str, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule.name not in off)


def rules_on(policy: Policy) -> tuple[Rule, ...]:
    return _without(tuple(policy.settings["hygiene.rules_off"]))
