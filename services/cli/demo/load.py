"""Sends the plan through the HTTP API and waits until the figures are settled.

What exists is never sent again: a person, account or lead by its external id, a deal by its number
of versions, since each step of the plan is one version. So a second run changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any, Final

from services.cli.demo.client import Client, DemoError
from services.cli.demo.plan import SEED, Plan, make_plan
from services.kit import clock
from services.workspace.fiscal import FiscalCalendar, calendar_for

__all__ = ["DemoError", "seed"]

Progress = Callable[[str, int, int], None]
"""What is being loaded, how much of it is in, and how much there is."""

_BATCH: Final = 500
_AT_ONCE: Final = 4
_SETTLE_PATIENCE_S: Final = 300.0


def seed(
    base_url: str,
    api_key: str,
    *,
    seed: int = SEED,
    today: date | None = None,
    scale: float = 1.0,
    progress: Progress | None = None,
) -> Plan:
    """Loads the demo and answers once its figures are settled. A run that was killed, also on an
    earlier day, is finished as it was begun."""
    with Client(base_url, api_key) as client:
        workspace = client.call("GET", "/pipeline/v1/workspace")
        calendar = calendar_for(workspace["fiscal_year_start_month"], workspace["timezone"])
        day = today or calendar.local_date(clock.now())
        plan = make_plan(seed, day, calendar, scale)
        begun = _begun(client, plan, calendar) if today is None else None
        if begun is not None and begun != day:
            plan = make_plan(seed, begun, calendar, scale)
        tell = progress or (lambda what, done, total: None)
        _Load(client, plan, tell).run()
        _settle(client, calendar, tell)
        return plan


def _begun(client: Client, plan: Plan, calendar: FiscalCalendar) -> date | None:
    """The day an earlier run began: when the head of the company was recorded."""
    head = plan.organisation.head.external_id
    for user in client.listed("/pipeline/v1/users"):
        if user["external_id"] == head:
            return calendar.local_date(datetime.fromisoformat(user["created_at"]))
    return None


class _Load:
    """One run: each part looks at what is there and sends the rest."""

    def __init__(self, client: Client, plan: Plan, progress: Progress) -> None:
        self._client = client
        self._plan = plan
        self._progress = progress

    def run(self) -> None:
        plan = self._plan
        self._missing(
            "people", "/pipeline/v1/users", [who.to_json() for who in plan.organisation.people]
        )
        self._move_people()
        self._missing(
            "accounts", "/pipeline/v1/accounts", [item.to_json() for item in plan.accounts]
        )
        self._missing(
            "subscriptions",
            "/pipeline/v1/subscriptions",
            [item.to_json() for item in plan.subscriptions],
        )
        self._deals()
        self._quotas()
        self._missing("leads", "/qualification/v1/leads", [lead.to_json() for lead in plan.leads])
        self._convert_leads()

    def _known(self, path: str) -> dict[str, dict[str, Any]]:
        return {item["external_id"]: item for item in self._client.listed(path)}

    def _missing(self, what: str, path: str, items: Sequence[dict[str, Any]]) -> None:
        known = self._known(path)
        self._send(what, path, [item for item in items if item["external_id"] not in known])

    def _send(self, what: str, path: str, items: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(items), _BATCH):
            self._client.batch(f"{path}/batch", items[start : start + _BATCH])
            self._progress(what, min(len(items), start + _BATCH), len(items))

    def _move_people(self) -> None:
        """The reorganisation: recorded afterwards, from the moment it took effect."""
        known = self._known("/pipeline/v1/users")
        for move in self._plan.moves:
            if known[move.user]["manager_external_id"] != move.manager:
                line = {
                    "external_id": move.user,
                    "manager_external_id": move.manager,
                    "effective_from": clock.isoformat(move.since),
                }
                self._client.batch("/pipeline/v1/users/batch", [line])

    def _deals(self) -> None:
        path = "/pipeline/v1/opportunities"
        known = {name: int(deal["version"]) for name, deal in self._known(path).items()}
        done, total = sum(known.values()), self._plan.versions
        for wave in self._plan.waves(known):
            for start in range(0, len(wave), _BATCH):
                items = wave[start : start + _BATCH]
                self._client.batch(f"{path}/batch", items)
                done += len(items)
                self._progress("opportunities", done, total)

    def _quotas(self) -> None:
        known = {
            (quota["period"], quota["user_external_id"])
            for quota in self._client.listed("/forecast/v1/quotas")
        }
        missing = [quota for quota in self._plan.quotas if (quota.period, quota.user) not in known]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done, _ in enumerate(
                pool.map(
                    lambda quota: self._client.call(
                        "PUT",
                        f"/forecast/v1/quotas/{quota.period}/{quota.user}",
                        json={"amount": f"{quota.amount}.00"},
                    ),
                    missing,
                ),
                start=1,
            ):
                self._progress("quotas", done, len(missing))

    def _convert_leads(self) -> None:
        path = "/qualification/v1/leads"
        known = self._known(path)
        for lead in self._plan.leads:
            stored = known[lead.external_id]
            if lead.evidence is None or stored["conversion"] is not None:
                continue
            # A run killed between the two leaves a test; its key keeps it from being made twice.
            self._client.call(
                "POST",
                f"{path}/{stored['id']}/assessments",
                json=lead.evidence,
                headers={"Idempotency-Key": f"demo-{stored['id']}"},
            )
            self._client.call("POST", f"{path}/{stored['id']}/conversion")
        _wait(lambda: self._not_opened(path), "leads on their way to pipeline")

    def _not_opened(self, path: str) -> int:
        return sum(
            (lead["conversion"] or {}).get("state") == "requested"
            for lead in self._client.listed(path, status="qualified")
        )


def _settle(client: Client, calendar: FiscalCalendar, progress: Progress) -> None:
    """Waits until everything sent is in the figures."""
    quarter = calendar.quarter_at(clock.now()).label
    most = 0

    def pending() -> int:
        nonlocal most
        figures = client.call("GET", f"/forecast/v1/forecasts/{quarter}")
        left = int(figures["freshness"]["pending_events"])
        most = max(most, left)
        progress("figures", most - left, most)
        return left

    _wait(pending, "events not yet in the figures")


def _wait(left: Callable[[], int], what: str) -> None:
    end = time.monotonic() + _SETTLE_PATIENCE_S
    while (number := left()) > 0:
        if time.monotonic() > end:
            raise DemoError(f"{number} {what}; is the worker running?")
        time.sleep(0.2)
