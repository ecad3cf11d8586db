"""What can be wrong with deciding on a suggestion."""

from __future__ import annotations

from services.kit.errors import ConflictError, NotFoundError


class SuggestionNotFoundError(NotFoundError):
    """404: no such suggestion, or not one the caller may see."""

    code = "suggestion_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("suggestion", reference)


class SuggestionDecidedError(ConflictError):
    """409: it was decided otherwise, or withdrawn since what it rested on has changed."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The suggestion is {state} and cannot be decided again.")


class AccountWithoutOwnerError(ConflictError):
    """409: nobody owns the account, so there is nobody to own the opportunity."""

    def __init__(self) -> None:
        super().__init__("The account has no owner to give the opportunity to: give it one first.")
