"""What can be refused about the catalogues, each with the cure."""

from __future__ import annotations

from services.kit.errors import ConflictError, NotFoundError


class CatalogueEntryNotFoundError(NotFoundError):
    """404: the catalogue has no such entry."""

    def __init__(self, kind: str, reference: object) -> None:
        super().__init__(kind, reference)


class CatalogueFullError(ConflictError):
    """409: a catalogue is for people to choose from, and has a limit."""

    def __init__(self, kind: str, limit: int) -> None:
        super().__init__(
            f"There are {limit} entries of kind {kind} of your own already; change one instead."
        )
