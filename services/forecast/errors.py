"""What can be wrong with a question to the figures."""

from __future__ import annotations

from services.kit.errors import FieldProblem, ForbiddenError, InvalidPayloadError


class FutureInstantError(InvalidPayloadError):
    """422: the figures of a moment that has not been yet."""

    code = "future_instant"

    def __init__(self, parameter: str) -> None:
        super().__init__(
            [
                FieldProblem(
                    f"query/{parameter}",
                    "future_instant",
                    "lies in the future; figures are known up to now",
                )
            ]
        )


class ReversedIntervalError(InvalidPayloadError):
    """422: an interval that ends before it begins."""

    code = "reversed_interval"

    def __init__(self) -> None:
        super().__init__(
            [FieldProblem("query/from", "reversed_interval", "must not be later than `to`")]
        )


class UnknownFigureError(InvalidPayloadError):
    """422: a figure no answer has, or one that does not open into opportunities."""

    code = "unknown_figure"

    def __init__(self, figure: str, accepted: tuple[str, ...]) -> None:
        super().__init__(
            [
                FieldProblem(
                    "query/figure",
                    "unknown_figure",
                    f"{figure[:60]!r} is not a figure; accepted: {', '.join(accepted)}",
                )
            ]
        )


class OutOfScopeError(ForbiddenError):
    """403: a rep reads their own figures, a manager those of everybody below."""

    code = "out_of_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This token reads {scope} only.")
