"""``stonechat accounts``: which there are, how each is doing, and taking one away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stonechat.cli.actor import do
from stonechat.cli.context import open_for_cli, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, spoken

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

accounts_app = typer.Typer(help="The accounts: which there are, how each is doing.", no_args_is_help=True)

_Named = Annotated[str, typer.Argument(help="The account's handle, or its id.")]
_COLUMNS = ("network", "handle", "session", "posting", "log_in")


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as the owner sees it.

    Attributes:
        session: what its network last said of its log-in, and since when.
        posting: ``on``, or why it is held.
        log_in: where its saved log-in came from; empty where none is saved.
        demands: what its network asks of an automated account.
    """

    id: str
    network: str
    handle: str
    session: str
    since: datetime
    why: str
    posting: str
    log_in: str
    log_in_at: datetime | None
    demands: Sequence[str]


@spoken
def list_accounts(as_json: AsJson = False) -> None:
    """Every account that this Stonechat has ever run, with the state of its log-in and its posting."""
    rows = run_async(_rows())
    if as_json:
        print_json(rows)
    else:
        print_rows(
            rows, _COLUMNS, title="Accounts", empty="None yet; `stonechat run` adds those of the settings."
        )


@spoken
def show(account: _Named, as_json: AsJson = False) -> None:
    """One account: the state of its log-in, why posting is held, and what its network asks of it."""
    from stonechat.core.model import Account
    from stonechat.owner.naming import chosen

    rows = run_async(_rows())
    meant = chosen([Account(one.id, one.network, one.handle) for one in rows], account)
    row = next(one for one in rows if one.id == meant.id)
    if as_json:
        print_json(row)
        return
    print_rows([row], (*_COLUMNS, "since", "why"), title=row.id, empty="")
    demands = [{"demand": one} for one in row.demands]
    print_rows(
        demands, ("demand",), title="What the network asks", empty="Its network asks for nothing more."
    )


@spoken
def remove(
    account: _Named,
    why: Annotated[str, typer.Option(help="Why; kept in the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Forget an account's saved log-in and hold its posting; its history stays. `connect` brings it back."""
    from stonechat.owner import log_in

    do(lambda owner: log_in.forget(owner, account, why=why), as_json=as_json)


async def _rows() -> list[AccountRow]:
    async with open_for_cli(read_stored()) as (database, _), database.read("cli.accounts") as connection:
        return await _read(connection)


async def _read(connection: AsyncConnection) -> list[AccountRow]:
    from stonechat.database.repositories import accounts, sessions
    from stonechat.networks.registry import installed

    plugins, saved = installed().plugins, await sessions.sources(connection)
    held = {one.scope: one.why for one in await accounts.switched_off(connection)}
    rows = []
    for one in await accounts.every(connection):
        session = await accounts.session(connection, one.id)
        source, at = saved.get(one.id, ("", None))
        why = held.get("posting", held.get(f"posting/{one.id}"))
        rows.append(
            AccountRow(
                id=one.id,
                network=one.network,
                handle=one.handle,
                session=session.state.value,
                since=session.since,
                why=session.why,
                posting="on" if why is None else f"held: {why}",
                log_in=source,
                log_in_at=at,
                demands=plugins[one.network].rules.to_observe if one.network in plugins else (),
            )
        )
    return rows


accounts_app.command("list", epilog="Example: stonechat accounts list --json")(list_accounts)
accounts_app.command("show", epilog="Example: stonechat accounts show quietbuilder")(show)
accounts_app.command("remove", epilog="Example: stonechat accounts remove quietbuilder")(remove)
