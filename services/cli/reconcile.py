"""`leadline reconcile`: what an import's files add up to against what is stored now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

if TYPE_CHECKING:
    from services.kit.db import Session

EXIT_DIFFERENT = 3
DIFFERENCES_SHOWN = 20
_ZERO = ("0.00", "-0.00")


def command(
    import_id: Annotated[UUID, typer.Argument(metavar="IMPORT", help="The id of an import.")],
    workspace: Annotated[
        str | None, typer.Option(help="Slug or id; needed when there is more than one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Compare what an import's files say with what is stored now. Ends with 0 where nothing
    differs, with 3 where something does."""
    from services.cli.environment import configure_logging, connected, say

    configure_logging()
    with connected():
        found, differences = asyncio.run(_read(workspace, import_id))
    if as_json:
        say({**found, "differences": differences}, as_json=True)
    else:
        print("\n".join(lines(found, differences)))
    if not found["is_equal"]:
        raise typer.Exit(EXIT_DIFFERENT)


async def _read(
    reference: str | None, import_id: UUID
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from services.cli.administration import administration, workspace_named

    async with administration() as database:
        workspace_id = await workspace_named(database, reference)
        async with database.read(workspace_id) as session:
            return await read(session, import_id)


async def read(session: Session, import_id: UUID) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The reconciliation as the API tells it, and its first differences."""
    from services.kit.pagination import PageRequest
    from services.pipeline.imports.reconciliation import service

    found = await service.reconcile(session, import_id)
    page = PageRequest(DIFFERENCES_SHOWN, None)
    differences, _ = await service.list_differences(session, import_id, page)
    return found, differences


def lines(found: dict[str, Any], differences: list[dict[str, Any]]) -> Iterator[str]:
    """For people."""
    yield "reconciliation (the files / here):"
    for kind in found["records"]:
        apart = ", ".join(
            f"{kind[name]} {name.replace('_', ' ')}"
            for name in ("deleted", "merged", "refused", "left_out", "unreadable", "differing")
            if kind[name]
        )
        told = f" ({apart})" if apart else ""
        yield f"  {kind['record']}: {kind['theirs']} / {kind['ours']}{told}"
    for each in found["sums"]:
        parts = (("all", "amount"), ("won", "won"), ("open", "open"))
        told = ", ".join(
            f"{word} {each[f'theirs_{name}']} / {each[f'ours_{name}']}" for word, name in parts
        )
        yield f"  {each['currency']}: {told}"
    for line in found["totals"]:
        yield "  " + _line(line)
    for each in differences:
        theirs, ours = (str(each[side]) for side in ("theirs", "ours"))
        yield (
            f"  {each['record']} {each['external_id'] or 'without a key'} ({each['file']}:{each['line']})"
            f" {each['field']}: {theirs} / {ours}, {each['why']}"
        )
    if found["differing"] > len(differences):
        left = found["differing"] - len(differences)
        yield f"  … {left} more in GET /v1/imports/{found['import_id']}/reconciliation/differences"
    if found["is_equal"]:
        yield "  nothing differs"


def _line(line: dict[str, Any]) -> str:
    quarter = line["fiscal_quarter"] or "undated"
    mark = "" if line["is_equal"] else "  ≠"
    difference = line["amount_difference"]
    by = f" ({difference})" if difference not in _ZERO else ""
    return (
        f"{quarter} {line['standing']}: {line['theirs_count']} / {line['ours_count']},"
        f" {line['currency']} {line['theirs_amount']} / {line['ours_amount']}{by}{mark}"
    )
