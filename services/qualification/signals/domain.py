"""What makes a lead's score, and which status its signals lead to. Pure; thresholds are the policy's.

The score is what somebody did (behaviour) and who somebody is (demographic), never below zero,
unless another system states it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from services.qualification.signals.titles import function_of, seniority_of
from services.workspace.policy import Policy
from services.workspace.policy_qualification import NO_VALUE_SIGNALS

UNSUBSCRIBED: Final = "unsubscribed"
SILENCE: Final = "silence"
RECYCLED: Final = "recycled"
REQUALIFIED: Final = "requalified"
RESERVED: Final = (SILENCE, RECYCLED, REQUALIFIED)
"""Entries the product makes itself; nobody can send them as signals."""

FORM_SIGNALS: Final = frozenset(
    {
        "blog_subscription",
        "content_download",
        "event_attendance",
        "product_demo",
        "inbound_high",
        "inbound_medium",
        "trial",
        "event_high",
        "event_medium",
        "event_low",
        "content_high",
        "contact_request",
        "services_request",
        "renewal_request",
        "hand_raise",
        "follow_up_requested",
        "chat_meeting",
    }
)
"""A form that was filled in, or a programme that was joined: an inquiry whatever its points."""

_FRESH: Final = ("raw", "inquiry", "recycle")


class Reason(NamedTuple):
    """Something that counted, and for how many points."""

    code: str
    message: str
    points: int = 0


class Step(NamedTuple):
    """The status that signals lead to, and why."""

    status: str
    reason: Reason


class Measured(NamedTuple):
    """The last word on a measure, such as active users."""

    value: int
    occurred_at: datetime


def domain_of(email: str | None) -> str | None:
    """What stands behind the @, in small letters."""
    return None if email is None else email.rpartition("@")[2].lower()


def is_business(domain: str | None, policy: Policy) -> bool:
    """An address at a company of its own, not at a provider of mail for everybody."""
    return domain is not None and domain not in policy.settings["score.generic_domains"]


def demographic(
    domain: str | None, title: str | None, key_account: bool, policy: Policy
) -> tuple[Reason, ...]:
    """Points for who somebody is, each with what it rests on; what is unknown gives none."""
    points: Mapping[str, Any] = policy.settings["score.demographic"]
    found = []
    if domain is not None:
        code = "business_domain" if is_business(domain, policy) else "generic_domain"
        kind = "a business's own" if code == "business_domain" else "anybody's"
        found.append(Reason(code, f"The address is at {domain}, {kind}.", points.get(code, 0)))
    for group, reading in (("seniority", seniority_of(title)), ("function", function_of(title))):
        if reading is not None:
            worth = points.get(group, {}).get(reading.group, 0)
            message = f"The title says {reading.because!r}: {group} {reading.group}."
            found.append(Reason(f"{group}_{reading.group}", message, worth))
    if key_account:
        found.append(
            Reason("key_account", "The account is a key one.", points.get("key_account", 0))
        )
    return tuple(found)


def score_of(behaviour: int, demographic_points: int, stated: int | None) -> int:
    """Another system's word stands as it is."""
    return max(0, behaviour + demographic_points) if stated is None else stated


def applied(behaviour: int, worth: int) -> int:
    """By how much the points of behaviour change: they never go below zero."""
    return max(-behaviour, worth)


def usage_rule_met(measures: Mapping[str, Measured], policy: Policy) -> Reason | None:
    """The first usage rule whose measures were all reached, each by its last word, within the
    rule's days of one another."""
    for rule in policy.settings["pql.rules"]:
        known = {name: measures[name] for name in rule["at_least"] if name in measures}
        if len(known) < len(rule["at_least"]):
            continue
        first, last = (
            min(m.occurred_at for m in known.values()),
            max(m.occurred_at for m in known.values()),
        )
        if last - first > timedelta(days=rule["within_days"]):
            continue
        if all(known[name].value >= least for name, least in rule["at_least"].items()):
            told = ", ".join(f"{name} {known[name].value}" for name in rule["at_least"])
            return Reason("usage", f"The product is used ({rule['name']}): {told}.")
    return None


def measures_of(policy: Policy) -> frozenset[str]:
    """Signals that carry a number which some rule looks at."""
    return frozenset(name for rule in policy.settings["pql.rules"] for name in rule["at_least"])


def known_signals(policy: Policy) -> frozenset[str]:
    """Every name the policy does anything with."""
    named = policy.settings
    known = set(named["score.points"]) | measures_of(policy) | {UNSUBSCRIBED}
    for setting in (
        "mql.automatic_signals",
        "mql.automatic_business_signals",
        "pql.hand_raise_signals",
        "sla.request_signals",
    ):
        known |= set(named[setting])
    return frozenset(known.difference(RESERVED))


def next_step(
    status: str,
    signal: str,
    *,
    behaviour: int,
    score: int,
    domain: str | None,
    measures: Mapping[str, Measured],
    policy: Policy,
) -> Step | None:
    """Where a signal takes a lead that nobody has taken up yet; None where it stays."""
    if status in (*_FRESH, "mql"):
        raised = signal in policy.settings["pql.hand_raise_signals"]
        if raised and signal not in NO_VALUE_SIGNALS:
            return Step("pql", Reason("hand_raise", f"{signal}: the user asked for sales."))
        used = usage_rule_met(measures, policy) if signal in measures_of(policy) else None
        if used is not None:
            return Step("pql", used)
    if status not in _FRESH:
        return None
    if signal in policy.settings["mql.automatic_signals"]:
        return Step("mql", Reason("automatic_signal", f"{signal} makes an MQL at once."))
    if signal in policy.settings["mql.automatic_business_signals"] and is_business(domain, policy):
        message = f"{signal} from a business address ({domain}) makes an MQL at once."
        return Step("mql", Reason("automatic_business_signal", message))
    reached = score_step(status, behaviour, score, policy)
    if reached is not None or status != "raw":
        return reached
    if signal in FORM_SIGNALS:
        return Step("inquiry", Reason("form", f"{signal} is an inquiry."))
    limit = policy.number("inquiry.behaviour_over")
    if behaviour > limit:
        message = f"The behaviour of {behaviour} points is over {limit}."
        return Step("inquiry", Reason("behaviour", message))
    return None


def score_step(status: str, behaviour: int, score: int, policy: Policy) -> Step | None:
    """An MQL by points: only where somebody did something, not for who somebody is."""
    threshold = policy.number("mql.threshold")
    if status not in _FRESH or behaviour <= 0 or score < threshold:
        return None
    message = f"The score of {score} reaches the threshold of {threshold}."
    return Step("mql", Reason("score", message))


def stated_step(status: str, score: int, policy: Policy) -> Step | None:
    """An MQL by the score another system has given."""
    threshold = policy.number("mql.threshold")
    if status not in _FRESH or score < threshold:
        return None
    message = f"The stated score of {score} reaches the threshold of {threshold}."
    return Step("mql", Reason("stated_score", message))
