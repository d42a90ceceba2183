"""``stonechat learn goal``: what the owner decides about learning."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stonechat.cli.actor import open_owner, tell
from stonechat.cli.commands.learn import learn_app, the_account
from stonechat.cli.context import read_section, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, say, spoken

__all__ = ["learn_app"]

_AccountName = Annotated[str | None, typer.Option("--account", help="Whose; not needed where there is one.")]


@learn_app.command(
    epilog="Example: stonechat learn goal replies;  stonechat learn goal likes=1,replies=3 --yes"
)
@spoken
def goal(
    name: Annotated[
        str | None,
        typer.Argument(help="engagement, views, replies, followers, or a mix such as likes=1,replies=3."),
    ] = None,
    account: _AccountName = None,
    yes: Annotated[bool, typer.Option("--yes", help="Change it; without this it is shown only.")] = False,
    as_json: AsJson = False,
) -> None:
    """What the account learns towards; with a name, what that goal would change; with --yes, change it."""
    run_async(_goal(name, account, yes, as_json))


async def _goal(name: str | None, named: str | None, yes: bool, as_json: bool) -> None:
    from stonechat.config.settings import LearningSettings
    from stonechat.learning.goals import goal_of
    from stonechat.owner import goals

    maturity = read_section(LearningSettings).maturity
    async with open_owner(read_stored()) as owner:
        account = await the_account(owner.database, named)
        if name is None:
            async with owner.database.read("cli.goal") as connection:
                found = await goal_of(connection, account.id)
            shown: dict[str, Any] = {"account_id": account.id, "goal": found.told()}
            said = f"{account.id} learns towards {found.told()}."
        elif yes:
            tell(await goals.choose(owner, account.id, name, maturity), as_json=as_json)
            return
        else:
            change = await goals.preview(owner.database, account.id, name, maturity)
            shown = {"account_id": account.id, "changed": False, "said": change.sentence()}
            said = f"{change.sentence()} Nothing is changed yet; add --yes to change it."
    print_json(shown) if as_json else say(said)
