"""What can be wrong with making or naming a workspace."""

from __future__ import annotations

from services.kit.errors import ConflictError, NotFoundError, ServiceError


class WorkspaceSlugTakenError(ConflictError):
    """409: slugs are unique over all workspaces."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is a workspace {slug!r} already; choose another slug.")


class WorkspaceNotFoundError(NotFoundError):
    """404: no workspace has this slug or id."""

    code = "workspace_not_found"

    def __init__(self, reference: object) -> None:
        # Not "in this workspace", as of everything else.
        ServiceError.__init__(self, f"There is no workspace {str(reference)[:200]!r}.")
