"""What can be wrong with a notice that is not wrong with the payload alone."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class NoticeNotFoundError(NotFoundError):
    """404: no notice that the caller may see has this id."""

    code = "notice_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("notice", reference)
