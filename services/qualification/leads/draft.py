"""A lead in the hands of one write: what is put in, what follows from it, and what is kept of it.

Pure. A draft holds the rules of a lead's life together: points move with signals, the score with
points and facts, the status with the score, and each leaves its trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from services.kit.ids import new_id
from services.qualification.leads.changes import Entry, LeadChange, Move
from services.qualification.leads.profile import fit_of
from services.qualification.leads.record import Lead
from services.qualification.signals import domain
from services.qualification.signals.domain import Measured, Reason, Step
from services.workspace.policy import Policy

_TAKEN_UP = ("accepted", "qualifying", "qualified")


class Signal(NamedTuple):
    """What a lead did, as it was told."""

    name: str
    occurred_at: datetime
    external_id: str | None = None
    value: int | None = None
    details: dict[str, Any] | None = None


def derived(lead: Lead, policy: Policy) -> Lead:
    """The lead with everything that follows from its facts and points."""
    at = domain.domain_of(lead.email)
    who = domain.demographic(at, lead.title, lead.key_account, policy)
    fit = fit_of(
        policy,
        employees=lead.employees,
        industry=lead.industry,
        region=lead.region,
        tools=lead.tools,
        use_case=lead.use_case,
    )
    points = sum(reason.points for reason in who)
    return replace(
        lead,
        email_domain=at,
        demographic_points=points,
        fit_score=fit.score,
        score=domain.score_of(lead.behaviour_points, points, lead.stated_score),
    )


class Draft:
    """`at` is when what is told happened in the business, `now` when it is told."""

    def __init__(
        self,
        before: Lead | None,
        lead: Lead,
        policy: Policy,
        *,
        at: datetime,
        now: datetime,
        actor: str,
    ) -> None:
        self.lead = lead
        self._before = before
        self._policy = policy
        self._at = at
        self._now = now
        self._actor = actor
        self._moves: list[Move] = []
        self._entries: list[Entry] = []

    def put(self, columns: Mapping[str, Any]) -> None:
        """Facts, and what follows from them; the status stays."""
        self.lead = derived(replace(self.lead, **columns), self._policy)

    def begin(self, status: str, reason: str | None, details: str | None) -> None:
        """A new lead's first status."""
        self._enter(None, status, reason, details, self._at)

    def move(self, status: str, reason: str | None, details: str | None) -> None:
        """Another status; whether it may be is the caller's business."""
        self._move(status, reason, details, self._at)

    def restate(self, **columns: Any) -> None:
        """Columns from which nothing follows."""
        self.lead = replace(self.lead, **columns)

    def sleep_until(self, day: date | None) -> None:
        """The day a recycled lead wakes; another one puts a woken lead to sleep again."""
        if day != self.lead.recycle_until:
            self.lead = replace(self.lead, recycle_until=day, woken_at=None)

    def unsubscribe(self) -> None:
        """Somebody said so on the lead itself."""
        self.hear(Signal(domain.UNSUBSCRIBED, self._at), {})

    def advance(self, *, is_stated: bool) -> None:
        """An MQL where the score, as computed or as just stated, reaches the threshold."""
        lead, policy = self.lead, self._policy
        if is_stated:
            step = domain.stated_step(lead.status, lead.score, policy)
        else:
            step = domain.score_step(lead.status, lead.behaviour_points, lead.score, policy)
        if step is not None:
            self._follow(step, self._at)

    def hear(self, signal: Signal, measures: Mapping[str, Measured]) -> Entry:
        """A signal: its points, where they lead, and why. `measures` are the last words of the
        product about this lead, this signal's own among them."""
        before = self.lead
        worth = int(self._policy.settings["score.points"].get(signal.name, 0))
        entry_id = new_id()
        # What happened before a lead was put aside, told since: the points began again after it.
        is_past = before.status == "recycle" and signal.occurred_at < before.status_since
        if signal.name == domain.UNSUBSCRIBED:
            points, why = -before.behaviour_points, "starts the points again"
            self.lead = replace(before, unsubscribed=True)
        elif is_past:
            points, why = 0, "came before the lead was put aside"
        else:
            points, why = domain.applied(before.behaviour_points, worth), f"is worth {worth}"
        reasons = [Reason("signal", f"{signal.name} {why}.", points)]
        if points > worth and not is_past:
            reasons.append(Reason("floor", "Points of behaviour never go below zero."))
        last = before.last_signal_at
        self.lead = replace(
            self._with_points(points),
            last_signal_at=max(last or signal.occurred_at, signal.occurred_at),
        )
        step = domain.next_step(
            self.lead.status,
            signal.name,
            behaviour=self.lead.behaviour_points,
            score=self.lead.score,
            domain=self.lead.email_domain,
            measures=self._counting(measures),
            policy=self._policy,
        )
        if step is not None and not is_past:
            reasons += self._follow(step, signal.occurred_at)
        return self._keep(before, entry_id, signal, worth=worth, points=points, reasons=reasons)

    def fall_silent(self, at: datetime) -> None:
        """A period without any signal has ended at `at`."""
        before = self.lead
        worth = self._policy.number("score.silent_points")
        points = domain.applied(before.behaviour_points, worth)
        self.lead = self._with_points(points)
        days = self._policy.number("score.silent_days")
        reason = Reason(domain.SILENCE, f"{days} days passed without a signal.", points)
        self._keep(
            before, new_id(), Signal(domain.SILENCE, at), worth=worth, points=points,
            reasons=[reason],
        )  # fmt: skip

    def wake(self, at: datetime) -> None:
        """The day until which the lead was put aside has come."""
        self.lead = replace(self.lead, woken_at=at)
        self._log(self.lead.status, "woken", None, at)

    def change(self) -> LeadChange | None:
        """What there is to store; None where nothing changed."""
        before, lead = self._before, self.lead
        if before is not None:
            if lead == before and not self._entries:
                return None
            lead = replace(lead, version=before.version + 1, updated_at=self._now)
            holders = (before.sdr_id, before.owner_id)
            if holders != (lead.sdr_id, lead.owner_id) and not self._moves:
                self._log(before.status, None, None, self._at)
        return LeadChange(
            before=before,
            after=lead,
            occurred_at=self._moves[-1].occurred_at if self._moves else self._at,
            recorded_at=self._now,
            actor=self._actor,
            moves=tuple(self._moves),
            entries=tuple(self._entries),
        )

    def _counting(self, measures: Mapping[str, Measured]) -> Mapping[str, Measured]:
        """What was measured before a lead was put aside says nothing about it now."""
        lead = self.lead
        if lead.status != "recycle":
            return measures
        return {
            name: last for name, last in measures.items() if last.occurred_at >= lead.status_since
        }

    def _with_points(self, points: int) -> Lead:
        lead = self.lead
        behaviour = lead.behaviour_points + points
        score = domain.score_of(behaviour, lead.demographic_points, lead.stated_score)
        return replace(lead, behaviour_points=behaviour, score=score)

    def _follow(self, step: Step, at: datetime) -> list[Reason]:
        was_recycled = self.lead.status == "recycle"
        self._move(step.status, step.reason.code, step.reason.message, at)
        reasons = [step.reason]
        if was_recycled:
            entry = self._entries[-1]
            reasons += [Reason(**reason) for reason in entry.reasons]
        return reasons

    def _move(self, status: str, reason: str | None, details: str | None, at: datetime) -> None:
        old = self.lead.status
        self._enter(old, status, reason, details, at)
        if status == "recycle":
            self._reset(at)
        elif old == "recycle" and status in ("mql", "pql"):
            self._requalify(at)

    def _enter(
        self,
        old: str | None,
        status: str,
        reason: str | None,
        details: str | None,
        at: datetime,
    ) -> None:
        lead = self.lead
        values: dict[str, Any] = {
            "status": status,
            "status_since": at,
            "status_reason": reason,
            "status_details": details,
            "woken_at": None,
        }
        if status != "recycle":
            values["recycle_until"] = None
        if status in ("mql", "pql"):
            first = getattr(lead, f"first_{status}_at")
            values[f"first_{status}_at"] = at if first is None else min(first, at)
        if status == "mql":
            values["mql_count"] = lead.mql_count + 1
        begun = [first for first in (lead.first_mql_at, lead.first_pql_at) if first is not None]
        if status in _TAKEN_UP and begun and lead.first_response_at is None:
            values["first_response_at"] = max(at, min(begun))
        if status == "qualified" and lead.sql_at is None:
            values["sql_at"] = at
        self.lead = replace(lead, **values)
        self._log(old, reason, details, at)

    def _reset(self, at: datetime) -> None:
        """Recycled: the points start again, what was counted stays counted."""
        before = self.lead
        if before.behaviour_points == 0:
            return
        points = -before.behaviour_points
        self.lead = self._with_points(points)
        reason = Reason(domain.RECYCLED, "A recycled lead starts again from zero.", points)
        self._keep(
            before, new_id(), Signal(domain.RECYCLED, at), worth=0, points=points,
            reasons=[reason],
        )  # fmt: skip

    def _requalify(self, at: datetime) -> None:
        before = self.lead
        worth = self._policy.number("score.requalified_points")
        points = domain.applied(before.behaviour_points, worth)
        self.lead = self._with_points(points)
        message = f"A recycled lead that qualifies again gets {worth} points."
        self._keep(
            before, new_id(), Signal(domain.REQUALIFIED, at), worth=worth, points=points,
            reasons=[Reason(domain.REQUALIFIED, message, points)],
        )  # fmt: skip

    def _keep(
        self,
        before: Lead,
        entry_id: Any,
        signal: Signal,
        *,
        worth: int,
        points: int,
        reasons: list[Reason],
    ) -> Entry:
        entry = Entry(
            id=entry_id,
            name=signal.name,
            worth=worth,
            points=points,
            occurred_at=signal.occurred_at,
            score_before=before.score,
            score_after=self.lead.score,
            status_before=before.status,
            status_after=self.lead.status,
            reasons=[reason._asdict() for reason in reasons],
            external_id=signal.external_id,
            value=signal.value,
            details=signal.details,
        )
        self._entries.append(entry)
        return entry

    def _log(self, old: str | None, reason: str | None, details: str | None, at: datetime) -> None:
        lead = self.lead
        move = Move(
            from_status=old,
            to_status=lead.status,
            reason=reason,
            details=details,
            score=lead.score,
            sdr_id=lead.sdr_id,
            owner_id=lead.owner_id,
            occurred_at=at,
        )
        self._moves.append(move)
