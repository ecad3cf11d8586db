"""`leadline key`: making, listing and revoking API keys. A token is shown once; only its hash is stored."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import typer

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


_PERSONAL = {"rep", "manager"}


@app.command("create")
def create(
    role: Annotated[
        list[str],
        typer.Option(help="What it may do; can be given more than once. See the API guide."),
    ],
    workspace: Annotated[
        str | None, typer.Option(help="Slug or id; needed when there is more than one.")
    ] = None,
    name: Annotated[str, typer.Option(help="Who or what uses it.")] = "leadline key create",
    user_external_id: Annotated[
        str | None, typer.Option(help="The user it acts as; roles such as rep need one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Make an API key and print its token."""
    from services.cli.administration import administration, workspace_named
    from services.cli.environment import CommandError, connected, say
    from services.workspace.keys.service import create_key

    async def run() -> dict[str, Any]:
        if user_external_id is None and not set(role) - _PERSONAL:
            raise CommandError("this role reaches its own records only: give --user-external-id")
        async with administration() as database:
            workspace_id = await workspace_named(database, workspace)
            async with database.write(workspace_id) as session:
                key_id, token = await create_key(
                    session, name=name, roles=role, user_external_id=user_external_id
                )
        return {"id": key_id, "workspace_id": workspace_id, "token": token}

    with connected():
        answer = asyncio.run(run())
    if as_json:
        say(answer, as_json=True)
    else:
        print(answer["token"])


@app.command("list")
def list_all(
    workspace: Annotated[
        str | None, typer.Option(help="Slug or id; needed when there is more than one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say which keys there are, revoked ones too; never their tokens."""
    from services.cli.administration import administration, workspace_named
    from services.cli.environment import connected, say
    from services.workspace.keys.service import list_keys

    async def run() -> list[dict[str, Any]]:
        async with administration() as database:
            workspace_id = await workspace_named(database, workspace)
            async with database.read(workspace_id) as session:
                return await list_keys(session)

    with connected():
        keys = asyncio.run(run())
    if as_json:
        say({"keys": keys}, as_json=True)
        return
    for key in keys:
        state = "revoked" if key["revoked_at"] else "in use"
        print(f"{key['id']}  {state}  {','.join(key['roles'])}  {key['name']}")


@app.command("revoke")
def revoke(
    key_id: Annotated[UUID, typer.Argument(help="The key's id, as `leadline key list` says it.")],
    workspace: Annotated[
        str | None, typer.Option(help="Slug or id; needed when there is more than one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Withdraw an API key: within two seconds it opens nothing any more."""
    from services.cli.administration import administration, workspace_named
    from services.cli.environment import connected, say
    from services.workspace.keys.service import revoke_key

    async def run() -> dict[str, Any]:
        async with administration() as database:
            workspace_id = await workspace_named(database, workspace)
            async with database.write(workspace_id) as session:
                return {"id": key_id, "revoked_at": await revoke_key(session, key_id)}

    with connected():
        say(asyncio.run(run()), as_json=as_json)
