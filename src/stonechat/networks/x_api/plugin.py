"""X through its official API as a plug-in: allowed for automated accounts that say so, and paid by the call.

The adapter is loaded when the network is connected, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from stonechat.core.errors import ConfigFault, StonechatError
from stonechat.core.model import Account, Mode
from stonechat.networks.credentials import Values
from stonechat.networks.plugin import (
    Asked,
    Capability,
    Connected,
    Connecting,
    LocalSite,
    NetworkPlugin,
    NetworkRules,
    PostPrice,
    Surroundings,
)
from stonechat.networks.x_picture_limits import LIMITS, refuse_pictures
from stonechat.networks.x_text_rules import XTextRules

if TYPE_CHECKING:
    from stonechat.networks.x_api.adapter import Manner, XApi

NAME = "x_api"
_NAMES = ("api_key", "api_key_secret", "access_token", "access_token_secret")


class XApiSettings(Section):
    """X through its official API, version 2. X charges for each call: the budget's limits hold for it too."""

    server: HttpUrl = setting("X_API_URL", "https://api.x.com", "an address such as https://api.x.com")
    """The address of the API. Only the demo and tests change it."""
    site: HttpUrl = setting("X_API_SITE", "https://x.com", "an address such as https://x.com")
    """Where the owner allows the app to act for the account. Only tests change it."""
    callback_port: int = setting("X_API_CALLBACK_PORT", 8789, "a port", ge=1, le=65535)
    """The port on this machine that X's page sends the browser back to while an account is being connected.
    The app's settings must name `http://127.0.0.1:8789/callback`, with this port."""
    owns_app: bool = setting("X_API_OWNS_APP", False, "true or false")
    """The app was made by the account itself. Reading the account's own posts and mentions costs a fifth
    then; without it the budget counts the full price."""
    timeout: Duration = setting("X_API_TIMEOUT", timedelta(seconds=20), "a duration such as 30s")
    """How long an answer may take. A post whose answer does not come is looked for before it is sent
    again."""
    api_key: SecretStr | None = setting("X_API_KEY", None, "the app's API key, from the developer console")
    """With the three below: the tokens of the only account on X, until `stonechat connect x_api` has saved
    some, encrypted, which go before them."""
    api_key_secret: SecretStr | None = setting("X_API_KEY_SECRET", None, "the app's API key secret")
    """The app's API key secret; goes with X_API_KEY."""
    access_token: SecretStr | None = setting("X_API_ACCESS_TOKEN", None, "the account's access token")
    """The account's access token; goes with X_API_KEY."""
    access_token_secret: SecretStr | None = setting(
        "X_API_ACCESS_TOKEN_SECRET", None, "the account's access token secret"
    )
    """The secret of that access token; goes with X_API_KEY."""

    @property
    def given(self) -> dict[str, str]:
        """The tokens that stand here."""
        held = {name: getattr(self, name) for name in _NAMES}
        return {name: one.get_secret_value() for name, one in held.items() if one is not None}


def _faults(settings: Settings, own: Sequence[AccountSettings]) -> Sequence[ConfigFault]:
    if not own:
        return ()
    section = settings.of_network(XApiSettings)
    local, faults = is_loopback(section.server), list[ConfigFault]()
    if urlsplit(section.server).scheme != "https" and not local:
        faults.append(
            ConfigFault("X_API_URL", "is not encrypted, and tokens would be sent there", "https://…")
        )
    if settings.startup.mode is Mode.DEMO and not local:
        problem = "is not on this machine, and MODE=demo is for the local network alone"
        faults.append(ConfigFault("X_API_URL", problem, "an address on this machine, or MODE=shadow"))
    return [*faults, *_token_faults(settings, section, own)]


def _token_faults(
    settings: Settings, section: XApiSettings, own: Sequence[AccountSettings]
) -> list[ConfigFault]:
    given, missing = section.given, [name for name in _NAMES if name not in section.given]
    if given and missing:
        aliases = [str(XApiSettings.model_fields[name].alias) for name in missing]
        return [
            ConfigFault(one, "is missing, and the others are there", "all four, or none") for one in aliases
        ]
    if given and len(own) > 1:
        problem = f"is of one account, and there are {len(own)} on X's API"
        return [ConfigFault("X_API_ACCESS_TOKEN", problem, "nothing; run: stonechat connect x_api for each")]
    startup = settings.startup
    if not given and startup.session_key is None and not (startup.data_dir / KEY_FILE).exists():
        expected = f"the tokens of {own[0].handle}; or run: stonechat connect x_api"
        return [ConfigFault("X_API_ACCESS_TOKEN", "is missing", expected)]
    return []


def _manner(section: XApiSettings) -> Manner:
    from stonechat.networks.x_api.adapter import Manner

    return Manner(section.server.rstrip("/"), section.owns_app, section.timeout)


