"""Bluesky as a plug-in: any personal data server; automated accounts are allowed that label themselves.

The adapter is loaded when the network is connected, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from stonechat.config.addresses import is_loopback
from stonechat.config.credentials import KEY_FILE
from stonechat.config.fields import Duration, HttpUrl
from stonechat.config.networks import NetworkSettings
from stonechat.config.settings import AccountSettings, Section, Settings, setting
from stonechat.core.checkup import Check, CheckResult
from stonechat.core.errors import ConfigFault, SessionTrouble, StonechatError
from stonechat.core.model import Account, Mode
from stonechat.core.network import PictureLimits
from stonechat.core.states import SessionState
from stonechat.networks.bluesky.records import LARGEST_PICTURE, PICTURES, refuse_pictures
from stonechat.networks.bluesky.text_rules import BlueskyTextRules
from stonechat.networks.plugin import (
    Asked,
    Connected,
    Connecting,
    NetworkPlugin,
    NetworkRules,
    Surroundings,
)

if TYPE_CHECKING:
    from stonechat.networks.bluesky.adapter import Access, Bluesky
    from stonechat.networks.bluesky.client import Tokens

NAME = "bluesky"
PASSWORD = "app_password"  # noqa: S105 - what the credential is called, not what it is
_SESSION = ("did", "handle", "access", "refresh")


class BlueskySettings(Section):
    """Bluesky and other servers of its protocol."""

    server: HttpUrl = setting("BLUESKY_URL", "https://bsky.social", "an address such as https://pds.example")
    """The personal data server that the accounts log in at. Change it for accounts on one of their own."""
    password: SecretStr | None = setting("BLUESKY_APP_PASSWORD", None, "an app password, such as abcd-efgh-…")
    """The app password of the only account on Bluesky, until `stonechat connect bluesky` has saved one
    encrypted, which goes before it. Never the account's own password."""
    language: str = setting("BLUESKY_LANGUAGE", "", "two letters, such as en", pattern="^([a-z]{2})?$")
    """The language that posts say they are in. Without it they say nothing about that."""
    timeout: Duration = setting("BLUESKY_TIMEOUT", timedelta(seconds=20), "a duration such as 30s")
    """How long an answer of the server may take. A post whose answer does not come is looked for before it is
    sent again."""


def _faults(settings: Settings, own: Sequence[AccountSettings]) -> Sequence[ConfigFault]:
    if not own:
        return ()
    section = settings.of_network(BlueskySettings)
    faults = [
        ConfigFault("ACCOUNT_HANDLE", f"{one.handle!r} is no handle on Bluesky", "such as me.bsky.social")
        for one in own
        if "." not in one.handle or "@" in one.handle
    ]
    local = is_loopback(section.server)
    if urlsplit(section.server).scheme != "https" and not local:
        faults.append(
            ConfigFault("BLUESKY_URL", "is not encrypted, and the password would be sent there", "https://…")
        )
    if settings.startup.mode is Mode.DEMO and not local:
        problem = "is not on this machine, and MODE=demo is for this machine alone"
        faults.append(ConfigFault("BLUESKY_URL", problem, "an address on this machine, or MODE=shadow"))
    return [*faults, *_password_faults(settings, section, own)]


def _password_faults(
    settings: Settings, section: BlueskySettings, own: Sequence[AccountSettings]
) -> list[ConfigFault]:
    startup = settings.startup
    if section.password is not None and len(own) > 1:
        problem = f"is the password of one account, and there are {len(own)} on Bluesky"
        expected = "nothing; run: stonechat connect bluesky for each"
        return [ConfigFault("BLUESKY_APP_PASSWORD", problem, expected)]
    may_be_saved = startup.session_key is not None or (startup.data_dir / KEY_FILE).exists()
    if section.password is None and not may_be_saved:
        expected = f"an app password of {own[0].handle}; or run: stonechat connect bluesky"
        return [ConfigFault("BLUESKY_APP_PASSWORD", "is missing", expected)]
    return []


def _adapter(surroundings: Surroundings) -> Bluesky:
    from stonechat.networks.bluesky.adapter import Access, Bluesky
    from stonechat.networks.bluesky.client import Tokens

    credentials, section = surroundings.credentials, surroundings.settings.of_network(BlueskySettings)

    async def access(account: Account) -> Access:
        saved = await credentials.load(account.id) or {}
        given = section.password.get_secret_value() if section.password is not None else ""
        password = saved.get(PASSWORD) or given
        if not password:
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"No app password is saved for @{account.handle}.",
                meaning="Nothing is read or published in its name.",
                remedy="Connect it: stonechat connect bluesky.",
            )
        kept = Tokens(*(saved[one] for one in _SESSION)) if all(map(saved.get, _SESSION)) else None
        return Access(section.server.rstrip("/"), password, kept)

    async def keep(account: Account, tokens: Tokens) -> None:
        """Beside the saved password, so that a start needs no new session: servers allow few of them."""
        saved = await credentials.load(account.id) or {}
        if saved.get(PASSWORD):
            session = {one: str(getattr(tokens, one)) for one in _SESSION}
            await credentials.renew(account.id, {**saved, **session})

    return Bluesky(access, keep, surroundings.clock, language=section.language, timeout=section.timeout)


def _connect(surroundings: Surroundings) -> Connected:
    return Connected(_adapter(surroundings))


def _profile_url(_settings: Settings, handle: str) -> str:
    return f"https://bsky.app/profile/{handle}"


def _steps(_settings: Settings, handle: str) -> Sequence[str]:
    return (
        f"Open https://bsky.app/settings/app-passwords, logged in as @{handle}.",
        "Add an app password, with any name and without access to your messages.",
        "Copy it; it is shown once.",
    )


async def _examine(surroundings: Surroundings) -> Sequence[Check]:
    adapter, checks = _adapter(surroundings), list[Check]()
    for one in surroundings.settings.on_network(NAME):
        try:
            labelled = await adapter.is_labelled(Account(f"{NAME}:{one.handle}", NAME, one.handle))
        except StonechatError as exc:
            checks.append(Check("app password", CheckResult.FAIL, f"@{one.handle}: {exc.what}", exc.remedy))
            continue
        checks.append(Check("app password", CheckResult.OK, f"@{one.handle} is let in"))
        if labelled:
            checks.append(Check("automated account", CheckResult.OK, f"@{one.handle} says that it is one"))
        else:
            found = f"@{one.handle} does not label itself as automated"
            fix = "Set the label “bot” on its profile (Settings, Account, Automation)."
            checks.append(Check("automated account", CheckResult.WARN, found, fix))
    return checks


PLUGIN = NetworkPlugin(
    settings=NetworkSettings(NAME, BlueskySettings, faults=_faults),
    connect=_connect,
    text=BlueskyTextRules(),
    profile_url=_profile_url,
    title="Bluesky",
    metrics=frozenset({"likes", "reposts", "replies", "quotes", "bookmarks"}),
    rules=NetworkRules(
        to_observe=(
            "An automated account labels itself “bot”, and its bio says who runs it.",
            "It speaks only to those who have tagged or answered it.",
        )
    ),
    pictures=PictureLimits(most_bytes=dict.fromkeys(PICTURES, LARGEST_PICTURE), longest_side=2000),
    refuse_pictures=refuse_pictures,
    many_servers=True,
    connecting=Connecting(_steps, (Asked(PASSWORD, "App password"),)),
    examine=_examine,
)
