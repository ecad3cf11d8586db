"""How long a plan may be: the policy's limit, for whichever section is written."""

from __future__ import annotations

from services.kit.errors import InvalidPayloadError
from services.qualification.plans.repository import Plan
from services.qualification.plans.sections import length
from services.workspace.policy import Policy


def check_length(before: Plan, after: Plan, policy: Policy, *, pointer: str) -> None:
    """Raises InvalidPayloadError where the plan is too long now. One that was too long already, as
    after a policy that allows less, may still be changed without growing."""
    limit = policy.number("plan.max_chars")
    now = length(after.sections, after.elements)
    if now > limit and now > length(before.sections, before.elements):
        raise InvalidPayloadError.one(
            pointer,
            "plan_too_long",
            f"makes the plan {now} characters long, {now - limit} too many: {limit} are kept, all"
            " sections together. Move what is settled to the notes of activities",
        )
