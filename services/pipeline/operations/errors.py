"""What can be wrong with the sales operation that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import ConflictError, NotFoundError


class ReviewNotFoundError(NotFoundError):
    """404: no review of the caller's workspace has this id."""

    code = "review_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("review", reference)


class SnapshotNotFoundError(NotFoundError):
    """404: the review has no such snapshot."""

    code = "snapshot_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("snapshot of this review", reference)


class ReviewFindingNotFoundError(NotFoundError):
    """404: no finding of a review has this id."""

    code = "review_finding_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("finding of a review", reference)


class WrongKindOfReviewError(ConflictError):
    """409: only one kind of review has what is asked for."""

    code = "wrong_kind_of_review"

    def __init__(self, kind: str, wanted: str) -> None:
        super().__init__(f"This is a review of {kind}; only one of {wanted} takes that.")
