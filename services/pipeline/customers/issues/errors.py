"""What can be wrong with a known issue that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class KnownIssueNotFoundError(NotFoundError):
    """404: no known issue of the caller's workspace has this id."""

    code = "known_issue_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("known issue", reference)
