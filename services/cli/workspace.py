"""`leadline workspace`: making and listing tenants."""

import asyncio
from typing import Annotated, Any

import typer

app = typer.Typer(help="Make and list workspaces, the tenants.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    slug: Annotated[str, typer.Option(help="Its short name in commands: a-z, 0-9 and hyphens.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code of every figure.")] = "USD",
    fiscal_year_start_month: Annotated[
        int, typer.Option(min=1, max=12, help="Month the fiscal year begins with.")
    ] = 2,
    timezone: Annotated[
        str | None, typer.Option(help="IANA name; a day of the calendar begins there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty workspace with the default policy."""
    from services.cli.administration import administration
    from services.cli.environment import connected, say
    from services.workspace.workspaces.service import DEFAULT_TIMEZONE, create_workspace

    async def run() -> dict[str, Any]:
        async with administration() as database:
            workspace = await create_workspace(
                database,
                name=name,
                slug=slug,
                currency=currency,
                fiscal_year_start_month=fiscal_year_start_month,
                timezone=timezone or DEFAULT_TIMEZONE,
            )
        return {"id": workspace.id, "slug": workspace.slug, "name": workspace.name}

    with connected():
        answer = asyncio.run(run())
    say(answer, as_json=as_json)


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List workspaces by slug."""
    from services.cli.administration import administration
    from services.cli.environment import connected, say
    from services.workspace.workspaces.repository import list_slugs

    async def run() -> list[tuple[str, Any]]:
        async with administration() as database, database.read(None) as session:
            return await list_slugs(session)

    with connected():
        found = asyncio.run(run())
    if as_json:
        items = [{"slug": slug, "id": workspace_id} for slug, workspace_id in found]
        say({"items": items}, as_json=True)
        return
    for slug, workspace_id in found:
        print(f"{slug:24} {workspace_id}")
