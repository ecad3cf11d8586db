"""What hygiene refuses, each as a fact."""

from __future__ import annotations

from services.kit.errors import NotFoundError


class FindingNotFoundError(NotFoundError):
    """404: the opportunity does not break this rule now."""

    code = "finding_not_found"

    def __init__(self, rule: str) -> None:
        super().__init__("standing finding of the rule", rule)
