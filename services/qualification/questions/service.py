"""Use cases of the catalogues: read them, change them, and choose what to ask next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.auth import Principal
from services.kit.batch import Change, Outcome, unknown_reference
from services.kit.db import Session, WriteSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest
from services.kit.rows import Rows
from services.kit.upsert import Draft, Shape, check_if_match, store_drafts
from services.qualification.opportunities.repository import Opportunity, find_contact
from services.qualification.opportunities.service import require_readable
from services.qualification.questions import catalogue, repository
from services.qualification.questions.domain import (
    Choice,
    Persona,
    Question,
    Setting,
    Suggestion,
    choose,
    fold,
    known_persona,
    suggest_personas,
)
from services.qualification.questions.errors import CatalogueEntryNotFoundError, CatalogueFullError
from services.qualification.questions.known import known_gaps
from services.qualification.questions.schemas import QuestionFilters
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.users.reach import READERS

WRITERS = ("admin", "integration", "sales_ops", "manager")
ENTRIES_MAX = 2000

_QUESTION_FIELDS = ("text", "element", "personas", "use_cases", "buyer_stages")
_PERSONA_FIELDS = (
    "name", "description", "obstacles", "objections", "initiatives", "metrics", "titles",
)  # fmt: skip
_STAGE_FIELDS = ("name", "position", "buyer_actions", "selling_activities")


async def put_questions(
    session: WriteSession, changes: Sequence[Change], *, if_match: str | None = None
) -> list[Outcome]:
    """One outcome a change, in order. A shipped question becomes the team's version of it."""
    shipped = await catalogue.read_questions(session, retired=True)
    own = {name for name, question in shipped.items() if question.origin == "team"}
    personas = await catalogue.read_personas(session, retired=True)
    stages = await catalogue.read_buyer_process(session, retired=True)
    drafts = await _drafts(
        session,
        repository.QUESTIONS,
        "question",
        changes,
        fields=_QUESTION_FIELDS,
        needed=("text", "element"),
        shipped=set(shipped) - own,
    )
    for draft in drafts:
        if draft.refusal is None:
            draft.refusal = _unknown(draft.row["personas"], personas, "/personas", "persona")
        if draft.refusal is None:
            draft.refusal = _unknown(draft.row["buyer_stages"], stages, "/buyer_stages", "stage")
    check_if_match(if_match, drafts)
    return await store_drafts(session, repository.QUESTIONS, drafts, clock.now())


async def put_persona(
    session: WriteSession, change: Change, *, if_match: str | None = None
) -> list[Outcome]:
    """The team's version of a persona, or one of its own."""
    known = await catalogue.read_personas(session, retired=True)
    drafts = await _drafts(
        session,
        repository.PERSONAS,
        "persona",
        [change],
        fields=_PERSONA_FIELDS,
        needed=("name",),
        shipped={key for key, persona in known.items() if persona.origin != "team"},
    )
    check_if_match(if_match, drafts)
    return await store_drafts(session, repository.PERSONAS, drafts, clock.now())


async def put_buyer_stage(
    session: WriteSession, change: Change, *, if_match: str | None = None
) -> list[Outcome]:
    """The team's version of a stage of the buyer's process, or one of its own."""
    known = await catalogue.read_buyer_process(session, retired=True)
    drafts = await _drafts(
        session,
        repository.BUYER_STAGES,
        "stage",
        [change],
        fields=_STAGE_FIELDS,
        needed=("name", "position"),
        shipped={key for key, stage in known.items() if stage.origin != "team"},
    )
    check_if_match(if_match, drafts)
    return await store_drafts(session, repository.BUYER_STAGES, drafts, clock.now())


async def _drafts(
    session: WriteSession,
    rows: Rows,
    kind: str,
    changes: Sequence[Change],
    *,
    fields: Sequence[str],
    needed: tuple[str, ...],
    shipped: set[str],
) -> list[Draft]:
    """What is shipped needs nothing stated: a column without a value stands for it."""
    now = clock.now()
    current = await rows.lock_named(session, (change.external_id for change in changes))
    count = len(await repository.entries(session, rows))
    drafts = []
    for change in changes:
        is_own = change.external_id not in shipped
        optional = [name for name in fields if not (is_own and name in needed)]
        shape = Shape(
            kind=kind,
            required=needed if is_own else (),
            defaults={**dict.fromkeys(optional), "active": True},
        )
        draft = Draft.begin(change, current.get(change.external_id), change.stated, shape, now)
        count += draft.is_new
        if draft.refusal is None and draft.is_new and count > ENTRIES_MAX:
            draft.refusal = CatalogueFullError(kind, ENTRIES_MAX)
        drafts.append(draft)
    return drafts


def _unknown(
    named: Iterable[str] | None, known: Iterable[str], pointer: str, kind: str
) -> InvalidPayloadError | None:
    known = set(known)
    for place, name in enumerate(named or ()):
        if name not in known:
            return unknown_reference(f"{pointer}/{place}", kind, name)
    return None


async def get_question(session: Session, external_id: str) -> Question:
    """Raises CatalogueEntryNotFoundError; a retired question is still there."""
    found = (await catalogue.read_questions(session, retired=True)).get(external_id)
    if found is None:
        raise CatalogueEntryNotFoundError("question", external_id)
    return found


async def get_persona(session: Session, key: str) -> Persona:
    """Raises CatalogueEntryNotFoundError; a retired persona is still there."""
    found = (await catalogue.read_personas(session, retired=True)).get(key)
    if found is None:
        raise CatalogueEntryNotFoundError("persona", key)
    return found


