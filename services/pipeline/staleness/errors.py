"""What can be wrong with a renewal's exception that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import ConflictError


class NoOpenRenewalError(ConflictError):
    """409: only a renewal that is open has a window to be late for."""

    def __init__(self, type_: str, stage: str) -> None:
        super().__init__(
            f"It is of type {type_} and at stage {stage}; only an open renewal may be late."
        )
