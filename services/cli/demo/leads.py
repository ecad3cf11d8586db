"""Leads of the invented company: who asked, or was asked, what became of it, and how fast. Pure.

A lead is told as it comes in; what it did, how it was contacted and what somebody decided about it
follow, each at its own time, so that the product itself takes it from one status to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from services.cli.demo.company import Account, Organisation
from services.cli.demo.contacts import BUYERS, CHAMPIONS, EVALUATORS, host_of
from services.cli.demo.dice import Dice
from services.cli.demo.engagement import Activity
from services.cli.demo.names import FIRST_NAMES, LAST_NAMES, LEAD_SOURCES, USE_CASES
from services.kit import clock

LEADS: Final = 130
CONVERTED: Final = 8
TWINS: Final = 3

_STORIES: Final = {
    "raw": 0.07,
    "inquiry": 0.16,
    "waiting": 0.05,
    "late": 0.05,
    "usage": 0.06,
    "sequence": 0.24,
    "slow": 0.07,
    "qualifying": 0.13,
    "recycle": 0.1,
    "disqualified": 0.07,
}
_CONVERTED: Final = "converted"
_TOOLS: Final = ("Jenkins", "Subversion", "Jira", "CircleCI", "Bitbucket", "TeamCity", "Excel")
_SIGNS: Final = ("product_demo", "trial", "contact_request")
_CHANNELS: Final = ("email", "phone", "social", "email", "phone", "video", "email", "social")
_WARM: Final = ("sequence", "slow", "qualifying", "recycle", _CONVERTED)
# When people work, in hours of UTC.
_MORNING: Final = {"AMER": 15, "EMEA": 9, "APAC": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead as it comes in. `ending` is what somebody decided about it; where `evidence` is given
    it is tested with it and handed over."""

    external_id: str
    story: str
    fields: dict[str, Any]
    signals: tuple[dict[str, Any], ...] = ()
    touches: tuple[dict[str, Any], ...] = ()
    ending: dict[str, Any] | None = None
    evidence: dict[str, Any] | None = None

    def to_json(self) -> dict[str, object]:
        return {"external_id": self.external_id, **self.fields}


def make_leads(
    seed: int,
    scale: float,
    organisation: Organisation,
    accounts: tuple[Account, ...],
    activities: tuple[Activity, ...],
    today: date,
) -> tuple[Lead, ...]:
    """The first few are on their way to become opportunities; the last ones are in twice."""
    leads = [
        _Story(seed, number, organisation, accounts, activities, today).lead()
        for number in range(max(CONVERTED + 4, round(LEADS * scale)))
    ]
    return (*leads, *_twins(leads))


def moment(day: date, region: str, minutes: int) -> str:
    """So many minutes into the morning of a region's working day."""
    while day.weekday() > 4:
        day -= timedelta(days=1)
    morning = datetime(day.year, day.month, day.day, _MORNING[region], tzinfo=UTC)
    return clock.isoformat(morning + timedelta(minutes=minutes))


