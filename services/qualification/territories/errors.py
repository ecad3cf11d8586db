"""What can be refused about territories, each with the cure."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidPayloadError,
    NotFoundError,
    ServiceError,
)
from services.qualification.territories.domain import Refusal


class TerritoryNotFoundError(NotFoundError):
    """404: no territory of the caller's workspace has this id."""

    code = "territory_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("territory", reference)


class OrganisationNotFoundError(NotFoundError):
    """404: no organisation of the caller's workspace has this id."""

    code = "organisation_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("organisation", reference)


class DivisionNotFoundError(NotFoundError):
    """404: no division of the caller's workspace has this id."""

    code = "division_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("division", reference)


class VerticalNotFoundError(NotFoundError):
    """404: no organisation of the territory is of the vertical, and nothing is planned in it."""

    code = "vertical_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("vertical", reference)


class TerritoryNotYoursError(ForbiddenError):
    """403: a salesperson's key writes only in the territories that are its own."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The territory {name[:100]!r} is not yours; its owners, a manager or sales operations"
            " may do this."
        )


class OwnersNotYoursError(ForbiddenError):
    """403: owners work a territory, but do not say whose it is."""

    def __init__(self) -> None:
        super().__init__(
            "Who owns a territory is said by a manager or sales operations; leave"
            " `owner_external_ids` out."
        )


class NotYourRankError(ForbiddenError):
    """403: a rank is in the name of who gives it; only a recorder states somebody else's."""

    def __init__(self) -> None:
        super().__init__(
            "You rank in your own name; leave `ranked_by_external_id` out. An integration may"
            " state whose rank it is."
        )


class DivisionCircleError(ConflictError):
    """409: a division would be a part of itself."""

    def __init__(self, chain: Sequence[str]) -> None:
        super().__init__(
            "A division cannot be part of itself: " + " is part of ".join(chain) + ". Take one of"
            " these parents away first."
        )


class ContradictoryColourError(InvalidPayloadError):
    """422: a colour and `practises_devops` say opposite things."""

    code = "contradictory_colour"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(
            [
                FieldProblem(f"/{field}", refusal.code, refusal.message)
                for field in ("colour", "practises_devops")
            ]
        )


class NotAcceptableError(ServiceError):
    """406: the Accept header names none of the forms there are."""

    status = 406
    code = "not_acceptable"

    def __init__(self, offered: Sequence[str]) -> None:
        super().__init__(
            f"Accept names nothing this path answers with: {', '.join(offered)}. Leave it out for"
            " JSON, or use `?format=`."
        )
