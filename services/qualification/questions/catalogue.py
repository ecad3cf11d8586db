"""The catalogues as a team has them: what is shipped, with what the team added or changed laid
over it, field by field. Entries the team retired are left out unless asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from services.kit.db import Session
from services.qualification.questions import buyer_process, discovery, personas, repository
from services.qualification.questions.domain import BuyerStage, Persona, Question

Entry = TypeVar("Entry", Question, Persona, BuyerStage)


async def read_questions(session: Session, *, retired: bool = False) -> dict[str, Question]:
    """By external id."""
    shipped = {question.external_id: question for question in discovery.SHIPPED}
    rows = await repository.entries(session, repository.QUESTIONS)
    fields = ("text", "element", "personas", "use_cases", "buyer_stages")
    return _laid_over(
        shipped,
        rows,
        fields,
        lambda row: Question(external_id=row["external_id"], text="", element=""),
        retired,
    )


async def read_personas(session: Session, *, retired: bool = False) -> dict[str, Persona]:
    """By key, in the order of the catalogue."""
    shipped = {persona.key: persona for persona in personas.SHIPPED}
    rows = await repository.entries(session, repository.PERSONAS)
    fields = (
        "name", "description", "obstacles", "objections", "initiatives", "metrics", "titles",
    )  # fmt: skip
    return _laid_over(
        shipped, rows, fields, lambda row: Persona(key=row["external_id"], name=""), retired
    )


async def read_buyer_process(session: Session, *, retired: bool = False) -> dict[str, BuyerStage]:
    """By key, in the order in which a buyer passes through."""
    shipped = {stage.key: stage for stage in buyer_process.SHIPPED}
    rows = await repository.entries(session, repository.BUYER_STAGES)
    fields = ("name", "position", "buyer_actions", "selling_activities")
    found = _laid_over(
        shipped,
        rows,
        fields,
        lambda row: BuyerStage(key=row["external_id"], name="", position=0),
        retired,
    )
    return dict(sorted(found.items(), key=lambda item: (item[1].position, item[0])))


def _laid_over(
    shipped: Mapping[str, Entry],
    rows: Iterable[Mapping[str, Any]],
    fields: Sequence[str],
    blank: Any,
    retired: bool,
) -> dict[str, Entry]:
    found: dict[str, Entry] = dict(shipped)
    for row in rows:
        key = row["external_id"]
        if not row["active"] and not retired:
            found.pop(key, None)
            continue
        own = {name: _value(row[name]) for name in fields if row[name] is not None}
        base = shipped.get(key)
        found[key] = replace(
            blank(row) if base is None else base,
            **own,
            origin="team" if base is None else "changed",
            version=row["version"],
        )
    return found


def _value(stored: Any) -> Any:
    return tuple(stored) if isinstance(stored, list) else stored