class _Story:
    """One lead and what happens to it."""

    def __init__(
        self,
        seed: int,
        number: int,
        organisation: Organisation,
        accounts: tuple[Account, ...],
        activities: tuple[Activity, ...],
        today: date,
    ) -> None:
        self.dice = Dice(seed, f"lead/{number}")
        self.number = number
        self.account = accounts[(number * 7) % len(accounts)]
        self.region = self.account.region
        self.today = today
        self.activities = activities
        is_converted = number < CONVERTED
        self.story = _CONVERTED if is_converted else self.dice.weighted(_STORIES)
        recent = self.story in ("late", "waiting", "usage")
        self.days = self.dice.whole(3, 9) if recent else self.dice.whole(12, 70)
        self.told = self.dice.whole(1, 7)
        if self.story == "sequence":
            # Its last touch was in these days, and the next one is due about now.
            self.days = 3 * self.told + self.dice.whole(1, 4)
        self.sdr = self.dice.one_of(organisation.sdrs[self.region])
        self.external_id = f"lead-{number + 1:04}"
        self.use_case = self.dice.one_of(USE_CASES)

    def _day(self, after: int) -> date:
        """So many days after it came in, but not later than yesterday."""
        return self.today - timedelta(days=max(1, self.days - after))

    def lead(self) -> Lead:
        return Lead(
            external_id=self.external_id,
            story=self.story,
            fields=self._fields(),
            signals=tuple(self._signals()),
            touches=tuple(self._touches()),
            ending=self._ending(),
            evidence=_evidence(self.dice, self.number, self.today)
            if self.story == _CONVERTED
            else None,
        )

    def _fields(self) -> dict[str, Any]:
        dice, account = self.dice, self.account
        first, last = dice.one_of(FIRST_NAMES), dice.one_of(LAST_NAMES)
        title, persona = dice.one_of((*CHAMPIONS, *EVALUATORS, *BUYERS))
        source_kind = dice.weighted(
            {"inbound": 0.5, "outbound": 0.28, "self_serve": 0.1, "partner": 0.12}
        )
        brought = [
            activity.external_id
            for activity in self.activities
            if source_kind in activity.source_kinds and activity.region in (None, self.region)
        ]
        fields: dict[str, Any] = {
            "name": f"{first} {last}",
            "email": f"{first}.{last}@{host_of(account)}".lower(),
            "title": title,
            "company": account.name,
            "account_external_id": account.external_id,
            "employees": account.employees,
            "industry": account.vertical,
            "region": self.region,
            "source_kind": source_kind,
            "source": dice.one_of(LEAD_SOURCES),
            "use_case": self.use_case,
            "seats": dice.whole(5, 200),
            "persona": persona,
            "tools": sorted({dice.one_of(_TOOLS) for _ in range(2)}),
            "status": "raw",
            "sdr_external_id": self.sdr,
            "occurred_at": moment(self._day(0), self.region, 0),
        }
        if brought and dice.happens(0.7):
            fields["engagement_external_id"] = dice.one_of(brought)
        if self.story in _WARM:
            fields["owner_external_id"] = account.owner
        return fields

    def _signal(self, name: str, at: str | None, value: int | None = None) -> dict[str, Any]:
        signal: dict[str, Any] = {
            "lead_external_id": self.external_id,
            "name": name,
            "external_id": f"{self.external_id}-{name}",
        }
        if at is not None:
            signal["occurred_at"] = at
        return signal if value is None else {**signal, "value": value}

    def _signals(self) -> Iterator[dict[str, Any]]:
        """In order of time. Who waits asks at the very moment the demo is loaded."""
        if self.story == "raw":
            return
        begun = self._day(1)
        if self.story == "usage":
            yield self._signal("sign_up", moment(begun, self.region, 5), 1)
            users = self.dice.whole(6, 25)
            yield self._signal("active_users", moment(self._day(2), self.region, 10), users)
            runs = self.dice.whole(1, 90)
            yield self._signal("ci_pipelines", moment(self._day(2), self.region, 12), runs)
            return
        yield self._signal("content_download", moment(begun, self.region, 5))
        if self.dice.happens(0.4):
            yield self._signal("blog_subscription", moment(begun, self.region, 8))
        if self.story == "waiting":
            yield self._signal("contact_request", None)
        elif self.story == "late":
            day = self.today - timedelta(days=self.dice.whole(1, 2))
            yield self._signal("contact_request", moment(day, self.region, 30))
        elif self.story not in ("inquiry", "disqualified"):
            yield self._signal("frequent_site_visits", moment(self._day(2), self.region, 12))
            sign = self.dice.one_of(_SIGNS)
            yield self._signal(sign, moment(self._day(3), self.region, 20))
            if sign == "product_demo":
                yield self._signal("event_high", moment(self._day(3), self.region, 22))

    def _touches(self) -> Iterator[dict[str, Any]]:
        if self.story not in _WARM and not (self.story == "usage" and self.number % 2):
            return
        # Nearly all of them within the hour; some not on the same day.
        wait = self.dice.whole(4, 34) if self.story != "slow" else 0
        start = 3 if self.story != "slow" else 3 + self.dice.whole(1, 3)
        told = self.told
        if self.story in ("qualifying", "recycle", _CONVERTED):
            told = 2
        resources = [f"{self.use_case.lower()}-white_paper", f"{self.use_case.lower()}-video"]
        for place in range(told):
            day = start + place * 3
            if place and self.days - day < 1:
                return
            yield self._touch(place, day, 25 + wait + place, resources[place : place + 1])
            if place == 1 and self.story in ("qualifying", _CONVERTED):
                yield self._reply(day)
                return

    def _touch(
        self, place: int, day: int, minutes: int, resources: Sequence[str]
    ) -> dict[str, Any]:
        touch: dict[str, Any] = {
            "lead_external_id": self.external_id,
            "external_id": f"{self.external_id}-touch-{place + 1}",
            "channel": _CHANNELS[place],
            "direction": "outbound",
            "subject": ("Your question", "A thought on your releases", "Shall we speak?")[
                place % 3
            ],
            "user_external_id": self.sdr,
            "occurred_at": moment(self._day(day), self.region, minutes),
        }
        return {**touch, "resource_external_id": resources[0]} if resources else touch

    def _reply(self, day: int) -> dict[str, Any]:
        return {
            "lead_external_id": self.external_id,
            "external_id": f"{self.external_id}-reply",
            "channel": "email",
            "direction": "inbound",
            "note": "Yes, let us speak this week.",
            "occurred_at": moment(self._day(day), self.region, 200),
        }

    def _ending(self) -> dict[str, Any] | None:
        at = moment(self._day(9), self.region, 260)
        if self.story == "recycle":
            until = self.today + timedelta(days=self.dice.whole(20, 120))
            reason = self.dice.one_of(("timing", "budget", "no_immediate_need"))
            return self._decided("recycle", at, reason, recycle_until=until.isoformat())
        if self.story == "disqualified":
            reason = self.dice.one_of(("student_or_personal", "not_a_fit", "competitor"))
            return self._decided("disqualified", at, reason)
        if self.story in ("qualifying", _CONVERTED):
            return self._decided("qualifying", at, None)
        return None

    def _decided(self, status: str, at: str, reason: str | None, **more: Any) -> dict[str, Any]:
        decided = {"external_id": self.external_id, "status": status, "occurred_at": at, **more}
        return decided if reason is None else {**decided, "status_reason": reason}


