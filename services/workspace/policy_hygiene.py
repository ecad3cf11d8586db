"""The settings of a policy that govern hygiene: which rules there are, how serious each is, and
their limits.

Pure data and checks, as in `policy_pipeline`, which gathers them. What a rule means is pipeline's;
a policy only names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Check = Callable[[Any], str | None]

HYGIENE_RULES: Final = (
    "amount_missing_or_zero",
    "stage_or_type_wrong",
    "renewal_unsized",
    "contraction_uncategorised",
    "contact_missing",
    "single_champion",
    "plan_incomplete",
    "plan_stale",
    "owner_inactive",
    "gate_findings_open",
    "closed_won_close_to_start",
    "close_date_missing",
    "close_date_past",
    "open_in_past_quarter",
    "close_date_far",
    "close_date_convention",
    "month2_category",
    "pipeline_category_this_quarter",
    "next_step_missing",
    "next_step_overdue",
    "next_step_stale",
    "pushed",
    "risky",
    "stage0_stale",
    "early_stage_silent",
    "older_than_cycle",
    "not_reviewed",
    "breakup_mail_missing",
)
_SEVERITIES: Final = ("error", "warning", "info")


def _severities(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be an object from rule to severity."
    for rule, severity in value.items():
        if rule not in HYGIENE_RULES:
            return f"has no rule {rule!r}."
        if severity not in _SEVERITIES:
            return f"{rule} must be one of {', '.join(_SEVERITIES)}."
    return None


def _reasons(value: Any) -> str | None:
    is_list = isinstance(value, list) and len(value) <= 50
    if is_list and all(isinstance(each, str) and 0 < len(each) <= 255 for each in value):
        return None
    return "must be a list of reasons, at most 50."


def table(checks: Mapping[str, Callable[..., Check]]) -> dict[str, tuple[Any, Check]]:
    """The default of each setting and the check of any other value."""
    whole, some_of = checks["whole"], checks["some_of"]
    return {
        "hygiene.rules_off": ([], some_of(*HYGIENE_RULES)),
        "hygiene.severity": ({}, _severities),
        "hygiene.snooze_days_max": (30, whole(1, 365)),
        "hygiene.next_step_refresh_days": (7, whole(1, 365)),
        "hygiene.closed_days": (30, whole(0, 365)),
        "hygiene.placeholder_hours": (48, whole(1, 720)),
        "hygiene.champions_min": (2, whole(1, 20)),
        "hygiene.champions_from_stage": (3, whole(0, 6)),
        "hygiene.convention_segments": (
            ["smb", "mid_market"],
            some_of("smb", "mid_market", "large", "public_sector"),
        ),
        "hygiene.breakup_reasons": (
            ["no_response", "lack_of_engagement", "lack_of_engagement_sponsor"],
            _reasons,
        ),
        "required7.notes_days": (7, whole(1, 90)),
    }