async def list_questions(
    session: Session, principal: Principal, page: PageRequest, filters: QuestionFilters
) -> tuple[list[tuple[Question, Choice | None]], list[Any] | None]:
    """A page of what fits the filters, and the sort key of its last one where there are more. With
    an opportunity it is in the order in which to ask; otherwise by element."""
    principal.require(*READERS)
    fitting = [
        question
        for question in (await catalogue.read_questions(session)).values()
        if _fits(question, filters)
    ]
    if filters.opportunity_id is None:
        order = sorted(fitting, key=lambda q: (q.element, q.external_id))
        listed: list[tuple[list[Any], Question, Choice | None]] = [
            ([question.element, question.external_id], question, None) for question in order
        ]
    else:
        opportunity = await require_readable(session, principal, filters.opportunity_id)
        chosen = await choose_for(
            session,
            opportunity,
            questions=fitting,
            personas=(filters.persona,) if filters.persona else (),
            buyer_stage=filters.buyer_stage,
            use_case=filters.use_case,
        )
        listed = [(list(choice.sort_key), choice.question, choice) for choice in chosen]
    if page.after is not None:
        listed = [entry for entry in listed if _is_after(entry[0], page.after)]
    shown = listed[: page.limit]
    cursor = shown[-1][0] if len(listed) > page.limit else None
    return [(question, choice) for _, question, choice in shown], cursor


def _is_after(key: list[Any], seen: list[Any]) -> bool:
    if [type(part) for part in key] != [type(part) for part in seen]:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is the cursor of another list"
        )
    return key > seen


def _fits(question: Question, filters: QuestionFilters) -> bool:
    if filters.element not in (None, question.element):
        return False
    if (
        filters.persona is not None
        and question.personas
        and (filters.persona not in question.personas)
    ):
        return False
    if (
        filters.buyer_stage is not None
        and question.buyer_stages
        and (filters.buyer_stage not in question.buyer_stages)
    ):
        return False
    if filters.use_case is None or not question.use_cases:
        return True
    return fold(filters.use_case) in map(fold, question.use_cases)


async def choose_for(
    session: Session,
    opportunity: Opportunity | None,
    *,
    questions: Sequence[Question] | None = None,
    lead_id: UUID | None = None,
    personas: Iterable[str] = (),
    buyer_stage: str | None = None,
    use_case: str | None = None,
) -> list[Choice]:
    """Questions in the order in which to ask them: of an opportunity by its gaps, of a lead alone
    as of a deal that nothing is known about. What is stated goes before what is recorded."""
    if questions is None:
        questions = list((await catalogue.read_questions(session)).values())
    known = await catalogue.read_personas(session)
    stages = await catalogue.read_buyer_process(session)
    now = clock.now()
    policy = await get_policy(session, await version_in_force(session, now))
    gaps = await known_gaps(session, opportunity.id if opportunity else None, policy)
    whom = set(personas)
    if opportunity is not None:
        if not whom:
            stated = await repository.contact_personas(session, opportunity.contact_external_ids)
            whom = {key for name in stated if (key := known_persona(name, known)) is not None}
        buyer_stage = buyer_stage or _stage_key(opportunity.buyer_stage, stages)
        use_case = use_case or opportunity.use_case
    answered = await repository.answered_questions(
        session, opportunity.id if opportunity else None, lead_id
    )
    who = Setting(personas=frozenset(whom), use_case=use_case, buyer_stage=buyer_stage)
    return choose(questions, gaps, answered, who)


def _stage_key(stated: str | None, stages: Iterable[str]) -> str | None:
    """Pipeline carries the buyer's stage as text; it counts where it names one of the process."""
    if stated is None:
        return None
    key = fold(stated).replace(" ", "_").replace("-", "_")
    return key if key in stages else None


async def suggest_persona(
    session: Session, *, title: str | None, contact_external_id: str | None
) -> dict[str, Any]:
    """What somebody's persona is likely to be. What a contact states goes before what its title
    suggests; nothing is changed."""
    known = await catalogue.read_personas(session)
    stated = None
    if contact_external_id is not None:
        contact = await find_contact(session, contact_external_id)
        if contact is None:
            raise CatalogueEntryNotFoundError("contact", contact_external_id)
        stated = contact["persona"]
        title = title or contact["title"]
    return suggestion(title, stated, known)


def suggestion(
    title: str | None, stated: str | None, known: dict[str, Persona], source: str = "contact"
) -> dict[str, Any]:
    """The persona of somebody with this title whose record (`source`) states that persona."""
    found = suggest_personas(title, known.values()) if title else []
    key = known_persona(stated, known)
    if key is not None:
        reason = f"The {source} states {stated!r}."
        if found and found[0].persona != key:
            reason += f" The title suggests {known[found[0].persona].name!r} instead."
    elif found:
        key, source = found[0].persona, "title"
        reason = f"The title contains {found[0].matched!r}."
    else:
        source = "none"
        reason = (
            "No title is known." if not title else "No persona's words are in the title."
        ) + " Add the words to a persona, or state the persona."
    return {
        "title": title,
        "persona": key,
        "source": source,
        "reason": reason,
        "candidates": [_candidate(one) for one in found],
    }


def _candidate(one: Suggestion) -> dict[str, str]:
    return {"persona": one.persona, "matched": one.matched}
