"""The settings of a policy that govern the discipline of the pipeline: defaults and their checks.

Pure data and checks, as in `policy_settings`, which gathers them. What nobody published is a
default of ours and meant to be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.workspace import policy_customers, policy_hygiene

Check = Callable[[Any], str | None]


def _switch(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false."


def _users(value: Any) -> str | None:
    """External ids; whether somebody has one is not asked, since people come and go."""
    reason = "must be a list of at most 100 external ids of users, each once."
    if not isinstance(value, list) or len(value) > 100:
        return reason
    if not all(isinstance(each, str) and 0 < len(each) <= 255 for each in value):
        return reason
    return None if len(set(value)) == len(value) else reason


def table(checks: Mapping[str, Callable[..., Check]]) -> dict[str, tuple[Any, Check]]:
    """The default of each setting and the check of any other value, for `policy_settings`, which
    lends its `checks`: whole, one_of, some_of, by_segment, ascending."""
    whole = checks["whole"]
    return {
        # Bookings.
        "close_date.max_years_ahead": (10, whole(1, 20)),
        # Hygiene.
        **policy_hygiene.table(checks),
        # Clocks and notices.
        "accept.act_days": (60, whole(1, 3650)),
        "accept.sla_business": (False, _switch),
        "autoclose.notice_days": (1, whole(0, 365)),
        "no_show.rebook_days": (14, whole(1, 365)),
        "notices.marketing_users": ([], _users),
        # Activities.
        "follow_up.days": (7, whole(1, 365)),
        "renewal.first_activity_stage": (
            "scoping",
            checks["one_of"]("discovery", "scoping", "none"),
        ),
        # Customers.
        **policy_customers.table(checks["whole"], checks["ascending"]),
        # The sales operation.
        "ageing.bands": ([30, 60, 90, 180], checks["ascending"](None, 1)),
        "capacity.active_deals": (40, whole(1, 10_000)),
        "capacity.days_to_close": (180, whole(1, 3650)),
        "capacity.months_in_pipe": (4, whole(1, 120)),
        "capacity.win_percent": (33, whole(1, 100)),
        "cycle.default_days": (180, whole(1, 3650)),
        "cycle.minimum_deals": (20, whole(1, 10_000)),
        "cycle.quarters": (4, whole(1, 20)),
        "operation.review_days": (365, whole(1, 3650)),
        "operation.overdue_days": (7, whole(0, 365)),
        "summary.completed_days": (180, whole(1, 3650)),
        "win_rate.goal_percent": (30, whole(1, 100)),
    }
