"""Sends what the invented company knows of its market, leads and deals.

Signals and touches are told once by their external ids; of everything else only what is not there
is sent, so that whatever people changed since stays as they left it.
"""

from __future__ import annotations

from typing import Any, Final

from services.cli.demo.evidence import Known
from services.cli.demo.leads import Lead
from services.cli.demo.meetings import Meeting
from services.cli.demo.sender import Sender, wait
from services.cli.demo.territories import Territory

_AT: Final = "/qualification/v1"
_UNDECIDED: Final = ("raw", "inquiry", "mql", "pql", "accepted")


class QualificationLoad(Sender):
    """One run: territories and engagement first, since leads name what brought them."""

    def run(self) -> None:
        plan = self._plan
        territories = [territory.to_json() for territory in plan.territories]
        self._missing("territories", f"{_AT}/territories", territories)
        known = self._known(f"{_AT}/territories")
        self._each(
            "territory maps",
            plan.territories,
            lambda one: self._territory(one, known[one.external_id]["id"]),
        )
        activities = [activity.to_json() for activity in plan.activities]
        self._missing("engagement", f"{_AT}/engagement-activities", activities)
        self._missing("resources", f"{_AT}/resources", plan.resources)
        self._leads()
        self._evidence()
        self._meetings()
        self._convert_leads()

    def _territory(self, territory: Territory, id_: str) -> None:
        path = f"{_AT}/territories/{id_}"
        known = self._known(f"{path}/organisations")
        new = [one for one in territory.organisations if one["external_id"] not in known]
        self._send("organisations", f"{path}/organisations", new)
        # A statement that was made is not made again.
        for told in (territory.earlier, territory.divisions):
            self._send("divisions", f"{path}/divisions", told)
        organisations = self._known(f"{path}/organisations")
        for rank in territory.ranks:
            ranked = f"{_AT}/organisations/{organisations[rank.organisation]['id']}/rank"
            if not self._is_ranked(ranked):
                self._client.call("PUT", ranked, json=rank.fields)
        vertical = f"{path}/verticals/{territory.vertical}"
        if not self._client.call("GET", vertical)["objectives"]:
            self._client.call("PUT", vertical, json=territory.strategy)
        if not self._client.call("GET", f"{path}/team")["version"]:
            self._client.call("PUT", f"{path}/team", json=territory.people)

    def _is_ranked(self, path: str) -> bool:
        return self._client.call("GET", path)["rank"] is not None

    def _leads(self) -> None:
        leads = self._plan.leads
        path = f"{_AT}/leads"
        self._missing("leads", path, [lead.to_json() for lead in leads])
        signals = [signal for lead in leads for signal in lead.signals]
        self._send("signals", f"{_AT}/signals", signals)
        touches = [touch for lead in leads for touch in lead.touches]
        self._send("touches", f"{_AT}/touches", touches)
        known = self._known(path)
        decided = [
            lead.ending
            for lead in leads
            if lead.ending is not None and known[lead.external_id]["status"] in _UNDECIDED
        ]
        self._send("decisions", path, decided)

    def _evidence(self) -> None:
        ids = {name: deal["id"] for name, deal in self._known("/pipeline/v1/opportunities").items()}
        self._each("command plans", self._plan.known, lambda one: self._know(one, ids[one.deal]))

    def _know(self, known: Known, id_: str) -> None:
        path = f"{_AT}/opportunities/{id_}"
        version = self._client.call("GET", f"{path}/command-plan")["version"]
        if version == 0:
            self._client.call("PUT", f"{path}/meddppicc", json={"elements": known.elements})
        if version < 2 and known.plan:
            self._client.call("PUT", f"{path}/command-plan", json=known.plan)
        if known.consult is not None and not self._client.call("GET", f"{path}/consults")["items"]:
            self._client.call("POST", f"{path}/consults", json=known.consult)

    def _meetings(self) -> None:
        path = f"{_AT}/meetings"
        self._missing("meetings", path, [meeting.to_json() for meeting in self._plan.meetings])
        known = self._known(path)
        self._each(
            "outcomes of meetings",
            self._plan.meetings,
            lambda meeting: self._meeting(meeting, known[meeting.external_id]),
        )

    def _meeting(self, meeting: Meeting, stored: dict[str, Any]) -> None:
        path = f"{_AT}/meetings/{stored['id']}"
        if meeting.outcome is not None and stored["state"] == "planned":
            self._client.call("POST", f"{path}/outcome", json=meeting.outcome)
        if meeting.preparation is not None:
            prepared = self._client.call("GET", f"{path}/preparation")
            if prepared["version"] == 0:
                self._client.call("PUT", f"{path}/preparation", json=meeting.preparation)
        if meeting.review is not None and not self._client.call("GET", f"{path}/reviews")["items"]:
            self._client.call("POST", f"{path}/reviews", json=meeting.review)

    def _convert_leads(self) -> None:
        path = f"{_AT}/leads"
        known = self._known(path)
        self._each(
            "hand-overs",
            (lead for lead in self._plan.leads if lead.evidence is not None),
            lambda lead: self._convert(lead, known[lead.external_id]),
        )
        wait(lambda: self._not_opened(path), "leads on their way to pipeline")

    def _convert(self, lead: Lead, stored: dict[str, Any]) -> None:
        if stored["conversion"] is not None:
            return
        path = f"{_AT}/leads/{stored['id']}"
        # A run killed between the two leaves a test; its key keeps it from being made twice.
        key = {"Idempotency-Key": f"demo-{stored['id']}"}
        self._client.call("POST", f"{path}/assessments", json=lead.evidence, headers=key)
        self._client.call("POST", f"{path}/conversion")

    def _not_opened(self, path: str) -> int:
        return sum(
            (lead["conversion"] or {}).get("state") == "requested"
            for lead in self._client.listed(path, status="qualified")
        )
