"""`leadline import`: files into a workspace, straight through the import service, with its report.

Works with the database of the settings, of a running `leadline up`, or an embedded one started for
the command. The figures follow as soon as a worker runs.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from services.kit.db import Database
    from services.pipeline.imports.mapping import Mapping

Compared = tuple[dict[str, Any], list[dict[str, Any]]]

EXIT_FAILED = 1
EXIT_BAD_ROWS = 3

_SUFFIXES = (".csv", ".tsv", ".txt", ".ndjson", ".jsonl")
_PIECE_BYTES = 1024 * 1024
_POLL_S = 0.5
_ERRORS_SHOWN = 10


def command(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders, or ROLE=FILE to say which of the mapping's files it is.",
        ),
    ],
    mapping: Annotated[
        str | None,
        typer.Option(help="A shipped mapping's name or a file; by default told by the columns."),
    ] = None,
    workspace: Annotated[
        str | None, typer.Option(help="Slug or id; needed when there is more than one.")
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="Import now, or leave it queued for the worker.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Import files of another system. Ends with 0, with 1 when the import failed as a whole, with
    3 when some rows did not go in. Repeating it changes nothing."""
    from services import lead_import
    from services.cli.environment import connected

    lead_import.register()
    files = list(_files(paths))
    with connected():
        report, errors, compared = asyncio.run(
            _run(files, _mapping(mapping), workspace, wait=wait, quiet=as_json)
        )
    _say(report, errors, compared, as_json=as_json)
    if report["status"] == "failed":
        raise typer.Exit(EXIT_FAILED)
    if report["rows"]["failed"]:
        raise typer.Exit(EXIT_BAD_ROWS)


def _files(paths: list[str]) -> Iterator[tuple[str | None, Path]]:
    """(role or None, file) of each; raises CommandError for what is not there."""
    from services.cli.environment import CommandError

    for text in paths:
        role: str | None = None
        path = Path(text)
        if not path.exists() and "=" in text:
            role, _, rest = text.partition("=")
            path = Path(rest)
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
            if not found:
                raise CommandError(f"{path} has no {', '.join(_SUFFIXES)} files")
            yield from ((role, file) for file in found)
        elif path.exists():
            yield role, path
        else:
            raise CommandError(f"there is no file {path}")


def _mapping(text: str | None) -> "Mapping | None":
    from services.pipeline.imports import catalogue
    from services.pipeline.imports.mapping import parse_mapping

    if text is None:
        return None
    path = Path(text)
    if path.suffix in (".yaml", ".yml", ".json") and path.exists():
        return parse_mapping(path.read_bytes())
    return catalogue.named(text)


async def _run(
    files: list[tuple[str | None, Path]],
    mapping: "Mapping | None",
    workspace: str | None,
    *,
    wait: bool,
    quiet: bool,
) -> tuple[dict[str, Any], list[dict[str, Any]], Compared | None]:
    """The import as the API shows it, its first errors, and what its files add up to against what
    is stored; not before it is through."""
    from rich.console import Console
    from rich.progress import Progress

    from services.cli import reconcile
    from services.cli.administration import administration, workspace_named
    from services.kit.pagination import PageRequest
    from services.pipeline.imports import service

    console = Console(stderr=True, quiet=quiet)
    async with administration() as database:
        workspace_id = await workspace_named(database, workspace)
        with Progress(console=console, transient=True) as progress:
            import_id = await _upload(database, workspace_id, files, mapping, progress)
            if wait:
                await _carry_out(database, workspace_id, import_id, progress)
        async with database.read(workspace_id) as session:
            report = await service.show(session, import_id)
            page = PageRequest(_ERRORS_SHOWN, None)
            errors, _ = await service.list_errors(session, import_id, page, "error")
            compared = await reconcile.read(session, import_id) if report["records"] else None
    return report, errors, compared


async def _upload(
    database: "Database",
    workspace_id: UUID,
    files: list[tuple[str | None, Path]],
    mapping: "Mapping | None",
    progress: "Progress",
) -> UUID:
    from services.kit.auth import Principal
    from services.kit.ids import NIL
    from services.kit.settings import get_settings
    from services.pipeline.imports.upload import Upload

    sender = Principal(workspace_id, NIL, None, "leadline import", frozenset({"admin"}))
    total = sum(path.stat().st_size for _, path in files)
    bar = progress.add_task("reading", total=total)
    limit = get_settings().import_bytes_max
    async with Upload(database, sender, bytes_max=limit) as upload:
        for role, path in files:
            await upload.open(path.name, role)
            with path.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    await upload.write(piece)
                    progress.advance(bar, len(piece))
        return await upload.finish(mapping)


async def _carry_out(
    database: "Database", workspace_id: UUID, import_id: UUID, progress: "Progress"
) -> None:
    """Here and now, unless a worker was faster; then its progress is watched, and taken over
    should it fall silent."""
    from services.pipeline.imports import service

    bar = progress.add_task("importing", total=None)

    def show(position: dict[str, Any]) -> None:
        description = f"importing: {position['rows_done']} rows"
        progress.update(
            bar, description=description, completed=position["phase"], total=position["phases"]
        )

    while True:
        await service.run_one(database, workspace_id, import_id, show)
        async with database.read(workspace_id) as session:
            current = await service.show(session, import_id)
        if current["finished_at"] is not None:
            return
        progress.update(bar, description=f"importing: {current['progress']['rows_done']} rows")
        await asyncio.sleep(_POLL_S)


def _say(
    report: dict[str, Any],
    errors: list[dict[str, Any]],
    compared: Compared | None,
    *,
    as_json: bool,
) -> None:
    from services.cli import reconcile
    from services.kit.answers import to_json

    if as_json:
        both = None if compared is None else {**compared[0], "differences": compared[1]}
        content = {**report, "errors": errors, "reconciliation": both}
        sys.stdout.write(to_json(content).decode() + "\n")
        return
    print(f"import {report['id']}: {report['status']}")
    print(f"mapping: {report['mapping']}")
    for record, counts in report["records"].items():
        told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
        print(f"{record}: {told or 'none'}")
    if (history := report["history"]) is not None:
        print("history: " + ", ".join(f"{number} {name}" for name, number in history.items()))
    if report["error"]:
        print(f"failed: {report['error']}")
    for warning in report["warnings"]:
        first = warning["examples"][0]
        place = f"{first['file']}:{first['line']}"
        print(f"warning {warning['code']} × {warning['count']}: {place} {first['message']}")
    for error in errors:
        field = f" {error['field']}" if error["field"] else ""
        print(f"error {error['file']}:{error['line']}{field}: {error['message']}")
    if report["errors_total"] > len(errors):
        print(f"… {report['errors_total'] - len(errors)} more errors in GET /v1/imports/…/errors")
    if compared is not None:
        print("\n".join(reconcile.lines(*compared)))
