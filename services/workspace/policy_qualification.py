"""The settings of a policy that govern leads and evidence: defaults of `sop-2022` and their checks.

Pure data and checks, as in `policy_settings`, which gathers them. Point values are samples of what
was published; thresholds nobody published are defaults of ours and meant to be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final
from zoneinfo import available_timezones

Check = Callable[[Any], str | None]

ELEMENTS: Final = (
    "metrics",
    "economic_buyer",
    "decision_criteria",
    "decision_process",
    "paper_process",
    "identify_pain",
    "champion",
    "competition",
    "partner",
)
"""MEDDPPICC: nine, since Partner and Paper Process stand beside each other."""

SEGMENTS: Final = ("smb", "mid_market", "large", "public_sector", "unknown")
_POINTS_MAX: Final = 1000
_NAMES_MAX: Final = 200


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and bool(value.strip())


def points_by_name(value: Any) -> str | None:
    """Points for each named thing, which may be negative."""
    reason = f"must be an object from a name to whole points from -{_POINTS_MAX} to {_POINTS_MAX}."
    if not isinstance(value, Mapping) or len(value) > _NAMES_MAX:
        return reason
    fits = all(
        _is_name(name) and _is_whole(points, -_POINTS_MAX, _POINTS_MAX)
        for name, points in value.items()
    )
    return None if fits else reason


def demographic(value: Any) -> str | None:
    """Points for who somebody is: one number, or numbers by seniority and function."""
    groups = DEMOGRAPHIC_DEFAULT
    if not isinstance(value, Mapping) or set(value) - set(groups):
        return f"must be an object with {', '.join(groups)}."
    for name, item in value.items():
        if isinstance(groups[name], Mapping):
            reason = points_by_name(item)
        else:
            reason = None if _is_whole(item, -_POINTS_MAX, _POINTS_MAX) else "must be whole points."
        if reason is not None:
            return f"{name} {reason}"
    return None


def names(value: Any) -> str | None:
    reason = f"must be a list of at most {_NAMES_MAX} different names."
    if not isinstance(value, list) or len(value) > _NAMES_MAX:
        return reason
    if not all(_is_name(item) for item in value):
        return reason
    return None if len(set(value)) == len(value) else reason


def usage_rules(value: Any) -> str | None:
    """Each rule: a name, what must have been measured at least, and within how many days."""
    reason = (
        'must be a list of rules like {"name": "team", "within_days": 14,'
        ' "at_least": {"active_users": 5}}, each with at least one measure.'
    )
    if not isinstance(value, list) or len(value) > 50:
        return reason
    for rule in value:
        if not isinstance(rule, Mapping) or set(rule) != {"name", "within_days", "at_least"}:
            return reason
        measures = rule["at_least"]
        if not _is_name(rule["name"]) or not _is_whole(rule["within_days"], 1, 365):
            return reason
        if not isinstance(measures, Mapping) or not 0 < len(measures) <= 20:
            return reason
        fits = all(_is_name(k) and _is_whole(v, 1, 10**9) for k, v in measures.items())
        if not fits or set(measures) <= set(NO_VALUE_SIGNALS):
            return reason
    return None


def profile(value: Any) -> str | None:
    """The ideal customer profile: dimensions with what fits, and how much each one weighs. A
    dimension left out, or with an empty list, is not asked for."""
    if not isinstance(value, Mapping) or set(value) - set(PROFILE_DEFAULT):
        return f"must be an object with {', '.join(PROFILE_DEFAULT)}."
    for name, item in value.items():
        if name == "weights":
            fits = isinstance(item, Mapping) and set(item) <= set(PROFILE_DIMENSIONS)
            if not fits or not all(_is_whole(weight, 0, 100) for weight in item.values()):
                return f"weights must give {', '.join(PROFILE_DIMENSIONS)} 0 to 100 each."
        elif (reason := names(item)) is not None:
            return f"{name} {reason}"
    return None


def calendars(value: Any) -> str | None:
    """Working hours by region; `default` is for every other one, in the company's time zone where
    it names none."""
    if not isinstance(value, Mapping) or "default" not in value or len(value) > _NAMES_MAX:
        return "must be an object from region to working hours, with one named default."
    for region, hours in value.items():
        if (reason := _working_hours(hours)) is not None:
            return f"{region} {reason}"
    return None


def _working_hours(value: Any) -> str | None:
    keys = {"timezone", "days", "from", "to", "holidays"}
    if not isinstance(value, Mapping) or set(value) != keys:
        return f"must have {', '.join(sorted(keys))}."
    zone, days = value["timezone"], value["days"]
    if zone is not None and (not isinstance(zone, str) or zone not in available_timezones()):
        return "timezone must be a name like Europe/Berlin, or null for the company's."
    is_week = isinstance(days, list) and all(_is_whole(day, 0, 6) for day in days)
    if not is_week or not days or len(set(days)) != len(days):
        return "days must be a list of weekdays, 0 for Monday."
    if not (_is_time(value["from"]) and _is_time(value["to"]) and value["from"] < value["to"]):
        return "from and to must be times like 09:00 and 17:00, the first one earlier."
    holidays = value["holidays"]
    if not isinstance(holidays, list) or len(holidays) > 400:
        return "holidays must be a list of at most 400 dates."
    return None if all(_is_date(day) for day in holidays) else "holidays must be YYYY-MM-DD."


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
        return False
    hour, minute = value[:2], value[3:]
    is_written = (hour + minute).isascii() and (hour + minute).isdecimal()
    return is_written and int(hour) < 24 and int(minute) < 60


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or len(value) != 10:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def required_by_stage(value: Any) -> str | None:
    """The stage number by which an element must be identified; one left out never is."""
    if not isinstance(value, Mapping) or set(value) - set(ELEMENTS):
        return f"must be an object from {', '.join(ELEMENTS)} to a stage number."
    fits = all(_is_whole(stage, 1, 6) for stage in value.values())
    return None if fits else "must give stage numbers from 1 to 6."


def percentages(value: Any) -> str | None:
    """Where yellow begins and where green does."""
    if isinstance(value, list) and len(value) == 2 and all(_is_whole(x, 1, 100) for x in value):
        return None if value[0] < value[1] else "must be two growing percentages."
    return "must be two growing percentages."


NO_VALUE_SIGNALS: Final = ("sign_up", "free_users")
"""Measures that say nothing about a product's value being felt: alone they never qualify."""

