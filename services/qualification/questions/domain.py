"""What the catalogues hold, whose persona a title suggests, and which questions come first. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.workspace.policy_qualification import ELEMENTS

SCORE_MAX: Final = 3
"""An element confirmed by the customer: nothing is left to ask."""

_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A discovery question. An empty list of personas, use cases or stages means: fits all."""

    external_id: str
    text: str
    element: str
    personas: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    buyer_stages: tuple[str, ...] = ()
    origin: str = "shipped"
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A kind of buyer, and what it takes to talk with one."""

    key: str
    name: str
    description: str | None = None
    obstacles: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    initiatives: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    origin: str = "shipped"
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyerStage:
    """A stage of the buyer's own process: how one sees that a buyer is in it, and what helps."""

    key: str
    name: str
    position: int
    buyer_actions: tuple[str, ...] = ()
    selling_activities: tuple[str, ...] = ()
    origin: str = "shipped"
    version: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A persona and the words of the title that speak for it."""

    persona: str
    matched: str


def suggest_personas(title: str, personas: Iterable[Persona]) -> list[Suggestion]:
    """Personas whose title phrases are in the title, the best first: more words of a phrase, then
    more letters, then the order of the catalogue."""
    words = _words(title)
    found = []
    for persona in personas:
        matches = [phrase for phrase in persona.titles if _is_in(phrase, words)]
        if matches:
            best = max(matches, key=_weight)
            found.append(Suggestion(persona.key, best))
    return sorted(found, key=lambda one: _weight(one.matched), reverse=True)


def _words(text: str) -> list[str]:
    """A vice president is no president, whatever the rank."""
    written = " ".join(word.casefold() for word in _WORD.findall(text))
    written = written.replace("vice president", "vp")
    return ["vp" if word in ("svp", "evp") else word for word in written.split()]


def _weight(phrase: str) -> tuple[int, int]:
    words = _words(phrase)
    return len(words), sum(map(len, words))


def _is_in(phrase: str, words: Sequence[str]) -> bool:
    wanted = _words(phrase)
    places = range(len(words) - len(wanted) + 1)
    return bool(wanted) and any(words[at : at + len(wanted)] == wanted for at in places)


def known_persona(stated: str | None, keys: Collection[str]) -> str | None:
    """The catalogue's key for a persona as a contact carries it: "Technology" is the technology
    leader. None where the catalogue has no such persona."""
    if stated is None:
        return None
    key = "_".join(_WORD.findall(stated.casefold()))
    return next((name for name in (key, f"{key}_leader") if name in keys), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How little is known of an element. `is_required`: by now it should be identified, and is
    not; `required_from` is the stage number that says so, None where no stage does."""

    element: str
    score: int
    is_required: bool = False
    required_from: int | None = None

    @property
    def size(self) -> int:
        """What is required weighs more than anything that is not."""
        return SCORE_MAX - self.score + (SCORE_MAX + 1 if self.is_required else 0)


def gaps_of(
    scores: Mapping[str, int], required: Collection[str], required_by: Mapping[str, int]
) -> dict[str, Gap]:
    """Every element, by how far it is known. `required` are those that should be identified by
    now and are not; `required_by` the stage each is required from."""
    return {
        element: Gap(
            element=element,
            score=scores.get(element, 0),
            is_required=element in required,
            required_from=required_by.get(element),
        )
        for element in ELEMENTS
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of whom one is going to ask."""

    personas: frozenset[str] = frozenset()
    use_case: str | None = None
    buyer_stage: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A question, its place among the others, and why it is there."""

    question: Question
    gap: Gap
    sort_key: tuple[int, int, int, int, int, str]
    is_answered: bool
    reason: str


def choose(
    questions: Sequence[Question], gaps: Mapping[str, Gap], answered: Collection[str], who: Setting
) -> list[Choice]:
    """Questions in the order in which to ask them: those already answered last, the largest gaps
    first. Among elements that are known equally little they take turns, the fittest one of each
    before the second of any."""
    fits = {question.external_id: _fit(question, who) for question in questions}
    ordered = sorted(
        questions,
        key=lambda q: (q.external_id in answered, -len(fits[q.external_id]), q.external_id),
    )
    turns: dict[tuple[str, bool], int] = {}
    chosen = []
    for question in ordered:
        is_answered = question.external_id in answered
        turn = turns[question.element, is_answered] = (
            turns.get((question.element, is_answered), 0) + 1
        )
        gap = gaps[question.element]
        fit = fits[question.external_id]
        key = (
            int(is_answered),
            -gap.size,
            turn,
            ELEMENTS.index(question.element),
            -len(fit),
            question.external_id,
        )
        chosen.append(Choice(question, gap, key, is_answered, _reason(gap, fit, is_answered)))
    return sorted(chosen, key=lambda choice: choice.sort_key)


def fold(text: str) -> str:
    """Use cases are the team's own words: compared without regard to case and blanks."""
    return " ".join(text.casefold().split())


def _fit(question: Question, who: Setting) -> list[str]:
    """Why the question is for just these people, each reason in a few words."""
    fit = []
    personas = sorted(who.personas.intersection(question.personas))
    if personas:
        fit.append("for " + " and ".join(name.replace("_", " ") for name in personas))
    if who.use_case is not None and fold(who.use_case) in map(fold, question.use_cases):
        fit.append(f"for the use case {who.use_case}")
    if who.buyer_stage is not None and who.buyer_stage in question.buyer_stages:
        fit.append(f"while the buyer {who.buyer_stage.replace('_', ' ')}")
    return fit


_KNOWN: Final = ("unknown", "only mentioned", "identified, not yet confirmed", "confirmed")


def _reason(gap: Gap, fit: Sequence[str], is_answered: bool) -> str:
    name = gap.element.replace("_", " ").capitalize()
    said = f"{name} is {_KNOWN[gap.score]} ({gap.score} of {SCORE_MAX})"
    if gap.is_required:
        said += f" and should be identified from stage {gap.required_from} on"
    if fit:
        said += "; the question is " + ", ".join(fit)
    return said + ("; it was answered before." if is_answered else ".")
