"""Imports over HTTP: the upload, which is streamed and queued, and looking at what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.requests import ClientDisconnect

from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.db import TRANSIENT, is_transient
from services.kit.errors import InvalidPayloadError, UnavailableError
from services.kit.http import Caller, Read, Service, ServiceRoute
from services.kit.pagination import PageRequest, page_request
from services.kit.settings import get_settings
from services.pipeline.imports import catalogue, schemas, service, upload
from services.pipeline.imports.errors import (
    ImportFilesError,
    ImportNotFoundError,
    MappingInvalidError,
    MappingUnknownError,
    UploadIncompleteError,
)
from services.pipeline.imports.upload import Upload

router = APIRouter(route_class=ServiceRoute, tags=["imports"], responses=problems(*COMMON_ERRORS))

SENDERS = ("admin", "integration")
READERS = ("admin", "integration", "sales_ops", "analyst")
_RAW_TYPES = ("application/x-ndjson", "text/csv", "application/octet-stream")
_BODY: dict[str, Any] = {
    "x-raw-body": True,
    "requestBody": {
        "required": True,
        "description": (
            "One file as the body, or several as multipart parts; a part's name or file name says"
            " which file of the mapping it is. The part `mapping` may hold a mapping itself."
        ),
        "content": {
            **{name: {"schema": {"type": "string", "format": "binary"}} for name in _RAW_TYPES},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "mapping": {"type": "string"},
                        "file": {"type": "string", "format": "binary"},
                    },
                    "additionalProperties": {"type": "string", "format": "binary"},
                }
            },
        },
    },
}


@router.post(
    "/imports",
    status_code=202,
    response_model=schemas.Import,
    responses=problems(
        UploadIncompleteError, MappingInvalidError, MappingUnknownError, ImportFilesError
    ),
    openapi_extra=_BODY,
)
async def start_import(
    request: Request,
    principal: Caller,
    mapping: Annotated[
        str | None,
        Query(
            max_length=100,
            description="A mapping's name; by default that of the"
            " files' columns, else the fields of the API.",
        ),
    ] = None,
    file_name: Annotated[
        str | None,
        Query(
            max_length=255,
            description="Of a body that is one file: its name or"
            " the mapping's name for it, such as accounts.",
        ),
    ] = None,
) -> Response:
    """Takes files of any size and imports them in the background. The answer leaves once they are
    stored; `Location` tells how far the import is."""  # fmt: skip
    principal.require(*SENDERS)
    chosen = catalogue.named(mapping) if mapping is not None else None
    current: Service = request.app.state.service
    limit = get_settings().import_bytes_max
    content_type = request.headers.get("content-type", "")
    try:
        async with Upload(current.database, principal, bytes_max=limit) as taken:
            if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
                text = await upload.receive_form(taken, _pieces(request), content_type)
                stated = upload.mapping_of(text)
                if stated is not None and chosen is not None and stated != chosen:
                    raise InvalidPayloadError.one(
                        "/mapping", "mapping_named_twice",
                        "the query names another mapping; send one of them",
                    )  # fmt: skip
                chosen = stated or chosen
            else:
                await upload.receive_raw(taken, _pieces(request), file_name or "")
            import_id = await taken.finish(chosen)
    except (*TRANSIENT, asyncpg.InterfaceError) as error:
        if not is_transient(error):
            raise
        # Not for the boundary to try again: the body has been read.
        sentence = "The database was busy; nothing was stored. Send it again."
        raise UnavailableError(sentence) from error
    current.bell.ring(principal.workspace_id)
    async with current.database.read(principal.workspace_id) as session:
        content = await service.show(session, import_id)
    return json_answer(content, 202, {"Location": f"{_prefix(request)}/v1/imports/{import_id}"})


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise UploadIncompleteError("The connection broke off; nothing is imported.") from error


def _prefix(request: Request) -> str:
    """Where the service is mounted, so that Location can be followed through the gateway."""
    prefix: str = request.scope.get("root_path", "")
    return prefix


@router.get("/imports", response_model=schemas.ImportPage)
async def list_imports(
    request: Request,
    principal: Caller,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Imports, newest first."""
    principal.require(*READERS)
    items, cursor = await service.list_imports(session, page)
    return list_answer(request, items, cursor, list(schemas.Import.model_fields))


@router.get("/imports/mappings", response_model=schemas.MappingList)
async def list_mappings(request: Request, principal: Caller) -> Response:
    """The mappings that come with the product."""
    principal.require(*READERS)
    items = [
        {
            "name": mapping.name,
            "aliases": mapping.aliases,
            "title": mapping.title,
            "files": {role: source.required for role, source in mapping.files.items()},
        }
        for mapping in catalogue.shipped().values()
    ]
    return list_answer(request, items, None, list(schemas.MappingName.model_fields))


@router.get(
    "/imports/{import_id}",
    response_model=schemas.Import,
    responses=problems(ImportNotFoundError),
)
async def show_import(principal: Caller, session: Read, import_id: UUID) -> Response:
    """How far it is and what became of its rows."""
    principal.require(*READERS)
    return json_answer(await service.show(session, import_id))


@router.get(
    "/imports/{import_id}/errors",
    response_model=schemas.RowProblemPage,
    responses=problems(ImportNotFoundError),
)
async def list_errors(
    request: Request,
    principal: Caller,
    session: Read,
    import_id: UUID,
    page: Annotated[PageRequest, Depends(page_request)],
    severity: Annotated[
        Literal["error", "warning", "all"], Query(description="`all` lists both.")
    ] = "error",
) -> Response:
    """Rows that did not go in, each with its file, line, field and reason. Of one kind of warning
    the first thousand are listed."""
    principal.require(*READERS)
    wanted = None if severity == "all" else severity
    items, cursor = await service.list_errors(session, import_id, page, wanted)
    return list_answer(request, items, cursor, list(schemas.RowProblem.model_fields))
