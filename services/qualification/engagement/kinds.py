"""The kinds of engagement activity the product ships: what each is for, what to ask an account
about it, whom to work with, and what a partner is told it gains.

Pure data. Which kinds suit a territory is decided in `suggestions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

ENTRY: Final = "entry"
GROWTH: Final = "growth"

FIELD_MARKETING: Final = "field_marketing"
CHANNEL_TEAM: Final = "channel_team"
OEM_TEAM: Final = "oem_team"
CUSTOMER: Final = "customer"
ACCOUNT_TEAM: Final = "account_team"

CHAMPION: Final = "internal_champion"
MULTIPLIER: Final = "force_multiplier"


class Line(NamedTuple):
    """One sentence with the key by which records name it."""

    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind. `serves` says whether it makes a first point of entry, grows what is there, or
    both; `routes` are the routes to market it goes with, none where it goes with any."""

    key: str
    title: str
    group: str
    purpose: str
    serves: tuple[str, ...]
    routes: tuple[str, ...] = ()
    work_with: tuple[str, ...]
    roles: tuple[str, ...] = ()
    questions: tuple[Line, ...]
    steps: tuple[str, ...]
    value_messages: tuple[Line, ...] = ()
    briefing_materials: tuple[Line, ...] = ()

    @property
    def recruits_partners(self) -> bool:
        return self.group == "partnership"


_PARTNER_GAINS: Final = (
    Line("thought_leadership", "Be seen as the one who knows where the trade is going."),
    Line("speed_to_delivery", "Deliver your own projects sooner with our product in them."),
    Line("revenue_stream", "Earn on licences, on services around them and on every renewal."),
)
_DECK: Final = Line("briefing_deck", "The latest briefing deck")
_TALKING_POINTS: Final = Line("talking_points", "The talking points that go with the deck")

_EVENTS: Final = (
    Kind(
        key="trade_show",
        title="Trade show",
        group="external_event",
        purpose="Meet people of accounts we are not in yet, where they go anyway.",
        serves=(ENTRY,),
        work_with=(FIELD_MARKETING,),
        questions=(
            Line("external_events", "Which outside events draw the people of this account?"),
            Line(
                "event_attendees", "Who of theirs goes, and in what part: visitor, speaker, host?"
            ),
        ),
        steps=(
            "Ask field marketing which of these events we are at, and what we may bring.",
            "Agree meetings beforehand; a stand alone finds few of the right people.",
            "Record every conversation as a lead that names this activity.",
        ),
    ),
    Kind(
        key="lunch_and_learn",
        title="Lunch and learn",
        group="internal_event",
        purpose="Show more people of an account that uses us what their colleagues do with it.",
        serves=(GROWTH,),
        work_with=(FIELD_MARKETING, ACCOUNT_TEAM),
        questions=(
            Line("internal_events", "Which meetings of their own could we be a part of?"),
            Line("neighbour_teams", "Which teams beside our users would come to hear of it?"),
        ),
        steps=(
            "Let a user tell the story; you bring the food and the answers.",
            "Invite a division that is yellow or red on the map, not only those that are green.",
        ),
    ),
    Kind(
        key="workshop",
        title="Workshop",
        group="internal_event",
        purpose="Let teams of a customer try, on work of their own, what they do not use yet.",
        serves=(GROWTH,),
        work_with=(FIELD_MARKETING, ACCOUNT_TEAM),
        questions=(
            Line("internal_events", "Which meetings of their own could we be a part of?"),
            Line("hands_on_topic", "Which task would they do with us in half a day?"),
        ),
        steps=(
            "Choose one task of theirs and prepare it with the solution architect.",
            "End with a named next step for each team that took part.",
        ),
    ),
    Kind(
        key="meetup",
        title="Meetup",
        group="networking",
        purpose="Meet practitioners of many accounts and hear what they struggle with.",
        serves=(ENTRY, GROWTH),
        work_with=(FIELD_MARKETING,),
        questions=(
            Line("communities", "Which local groups and communities do their people go to?"),
            Line("speakers", "Who of theirs would speak, or host an evening?"),
        ),
        steps=(
            "Go to listen first; offer a talk by a customer rather than by us.",
            "Record whom you met as leads that name this activity.",
        ),
    ),
    Kind(
        key="marketing_campaign",
        title="Marketing campaign",
        group="campaign",
        purpose="Reach many people of one vertical with one message and see who answers.",
        serves=(ENTRY, GROWTH),
        work_with=(FIELD_MARKETING,),
        questions=(
            Line("running_campaigns", "Which of our campaigns speaks to what they are after?"),
            Line(
                "resources_wanted", "Which resource would they open: a case, a comparison, a demo?"
            ),
        ),
        steps=(
            "Choose the vertical and the use case first, the material after that.",
            "Have the campaign name itself in the leads it brings.",
        ),
    ),
)

