"""What can be wrong with a request about audits."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class AuditNotFoundError(NotFoundError):
    """404: no such audit in this workspace."""

    code = "audit_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("audit", reference)
