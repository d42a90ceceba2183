"""``stonechat login``: a session, given by the owner's own hand, checked and stored encrypted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import tell
from stonechat.cli.context import make_clock, read_for_login, run_async
from stonechat.cli.output import AsJson, note, say, spoken
from stonechat.config.settings import AccountSettings, Settings
from stonechat.core.errors import Permanent

if TYPE_CHECKING:
    from stonechat.browser.sessions import Session
    from stonechat.config.session_form import SessionForm
    from stonechat.core.clock import Clock
    from stonechat.networks.plugin import LogIn
    from stonechat.owner import Done


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
    done = run_async(_log_in(settings, screen, account, from_file, timedelta(minutes=minutes)))
    tell(done, as_json=as_json)


async def _log_in(
    settings: Settings, screen: bool, handle: str | None, file: Path | None, patience: timedelta
) -> Done[Any]:
    from stonechat.browser.login_window import open_window
    from stonechat.browser.sessions import for_site

    chosen, log_in = _chosen(settings, handle)
    site, clock = log_in.site(settings), make_clock(settings)
    given = None if file is None else _read_file(file, site.form, clock)
    executable = _executable(settings) if given is not None else settings.browser.executable
    async with open_window(executable, visible=given is None, screen=screen) as window:
        if given is None:
            note(f"Log in as @{chosen.handle} in the window that opens. It closes by itself.")
            session = await log_in.by_hand(window, clock, site.address, chosen.handle, patience=patience)
        else:
            session = await log_in.check(window, site.address, chosen.handle, for_site(given, site))
    return await _store(settings, chosen, session, source="login" if given is None else "file")


def _read_file(file: Path, form: SessionForm, clock: Clock) -> Session:
    """The log-in in the file; what of it is left out is said."""
    from stonechat.browser.sessions import parse_session
    from stonechat.config.cookies import ended
    from stonechat.config.session_form import read_session

    raw = _bytes(file)
    given = parse_session(raw, form, setting=str(file))
    for left_out in read_session(raw, form).left_out:
        note(f"Of {file} {left_out}.")
    over = ended(given.cookies, given.needed, clock.wall())
    if over is not None:
        raise Permanent(
            f"This log-in ended on {over:%Y-%m-%d}.",
            meaning="Nothing was saved.",
            remedy="Log in again in your own browser and export it anew, or run stonechat login.",
        )
    return given


async def _store(settings: Settings, chosen: AccountSettings, session: Session, *, source: str) -> Done[Any]:
    from stonechat.cli.actor import open_owner
    from stonechat.networks.registry import installed
    from stonechat.owner.log_in import store_session
    from stonechat.startup.boot_context import account_of
    from stonechat.startup.build_sessions import open_vault

    async with open_owner(settings) as owner:
        vault = open_vault(settings, installed(), owner.database, owner.clock)
        return await store_session(owner, vault, account_of(chosen), session, source=source)


def _chosen(settings: Settings, handle: str | None) -> tuple[AccountSettings, LogIn]:
    """The account, and how its network logs it in."""
    from stonechat.networks.registry import installed

    registry = installed()
    ways = [(one, registry[one.network].log_in) for one in settings.accounts]
    wanted = (handle or "").lstrip("@").casefold()
    named = [(one, way) for one, way in ways if way and (not wanted or one.handle.casefold() == wanted)]
    if len(named) == 1:
        return named[0]
    known = ", ".join(one.handle for one, way in ways if way) or "none"
    what = f"There is no account {handle!r} that logs in." if wanted else "There are several accounts."
    raise Permanent(what, remedy=f"Name one with --account. Known: {known}.")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise Permanent(f"{file} cannot be read: {exc.strerror}.", remedy="Check the path.") from exc


def _executable(settings: Settings) -> Path | None:
    from stonechat.browser.executable import find_chromium

    return find_chromium(settings.browser.executable)