PROFILE_DIMENSIONS: Final = ("segments", "industries", "regions", "tools", "use_cases")
PROFILE_DEFAULT: Final[dict[str, Any]] = {
    "segments": ["smb", "mid_market", "large"],
    "industries": [
        "Healthcare",
        "Manufacturing",
        "Transportation",
        "Financial",
        "Technology",
        "Public Sector",
    ],
    "regions": [],
    "tools": [
        "Azure DevOps",
        "Bitbucket",
        "CircleCI",
        "GitHub",
        "Jenkins",
        "Jira",
        "SonarQube",
        "Subversion",
        "TeamCity",
    ],
    "use_cases": [],
    "weights": {"segments": 40, "industries": 30, "regions": 10, "tools": 30, "use_cases": 10},
}

SIGNAL_POINTS_DEFAULT: Final[dict[str, int]] = {
    # The five signs of a marketing-qualified lead.
    "blog_subscription": 5,
    "content_download": 15,
    "event_attendance": 20,
    "frequent_site_visits": 15,
    "product_demo": 65,
    # Sample point rules of the procedure.
    "inbound_high": 100,
    "inbound_medium": 60,
    "trial": 65,
    "event_high": 30,
    "event_medium": 20,
    "event_low": 10,
    "content_high": 15,
    "content_low": 5,
    "key_page": 5,
    "jobs_page": -10,
    "bounce": -20,
    "contact_request": 100,
    "services_request": 100,
    "renewal_request": 100,
    "hand_raise": 100,
    "follow_up_requested": 100,
    "chat_meeting": 100,
    "unsubscribed": 0,
    # What the product itself reports; it counts by the usage rules, not by points.
    "sign_up": 0,
    "free_users": 0,
    "active_users": 0,
    "ci_pipelines": 0,
    "projects": 0,
    "messages": 0,
}

