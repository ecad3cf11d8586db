"""Names of the invented people and companies. Nobody here is real."""

from __future__ import annotations

from typing import Final

FIRST_NAMES: Final = (
    "Ana", "Ben", "Chiara", "Dmitri", "Elif", "Femi", "Greta", "Hana", "Ivo", "Jun", "Kofi", "Lena",
    "Mateo", "Nadia", "Omar", "Priya", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Viktor", "Wren",
    "Ximena", "Yusuf", "Zoe", "Arjun", "Bianca", "Carlos", "Daria", "Emeka", "Freya", "Goran",
    "Helena", "Ines", "Jonas", "Keiko", "Luca", "Mina", "Noor", "Oskar", "Paula", "Rafael", "Sana",
    "Tomas", "Ulla", "Vera", "Wanjiru", "Yara", "Zeno",
)  # fmt: skip
LAST_NAMES: Final = (
    "Almeida", "Brandt", "Costa", "Duarte", "Eriksen", "Farouk", "Grieg", "Haddad", "Ito",
    "Jansen", "Kowalski", "Larsen", "Moreau", "Novak", "Okafor", "Petrov", "Quiroga", "Rossi",
    "Sato", "Tanaka", "Ueda", "Varga", "Weiss", "Xu", "Yilmaz", "Zhang", "Adeyemi", "Bergman",
    "Castillo", "Dietrich", "Endo", "Fontaine", "Gomez", "Hashimoto", "Ivanova", "Joshi", "Keller",
    "Lindqvist", "Mensah", "Nakamura", "Olsen", "Pereira", "Rahman", "Schmidt", "Tran", "Vos",
)  # fmt: skip
COMPANY_WORDS: Final = (
    "Alder", "Basalt", "Cinder", "Dovetail", "Ember", "Fjord", "Granite", "Harrow", "Inkwell",
    "Juniper", "Kestrel", "Lantern", "Meridian", "Nimbus", "Orchard", "Pinnacle", "Quarry",
    "Redwood", "Saffron", "Tidewater", "Umber", "Verdant", "Willow", "Yarrow", "Zephyr", "Anvil",
    "Beacon", "Copper", "Driftwood", "Elmstone", "Foxglove", "Gannet", "Hollow", "Ironbark",
    "Jasper", "Kelp", "Larkspur", "Mistral", "Northgate", "Osprey", "Pebble", "Quill", "Rampart",
    "Sable", "Thistle", "Upland", "Vesper", "Windrow", "Yonder", "Zenith",
)  # fmt: skip
COMPANY_KINDS: Final = {
    "Healthcare": ("Health", "Clinics", "Biotech", "Diagnostics"),
    "Manufacturing": ("Works", "Tooling", "Motors", "Materials"),
    "Transportation": ("Freight", "Rail", "Logistics", "Airways"),
    "Financial": ("Bank", "Capital", "Insurance", "Payments"),
    "Technology": ("Systems", "Software", "Networks", "Labs"),
    "Public Sector": ("County", "Institute", "Agency", "University"),
}
VERTICALS: Final = tuple(COMPANY_KINDS)
TITLES: Final = (
    "Head of Engineering",
    "Platform Lead",
    "VP Technology",
    "Security Director",
    "IT Manager",
    "Chief Financial Officer",
    "Release Manager",
)
USE_CASES: Final = ("SCM", "CI", "CD", "Security", "Compliance", "Planning")
LOST_REASONS: Final = (
    "loss_of_budget",
    "lack_of_engagement",
    "corporate_decision",
    "product_value_gaps",
    "competitive_loss",
    "other",
)
LEAD_SOURCES: Final = ("Trade show", "Webinar", "Trial", "Contact form", "Referral", "Meetup")
