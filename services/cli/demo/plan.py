"""Everything the demo will send, as values: the same for the same seed and day. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from services.cli.demo.aftersale import make_components, make_reviews, make_usage
from services.cli.demo.book import Subscription, play
from services.cli.demo.company import (
    COMMERCIAL,
    ENTERPRISE,
    Account,
    Organisation,
    make_accounts,
    make_organisation,
)
from services.cli.demo.contacts import Contact, make_contacts
from services.cli.demo.deals import WON, Deal
from services.cli.demo.doings import make_doings
from services.cli.demo.engagement import Activity, make_activities, make_resources
from services.cli.demo.evidence import Known, make_known
from services.cli.demo.leads import Lead, make_leads
from services.cli.demo.meetings import Meeting, make_meetings
from services.cli.demo.quotas import Quota, make_quotas
from services.cli.demo.territories import Territory, make_territories
from services.kit import clock
from services.workspace.fiscal import FiscalCalendar

SEED: Final = 20220202
_MOVED_DAYS_AGO: Final = 20


@dataclass(frozen=True, slots=True)
class Move:
    """A person who reports to somebody else since a moment."""

    user: str
    manager: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """An invented company and two years of its business, up to yesterday."""

    today: date
    organisation: Organisation
    moves: tuple[Move, ...]
    accounts: tuple[Account, ...]
    subscriptions: tuple[Subscription, ...]
    deals: tuple[Deal, ...]
    quotas: tuple[Quota, ...]
    leads: tuple[Lead, ...]
    contacts: tuple[Contact, ...]
    territories: tuple[Territory, ...]
    activities: tuple[Activity, ...]
    resources: tuple[dict[str, Any], ...]
    known: tuple[Known, ...]
    meetings: tuple[Meeting, ...]
    doings: tuple[dict[str, Any], ...]
    usage: tuple[dict[str, Any], ...]
    components: dict[str, dict[str, Any]]
    reviews: tuple[dict[str, Any], ...]

    @property
    def versions(self) -> int:
        return sum(len(deal.steps) for deal in self.deals)

    def waves(self, known: dict[str, int]) -> Iterator[list[dict[str, Any]]]:
        """What is still to be told of deals of which `known` many versions are in: first all first
        versions, then all second ones, each wave in its order of time. A step is a version."""
        longest = max((len(deal.steps) for deal in self.deals), default=0)
        for place in range(longest):
            due = [
                (deal.steps[place], deal.external_id)
                for deal in self.deals
                if known.get(deal.external_id, 0) <= place < len(deal.steps)
            ]
            due.sort(key=lambda pair: (pair[0].at, pair[1]))
            if due:
                yield [
                    {
                        "external_id": external_id,
                        **step.fields,
                        "occurred_at": clock.isoformat(step.at),
                    }
                    for step, external_id in due
                ]


def make_plan(seed: int, today: date, calendar: FiscalCalendar, scale: float = 1.0) -> Plan:
    """Everything until the day before `today`."""
    organisation = make_organisation(seed, scale)
    accounts = make_accounts(seed, scale, organisation)
    books = [play(seed, account, organisation, today) for account in accounts]
    deals = tuple(deal for book in books for deal in book.deals)
    activities = make_activities(organisation, today)
    leads = make_leads(seed, scale, organisation, accounts, activities, today)
    managers = {rep: team.manager for team in organisation.teams for rep in team.reps}
    known = make_known(seed, scale, deals, managers, today)
    customers = frozenset(
        deal.now["account_external_id"] for deal in deals if deal.now["stage"] == WON
    )
    subscriptions = tuple(item for book in books for item in book.subscriptions)
    return Plan(
        today=today,
        organisation=organisation,
        moves=(_promotion(organisation, today),),
        accounts=accounts,
        subscriptions=subscriptions,
        deals=deals,
        quotas=make_quotas(seed, organisation, deals, calendar, today),
        leads=leads,
        contacts=make_contacts(seed, accounts),
        territories=make_territories(seed, organisation, accounts, deals, today),
        activities=activities,
        resources=make_resources(),
        known=known,
        meetings=make_meetings(seed, scale, accounts, leads, known, customers, today),
        doings=make_doings(seed, deals, today),
        usage=make_usage(seed, subscriptions, today),
        components=make_components(organisation, today),
        reviews=make_reviews(today),
    )


def _promotion(organisation: Organisation, today: date) -> Move:
    """The reorganisation: a commercial salesperson joins the enterprise team of the region."""
    mover = organisation.team("AMER", COMMERCIAL).reps[-1]
    since = datetime(today.year, today.month, today.day, 8, tzinfo=UTC)
    return Move(
        mover,
        organisation.team("AMER", ENTERPRISE).manager,
        since - timedelta(days=_MOVED_DAYS_AGO),
    )