def _adapter(surroundings: Surroundings) -> XApi:
    from stonechat.networks.x_api.adapter import XApi

    section = surroundings.settings.of_network(XApiSettings)
    return XApi(
        surroundings.credentials, section.given, surroundings.clock, surroundings.spending, _manner(section)
    )


def _connect(surroundings: Surroundings) -> Connected:
    return Connected(_adapter(surroundings))


def _price(parts: Sequence[str], pictures: int, is_reply: bool) -> PostPrice:
    from stonechat.networks.x_api.prices import price_of

    return price_of(parts, pictures, summoned=is_reply)


def _profile_url(_settings: Settings, handle: str) -> str:
    return f"https://x.com/{handle}"


def _console_steps(_settings: Settings, handle: str) -> Sequence[str]:
    return (
        f"Open https://console.x.com, logged in as @{handle}, and make an app there (reading the account's "
        "own posts costs a fifth where the account owns the app: then set X_API_OWNS_APP=true).",
        "In its settings for user authentication give it the permission to read and write.",
        "Under Keys and tokens make an API key and secret, then an access token and secret, in this order: a "
        "token that was made before the permission does not have it.",
        "Buy credits there. Set a spending limit there too; BUDGET_DAY_USD is Stonechat's own.",
    )


def _browser_steps(settings: Settings, handle: str) -> Sequence[str]:
    port = settings.of_network(XApiSettings).callback_port
    return (
        "Open https://console.x.com and make an app there; buy credits.",
        "In its settings for user authentication choose a native app, the permission to read and write, and "
        f"the callback address http://127.0.0.1:{port}/callback",
        f"Copy the client id. Then have a browser at hand in which @{handle} is logged in.",
    )


async def _authorize(surroundings: Surroundings, given: Values, show: Callable[[str], None]) -> Values:
    from stonechat.networks.http_calls import HttpCalls
    from stonechat.networks.x_api.authorization import authorize

    section = surroundings.settings.of_network(XApiSettings)
    http = HttpCalls(section.server.rstrip("/"), section.timeout)
    try:
        grant = await authorize(
            http,
            given,
            show,
            site=section.site.rstrip("/"),
            port=section.callback_port,
            now=lambda: surroundings.clock.wall().timestamp(),
        )
    finally:
        await http.close()
    return grant.as_values()


async def _examine(surroundings: Surroundings) -> Sequence[Check]:
    adapter, checks = _adapter(surroundings), list[Check]()
    for one in surroundings.settings.on_network(NAME):
        account = Account(f"{NAME}:{one.handle}", NAME, one.handle)
        try:
            profile = await adapter.profile(account, one.handle)
        except StonechatError as exc:
            checks.append(Check("tokens", CheckResult.FAIL, f"@{one.handle}: {exc.what}", exc.remedy))
            continue
        checks.append(Check("tokens", CheckResult.OK, f"@{one.handle} is let in"))
        if profile.bio.strip():
            checks.append(Check("bio", CheckResult.OK, f"@{one.handle} has one"))
        else:
            found, fix = f"@{one.handle} has no bio", "Say there that it is automated, and who runs it."
            checks.append(Check("bio", CheckResult.WARN, found, fix))
    return checks


def _demo(local: LocalSite) -> Mapping[str, str]:
    token = next(iter(local.tokens.values()))
    names = [str(XApiSettings.model_fields[name].alias) for name in _NAMES]
    return {"X_API_URL": local.url, **dict(zip(names, ("local", "local", token, "local"), strict=True))}


PLUGIN = NetworkPlugin(
    settings=NetworkSettings(NAME, XApiSettings, faults=_faults),
    connect=_connect,
    text=XTextRules(),
    profile_url=_profile_url,
    title="X, through its official API",
    capabilities=frozenset({Capability.SEARCH, Capability.MENTIONS}),
    rules=NetworkRules(
        to_observe=(
            "X wants an automated account to be labelled, with its owner named (Settings, Automation).",
            "Its bio says that it is automated, and who runs it.",
            "It answers only those who mentioned it, once each, and never again whoever says stop.",
            "Replies that a model writes need X's approval beforehand; without it approve each by hand.",
            "The same text must not go out on several accounts, and X's data may not train models.",
        )
    ),
    pictures=LIMITS,
    price=_price,
    refuse_pictures=refuse_pictures,
    connecting=Connecting(
        _console_steps,
        (
            Asked("api_key", "API key"),
            Asked("api_key_secret", "API key secret"),
            Asked("access_token", "Access token"),
            Asked("access_token_secret", "Access token secret"),
        ),
        others={"browser": Connecting(_browser_steps, (Asked("client_id", "Client id"),), _authorize)},
    ),
    examine=_examine,
    demo=_demo,
    conversation_query="conversation_id:{}".format,
)
