"""The policy value object: every threshold and switch of the sales process, as versioned data.

Pure. Settings are a flat JSON object; what a company leaves out is `sop-2022`. An unknown setting
is refused, so that a typo cannot pass for a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from services.workspace.policy_gates import Criterion, criteria_of
from services.workspace.policy_settings import DEFAULTS, SEGMENT_KEYS, SETTINGS, SettingProblem

DEFAULT_NAME: Final = "sop-2022"
UNKNOWN_SEGMENT: Final = "unknown"


class PolicySettingsError(ValueError):
    """Settings that are not a policy. `problems` says which and why."""

    def __init__(self, problems: tuple[SettingProblem, ...]) -> None:
        super().__init__("; ".join(f"{problem.setting}: {problem.message}" for problem in problems))
        self.problems = problems


def problems_of(settings: Mapping[str, Any]) -> tuple[SettingProblem, ...]:
    """What is wrong with settings a client sent; empty where they may be used."""
    found = []
    for name, value in settings.items():
        check = SETTINGS.get(name)
        message = "is not a setting of a policy." if check is None else check(value)
        if message is not None:
            found.append(SettingProblem(name, message))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a company's policy, complete: what was left out is filled with defaults.

    Compared and hashed by name and version, so that it can key a cache.
    """

    name: str
    version: int
    settings: Mapping[str, Any] = field(compare=False, repr=False)
    stage_categories: Mapping[str, str] = field(compare=False, repr=False)
    override_blocked_segments: frozenset[str] = field(compare=False, repr=False)
    gates: Mapping[str, tuple[Criterion, ...]] = field(compare=False, repr=False)
    _segments: tuple[tuple[int, str], ...] = field(compare=False, repr=False)

    @classmethod
    def build(
        cls, name: str = DEFAULT_NAME, version: int = 1, settings: Mapping[str, Any] | None = None
    ) -> Policy:
        """Raises PolicySettingsError with every problem at once."""
        problems = problems_of(settings or {})
        if problems:
            raise PolicySettingsError(problems)
        complete = {**DEFAULTS, **(settings or {})}
        # A map that names some stages changes those and leaves the others at their default.
        for keyed in ("stage.category", "gates"):
            complete[keyed] = {**DEFAULTS[keyed], **complete[keyed]}
        floors = sorted(((complete["segments"][key][0], key) for key in SEGMENT_KEYS), reverse=True)
        return cls(
            name=name,
            version=version,
            settings=complete,
            stage_categories=complete["stage.category"],
            override_blocked_segments=frozenset(complete["category.override_blocked_segments"]),
            gates=criteria_of(complete["gates"]),
            _segments=tuple(floors),
        )

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "version": self.version, "settings": dict(self.settings)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Policy:
        return cls.build(stored["name"], stored["version"], stored["settings"])

    def stage_category(self, stage: str) -> str:
        """The forecast category a stage implies where its owner says nothing else."""
        return self.stage_categories[stage]

    def segment_of(self, employees: int | None) -> str:
        """By the largest head count of the account family; no count is no segment."""
        if employees is None or employees < 1:
            return UNKNOWN_SEGMENT
        # The ranges start at one, so one of them holds every head count.
        return next(segment for floor, segment in self._segments if employees >= floor)

    def number(self, name: str) -> int:
        """A whole-number setting, such as lost.reopen_days."""
        return int(self.settings[name])

    def amount(self, name: str) -> Decimal:
        """A decimal setting, such as lost.details_min."""
        return Decimal(str(self.settings[name]))

    def choice(self, name: str) -> str:
        return str(self.settings[name])

    def is_on(self, name: str) -> bool:
        return bool(self.settings[name])

    def by_segment(self, name: str, segment: str) -> Any:
        """The segment's own entry of a setting keyed by segment, or None: no rule, no timer."""
        return self.settings[name].get(segment)

    @property
    def coverage_band(self) -> tuple[Decimal, Decimal]:
        low, high = self.settings["coverage.band"]
        return Decimal(low), Decimal(high)


SOP_2022: Final = Policy.build()
"""The default policy."""
