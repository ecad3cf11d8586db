"""What can be refused about a touch, each with the cure."""

from __future__ import annotations

from services.kit.errors import ConflictError


class TouchInBatchTwiceError(ConflictError):
    """409: an earlier item of this batch is the same touch of the same lead."""

    code = "duplicate_in_batch"

    def __init__(self, external_id: str) -> None:
        super().__init__(
            f"This batch already has the touch {external_id[:200]!r} of this lead; the first one"
            " applies."
        )