_PROGRAMME: Final = (
    Kind(
        key="division_programme",
        title="Division programme",
        group="programme",
        purpose="Get in through one programme of one division, then take the next: momentum"
        " is built programme by programme.",
        serves=(ENTRY,),
        routes=("programs",),
        work_with=(ACCOUNT_TEAM,),
        questions=(
            Line("initiatives", "Which initiatives of the company could be a point of entry?"),
            Line("programme_owner", "Whose programme is it, and what must it show by when?"),
        ),
        steps=(
            "List the programmes of each division that is red or yellow on the map.",
            "Pick the one whose deadline we help to keep, and leave the others for later.",
        ),
    ),
)

_PARTNERSHIPS: Final = (
    Kind(
        key="cloud_provider",
        title="Cloud provider partnership",
        group="partnership",
        purpose="Come in together with the cloud provider the account already trusts.",
        serves=(ENTRY,),
        routes=("channel", "programs"),
        work_with=(CHANNEL_TEAM,),
        roles=(MULTIPLIER,),
        questions=(
            Line("uses_cloud", "Do they use the cloud?"),
            Line("cloud_providers", "Which providers do they use, and for what?"),
        ),
        steps=(
            "Partner with the provider this account uses, not with the one we know best.",
            "Let the channel team find the right contact and the right value proposition.",
            "Tell the provider what is in it for them before asking for anything.",
        ),
        value_messages=(
            Line("cloud_adoption", "Customers that build with us move to the cloud sooner."),
            Line("usage_growth", "Every team that moves runs its workloads on your platform."),
        ),
        briefing_materials=(_DECK,),
    ),
    Kind(
        key="system_integrator",
        title="System integrator partnership",
        group="partnership",
        purpose="Win those who run the account's systems as a champion inside.",
        serves=(ENTRY,),
        routes=("channel",),
        work_with=(CHANNEL_TEAM,),
        roles=(CHAMPION,),
        questions=(
            Line("it_support", "Do they run their IT themselves, or do they hire it out?"),
            Line("integrators", "Which integrators work for them, and where?"),
        ),
        steps=(
            "Let the channel team bring you to the people who work at this account.",
            "Make an integrator that is no partner of ours yet one.",
            "Give them what a champion needs: reasons, figures and an answer to objections.",
        ),
        value_messages=_PARTNER_GAINS,
        briefing_materials=(_DECK, _TALKING_POINTS),
    ),
    Kind(
        key="reseller",
        title="Reseller partnership",
        group="partnership",
        purpose="Be in more conversations than one person can hold.",
        serves=(ENTRY, GROWTH),
        routes=("channel",),
        work_with=(CHANNEL_TEAM,),
        roles=(MULTIPLIER,),
        questions=(
            Line("buying_route", "Do they buy from makers directly, or through resellers?"),
            Line("resellers", "Which resellers do they buy from?"),
        ),
        steps=(
            "Let the channel team bring you to the reseller's people for this account.",
            "Make a reseller that is no partner of ours yet one.",
            "They carry many products: make our story easy to tell.",
            "Hand over the latest deck and walk them through the talking points.",
        ),
        value_messages=_PARTNER_GAINS,
        briefing_materials=(_DECK, _TALKING_POINTS),
    ),
    Kind(
        key="original_equipment_manufacturer",
        title="Original equipment manufacturer partnership",
        group="partnership",
        purpose="Come in with a technology the account uses already, and grow along with it.",
        serves=(ENTRY, GROWTH),
        routes=("channel", "programs"),
        work_with=(OEM_TEAM, CUSTOMER),
        roles=(MULTIPLIER,),
        questions=(
            Line("technologies", "Which other technologies of theirs could integrate with ours?"),
            Line("integration_entry", "Which of these integrations would be a point of entry?"),
        ),
        steps=(
            "Find the right contact with the OEM team, or let the customer introduce you.",
            "Sell them on the benefit of working with us before talking of the account.",
        ),
        value_messages=_PARTNER_GAINS,
        briefing_materials=(_DECK,),
    ),
)

_MEMBERSHIP: Final = (
    Kind(
        key="industry_membership",
        title="Industry membership",
        group="membership",
        purpose="Gain credibility and meet executives where they are among their own.",
        serves=(ENTRY, GROWTH),
        work_with=(FIELD_MARKETING,),
        questions=(
            Line("industry_groups", "Do their executives and managers belong to industry groups?"),
            Line(
                "own_trade_groups",
                "Which ones, and which of their own trade (healthcare, manufacturing,"
                " transportation, finance …) beside those of technology?",
            ),
        ),
        steps=(
            "Ask marketing which groups are worth a membership, a talk or a visit.",
            "Go for credibility and acquaintance; leave the pitch at home.",
        ),
    ),
)

KINDS: Final[dict[str, Kind]] = {
    kind.key: kind for kind in (*_EVENTS, *_PROGRAMME, *_PARTNERSHIPS, *_MEMBERSHIP)
}
"""By key, in the order of the procedure."""

PARTNER_KINDS: Final = tuple(kind.key for kind in KINDS.values() if kind.recruits_partners)
