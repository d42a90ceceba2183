"""X through its own website, as a plug-in: everything that Stonechat has to know of it.

Scripting the website is against X's rules and may cost the account; live mode wants the owner's word for each
account. The adapter and what it imports (Playwright) are loaded when the network is connected, not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stonechat.config.addresses import is_loopback
from stonechat.config.cookies import belongs_to, ended
from stonechat.config.credentials import session_name
from stonechat.config.fields import HttpUrl, Names
from stonechat.config.networks import NetworkSettings
from stonechat.config.session_form import read_session
from stonechat.config.settings import AccountSettings, Section, Settings, setting
from stonechat.core.checkup import Check, CheckResult
from stonechat.core.clock import Clock
from stonechat.core.errors import ConfigFault
from stonechat.core.model import Mode
from stonechat.networks.plugin import Connected, LocalSite, LogIn, NetworkPlugin, NetworkRules, Surroundings
from stonechat.networks.x_picture_limits import LIMITS, refuse_pictures
from stonechat.networks.x_text_rules import XTextRules
from stonechat.networks.x_web.session import HOST, SESSION

if TYPE_CHECKING:
    from stonechat.browser.login_window import Window
    from stonechat.browser.sessions import Session, Site

NAME = "x_web"
_HANDLE = re.compile(r"@?[A-Za-z0-9_]{1,15}")


class XWebSettings(Section):
    """X through its website: works, and starts in live mode only when the owner accepts the risk by name."""

    base_url: HttpUrl = setting("X_BASE_URL", f"https://{HOST}", "an address such as https://host/path")
    """The address of the website that the browser adapter for X opens. Only the demo and tests change it."""
    risk_accepted: Names = setting(
        "X_WEB_RISK_ACCEPTED", (), "the handle of each account, without @, separated by commas"
    )
    """The accounts for which you accept that X may suspend them for automating its website. Live mode refuses
    to start for an account on X's website that is not named here."""


def _faults(settings: Settings, own: Sequence[AccountSettings]) -> Sequence[ConfigFault]:
    return (*_address_faults(settings), *_risk_faults(settings, own)) if own else ()


def _address_faults(settings: Settings) -> list[ConfigFault]:
    """Cookies are sent to X alone; in the demo to this machine alone."""
    address = settings.of_network(XWebSettings).base_url
    demo = settings.startup.mode is Mode.DEMO
    if demo and not is_loopback(address):
        problem = "is not on this machine, and MODE=demo is for the local network alone"
        expected = "an address such as http://127.0.0.1:8080 (`stonechat demo` sets it), or MODE=shadow"
        return [ConfigFault("X_BASE_URL", problem, expected)]
    parts = urlsplit(address)
    if not demo and (parts.scheme != "https" or not belongs_to({"domain": parts.hostname or ""}, HOST)):
        problem = "is not X itself, and the account's cookies would be sent there"
        return [ConfigFault("X_BASE_URL", problem, f"https://{HOST}, or nothing")]
    return []


def _risk_faults(settings: Settings, own: Sequence[AccountSettings]) -> list[ConfigFault]:
    given = settings.of_network(XWebSettings).risk_accepted
    accepted = {one.lstrip("@").casefold() for one in given}
    strange = next((number for number, one in enumerate(given, 1) if not _HANDLE.fullmatch(one)), None)
    if strange is not None:  # which is not repeated: it may be a secret that was meant for another setting
        problem = f"part {strange} of it is no handle; there is no sign that stands for every account"
        return [ConfigFault("X_WEB_RISK_ACCEPTED", problem, "the handle of each account, without @")]
    problem = (
        "does not name {!r}; X suspends accounts whose website is automated, so live mode needs the owner's "
        "word. other networks allow automated accounts (docs/going-live.md)"
    )
    return [
        ConfigFault(
            "X_WEB_RISK_ACCEPTED",
            problem.format(account.handle),
            f"{account.handle} (only after reading the platform rules in the README)",
        )
        for account in own
        if settings.startup.mode is Mode.LIVE and account.handle.casefold() not in accepted
    ]


