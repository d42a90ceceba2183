"""Puts together where sessions come from: the settings, the encrypted rows, and the key between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from stonechat.browser.executable import find_chromium
from stonechat.browser.login_window import Window, open_window
from stonechat.browser.session_encryption import Keys, open_keys
from stonechat.browser.session_store import EncryptedSessionStore, Given
from stonechat.browser.sessions import Session, Site, parse_session
from stonechat.config.credentials import SESSIONS, LogIns
from stonechat.config.settings import Settings
from stonechat.core.clock import Clock
from stonechat.core.errors import SessionTrouble, Transient
from stonechat.core.model import Account
from stonechat.core.redaction import Secrets
from stonechat.database import Database
from stonechat.networks.credential_store import CredentialStore
from stonechat.networks.registry import Registry
from stonechat.networks.session_trouble import note_session
from stonechat.owner.log_in import SessionImport
from stonechat.startup.boot_context import BootContext
from stonechat.startup.build_content import account_id
from stonechat.startup.health_checks import check_keys


async def start_vault(base: BootContext, database: Database) -> EncryptedSessionStore:
    """The sessions of the accounts that are served; those without one are noted, so that the owner is told.

    Raises:
        ConfigError: ``SESSION_KEY``, or the file in its place, holds no key.
    """
    vault = open_vault(base.settings, base.networks, database, base.clock, base.secrets)
    for account in base.served:
        try:
            await vault.load(account.id)
        except SessionTrouble as trouble:
            why = f"{trouble.what} {trouble.remedy}"
            async with database.begin("startup.session") as connection:
                changed = await note_session(
                    connection, account, trouble.state, now=base.clock.now(), why=why
                )
            for event in changed:
                base.events.emit(event)
        except Transient:
            continue
    check_keys(base.board, vault, tuple(account.id for account in base.served))
    return vault


def open_vault(
    settings: Settings,
    networks: Registry,
    database: Database,
    clock: Clock,
    secrets: Secrets | None = None,
) -> EncryptedSessionStore:
    """The vault over ``database``, with the settings' own key.

    Raises:
        ConfigError: ``SESSION_KEY``, or the file in its place, holds no key.
    """
    return EncryptedSessionStore(
        database, clock, _keys(settings), _given(settings, networks), _sites(settings, networks).get, secrets
    )


def open_credentials(settings: Settings, database: Database, clock: Clock) -> CredentialStore:
    """The credentials over ``database``, sealed as sessions are.

    Raises:
        ConfigError: ``SESSION_KEY``, or the file in its place, holds no key.
    """
    return CredentialStore(database, clock, _keys(settings), settings.startup.data_dir / SESSIONS)


def _keys(settings: Settings) -> Keys:
    own = settings.startup
    given_key = own.session_key.get_secret_value() if own.session_key is not None else None
    return open_keys(given_key, own.data_dir / SESSIONS)


def session_import_of(
    settings: Settings, networks: Registry, vault: EncryptedSessionStore, accounts: Sequence[Account]
) -> SessionImport:
    """What checks the log-ins that the owner hands over, with the settings' own browser."""

    def window() -> AbstractAsyncContextManager[Window]:
        return open_window(find_chromium(settings.browser.executable), visible=False)

    return SessionImport(settings, networks, vault, accounts, window)


def _sites(settings: Settings, networks: Registry) -> Mapping[str, Site]:
    """Where the session of each account is used that needs one, by the account's id."""
    ways = [(one, networks[one.network].log_in) for one in settings.accounts]
    return {account_id(one): way.site(settings) for one, way in ways if way is not None}


def _given(settings: Settings, networks: Registry) -> Given:
    """The settings' sessions as they are now, each decoded once."""
    log_ins = LogIns(settings, Path(), networks.known())
    sites = _sites(settings, networks)
    ids = {(one.network, one.handle): account_id(one) for one in settings.accounts}
    decoded: dict[str, tuple[str, Session]] = {}

    def given() -> Mapping[str, Session]:
        for key, encoded in log_ins().items():
            account = ids[key]
            if account in sites and decoded.get(account, ("",))[0] != encoded:
                decoded[account] = (encoded, parse_session(encoded, sites[account].form))
        return {account: session for account, (_, session) in decoded.items()}

    return given