DEMOGRAPHIC_DEFAULT: Final[dict[str, Any]] = {
    "business_domain": 20,
    "generic_domain": -10,
    "key_account": 20,
    "seniority": {"executive": 20, "director": 15, "manager": 15, "individual": -10},
    "function": {"engineering": 20, "it": 15, "security": 10, "unrelated": -20},
}

_OFFICE: Final = {"days": [0, 1, 2, 3, 4], "from": "09:00", "to": "17:00", "holidays": []}
CALENDARS_DEFAULT: Final[dict[str, Any]] = {
    "default": {"timezone": None, **_OFFICE},
    "AMER": {"timezone": "America/New_York", **_OFFICE},
    "LATAM": {"timezone": "America/Sao_Paulo", **_OFFICE},
    "EMEA": {"timezone": "Europe/London", **_OFFICE},
    "APAC": {"timezone": "Asia/Singapore", **_OFFICE},
}

REQUIRED_BY_STAGE_DEFAULT: Final = {
    # Begun when leaving discovery, known when leaving scoping, settled by proposal.
    "identify_pain": 2,
    "competition": 2,
    "partner": 2,
    "metrics": 3,
    "economic_buyer": 3,
    "champion": 3,
    "decision_criteria": 3,
    "decision_process": 3,
    "paper_process": 4,
}


def table(
    whole: Callable[[int, int], Check], amount_by_segment: Check
) -> dict[str, tuple[Any, Check]]:
    """The default of each setting and the check of any other value, for `policy_settings`."""
    days, points = whole(0, 3650), whole(-_POINTS_MAX, _POINTS_MAX)
    return {
        "score.points": (SIGNAL_POINTS_DEFAULT, points_by_name),
        "score.demographic": (DEMOGRAPHIC_DEFAULT, demographic),
        "score.generic_domains": (
            ["gmail.com", "googlemail.com", "hotmail.com", "icloud.com", "outlook.com",
             "yahoo.com", "proton.me", "gmx.de", "web.de", "qq.com", "163.com"],
            names,
        ),
        "score.silent_days": (30, whole(1, 3650)),
        "score.silent_points": (-10, points),
        "score.requalified_points": (20, points),
        "inquiry.behaviour_over": (10, whole(0, 10_000)),
        "mql.automatic_signals": (
            ["contact_request", "services_request", "renewal_request", "follow_up_requested",
             "chat_meeting"],
            names,
        ),
        # A trial counts at once only from a business's own domain.
        "mql.automatic_business_signals": (["trial"], names),
        "pql.hand_raise_signals": (["hand_raise"], names),
        "pql.rules": (
            [{"name": "team_with_pipelines", "within_days": 14,
              "at_least": {"active_users": 5, "ci_pipelines": 1}}],
            usage_rules,
        ),
        "icp": (PROFILE_DEFAULT, profile),
        "calendars": (CALENDARS_DEFAULT, calendars),
        "sla.request_signals": (["contact_request", "services_request", "renewal_request"], names),
        "sla.request_business_days": (1, whole(1, 100)),
        "sla.goal_percent": (90, whole(1, 100)),
        "touches.silent_days_to_recycle": (7, days),
        "meddppicc.required_by_stage": (REQUIRED_BY_STAGE_DEFAULT, required_by_stage),
        "meddppicc.colours": ([34, 67], percentages),
        "plan.stale_days": (30, days),
        "plan.stale_days_late": (7, days),
        "plan.late_from_stage": (4, whole(0, 6)),
        "consult.from_stage": (3, whole(0, 6)),
        "consult.net_arr": (
            {"large": 50000, "mid_market": 20000, "smb": 10000}, amount_by_segment
        ),
        "consult.top_deals": (3, whole(0, 100)),
        "meeting.agenda_ahead_hours": (24, whole(0, 1000)),
    }  # fmt: skip
