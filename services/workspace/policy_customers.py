"""The settings of a policy that govern accounts after the sale: defaults and their checks.

Pure data and checks, as in `policy_settings`, which gathers them through `policy_pipeline`. Tiers,
features and products are a company's own; what ships is a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Check = Callable[[Any], str | None]

_NAMES_MAX: Final = 100
_STEPS_MAX: Final = 50
_DUE_DAYS_MAX: Final = 730


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and bool(value.strip())


def names(value: Any) -> str | None:
    reason = f"must be a list of at most {_NAMES_MAX} different names."
    if not isinstance(value, list) or len(value) > _NAMES_MAX:
        return reason
    if not all(_is_name(item) for item in value):
        return reason
    return None if len({item.casefold() for item in value}) == len(value) else reason


def tier_features(value: Any) -> str | None:
    """Which features a tier has that the tiers below it lack."""
    if not isinstance(value, Mapping) or len(value) > _NAMES_MAX:
        return f"must be an object from at most {_NAMES_MAX} tiers to lists of features."
    for tier, features in value.items():
        if not _is_name(tier):
            return "names a tier that is blank or too long."
        if (reason := names(features)) is not None:
            return f"{tier} {reason}"
    return None


def onboarding_steps(value: Any) -> str | None:
    reason = (
        f"must be a list of at most {_STEPS_MAX} steps, each with a different name, due_after_days"
        f" from 0 to {_DUE_DAYS_MAX} and a role."
    )
    if not isinstance(value, list) or len(value) > _STEPS_MAX:
        return reason
    if not all(_is_step(step) for step in value):
        return reason
    return None if len({step["name"] for step in value}) == len(value) else reason


def _is_step(step: Any) -> bool:
    if not isinstance(step, Mapping) or set(step) != {"name", "due_after_days", "role"}:
        return False
    days = step["due_after_days"]
    is_dated = isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= _DUE_DAYS_MAX
    return is_dated and _is_name(step["name"]) and _is_name(step["role"])


def _step(name: str, due_after_days: int, role: str) -> dict[str, Any]:
    return {"name": name, "due_after_days": due_after_days, "role": role}


def table(whole: Callable[[int, int], Check], ascending: Callable[..., Check]) -> dict[str, Any]:
    """As in `policy_pipeline`."""
    percent, months = whole(0, 100), whole(0, 120)
    return {
        "customers.phase_months": ([3, 6, 9], ascending(3, 1)),
        "customers.implementation_months": (3, months),
        "customers.tiers": (["free", "starter", "premium", "ultimate"], names),
        "customers.tier_features": ({}, tier_features),
        "customers.products": ([], names),
        "customers.continuation_days": (180, whole(0, 3650)),
        "customers.review_months": ([3, 5], ascending(2, 1)),
        "customers.action_months": (4, months),
        "customers.review_opens_days": (30, whole(0, 365)),
        "customers.champions_goal": (2, whole(1, 100)),
        "customers.first_value_percent": (10, percent),
        "customers.use_yellow_percent": (50, percent),
        "customers.use_green_percent": (75, percent),
        "customers.adoption_done_percent": (80, percent),
        "customers.low_use_months": ([2, 6], ascending(2, 0)),
        "customers.middle_use_months": ([6, 9], ascending(2, 0)),
        "customers.usage_drop_percent": (25, whole(1, 100)),
        "customers.usage_drop_days": (30, whole(1, 365)),
        "customers.commit_within_months": (6, months),
        "customers.onboarding_steps": (
            [
                _step("kick_off", 7, "csm"),
                _step("administrators_trained", 21, "csm"),
                _step("champion_supported", 30, "csm"),
                _step("users_trained", 45, "csm"),
                _step("another_champion_found", 60, "account_manager"),
                _step("adoption_reviewed", 90, "csm"),
            ],
            onboarding_steps,
        ),
    }
