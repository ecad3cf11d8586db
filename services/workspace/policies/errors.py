"""What can be wrong with settings, said with the cure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from services.kit.errors import FieldProblem, InvalidPayloadError
from services.workspace.policy_settings import SETTINGS, SettingProblem

# What a workspace is made with: moving it would rename every quarter already answered for.
_OF_THE_WORKSPACE = frozenset(
    {"fiscal_year_start_month", "currency", "money", "timezone", "company_timezone"}
)


class PolicyRefusedError(InvalidPayloadError):
    """422: settings that are no policy; every one of them is named."""

    code = "invalid_payload"

    def __init__(self, problems: Iterable[SettingProblem]) -> None:
        super().__init__([_field_problem(problem) for problem in problems])


def _field_problem(problem: SettingProblem) -> FieldProblem:
    pointer = "/settings/" + problem.setting[:100].replace("~", "~0").replace("/", "~1")
    if problem.setting in _OF_THE_WORKSPACE:
        return FieldProblem(
            pointer,
            "setting_of_the_workspace",
            "is fixed when a workspace is made and no setting of a policy; make another workspace"
            " with it and import the records there",
        )
    if problem.setting not in SETTINGS:
        near = get_close_matches(problem.setting[:100], SETTINGS, n=3, cutoff=0.5)
        advice = f"did you mean {', '.join(near)}?" if near else "GET /v1/policies lists them all"
        return FieldProblem(pointer, "unknown_setting", f"is not a setting of a policy; {advice}")
    return FieldProblem(pointer, "invalid_setting", problem.message.rstrip("."))
