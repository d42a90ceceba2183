"""Mastodon as a plug-in: any server that speaks its API, which allows automated accounts that say so.

The adapter and the library are loaded when the network is connected, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
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
from stonechat.core.network import Picture, PictureLimits
from stonechat.core.states import SessionState
from stonechat.networks.mastodon.instance import PICTURES, Instance
from stonechat.networks.mastodon.text_rules import USUAL_LENGTH, MastodonTextRules
from stonechat.networks.plugin import (
    Asked,
    Connected,
    Connecting,
    LocalSite,
    NetworkPlugin,
    NetworkRules,
    Surroundings,
)

if TYPE_CHECKING:
    from stonechat.networks.mastodon.adapter import Access, Mastodon

NAME = "mastodon"
TOKEN = "token"  # noqa: S105 - what the credential is called, not what it is
_HANDLE = "the account with its server, such as me@mastodon.example"


class Visibility(StrEnum):
    """Who sees a post, as Mastodon names it."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"


class MastodonSettings(Section):
    """Mastodon and servers that speak its API."""

    server: HttpUrl | None = setting("MASTODON_URL", None, "an address such as https://mastodon.example")
    """The server's address, where it is not the part of the handle behind `@`. It holds for all accounts on
    Mastodon that name no server."""
    token: SecretStr | None = setting(
        "MASTODON_ACCESS_TOKEN", None, "an access token of the account, for reading and writing"
    )
    """The token of the only account on Mastodon, until `stonechat connect mastodon` has saved one encrypted,
    which goes before it."""
    visibility: Visibility = setting("MASTODON_VISIBILITY", Visibility.PUBLIC, "public, unlisted or private")
    """Who sees posts: `public` everybody, `unlisted` whoever looks for them, `private` followers alone."""
    reply_visibility: Visibility = setting(
        "MASTODON_REPLY_VISIBILITY", Visibility.UNLISTED, "public, unlisted or private"
    )
    """Who sees replies to others. `unlisted` keeps them off the server's public timelines, which most servers
    ask of automated accounts."""
    warning: str = setting("MASTODON_CONTENT_WARNING", "", "a few words, or nothing", max_length=200)
    """A content warning before every post. It counts against the length of each."""
    language: str = setting("MASTODON_LANGUAGE", "", "two letters, such as en", pattern="^([a-z]{2})?$")
    """The language of posts. Without it the account's own setting on its server holds."""
    timeout: Duration = setting(
        "MASTODON_TIMEOUT", timedelta(seconds=20), "a duration such as 30s, 15m, 24h or 7d"
    )
    """How long an answer of the server may take. A post whose answer does not come is looked for before it is
    sent again."""


def server_of(settings: Settings, handle: str) -> str:
    """The address of the account's server; empty where neither its handle nor the settings name one."""
    host = handle.partition("@")[2]
    own = settings.of_network(MastodonSettings).server
    return (own or (f"https://{host}" if host else "")).rstrip("/")


def _faults(settings: Settings, own: Sequence[AccountSettings]) -> Sequence[ConfigFault]:
    section, faults = settings.of_network(MastodonSettings), []
    for account in own:
        server = server_of(settings, account.handle)
        if not server:
            faults.append(ConfigFault("ACCOUNT_HANDLE", f"{account.handle!r} names no server", _HANDLE))
        elif urlsplit(server).scheme != "https" and not is_loopback(server):
            faults.append(
                ConfigFault(
                    "MASTODON_URL", "is not encrypted, and the token would be sent there", "https://…"
                )
            )
        elif settings.startup.mode is Mode.DEMO and not is_loopback(server):
            faults.append(
                ConfigFault(
                    "MASTODON_URL",
                    "is not on this machine, and MODE=demo is for the local network alone",
                    "an address such as http://127.0.0.1:8080 (`stonechat demo` sets it), or MODE=shadow",
                )
            )
    return [*faults, *_token_faults(settings, section, own)]


def _token_faults(
    settings: Settings, section: MastodonSettings, own: Sequence[AccountSettings]
) -> list[ConfigFault]:
    startup = settings.startup
    if section.token is not None:
        if len(own) > 1:
            problem = f"is the token of one account, and there are {len(own)} on Mastodon"
            return [
                ConfigFault(
                    "MASTODON_ACCESS_TOKEN", problem, "nothing; run: stonechat connect mastodon for each"
                )
            ]
        return []
    may_be_saved = startup.session_key is not None or (startup.data_dir / KEY_FILE).exists()
    if own and not may_be_saved:
        expected = f"a token of {own[0].handle}; or run: stonechat connect mastodon"
        return [ConfigFault("MASTODON_ACCESS_TOKEN", "is missing", expected)]
    return []


