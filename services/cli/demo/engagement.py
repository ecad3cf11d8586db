"""What the invented company does to be noticed, and what it has to send. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from services.cli.demo.company import COMMERCIAL, ENTERPRISE, Organisation
from services.cli.demo.names import USE_CASES
from services.cli.demo.territories import territory_id


@dataclass(frozen=True, slots=True)
class Activity:
    """An engagement activity, and which leads it may have brought."""

    external_id: str
    fields: dict[str, Any]
    source_kinds: tuple[str, ...]
    region: str | None

    def to_json(self) -> dict[str, object]:
        return {"external_id": self.external_id, **self.fields}


# Kind, name, state, region and team (None: everybody's), when it began, how often, what it cost,
# the partner, and what it brings.
_ACTIVITIES: Final[tuple[tuple[Any, ...], ...]] = (
    ("trade_show", "DevOps Days Chicago", "done", "AMER", ENTERPRISE, -74, "yearly", 18_000, None, ("inbound",)),
    ("trade_show", "Cloud Expo Frankfurt", "done", "EMEA", ENTERPRISE, -41, "yearly", 14_500, None, ("inbound",)),
    ("marketing_campaign", "Fewer tools, faster releases", "running", None, None, -90, "once", 22_000, None, ("inbound", "self_serve")),
    ("marketing_campaign", "Security in the pipeline", "running", None, None, -45, "once", 9_500, None, ("inbound",)),
    ("workshop", "Pipelines in an afternoon", "running", "AMER", COMMERCIAL, -60, "monthly", 1_200, None, ("inbound", "self_serve")),
    ("workshop", "Moving from Subversion", "running", "EMEA", COMMERCIAL, -33, "monthly", 900, None, ("inbound",)),
    ("meetup", "Release engineers of Tokyo", "running", "APAC", COMMERCIAL, -52, "quarterly", 600, None, ("inbound",)),
    ("lunch_and_learn", "What platform teams measure", "planned", "AMER", ENTERPRISE, 9, "once", 400, None, ()),
    ("division_programme", "From the first department to the second", "running", "EMEA", ENTERPRISE, -80, "quarterly", None, None, ("outbound",)),
    ("cloud_provider", "Nimbus Cloud marketplace", "running", "AMER", ENTERPRISE, -120, "monthly", 3_000, "Nimbus Cloud", ("partner",)),
    ("system_integrator", "Harbour Consulting", "running", "EMEA", ENTERPRISE, -95, "quarterly", 2_500, "Harbour Consulting", ("partner",)),
    ("reseller", "Ox Software", "running", "APAC", ENTERPRISE, -110, "monthly", 1_800, "Ox Software", ("partner",)),
    ("original_equipment_manufacturer", "Tessel Instruments", "planned", "APAC", ENTERPRISE, 20, "once", None, "Tessel Instruments", ()),
    ("industry_membership", "Hospital IT circle", "running", "EMEA", COMMERCIAL, -200, "quarterly", 2_000, None, ("outbound",)),
)  # fmt: skip

_RESOURCE_KINDS: Final = (
    ("white_paper", "How teams got {} right", "explores_options"),
    ("video", "{} in ten minutes", "recognises_need"),
)


def make_activities(organisation: Organisation, today: date) -> tuple[Activity, ...]:
    """The same ones on any day, counted from it."""
    return tuple(
        _activity(number, row, organisation, today)
        for number, row in enumerate(_ACTIVITIES, start=1)
    )


def _activity(
    number: int, row: tuple[Any, ...], organisation: Organisation, today: date
) -> Activity:
    kind, name, state, region, team, begins, cadence, cost, partner, source_kinds = row
    starts = today + timedelta(days=begins)
    fields: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "state": state,
        "starts_on": starts.isoformat(),
        "cadence": cadence,
        "cost": None if cost is None else f"{cost}.00",
        "partner_name": partner,
    }
    if state == "done":
        fields["ends_on"] = (starts + timedelta(days=2)).isoformat()
    if region is not None:
        fields["territory_external_id"] = territory_id(region, team)
        fields["owner_external_id"] = organisation.team(region, team).reps[0]
    if partner is not None:
        fields["value_messages"] = ["revenue_stream"]
    return Activity(f"act-{number:02}", fields, source_kinds, region)


def make_resources() -> tuple[dict[str, Any], ...]:
    """Something to send for every use case, so that a sequence need not repeat itself."""
    return tuple(
        {
            "external_id": f"{use_case.lower()}-{kind}",
            "title": title.format(use_case),
            "use_case": use_case,
            "kind": kind,
            "buyer_stage": stage,
            "url": f"https://leadline.example/{use_case.lower()}/{kind}",
        }
        for use_case in USE_CASES
        for kind, title, stage in _RESOURCE_KINDS
    )
