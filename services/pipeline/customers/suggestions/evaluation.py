"""Works out what use says of subscriptions, set-based, and keeps the one open suggestion of each
subject and kind in step with it. Called where readings arrive and where opportunities change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.db import WriteSession
from services.kit.ids import new_id
from services.pipeline.customers.domain import Term, users_of
from services.pipeline.customers.suggestions import repository
from services.pipeline.customers.suggestions.domain import (
    CLEAR,
    GROWTH,
    LOSS,
    LOSS_RANK,
    OPEN,
    RAISE,
    REVISE,
    WITHDRAW,
    WITHDRAWN,
    Counted,
    Last,
    Signal,
    Use,
    growth_signal,
    loss_signal,
    next_step,
)
from services.pipeline.customers.usage.repository import recent
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.workspaces.repository import get_workspace

_Rows = list[dict[str, Any]]


async def evaluate(session: WriteSession, subscription_ids: Collection[UUID]) -> None:
    """Locks the subscriptions, so that two that look at one take turns."""
    if not subscription_ids:
        return
    now = clock.now()
    today = (await get_workspace(session)).calendar.local_date(now)
    policy = await get_policy(session, await version_in_force(session, now))
    rows = await repository.lock_subscriptions(session, sorted(subscription_ids))
    days = policy.number("customers.usage_drop_days")
    readings = await recent(session, subscription_ids, days)
    others = await repository.features_elsewhere(session, subscription_ids)
    last = await repository.lock_last_of(session, subscription_ids)
    created: _Rows = []
    updated: _Rows = []
    for row in rows:
        measured = readings.get(row["id"])
        if not measured:
            continue
        standing = last.get((row["id"], LOSS))
        use = _use(row, measured, others.get(row["id"], frozenset()), standing)
        for kind, signal, is_wanted in _signals(row, use, today, policy):
            target = row["renewal_id"] if kind == LOSS else None
            known = last.get((row["id"], kind))
            _settle(
                _Subject(row["id"], kind, target, policy.version, now),
                known, signal, is_wanted, created, updated,
            )  # fmt: skip
    await repository.update(session, updated)
    await repository.insert(session, created)


def _use(
    row: Mapping[str, Any],
    measured: Sequence[Mapping[str, Any]],
    others: frozenset[str],
    standing: Mapping[str, Any] | None,
) -> Use:
    counted = [
        Counted(each["measured_on"], users)
        for each in measured
        if (users := users_of(each)) is not None
    ]
    features: dict[str, int] = next((each["features"] for each in measured if each["features"]), {})
    return Use(
        term=Term(row["start_date"], row["end_date"]),
        seats=row["seats"],
        tier=row["tier"],
        counted=counted,
        features=features,
        others=others,
        peak=_peak(standing),
    )


def _peak(standing: Mapping[str, Any] | None) -> Counted | None:
    """What the last suggestion fell from, as long as its signal has not been away."""
    if standing is None or standing["cleared_at"] is not None:
        return None
    for reason in standing["evidence"]["reasons"]:
        if reason["code"] == "usage_drop":
            return Counted(date.fromisoformat(reason["from_day"]), reason["from_users"])
    return None


def _signals(
    row: Mapping[str, Any], use: Use, today: date, policy: Policy
) -> list[tuple[str, Signal | None, bool]]:
    """Of each kind, what is signalled and whether there is something to apply it to."""
    loss = loss_signal(use, today, policy)
    stands = LOSS_RANK[row["renewal_loss_category"] or "none"]
    is_worse = loss is not None and LOSS_RANK[loss.value] > stands
    return [
        (LOSS, loss, row["renewal_id"] is not None and is_worse),
        (GROWTH, growth_signal(use, today, policy), not row["is_growing"]),
    ]


class _Subject:
    """What a suggestion is about, and when it is looked at."""

    def __init__(
        self, id_: UUID, kind: str, opportunity_id: UUID | None, policy_version: int, now: datetime
    ) -> None:
        self.kind = kind
        self.now = now
        self.row = {
            "kind": kind,
            "subscription_id": id_,
            "opportunity_id": opportunity_id,
            "policy_version": policy_version,
        }


def _settle(
    subject: _Subject,
    known: dict[str, Any] | None,
    signal: Signal | None,
    is_wanted: bool,
    created: _Rows,
    updated: _Rows,
) -> None:
    last = None
    if known is not None:
        last = Last(known["state"], known["value"], known["cleared_at"] is not None)
    step = next_step(last, signal, is_wanted=is_wanted, kind=subject.kind)
    now = subject.now
    if step == RAISE:
        assert signal is not None
        created.append(_new(subject, signal))
        return
    if known is None:
        return
    told: dict[str, Any] = {}
    if step == REVISE:
        assert signal is not None
        told = {**subject.row, "value": signal.value, "evidence": signal.evidence}
    elif step == WITHDRAW:
        told = {"state": WITHDRAWN, "cleared_at": now}
    elif step == CLEAR:
        told = {"cleared_at": now}
    if any(known[name] != value for name, value in told.items() if name != "policy_version"):
        updated.append({**known, **told, "version": known["version"] + 1, "updated_at": now})


def _new(subject: _Subject, signal: Signal) -> dict[str, Any]:
    return {
        **subject.row,
        "id": new_id(),
        "version": 1,
        "value": signal.value,
        "evidence": signal.evidence,
        "state": OPEN,
        "reason": None,
        "decided_by": None,
        "decided_at": None,
        "cleared_at": None,
        "created_at": subject.now,
        "updated_at": subject.now,
    }
