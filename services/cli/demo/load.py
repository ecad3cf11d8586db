"""Sends the plan through the HTTP API and waits until the figures are settled.

What exists is never sent again: a person, account or lead by its external id, a deal by its number
of versions, since each step of the plan is one version. So a second run changes nothing.
"""

from __future__ import annotations

from datetime import date, datetime

from services.cli.demo.client import Client, DemoError
from services.cli.demo.load_discipline import DisciplineLoad
from services.cli.demo.load_qualification import QualificationLoad
from services.cli.demo.plan import SEED, Plan, make_plan
from services.cli.demo.sender import BATCH, Progress, Sender, wait
from services.kit import clock
from services.workspace.fiscal import FiscalCalendar, calendar_for

__all__ = ["DemoError", "seed"]


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


class _Load(Sender):
    """One run: people and what they sell, then what is known of leads and deals."""

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
            "contacts", "/pipeline/v1/contacts", [item.to_json() for item in plan.contacts]
        )
        self._missing(
            "subscriptions",
            "/pipeline/v1/subscriptions",
            [item.to_json() for item in plan.subscriptions],
        )
        self._deals()
        DisciplineLoad(self._client, plan, self._progress).run()
        self._quotas()
        QualificationLoad(self._client, plan, self._progress).run()

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
            for start in range(0, len(wave), BATCH):
                items = wave[start : start + BATCH]
                self._client.batch(f"{path}/batch", items)
                done += len(items)
                self._progress("opportunities", done, total)

    def _quotas(self) -> None:
        known = {
            (quota["period"], quota["user_external_id"])
            for quota in self._client.listed("/forecast/v1/quotas")
        }
        missing = [quota for quota in self._plan.quotas if (quota.period, quota.user) not in known]
        self._each(
            "quotas",
            missing,
            lambda quota: self._client.call(
                "PUT",
                f"/forecast/v1/quotas/{quota.period}/{quota.user}",
                json={"amount": f"{quota.amount}.00"},
            ),
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

    wait(pending, "events not yet in the figures")
