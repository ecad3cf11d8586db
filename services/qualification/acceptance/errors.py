"""What can be refused about handing a lead over, with everything that is still missing."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.errors import ConflictError
from services.qualification.acceptance.domain import Reason


class LeadNotConvertibleError(ConflictError):
    """409: something still stands between the lead and its opportunity; `unmet` names it all."""

    def __init__(self, unmet: Sequence[Reason]) -> None:
        super().__init__(
            "The lead cannot be handed over yet: " + " ".join(item.message for item in unmet),
            extra={"unmet": [{"code": item.code, "message": item.message} for item in unmet]},
        )