def _twins(leads: Sequence[Lead]) -> Iterator[Lead]:
    """Some came a second time by another form."""
    originals = [lead for lead in leads if lead.story == "inquiry"][:TWINS]
    for lead in originals:
        mailbox, host = lead.fields["email"].split("@")
        first, last = lead.fields["name"].split()
        kept = {
            name: lead.fields[name]
            for name in ("company", "employees", "region", "source_kind", "sdr_external_id")
        }
        fields = {
            **kept,
            "name": f"{first[0]}. {last}",
            "email": f"{mailbox}+webinar@{host}",
            "source": "Webinar",
            "status": "raw",
            "occurred_at": lead.fields["occurred_at"],
        }
        yield Lead(external_id=f"{lead.external_id}-again", story="raw", fields=fields)


def _evidence(dice: Dice, number: int, today: date) -> dict[str, Any]:
    """Every fourth one has its next step too far away: it converts, and waits at stage 0."""
    held = today - timedelta(days=dice.whole(1, 6))
    following = held + timedelta(days=75 if number % 4 == 3 else dice.whole(5, 40))
    return {
        "authority": {"buying_role": dice.one_of(("evaluator", "decision_maker"))},
        "initiative": {
            "kind": "top_2_priority",
            "shown_by": [dice.one_of(("business_problem", "strategic_direction", "modernisation"))],
        },
        "fit": {
            "current_tools": [dice.one_of(("Jenkins", "Subversion", "Jira", "CircleCI"))],
            "new_account_or_buying_group": True,
        },
        "timing": {"iqm_date": held.isoformat(), "next_step_date": following.isoformat()},
    }
