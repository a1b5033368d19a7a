"""``opsgate token``: makes, lists and revokes the tokens of a file."""

from __future__ import annotations

from pathlib import Path

import click

from opsgate import tokens
from opsgate.apis import APIS
from opsgate.command_line import guarded
from opsgate.tokens import TokenError

_FILE = click.option(
    "--file",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=[
        "OPSGATE_SERVER_TOKENS_FILE",
        "ECF_RESTAPI_TOKENS_FILE",
        "ECF_RESTAPI_TOKEN_FILE",
        "ECF_API_TOKEN_FILE",
    ],
    default=Path("api-tokens.json"),
    show_default=True,
    help="The file of tokens.",
)


@click.group(name="token")
def token_group() -> None:
    """Make, list and revoke tokens."""


@token_group.command(name="add")
@_FILE
@click.option("--description", default="", help="What it is for.")
@click.option("--days", type=click.FloatRange(min=0), help="How long it is valid; for ever without.")
@click.option("--method", type=click.Choice(["sha256", "pbkdf2:sha256"]), default="sha256", show_default=True)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="API:read|full",
    help="What it is good for; * is every API. May be repeated; everything without.",
)
def add_token(file: Path, description: str, days: float | None, method: str, scopes: tuple[str, ...]) -> None:
    """Print a new token, and add its hash to the file: nothing else will tell it again."""

    def add() -> None:
        for scope in scopes:
            if scope.partition(":")[0] not in (*APIS, "*"):
                raise TokenError(f"{scope!r}: there is no such API; there are {', '.join(APIS)}, and * for all of them")
        click.echo(tokens.create(file, description, days=days, method=method, scopes=scopes))

    guarded(add)


token_group.add_command(add_token, "create")


@token_group.command(name="list")
@_FILE
def list_tokens(file: Path) -> None:
    """List the tokens: number, beginning of the hash, state, what they are good for, description."""
    guarded(lambda: click.echo("\n".join(tokens.listing(file))))


@token_group.command(name="revoke")
@_FILE
@click.argument("wanted")
def revoke_token(file: Path, wanted: str) -> None:
    """Take back the token with this number, this description, or this text itself."""

    def revoke() -> None:
        revoked = tokens.revoke(file, lambda number, entry: tokens.names(wanted, number, entry))
        if not revoked:
            raise TokenError(f"{file}: {wanted!r} is no valid token")
        click.echo(f"{len(revoked)} revoked")

    guarded(revoke)
