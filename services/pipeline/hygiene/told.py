"""Findings and rules as clients read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.pipeline.hygiene.catalogue import RULE, RULES
from services.pipeline.hygiene.domain import Moment
from services.workspace.fiscal import UNDATED
from services.workspace.policy_settings import DEFAULTS

_OPPORTUNITY = {
    "id": "opportunity_id",
    "external_id": "opportunity_external_id",
    "name": "opportunity_name",
    "owner_external_id": "owner_external_id",
    "owner_name": "owner_name",
    "account_external_id": "account_external_id",
    "stage": "stage",
    "type": "type",
    "segment": "segment",
    "amount": "amount",
    "net_arr": "net_arr",
    "currency": "currency",
    "close_date": "close_date",
}
COLUMNS = (
    "id", "rule", "severity", "message", "since", "opened_at", "days", "fiscal_quarter",
    *(f"opportunity.{name}" for name in _OPPORTUNITY),
    "fix.message", "fix.method", "fix.path", "fix.fields",
    "snooze.until", "snooze.reason", "snooze.snoozed_by", "snooze.snoozed_at",
    "policy_version", "evidence",
)  # fmt: skip


def finding(row: Mapping[str, Any], at: Moment) -> dict[str, Any]:
    rule = RULE[row["rule"]]
    quarter, until = row["fiscal_quarter"], row["snoozed_until"]
    is_snoozed = until is not None and until > at.now
    return {
        "id": row["id"],
        "rule": rule.name,
        "severity": row["severity"],
        "message": rule.told(row["evidence"]),
        "evidence": row["evidence"],
        "since": row["since"],
        "opened_at": row["opened_at"],
        "days": (at.today - at.day(row["since"])).days,
        "fiscal_quarter": None if quarter == UNDATED else at.calendar.from_key(quarter).label,
        "policy_version": row["policy_version"],
        "snooze": {
            "until": until,
            "reason": row["snooze_reason"],
            "snoozed_by": row["snoozed_by"],
            "snoozed_at": row["snoozed_at"],
        }
        if is_snoozed
        else None,
        "opportunity": {name: row[column] for name, column in _OPPORTUNITY.items()},
        "fix": rule.fix(row["opportunity_id"]),
    }


def as_line(item: Mapping[str, Any]) -> dict[str, Any]:
    """For a table: what decides differs from rule to rule, so it is one cell."""
    evidence = "; ".join(f"{name}: {value}" for name, value in item["evidence"].items())
    line = {**item, "evidence": evidence}
    if line["snooze"] is None:
        del line["snooze"]
    return line


def ended(row: Mapping[str, Any]) -> dict[str, Any]:
    rule = RULE.get(row["rule"])
    message = row["rule"] if rule is None else rule.told(row["evidence"])
    return {**row, "message": message}


def catalogue(at: Moment) -> dict[str, Any]:
    settings = at.policy.settings
    return {
        "policy_version": at.policy.version,
        "items": [
            {
                "name": rule.name,
                "what": rule.what,
                "severity": settings["hygiene.severity"].get(rule.name, rule.severity),
                "default_severity": rule.severity,
                "is_on": rule.name not in settings["hygiene.rules_off"],
                "source": rule.source,
                "settings": {name: settings[name] for name in rule.settings},
                "defaults": {name: DEFAULTS[name] for name in rule.settings},
                "fix": rule.cure,
            }
            for rule in RULES
        ],
    }
