"""What can be wrong with a reading that is not wrong with the payload alone."""

from __future__ import annotations

from datetime import date

from services.kit.errors import ConflictError


class ReadingTakenError(ConflictError):
    """409: the day has been measured, and differently. Readings are never changed."""

    def __init__(self, measured_on: date) -> None:
        super().__init__(
            f"{measured_on} has another reading already, and readings are never changed: send the"
            " corrected measurement under the day it was taken."
        )
