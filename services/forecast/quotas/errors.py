"""What can be wrong with a quota."""

from __future__ import annotations

from services.kit.errors import FieldProblem, InvalidPayloadError


class InvalidPeriodError(InvalidPayloadError):
    """422: neither a quarter like FY27-Q2 nor a year like FY27."""

    code = "invalid_period"

    def __init__(self, pointer: str, period: str) -> None:
        super().__init__(
            [
                FieldProblem(
                    pointer,
                    "invalid_period",
                    f"{period[:40]!r} is not a period; write a quarter like FY27-Q2 or a year"
                    " like FY27",
                )
            ]
        )