def _adapter(surroundings: Surroundings) -> Mastodon:
    from stonechat.networks.mastodon.adapter import Access, Mastodon
    from stonechat.networks.mastodon.publishing import Manner

    settings, credentials = surroundings.settings, surroundings.credentials
    section = settings.of_network(MastodonSettings)

    async def access(account: Account) -> Access:
        saved = await credentials.load(account.id) or {}
        given = section.token.get_secret_value() if section.token is not None else ""
        token, server = saved.get(TOKEN) or given, server_of(settings, account.handle)
        if not token or not server:
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"No token is saved for @{account.handle}.",
                meaning="Nothing is read or published in its name.",
                remedy="Connect it: stonechat connect mastodon.",
            )
        return Access(server, token)

    manner = Manner(section.visibility, section.reply_visibility, section.warning, section.language)
    return Mastodon(access, surroundings.clock, manner, timeout=section.timeout)


def _connect(surroundings: Surroundings) -> Connected:
    adapter = _adapter(surroundings)
    return Connected(adapter, text_of=adapter.text_of)


def _refuse_pictures(pictures: Sequence[Picture]) -> str:
    """By the limits that every server has; those of the account's own are held to before anything is sent."""
    return Instance().refuse_pictures(pictures)


def _profile_url(settings: Settings, handle: str) -> str:
    name, _, host = handle.partition("@")
    own = settings.of_network(MastodonSettings).server
    return f"{str(own).rstrip('/')}/@{handle}" if own else f"https://{host}/@{name}"


def _steps(settings: Settings, handle: str) -> Sequence[str]:
    server = server_of(settings, handle)
    return (
        f"Open {server}/settings/applications/new, logged in as @{handle}"
        " (Preferences, Development, New application).",
        "Give it any name. Of the scopes tick read, write:statuses and write:media, and no other.",
        "Save it, open it again, and copy “Your access token”.",
    )


async def _examine(surroundings: Surroundings) -> Sequence[Check]:
    adapter, checks = _adapter(surroundings), list[Check]()
    for one in surroundings.settings.on_network(NAME):
        account = Account(f"{NAME}:{one.handle}", NAME, one.handle)
        try:
            found, instance = await adapter.examine(account)
        except StonechatError as exc:
            checks.append(Check("token", CheckResult.FAIL, f"@{one.handle}: {exc.what}", exc.remedy))
            continue
        checks += _findings(
            server_of(surroundings.settings, one.handle), one.handle, bool(found.get("bot")), instance
        )
    return checks


def _findings(server: str, handle: str, is_bot: bool, instance: Instance) -> list[Check]:
    said = f"{instance.max_length} characters, {instance.max_pictures} pictures a post"
    checks = [Check("token", CheckResult.OK, f"@{handle} is let in; its server takes {said}")]
    if is_bot:
        checks.append(Check("automated account", CheckResult.OK, f"@{handle} says that it is one"))
    else:
        found = f"@{handle} does not say that it is automated"
        fix = f"Tick “This is an automated account” at {server}/settings/profile."
        checks.append(Check("automated account", CheckResult.WARN, found, fix))
    if instance.max_length < USUAL_LENGTH:
        found = f"the server of @{handle} takes {instance.max_length} characters and not {USUAL_LENGTH}"
        checks.append(
            Check(
                "length",
                CheckResult.WARN,
                found,
                "Nothing to do: posts are written to fit. Keep to it in your own.",
            )
        )
    return checks


def _demo(local: LocalSite) -> Mapping[str, str]:
    return {"MASTODON_URL": local.url, "MASTODON_ACCESS_TOKEN": next(iter(local.tokens.values()))}


PLUGIN = NetworkPlugin(
    settings=NetworkSettings(NAME, MastodonSettings, faults=_faults),
    connect=_connect,
    text=MastodonTextRules(),
    profile_url=_profile_url,
    title="Mastodon",
    metrics=frozenset({"likes", "reposts", "replies", "quotes"}),
    rules=NetworkRules(
        to_observe=(
            "Most servers want an automated account to be marked as one, and its bio to say who runs it.",
            "Read the rules of the account's own server; some allow no automated accounts.",
            "People whose profile says #NoBot are left alone.",
        )
    ),
    pictures=PictureLimits(dict.fromkeys(PICTURES, Instance().image_bytes)),
    refuse_pictures=_refuse_pictures,
    many_servers=True,
    connecting=Connecting(_steps, (Asked(TOKEN, "Access token"),)),
    examine=_examine,
    demo=_demo,
)
