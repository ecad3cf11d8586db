"""Sends what the invented company does about its deals and customers, and says of its selling.

Activities and readings are told once by their external id or day; of everything else only what is
not there is sent.
"""

from __future__ import annotations

from typing import Any, Final

from services.cli.demo.aftersale import KNOWN_ISSUES
from services.cli.demo.sender import Sender

_AT: Final = "/pipeline/v1"


class DisciplineLoad(Sender):
    """One run, after the deals are in."""

    def run(self) -> None:
        plan = self._plan
        self._missing("activities", f"{_AT}/activities", plan.doings)
        self._send("readings of use", f"{_AT}/subscriptions/usage", plan.usage)
        known = self._known(f"{_AT}/known-issues")
        for issue in KNOWN_ISSUES:
            if issue["external_id"] not in known:
                self._put(f"known-issues/by-external-id/{issue['external_id']}", issue)
        for component, body in plan.components.items():
            path = f"operation/components/{component}"
            if not self._client.call("GET", f"{_AT}/{path}")["version"]:
                self._put(path, body)
        known = self._known(f"{_AT}/operation/reviews")
        for review in plan.reviews:
            if review["external_id"] not in known:
                path = f"operation/reviews/by-external-id/{review['external_id']}"
                self._put(path, {k: v for k, v in review.items() if k != "external_id"})

    def _put(self, path: str, body: dict[str, Any]) -> None:
        self._client.call("PUT", f"{_AT}/{path}", json=body)
