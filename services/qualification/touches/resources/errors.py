"""What can be wrong with a resource that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class ResourceNotFoundError(NotFoundError):
    """404: no resource of the caller's workspace has this id."""

    def __init__(self, reference: object) -> None:
        super().__init__("resource", reference)
