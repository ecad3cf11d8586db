"""What can be wrong with a user that is not wrong with the payload alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.kit import clock
from services.kit.errors import ConflictError, NotFoundError


class UserNotFoundError(NotFoundError):
    """404: no user of the caller's workspace has this id."""

    code = "user_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("user", reference)


class ReportingLineCycleError(ConflictError):
    """409: with this line somebody would report to themselves, directly or through others."""

    def __init__(self, chain: Sequence[str], at: datetime | None) -> None:
        when = "" if at is None else f" from {clock.isoformat(at)}"
        path = " → ".join(name[:80] for name in chain)
        super().__init__(
            f"This reporting line would close a circle{when}: {path}. Change the manager of one of"
            " them first, or choose another effective_from.",
            extra={"chain": list(chain)},
        )
