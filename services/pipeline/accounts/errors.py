"""What can be wrong with an account that is not wrong with the payload alone."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.errors import ConflictError, NotFoundError


class AccountNotFoundError(NotFoundError):
    """404: no account of the caller's workspace has this id."""

    code = "account_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("account", reference)


class AccountFamilyCycleError(ConflictError):
    """409: with this parent an account would belong to itself, directly or through others."""

    def __init__(self, chain: Sequence[str]) -> None:
        path = " → ".join(name[:80] for name in chain)
        super().__init__(
            f"This parent would close a circle: {path}. Clear the parent of one of them first.",
            extra={"chain": list(chain)},
        )
