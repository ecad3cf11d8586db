"""The settings a policy may hold: each one's default in `sop-2022` and the check of its value.

Pure data and checks. A check answers None, or the reason a value is refused as a predicate of the
setting's name. Segments are the lower-case keys records carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, Final, NamedTuple

from services.workspace import policy_gates, policy_pipeline, policy_qualification

Check = Callable[[Any], str | None]


class SettingProblem(NamedTuple):
    setting: str
    message: str


SEGMENT_KEYS: Final = ("smb", "mid_market", "large")
SEGMENTS_WITH_RULES: Final = (*SEGMENT_KEYS, "public_sector")
OPEN_STAGES: Final = (
    "pending_acceptance",
    "discovery",
    "scoping",
    "technical_evaluation",
    "proposal",
    "negotiating",
    "awaiting_signature",
    "closing",
)
CLOSED_STAGES: Final = ("closed_won", "closed_lost", "unqualified", "duplicate")
OPEN_CATEGORIES: Final = ("omitted", "pipeline", "best_case", "commit")
OPPORTUNITY_TYPES: Final = ("new_business", "add_on", "renewal", "professional_services")
ORDER_TYPES: Final = (
    "new_first_order",
    "new_connected",
    "growth",
    "contraction",
    "churn_partial",
    "churn_final",
    "ps_other",
)


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def whole(low: int, high: int) -> Check:
    reason = f"must be a whole number from {low} to {high}."
    return lambda value: None if _is_whole(value, low, high) else reason


def _decimal(value: Any) -> Decimal | None:
    """A number written as a string or an integer; never a float."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def amount(value: Any) -> str | None:
    number = _decimal(value)
    if number is None or not 0 <= number <= 10**15:
        return "must be an amount of at least zero, as a string or an integer."
    return None


