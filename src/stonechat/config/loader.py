"""Reads the environment and the settings file, checks all of it at once, and names every fault."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from stonechat.config.credentials import session_faults, with_sessions
from stonechat.config.environment import flaw, read_environment
from stonechat.config.networks import KnownNetworks
from stonechat.config.settings import (
    AccountSettings,
    BrowserSettings,
    DatabaseSettings,
    Section,
    Settings,
    StartupSettings,
    expected_form,
)
from stonechat.config.settings_file import SETTINGS_FILE, read_settings_file
from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.core.model import Mode
from stonechat.core.redaction import masked

S = TypeVar("S", bound=Section)

_LIKENESS = 0.86
_LONG_NAME = 8


def sections() -> dict[str, type[Section]]:
    """Every section by its name in :class:`Settings`, ``accounts`` apart."""
    found: dict[str, type[Section]] = {}
    for name, field in Settings.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            found[name] = annotation
    return found


def known_names(networks: KnownNetworks) -> dict[str, str]:
    """Every setting's name with its expected form."""
    names: dict[str, str] = {}
    every: tuple[type[Section], ...] = (*sections().values(), *networks.sections(), AccountSettings)
    for section in every:
        for field in section.model_fields.values():
            names[str(field.alias)] = expected_form(field)
    return names | {form.setting: form.expected for form in networks.session_forms()}


