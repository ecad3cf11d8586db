"""The people at the invented accounts, and what part they play in buying. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.cli.demo.company import Account
from services.cli.demo.dice import Dice
from services.cli.demo.names import FIRST_NAMES, LAST_NAMES

CHAMPIONS: Final = (
    ("Head of Engineering", "technology_leader"),
    ("Platform Lead", "technology_leader"),
    ("Security Director", "security_leader"),
    ("Head of Enterprise Applications", "business_application_leader"),
)
BUYERS: Final = (
    ("Chief Financial Officer", "financial_leader"),
    ("Chief Operating Officer", "coo_cxo_leader"),
    ("Managing Director", "coo_cxo_leader"),
    ("VP Technology", "technology_leader"),
)
EVALUATORS: Final = (
    ("Release Manager", "technology_leader"),
    ("IT Manager", "technology_leader"),
    ("Application Security Lead", "security_leader"),
)
_ROLES: Final = (
    ("champion", CHAMPIONS),
    ("economic_buyer", BUYERS),
    ("technical_buyer", EVALUATORS),
)
_PEOPLE: Final = {"smb": 1, "mid_market": 2, "large": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person at an account; the first one of each speaks for us."""

    external_id: str
    name: str
    account: str
    email: str
    title: str
    persona: str
    buying_role: str

    def to_json(self) -> dict[str, object]:
        return {
            "external_id": self.external_id,
            "name": self.name,
            "account_external_id": self.account,
            "email": self.email,
            "title": self.title,
            "persona": self.persona,
            "buying_role": self.buying_role,
            "champion": self.buying_role == "champion",
        }


def host_of(account: Account) -> str:
    """Where an account's people have their mail."""
    return f"{account.name.lower().replace(' ', '-')}.example"


def champion_of(account: str) -> str:
    """The external id of the first contact of an account."""
    return f"{account}-c1"


def make_contacts(seed: int, accounts: tuple[Account, ...]) -> tuple[Contact, ...]:
    """One to three an account, by its size."""
    return tuple(
        _contact(Dice(seed, f"contact/{account.number}/{place}"), account, place)
        for account in accounts
        for place in range(_PEOPLE[account.segment])
    )


def _contact(dice: Dice, account: Account, place: int) -> Contact:
    role, titles = _ROLES[place]
    title, persona = dice.one_of(titles)
    first, last = dice.one_of(FIRST_NAMES), dice.one_of(LAST_NAMES)
    return Contact(
        external_id=f"{account.external_id}-c{place + 1}",
        name=f"{first} {last}",
        account=account.external_id,
        email=f"{first}.{last}@{host_of(account)}".lower(),
        title=title,
        persona=persona,
        buying_role=role,
    )