def _connect(surroundings: Surroundings) -> Connected:
    from stonechat.networks.x_web.adapter import XWeb

    assert surroundings.browser is not None  # noqa: S101 - it says that it uses one
    address = surroundings.settings.of_network(XWebSettings).base_url
    network = XWeb(surroundings.browser, surroundings.clock, surroundings.events, base_url=address)
    return Connected(network, network.check_selectors)


def _profile_url(settings: Settings, handle: str) -> str:
    return f"{settings.of_network(XWebSettings).base_url.rstrip('/')}/{handle}"


def _site(settings: Settings) -> Site:
    from stonechat.browser.sessions import Site

    return Site(SESSION, settings.of_network(XWebSettings).base_url)


async def _log_in(window: Window, clock: Clock, site: str, handle: str, *, patience: timedelta) -> Session:
    from stonechat.networks.x_web.login import log_in

    return await log_in(window, clock, site, handle, patience=patience)


async def _try_session(window: Window, site: str, handle: str, session: Session) -> Session:
    from stonechat.networks.x_web.login import try_session

    return await try_session(window, site, handle, session)


async def _examine(surroundings: Surroundings) -> Sequence[Check]:
    settings = surroundings.settings
    own = settings.on_network(NAME)
    checks = [check for one in own if (check := _session_check(one, surroundings.clock)) is not None]
    if settings.startup.mode is Mode.LIVE:
        names = ", ".join(account.handle for account in own)
        checks.append(
            Check(
                "risk",
                CheckResult.WARN,
                f"live on X's website for {names}, at the owner's accepted risk",
                "X suspends accounts that automate its website. Its official API is the allowed way: see "
                "docs/going-live.md. Other networks allow automated accounts for nothing.",
            )
        )
    return checks


def _session_check(account: AccountSettings, clock: Clock) -> Check | None:
    """What the log-in in the settings is worth, where one stands there."""
    if account.session_b64 is None:
        return None
    saved = read_session(account.session_b64.get_secret_value(), SESSION)
    over = ended(saved.cookies, SESSION.needed, clock.wall())
    if over is not None:
        found = f"the log-in that the settings give for {account.handle} ended on {over:%Y-%m-%d}"
        fix = f"A newer one may be saved; otherwise: stonechat login --account {account.handle}"
        return Check("session", CheckResult.WARN, found, fix)
    if saved.left_out:
        found = f"of the log-in that the settings give for {account.handle} {'; '.join(saved.left_out)}"
        return Check("session", CheckResult.WARN, found, "Nothing has to be done: the log-in does without.")
    return None


def _demo(local: LocalSite) -> Mapping[str, str]:
    of_accounts = {session_name(SESSION, handle): one for handle, one in local.sessions.items()}
    return {"X_BASE_URL": local.url, **of_accounts}


def _own_posts_query(handle: str, since: datetime, until: datetime) -> str:
    return f"from:{handle} since_time:{int(since.timestamp())} until_time:{int(until.timestamp()) + 1}"


def _read_recording(file: Path) -> Iterable[Mapping[str, object]]:
    from stonechat.networks.x_web.recordings import as_row, parse_file

    return map(as_row, parse_file(file))


PLUGIN = NetworkPlugin(
    settings=NetworkSettings(NAME, XWebSettings, SESSION, _faults, is_default=True),
    connect=_connect,
    text=XTextRules(),
    profile_url=_profile_url,
    title="X, through its website",
    rules=NetworkRules(
        official=False,
        unasked_replies=True,
        to_observe=(
            "X wants an automated account to be labelled, with its owner named (Settings, Automation).",
        ),
    ),
    pictures=LIMITS,
    refuse_pictures=refuse_pictures,
    uses_browser=True,
    log_in=LogIn(_site, _log_in, _try_session),
    examine=_examine,
    demo=_demo,
    read_recording=_read_recording,
    own_posts_query=_own_posts_query,
    conversation_query="conversation_id:{}".format,
)
