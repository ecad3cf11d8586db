"""HTTP paths of questions: parse, authorise, call, answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.kit.answers import if_match, json_answer, record_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.batch import Batch, BatchAnswer, BatchBody, Change, sole
from services.kit.csv_answer import list_answer
from services.kit.errors import InvalidPayloadError, StaleVersionError
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, encode_cursor, page_request
from services.kit.schemas import ExternalId
from services.qualification.opportunities.errors import OpportunityUnknownError
from services.qualification.questions import catalogue, schemas, service
from services.qualification.questions.errors import (
    CatalogueEntryNotFoundError,
    CatalogueFullError,
)
from services.workspace.users.reach import READERS

router = APIRouter(route_class=ServiceRoute, tags=["questions"], responses=problems(*COMMON_ERRORS))

EntryKey = Annotated[
    str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Such as security_leader.")
]
_PUT = problems(CatalogueFullError, StaleVersionError)
_QUESTION = {"model": schemas.Question}
_PERSONA = {"model": schemas.Persona}
_STAGE = {"model": schemas.BuyerStage}


@router.get(
    "/questions",
    responses={200: {"model": schemas.QuestionPage}, **problems(OpportunityUnknownError)},
)
async def list_questions(
    request: Request,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
    filters: Annotated[schemas.QuestionFilters, Depends()],
) -> Response:
    """Discovery questions; one without personas, use cases or stages fits all. With
    `opportunity_id` they come in the order in which to ask them: the largest MEDDPPICC gaps
    first, those already answered last, each with the reason."""
    shown, after = await service.list_questions(session, principal, page, filters)
    items = [schemas.question_json(question, choice) for question, choice in shown]
    cursor = None if after is None else encode_cursor(after)
    return list_answer(request, items, cursor, list(schemas.Question.model_fields))


@router.post("/questions/batch", status_code=207, responses={207: {"model": BatchAnswer}})
async def put_questions(
    body: BatchBody[schemas.QuestionItem], principal: Caller, session: Write
) -> Response:
    """Many questions at once, each stored or refused by itself."""
    principal.require(*service.WRITERS)
    batch = Batch(body.items, schemas.QuestionItem)
    changes = [Change.of(item.external_id, item) for item in batch.values]
    batch.settle_all(await service.put_questions(session, changes))
    return batch.answer()


@router.put(
    "/questions/by-external-id/{external_id:path}",
    responses={200: _QUESTION, 201: _QUESTION, **_PUT},
)
async def put_question(
    request: Request,
    external_id: ExternalId,
    body: schemas.QuestionPut,
    principal: Caller,
    session: Write,
) -> Response:
    """A question of the team's own, or its version of a shipped one: what is absent stays."""
    principal.require(*service.WRITERS)
    change = Change.of(external_id, body)
    stored = sole(await service.put_questions(session, [change], if_match=if_match(request)))
    question = await service.get_question(session, external_id)
    return record_answer(request, schemas.question_json(question), stored.version, stored.status)


@router.get(
    "/questions/by-external-id/{external_id:path}",
    responses={200: _QUESTION, **problems(CatalogueEntryNotFoundError)},
)
async def get_question(
    request: Request, external_id: ExternalId, principal: Caller, session: Read
) -> Response:
    """One question, also one that was retired."""
    principal.require(*READERS)
    question = await service.get_question(session, external_id)
    return record_answer(request, schemas.question_json(question), question.version)


@router.get("/personas", responses={200: {"model": schemas.PersonaList}})
async def list_personas(request: Request, principal: Caller, session: Read) -> Response:
    """The buyer personas: what stands in their way, what they object, plan and measure."""
    principal.require(*READERS)
    items = [schemas.persona_json(one) for one in (await catalogue.read_personas(session)).values()]
    return list_answer(request, items, None, list(schemas.Persona.model_fields))


@router.get("/personas/{key}", responses={200: _PERSONA, **problems(CatalogueEntryNotFoundError)})
async def get_persona(
    request: Request, key: EntryKey, principal: Caller, session: Read
) -> Response:
    """One persona, also one that was retired."""
    principal.require(*READERS)
    persona = await service.get_persona(session, key)
    return record_answer(request, schemas.persona_json(persona), persona.version)


@router.put("/personas/{key}", responses={200: _PERSONA, 201: _PERSONA, **_PUT})
async def put_persona(
    request: Request, key: EntryKey, body: schemas.PersonaPut, principal: Caller, session: Write
) -> Response:
    """A persona of the team's own, or its version of a shipped one: what is absent stays."""
    principal.require(*service.WRITERS)
    change = Change.of(key, body)
    stored = sole(await service.put_persona(session, change, if_match=if_match(request)))
    persona = await service.get_persona(session, key)
    return record_answer(request, schemas.persona_json(persona), stored.version, stored.status)


@router.get(
    "/persona-suggestion",
    responses={
        200: {"model": schemas.PersonaSuggestion},
        **problems(CatalogueEntryNotFoundError),
    },
)
async def suggest_persona(
    principal: Caller,
    session: Read,
    title: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
    contact_external_id: Annotated[ExternalId | None, Query()] = None,
) -> Response:
    """Which persona a job title or a contact of pipeline suggests, and why."""
    principal.require(*READERS)
    if title is None and contact_external_id is None:
        raise InvalidPayloadError.one(
            "query/title", "missing", "send a title, or the external id of a contact"
        )
    found = await service.suggest_persona(
        session, title=title, contact_external_id=contact_external_id
    )
    return json_answer(found)


@router.get("/buyer-process", responses={200: {"model": schemas.BuyerProcess}})
async def get_buyer_process(request: Request, principal: Caller, session: Read) -> Response:
    """The stages a buyer passes through: what shows each of them, and what to do in it."""
    principal.require(*READERS)
    stages = await catalogue.read_buyer_process(session)
    items = [schemas.stage_json(stage) for stage in stages.values()]
    return list_answer(request, items, None, list(schemas.BuyerStage.model_fields))


@router.put("/buyer-process/{key}", responses={200: _STAGE, 201: _STAGE, **_PUT})
async def put_buyer_stage(
    request: Request, key: EntryKey, body: schemas.BuyerStagePut, principal: Caller, session: Write
) -> Response:
    """A stage of the team's own, or its version of a shipped one: what is absent stays."""
    principal.require(*service.WRITERS)
    change = Change.of(key, body)
    stored = sole(await service.put_buyer_stage(session, change, if_match=if_match(request)))
    stages = await catalogue.read_buyer_process(session, retired=True)
    return record_answer(request, schemas.stage_json(stages[key]), stored.version, stored.status)