def load(
    environment: Mapping[str, str],
    networks: KnownNetworks,
    *,
    folder: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from ``stonechat.toml`` in ``folder``, then the environment, then ``overrides``.

    Args:
        networks: those that accounts may be on, each with settings of its own.

    Raises:
        ConfigError: naming every bad setting at once.
    """
    faults: list[ConfigFault] = []
    written, accounts, given = _read(environment, folder, faults)
    given.update(overrides or {})
    faults += _misspelt(written, environment, networks)
    parts: dict[str, Any] = {}
    for name, section in sections().items():
        parts[name] = _build(section, given, faults)
    own = {name: _build(one.section, given, faults) for name, one in networks.every.items()}
    parts["networks"] = {name: part for name, part in own.items() if part is not None}
    so_far = len(faults)
    parts["accounts"] = with_sessions(_accounts(given, accounts, networks, faults), given, networks, faults)
    unread = {name for name, part in (parts | own).items() if part is None}
    if len(faults) > so_far:
        unread.add("accounts")
    settings = Settings(**{name: part for name, part in parts.items() if part is not None})
    named = {fault.name for fault in faults}
    faults += [fault for fault in _missing(settings, networks, given, unread) if fault.name not in named]
    if faults:
        raise ConfigError(tuple(faults))
    return settings


def load_stored(environment: Mapping[str, str], *, folder: Path | None = None) -> Settings:
    """Only what opening the database needs; every other section keeps its defaults (no keys, no log-ins).

    Raises:
        ConfigError: naming the bad settings of these sections.
    """
    return Settings(
        startup=load_section(StartupSettings, environment, folder=folder),
        database=load_section(DatabaseSettings, environment, folder=folder),
    )


def load_for_login(
    environment: Mapping[str, str],
    networks: KnownNetworks,
    *,
    folder: Path | None = None,
    accounts_needed: bool = True,
) -> Settings:
    """What logging in needs: folder, database, browser, networks and accounts; sessions may be missing.

    Args:
        accounts_needed: there must be an account in the settings already.

    Raises:
        ConfigError: naming the bad settings of these sections.
    """
    faults: list[ConfigFault] = []
    _, listed, given = _read(environment, folder, faults)
    accounts = with_sessions(_accounts(given, listed, networks, faults), given, networks, faults)
    own = {name: _build(one.section, given, faults) for name, one in networks.every.items()}
    settings = Settings(
        startup=load_section(StartupSettings, environment, folder=folder),
        database=load_section(DatabaseSettings, environment, folder=folder),
        browser=load_section(BrowserSettings, environment, folder=folder),
        networks={name: part for name, part in own.items() if part is not None},
        accounts=accounts,
    )
    if accounts_needed:
        faults += _account_faults(settings)
    if faults:
        raise ConfigError(tuple(faults))
    return settings


def load_section(section: type[S], environment: Mapping[str, str], *, folder: Path | None = None) -> S:
    """One section alone, for commands that need no more: the others may be missing or wrong.

    Raises:
        ConfigError: naming every bad setting of this section.
    """
    faults: list[ConfigFault] = []
    _, _, given = _read(environment, folder, faults)
    built = _build(section, given, faults)
    if faults or not isinstance(built, section):
        raise ConfigError(tuple(faults))
    return built


def read_file(folder: Path) -> dict[str, Any]:
    """What ``stonechat.toml`` in ``folder`` sets, ``[[accounts]]`` apart; empty where there is no such file.

    Raises:
        ConfigError: it cannot be read.
    """
    read = read_settings_file(folder / SETTINGS_FILE)
    if read.faults:
        raise ConfigError(read.faults)
    return read.values


def fault_of(name: str, value: Any, networks: KnownNetworks) -> ConfigFault | None:
    """What is wrong with one setting's value by itself, or None."""
    faults: list[ConfigFault] = []
    every: tuple[type[Section], ...] = (*sections().values(), *networks.sections(), AccountSettings)
    for section in every:
        if any(field.alias == name for field in section.model_fields.values()):
            _build(section, {name: value}, faults)
    return faults[0] if faults else None


def _read(
    environment: Mapping[str, str], folder: Path | None, faults: list[ConfigFault]
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """What the file says, its accounts, and what both it and the environment give, which wins."""
    file = read_settings_file((folder or Path()) / SETTINGS_FILE)
    faults += file.faults
    return file.values, file.accounts, {**file.values, **read_environment(environment)}


def _misspelt(
    written: Mapping[str, Any], environment: Mapping[str, str], networks: KnownNetworks
) -> list[ConfigFault]:
    known = known_names(networks)
    of_accounts = tuple(f"{form.setting}_" for form in networks.session_forms())
    faults = []
    for name in written:
        if name not in known and not name.startswith(of_accounts):
            near = difflib.get_close_matches(name, known, 1, 0.6)
            faults.append(
                ConfigFault(name, f"is not a setting ({SETTINGS_FILE})", "", near[0] if near else None)
            )
    for name in environment:
        if name in known or name.startswith(of_accounts):
            continue
        near = difflib.get_close_matches(name, _comparable(name, known), 1, _LIKENESS)
        if near and near[0] not in environment and near[0] not in written:
            faults.append(ConfigFault(name, "is not a setting, but nearly one", known[near[0]], near[0]))
    return faults


def _comparable(name: str, known: Collection[str]) -> list[str]:
    """Settings that ``name`` may be a misspelling of. Short single words such as MODEL are left out: in an
    environment they usually belong to other programs."""
    return [
        one
        for one in known
        if ("_" in one and "_" in name) or (len(one) >= _LONG_NAME and len(name) >= _LONG_NAME)
    ]


def _build(section: type[Section], given: Mapping[str, Any], faults: list[ConfigFault]) -> Section | None:
    aliases = {str(field.alias): field for field in section.model_fields.values()}
    values = {alias: given[alias] for alias in aliases if alias in given}
    flaws = [*_flaws(aliases, values)]
    faults += flaws
    values = {alias: value for alias, value in values.items() if alias not in {one.name for one in flaws}}
    try:
        built = section.model_validate(values)
    except ValidationError as exc:
        for error in exc.errors():
            alias = str(error["loc"][0])
            secret = any(word in alias for word in ("KEY", "SESSION", "PASSWORD", "URL"))
            shown = "" if secret else _shown(values.get(alias))
            reason = str(error["msg"]).removeprefix("Value error, ")
            if error["type"] == "string_pattern_mismatch":  # whose message is a regular expression
                reason = "is not of the form that is expected"
            field = aliases.get(alias)
            faults.append(ConfigFault(alias, f"{reason}{shown}", expected_form(field) if field else ""))
        return None
    return None if flaws else built


def _shown(value: Any) -> str:
    """A short word or number as it was given. What looks otherwise may be a secret in the wrong place."""
    text = masked(str(value))
    return f" ({text!r})" if re.fullmatch(r"[\w .,+-]{1,20}", text) else ""


def _flaws(fields: Mapping[str, FieldInfo], values: Mapping[str, Any]) -> Iterator[ConfigFault]:
    """Values that something stands around; in lists and sessions quotation marks and line ends may stand."""
    for alias, value in values.items():
        single = get_origin(fields[alias].annotation) is not tuple and not alias.endswith("SESSION_B64")
        if single and isinstance(value, str) and (problem := flaw(value)):
            yield ConfigFault(alias, problem, expected_form(fields[alias]))


def _accounts(
    given: Mapping[str, Any],
    listed: list[dict[str, Any]],
    networks: KnownNetworks,
    faults: list[ConfigFault],
) -> tuple[AccountSettings, ...]:
    found: list[AccountSettings] = []
    if given.get("ACCOUNT_HANDLE"):
        first = _build(AccountSettings, given, faults)
        if isinstance(first, AccountSettings):
            found.append(first)
    known = {str(field.alias): name for name, field in AccountSettings.model_fields.items()}
    for number, entry in enumerate(listed, 1):
        values = {}
        for key, value in entry.items():
            alias = next((a for a, n in known.items() if key in (a, n)), None)
            if alias is None:
                near = difflib.get_close_matches(key, known.values(), 1, 0.5)
                faults.append(
                    ConfigFault(
                        f"accounts[{number}].{key}", "is not a setting", "", near[0] if near else None
                    )
                )
            else:
                values[alias] = value
        account = _build(AccountSettings, values, faults)
        if isinstance(account, AccountSettings) and not account.handle:
            faults.append(ConfigFault(f"accounts[{number}].handle", "is missing", "the account's handle"))
        elif isinstance(account, AccountSettings):
            found.append(account)
    return tuple(_on_network(one, networks, faults) for one in found)


def _on_network(
    account: AccountSettings, networks: KnownNetworks, faults: list[ConfigFault]
) -> AccountSettings:
    """The account with the network that it is on."""
    name = account.network or networks.default()
    if name in networks.every:
        return account if account.network else account.model_copy(update={"network": name})
    known = ", ".join(networks.every) or "none"
    near = difflib.get_close_matches(name, networks.every, 1, 0.5)
    problem = (
        f"names {name!r}, which is not installed" if name else "is missing, and there are several networks"
    )
    if name in networks.broken:
        problem = f"names {name!r}, which cannot be used: {networks.broken[name]}"
    fault = ConfigFault(
        "ACCOUNT_NETWORK", problem, f"the name of an installed network ({known})", near[0] if near else None
    )
    if fault not in faults:
        faults.append(fault)
    return account


def _missing(
    settings: Settings, networks: KnownNetworks, given: Mapping[str, Any], unread: Collection[str]
) -> list[ConfigFault]:
    """What the chosen mode cannot do without; sections that were refused already are passed over."""
    faults = []
    known = known_names(networks)
    if settings.content.api_key is None and "content" not in unread:
        faults.append(ConfigFault("OPENAI_API_KEY", "is missing", known["OPENAI_API_KEY"]))
    own = settings.content
    if own.fallback_base_url and not own.fallback_models and "content" not in unread:
        expected = "the models to ask there, separated by commas"
        faults.append(
            ConfigFault("OPENAI_FALLBACK_MODELS", "is missing beside OPENAI_FALLBACK_BASE_URL", expected)
        )
    if "accounts" not in unread:
        faults += _account_faults(settings)
        faults += session_faults(settings, networks, given)
        for name, network in networks.every.items():
            if name not in unread:
                faults += network.faults(settings, settings.on_network(name))
    if settings.startup.mode is Mode.LIVE and "content" not in unread and "accounts" not in unread:
        faults += _voice_faults(settings)
    if settings.startup.mode is not Mode.DEMO and settings.startup.clock_speed != 1.0:
        faults.append(ConfigFault("CLOCK_SPEED", "must be 1 outside the demo", known["CLOCK_SPEED"]))
    if (file := settings.startup.clock_file) is not None:
        faults += _clock_file_faults(settings.startup.mode, file)
    return faults


def _clock_file_faults(mode: Mode, file: Path) -> list[ConfigFault]:
    if mode is not Mode.DEMO:
        problem = "must be unset outside the demo"
    elif not file.is_file():
        problem = "names no file"
    else:
        return []
    return [ConfigFault("CLOCK_FILE", problem, expected_form(StartupSettings.model_fields["clock_file"]))]


def _voice_faults(settings: Settings) -> list[ConfigFault]:
    """In live mode no account speaks with the voice of the example."""
    silent = settings.borrowed_voices()
    if not silent:
        return []
    problem = f"is missing: in live mode {silent[0]} would speak with the example's words"
    return [ConfigFault("VOICE_FILE", problem, "the path of a voice file; `stonechat init` writes one")]


def _account_faults(settings: Settings) -> list[ConfigFault]:
    if not settings.accounts:
        expected = expected_form(AccountSettings.model_fields["handle"])
        return [ConfigFault("ACCOUNT_HANDLE", "is missing", expected)]
    ids = [(account.network, account.handle.casefold()) for account in settings.accounts]
    doubled = [handle for number, (network, handle) in enumerate(ids) if (network, handle) in ids[:number]]
    if doubled:
        return [ConfigFault("accounts", f"name {doubled[0]!r} twice", "each account once")]
    return []