def switch(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false."


def one_of(*choices: str) -> Check:
    reason = f"must be one of {', '.join(choices)}."
    return lambda value: None if isinstance(value, str) and value in choices else reason


def some_of(*choices: str) -> Check:
    reason = f"must be a list of {', '.join(choices)}, each at most once."

    def check(value: Any) -> str | None:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return reason
        return None if len(set(value)) == len(value) and set(value) <= set(choices) else reason

    return check


def clock_time(value: Any) -> str | None:
    hour, _, minute = value.partition(":") if isinstance(value, str) else ("", "", "")
    is_written = len(hour) == len(minute) == 2 and f"{hour}{minute}".isdecimal()
    if is_written and int(hour) < 24 and int(minute) < 60:
        return None
    return "must be a time of day like 17:00."


def ascending(length: int | None, low: int, *, distinct: bool = True) -> Check:
    """A list of growing whole numbers, such as deal-size limits or days of a timer."""
    count = "" if length is None else f"{length} "
    reason = f"must be a list of {count}growing whole numbers from {low}."

    def check(value: Any) -> str | None:
        if not isinstance(value, list) or not value or length not in (None, len(value)):
            return reason
        if not all(_is_whole(item, low, 10**12) for item in value):
            return reason
        grows = all(a < b if distinct else a <= b for a, b in pairwise(value))
        return None if grows else reason

    return check


def band(value: Any) -> str | None:
    if isinstance(value, list) and len(value) == 2:
        low, high = (_decimal(item) for item in value)
        if low is not None and high is not None and 0 < low < high <= 100:
            return None
    return "must be two growing decimals as strings, such as 2.5 and 3.0."


def by_segment(check_one: Check) -> Check:
    """A map from segment to a value; a segment left out has no such rule."""

    def check(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return "must be an object keyed by segment."
        for segment, item in value.items():
            if segment not in SEGMENTS_WITH_RULES:
                return f"has no segment {segment!r}: use {', '.join(SEGMENTS_WITH_RULES)}."
            if (reason := check_one(item)) is not None:
                return f"{segment} {reason}"
        return None

    return check


def segments(value: Any) -> str | None:
    """Head-count ranges that follow one another without gap or overlap, the last one open."""
    reason = "must give smb, mid_market and large as ranges that follow each other, large open."
    if not isinstance(value, Mapping) or set(value) != set(SEGMENT_KEYS):
        return reason
    expected = 1
    for segment in SEGMENT_KEYS:
        is_last = segment == SEGMENT_KEYS[-1]
        match value[segment]:
            case [int(low), None] if is_last and low == expected:
                pass
            case [int(low), int(high)] if not is_last and low == expected <= high <= 10**9:
                expected = high + 1
            case _:
                return reason
    return None


def stage_category(value: Any) -> str | None:
    """Which category a working stage implies. Stage 0 and the closed stages are not a choice."""
    if not isinstance(value, Mapping):
        return "must be an object from stage to forecast category."
    for stage, category in value.items():
        fixed = DEFAULT_STAGE_CATEGORY.get(stage)
        if fixed is None:
            return f"has no stage {stage!r}."
        if stage == OPEN_STAGES[0] or stage in CLOSED_STAGES:
            if category != fixed:
                return f"cannot change {stage}: it is always {fixed}."
        elif category not in OPEN_CATEGORIES:
            return f"{stage} must be one of {', '.join(OPEN_CATEGORIES)}."
    return None


def stage_probability(value: Any) -> str | None:
    is_complete = isinstance(value, Mapping) and set(value) == set(OPEN_STAGES)
    if is_complete and all(_is_whole(percent, 0, 100) for percent in value.values()):
        return None
    return "must give every open stage a whole percentage from 0 to 100."


DEFAULT_STAGE_CATEGORY: Final[dict[str, str]] = {
    "pending_acceptance": "omitted",
    "discovery": "pipeline",
    "scoping": "pipeline",
    "technical_evaluation": "pipeline",
    "proposal": "best_case",
    "negotiating": "commit",
    "awaiting_signature": "commit",
    "closing": "commit",
    "closed_won": "closed",
    "closed_lost": "omitted",
    "unqualified": "omitted",
    "duplicate": "omitted",
}

_days = whole(0, 3650)
_hours = whole(0, 8760)
_some_segments = some_of(*SEGMENTS_WITH_RULES)

# The default of each setting, and the check of any other value.
_TABLE: Final[dict[str, tuple[Any, Check]]] = {
    "stage.category": (DEFAULT_STAGE_CATEGORY, stage_category),
    "stage.probability": (
        dict(zip(OPEN_STAGES, (0, 10, 20, 35, 55, 80, 90, 98), strict=True)),
        stage_probability,
    ),
    "stage.closing_enabled": (False, switch),
    "stage.backward": ("free", one_of("free", "manager_approval")),
    "sao.next_step_max_days": (60, _days),
    "sao.outbound_timing_required": (True, switch),
    "sao.small_box_segments": (["smb", "mid_market"], _some_segments),
    "accept.sla_hours": (48, _hours),
    "stage0.stale_days": (7, _days),
    "early_stage.silent_days": (7, _days),
    "autoclose": (
        {"large": [45, 90], "public_sector": [45, 90], "mid_market": [21, 45], "smb": [7, 15]},
        by_segment(ascending(2, 1)),
    ),
    "autoclose.types": (["new_business"], some_of(*OPPORTUNITY_TYPES)),
    "autoclose.stages": (["discovery", "scoping"], some_of(*OPEN_STAGES)),
    "autoclose.mode": ("warn", one_of("off", "warn", "close")),
    "lost.details_min": (1000, amount),
    "lost.reopen_days": (30, _days),
    "lost.alert_min": (12000, amount),
    "renewal.notice_days": ([-15, 0, 30], ascending(None, -365)),
    "renewal.late_window_days": (30, _days),
    "renewal.autolose": ("warn", one_of("off", "warn", "close")),
    "return_window_days": (180, _days),
    "booking.hold_before_start_days": (15, _days),
    "booking.month_lock_day": (10, whole(1, 28)),
    "segments": ({"smb": [1, 99], "mid_market": [100, 1999], "large": [2000, None]}, segments),
    "plan.full": ({"large": 50000, "mid_market": 20000, "smb": 10000}, by_segment(amount)),
    "plan.overview_from_stage": (2, whole(0, 6)),
    "plan.max_chars": (5000, whole(100, 100_000)),
    "commercial.overview_amount": ({"smb": 5000, "mid_market": 10000}, by_segment(amount)),
    "deck_amount": ({"smb": 5000, "mid_market": 10000}, by_segment(amount)),
    "consult.max_age_days": (30, _days),
    "required7.deadline": ("17:00", clock_time),
    "forecast.due_weekday": (2, whole(0, 6)),
    "forecast.due_time": ("17:00", clock_time),
    "forecast.override_note_required": (True, switch),
    "category.override_blocked_segments": ([], _some_segments),
    "month2_requires": (["best_case", "commit"], some_of(*OPEN_CATEGORIES)),
    "coverage.band": (["2.5", "3.0"], band),
    "coverage.denominators": (["target", "remainder"], some_of("target", "remainder")),
    "accuracy.bands": (["0.05", "0.10"], band),
    "risky.days_in_stage": (30, _days),
    "risky.value": (100_000, amount),
    "risky.pushes": (0, whole(0, 1000)),
    "mql.threshold": (100, whole(1, 10_000)),
    "sla.mql_business_hours": (1, whole(1, 1000)),
    "touches.count": (8, whole(1, 1000)),
    "touches.days": (30, whole(1, 365)),
    "touches.channels": (3, whole(1, 20)),
    "deal_size": ([5000, 25000, 100_000], ascending(3, 1)),
    "slip.normalised_day": (75, whole(1, 90)),
    "order_type.ps_min": (48, amount),
    "new_logo.order_types": (["new_first_order"], some_of(*ORDER_TYPES)),
    "close_date.default_months": (9, whole(1, 60)),
    "review.max_age_days": (7, _days),
    **policy_qualification.table(whole, by_segment(amount)),
    **policy_gates.table(),
    **policy_pipeline.table(
        {
            "whole": whole,
            "one_of": one_of,
            "some_of": some_of,
            "by_segment": by_segment,
            "ascending": ascending,
        }
    ),
}

DEFAULTS: Final[Mapping[str, Any]] = {name: default for name, (default, _) in _TABLE.items()}
SETTINGS: Final[Mapping[str, Check]] = {name: check for name, (_, check) in _TABLE.items()}

WORKSPACE_DEFAULTS: Final[Mapping[str, Any]] = {
    # A company's own, fixed when it is created: a policy that could move the fiscal year would
    # silently rename every quarter already answered for.
    "fiscal_year_start_month": 2,
    "timezone": "America/Los_Angeles",
    "currency": "USD",
}
