"""What can be refused about nurture activities."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class NurtureActivityNotFoundError(NotFoundError):
    """404: the lead has no such activity."""

    def __init__(self, reference: object) -> None:
        super().__init__("nurture activity", reference)
