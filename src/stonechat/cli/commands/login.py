"""``stonechat login``: a session, given by the owner's own hand, checked and stored encrypted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import open_owner, tell
from stonechat.cli.commands.queue import read_file
from stonechat.cli.context import read_for_login, run_async
from stonechat.cli.output import AsJson, note, say, spoken

if TYPE_CHECKING:
    from stonechat.config.settings import Settings
    from stonechat.owner import Done, Owner
    from stonechat.owner.log_in import SessionImport


@spoken
def login(
    account: Annotated[
        str | None, typer.Option(help="The account's handle; needed where there are several.")
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(help="Take this export of cookies (JSON, cookies.txt …) instead of opening a window."),
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=120, help="How long the window waits for you.")] = 10,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Print a new key for SESSION_KEY and do nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Log an account in: a window opens on the site's own log-in page. No password is seen or kept.

    A Stonechat that runs takes the new session up by itself.
    """
    if new_key:
        from stonechat.browser.session_encryption import new_key as make

        say(make())
        return
    settings, screen = read_for_login()
    if from_file is None:
        if not screen:
            from stonechat.browser.login_window import no_screen

            raise no_screen()
        done = run_async(_by_hand(settings, account, timedelta(minutes=minutes)))
    else:
        done = run_async(_from_file(settings, account, read_file(from_file, "Nothing was saved.")))
    tell(done, as_json=as_json)


async def _from_file(settings: Settings, account: str | None, given: bytes) -> Done[Any]:
    from stonechat.owner.log_in import import_session

    async with _session_import(settings) as (owner, imports):
        return await import_session(owner, imports, account, given)


async def _by_hand(settings: Settings, account: str | None, patience: timedelta) -> Done[Any]:
    from stonechat.browser.login_window import open_window
    from stonechat.owner.log_in import store_session

    async with _session_import(settings) as (owner, imports):
        chosen, way = imports.account(account)
        async with open_window(settings.browser.executable) as window:
            note(f"Log in as @{chosen.handle} in the window that opens. It closes by itself.")
            site = way.site(settings).address
            session = await way.by_hand(window, owner.clock, site, chosen.handle, patience=patience)
        return await store_session(owner, imports.vault, chosen, session, source="login")


@asynccontextmanager
async def _session_import(settings: Settings) -> AsyncIterator[tuple[Owner, SessionImport]]:
    from stonechat.networks.registry import installed
    from stonechat.startup.boot_context import account_of
    from stonechat.startup.build_sessions import open_vault, session_import_of

    async with open_owner(settings) as owner:
        networks = installed()
        vault = open_vault(settings, networks, owner.database, owner.clock)
        yield (
            owner,
            session_import_of(settings, networks, vault, [account_of(one) for one in settings.accounts]),
        )
