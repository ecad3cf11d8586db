"""What can be wrong with a contact that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class ContactNotFoundError(NotFoundError):
    """404: no contact of the caller's workspace has this id."""

    code = "contact_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("contact", reference)
