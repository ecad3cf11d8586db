"""What can be wrong with an import as a whole. What is wrong with a row is never raised: it is
written down beside the import."""

from __future__ import annotations

from services.kit.errors import (
    ConflictError,
    FieldProblem,
    InvalidPayloadError,
    NotFoundError,
    ServiceError,
)


class ImportNotFoundError(NotFoundError):
    """404: no import of this workspace has this id."""

    code = "import_not_found"

    def __init__(self, reference: object) -> None:
        super().__init__("import", reference)


class ReconciliationGoneError(ConflictError):
    """409: the rows of this import's files are not kept any more, or it was made before they
    were."""

    code = "reconciliation_gone"

    def __init__(self, import_id: object) -> None:
        super().__init__(
            f"What the files of import {import_id} say is kept no more; import them again, which"
            " changes nothing that is the same."
        )


class MappingInvalidError(InvalidPayloadError):
    """422: the mapping itself is wrong; each problem points into it."""

    code = "mapping_invalid"

    def __init__(self, errors: list[FieldProblem]) -> None:
        super().__init__([_in_mapping(problem) for problem in errors])


def _in_mapping(problem: FieldProblem) -> FieldProblem:
    return FieldProblem(f"/mapping{problem.pointer}", problem.code, problem.message)


class MappingUnknownError(InvalidPayloadError):
    """422: no shipped mapping has this name."""

    code = "mapping_unknown"

    def __init__(self, name: str, known: list[str]) -> None:
        sentence = f"{name[:80]!r} is not a mapping; known: {', '.join(known)}"
        super().__init__([FieldProblem("query/mapping", "mapping_unknown", sentence)])


class ImportFilesError(InvalidPayloadError):
    """422: the files are not those the mapping reads."""

    code = "import_files_wrong"


class UploadIncompleteError(ServiceError):
    """400: the body ended, or broke off, before it was complete. Nothing is imported."""

    status = 400
    code = "upload_incomplete"


class RecordKindTakenError(ServiceError):
    """A defect: two kinds of records have one name, or one field is of two types."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is registered already, and differs.")


class LeaseLostError(ConflictError):
    """Another process goes on with the import; this one must not store anything any more."""

    def __init__(self, import_id: object) -> None:
        super().__init__(f"Another worker has taken over import {import_id}.")
