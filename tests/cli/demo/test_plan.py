"""The demo's plan: the same every time, told in order, and legal by the product's own rules."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.cli.demo.deals import STAGES, Deal
from services.cli.demo.plan import SEED, Plan, make_plan
from services.cli.demo.quotas import closings, net_arr
from services.pipeline.opportunities.stages import StageFacts, check_transition
from services.workspace.fiscal import calendar_for
from services.workspace.policy import SOP_2022

CALENDAR = calendar_for(2, "America/Los_Angeles")
TODAY = date(2026, 6, 17)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(SEED, TODAY, CALENDAR)


def test_is_the_same_for_the_same_seed_and_day(plan: Plan) -> None:
    assert make_plan(SEED, TODAY, CALENDAR) == plan
    assert make_plan(SEED + 1, TODAY, CALENDAR) != plan


def test_a_larger_company_begins_like_a_smaller_one(plan: Plan) -> None:
    small = make_plan(SEED, TODAY, CALENDAR, 0.2)
    assert small.accounts == plan.accounts[: len(small.accounts)]
    assert small.deals == plan.deals[: len(small.deals)]


def test_has_the_size_of_a_real_company(plan: Plan) -> None:
    assert 1000 <= len(plan.deals) <= 1500
    assert 4500 <= plan.versions <= 6500
    roles = Counter(person.role for person in plan.organisation.people)
    assert roles["rep"] >= 24
    assert {account.region for account in plan.accounts} == {"AMER", "EMEA", "APAC"}


def test_everything_is_named_once(plan: Plan) -> None:
    for named in (
        plan.organisation.people,
        plan.accounts,
        plan.subscriptions,
        plan.deals,
        plan.leads,
    ):
        names = [item.external_id for item in named]
        assert len(set(names)) == len(names)


def test_every_step_says_something_new_in_order_of_time(plan: Plan) -> None:
    for deal in plan.deals:
        known: dict[str, Any] = {}
        told = [step.at for step in deal.steps]
        assert told == sorted(set(told))
        assert all(CALENDAR.local_date(at) < TODAY for at in told)
        for step in deal.steps:
            assert any(known.get(name) != value for name, value in step.fields.items())
            known.update(step.fields)


def test_waves_continue_where_a_load_stopped(plan: Plan) -> None:
    everything = [item for wave in plan.waves({}) for item in wave]
    assert len(everything) == plan.versions
    known: dict[str, int] = Counter(item["external_id"] for item in everything[:2000])
    rest = [item for wave in plan.waves(known) for item in wave]
    assert sorted(map(_identity, everything[:2000] + rest)) == sorted(map(_identity, everything))


def _identity(item: dict[str, Any]) -> tuple[str, str]:
    return item["external_id"], item["occurred_at"]


def test_every_move_is_one_the_product_allows(plan: Plan) -> None:
    refused = [(deal.external_id, refusal) for deal in plan.deals for refusal in _refusals(deal)]
    assert refused == []


def _refusals(deal: Deal) -> list[Any]:
    found, stage, accepted = [], None, False
    for step in deal.steps:
        new = step.fields.get("stage")
        if new is None:
            continue
        if stage is not None:
            facts = StageFacts(
                is_accepted=accepted,
                today=CALENDAR.local_date(step.at),
                is_renewal=deal.steps[0].fields["type"] == "renewal",
            )
            found.append(check_transition(stage, new, facts, SOP_2022))
        else:
            assert new == "pending_acceptance"
        stage, accepted = (
            new,
            accepted or new not in ("pending_acceptance", "unqualified", "duplicate"),
        )
    return [refusal for refusal in found if refusal is not None]


def test_references_only_what_it_sends(plan: Plan) -> None:
    people = {person.external_id for person in plan.organisation.people}
    accounts = {account.external_id for account in plan.accounts}
    subscriptions = {item.external_id for item in plan.subscriptions}
    for deal in plan.deals:
        for step in deal.steps:
            fields = step.fields
            for name in ("owner_external_id", "sdr_external_id"):
                assert fields.get(name) is None or fields[name] in people
            assert fields.get("subscription_external_id") in {None, *subscriptions}
            assert fields.get("account_external_id") in {None, *accounts}


def test_tells_every_kind_of_story(plan: Plan) -> None:
    ends = Counter(deal.now["stage"] for deal in plan.deals)
    assert min(ends[end] for end in ("closed_won", "closed_lost", "unqualified", "duplicate")) >= 5
    kinds = Counter(deal.now["type"] for deal in plan.deals)
    assert set(kinds) == {"new_business", "add_on", "renewal", "professional_services"}
    losses = Counter(deal.now.get("renewal_loss_category") for deal in plan.deals)
    assert losses["best_case"]
    assert losses["commit"]
    pushed = sum(len(_told(deal, "close_date")) > 2 for deal in plan.deals)
    assert pushed > 100
    handed_on = sum(len(_told(deal, "owner_external_id")) > 1 for deal in plan.deals)
    assert handed_on > 30


def _told(deal: Deal, name: str) -> list[Any]:
    return [step.fields[name] for step in deal.steps if name in step.fields]


@pytest.mark.parametrize(
    "today",
    [date(2026, 6, 17), date(2026, 5, 2), date(2026, 7, 30), date(2028, 2, 29), date(2027, 1, 15)],
)
def test_the_running_quarter_is_believable_on_any_day(today: date) -> None:
    plan = make_plan(SEED, today, CALENDAR)
    quarter = CALENDAR.quarter_of(today)
    found = closings(plan.deals, CALENDAR)[quarter.key].values()
    head = plan.organisation.head.external_id
    quotas = {quota.period: quota.amount for quota in plan.quotas if quota.user == head}
    remainder = quotas[quarter.label] - sum(closing.booked for closing in found)
    assert 2.5 <= sum(closing.open for closing in found) / remainder <= 3.6
    assert len(quotas) == 6


def test_net_arr_of_the_plan_is_what_the_handbook_says() -> None:
    def net(**fields: Any) -> Decimal:
        return net_arr({"stage": "closed_won", "type": "new_business", **fields})

    assert net(amount="360000.00", term_months=36) == 120_000
    assert net(type="add_on", amount="60000.00", term_months=6) == 120_000
    renewal = {"type": "renewal", "amount": "140000.00", "true_up_amount": "20000.00"}
    assert net(**renewal, arr_basis="120000.00") == 0
    assert net(**renewal, arr_basis="120000.00", stage="closed_lost") == -120_000
    assert net(type="professional_services", amount="5000.00") == 0


def test_leads_pass_the_test_they_are_given(plan: Plan) -> None:
    converted = [lead for lead in plan.leads if lead.evidence is not None]
    assert converted
    for lead in converted:
        assert lead.fields["owner_external_id"]
        assert lead.evidence is not None
        held = datetime.fromisoformat(lead.evidence["timing"]["iqm_date"])
        assert held.date() < TODAY


def test_what_is_known_of_deals_names_only_what_is_sent(plan: Plan) -> None:
    deals = {deal.external_id: deal.now for deal in plan.deals}
    contacts = {contact.external_id for contact in plan.contacts}
    people = {person.external_id for person in plan.organisation.people}
    leads = {lead.external_id for lead in plan.leads}
    assert len(plan.known) >= 30
    for known in plan.known:
        assert deals[known.deal]["stage"] in STAGES[1:]
        champion = known.elements.get("champion", {})
        assert champion.get("contact_external_id") in {None, *contacts}
        assert known.owner in people
    for meeting in plan.meetings:
        fields = meeting.fields
        assert fields["owner_external_id"] in people
        assert fields.get("opportunity_external_id") in {None, *deals}
        assert fields.get("lead_external_id") in {None, *leads}
        assert {one["contact_external_id"] for one in fields.get("attendees", ())} <= contacts
        if meeting.outcome is not None:
            assert datetime.fromisoformat(fields["scheduled_at"]).date() < TODAY


def test_territories_hold_every_account_once_and_all_colours(plan: Plan) -> None:
    held = [one["external_id"] for each in plan.territories for one in each.organisations]
    assert sorted(held) == [account.external_id for account in plan.accounts]
    colours = Counter(one["colour"] for each in plan.territories for one in each.divisions)
    assert min(colours[name] for name in ("green", "yellow", "red", "grey")) >= 10


def test_leads_tell_every_kind_of_story_in_order(plan: Plan) -> None:
    stories = Counter(lead.story for lead in plan.leads)
    assert set(stories) >= {"waiting", "late", "usage", "sequence", "slow", "qualifying", "recycle"}
    sent = {resource["external_id"] for resource in plan.resources}
    activities = {activity.external_id for activity in plan.activities}
    for lead in plan.leads:
        assert lead.fields.get("engagement_external_id") in {None, *activities}
        for told in (lead.signals, lead.touches):
            times = [one["occurred_at"] for one in told if "occurred_at" in one]
            assert times == sorted(times)
            assert all(datetime.fromisoformat(at).date() < TODAY for at in times)
            assert len({one["external_id"] for one in told}) == len(told)
        assert {one.get("resource_external_id") for one in lead.touches} <= {None, *sent}
