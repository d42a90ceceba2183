"""Sessions in the database: encrypted, the newest log-in wins, every host has it, nothing in clear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from stonechat.browser.session_encryption import Keys, new_key, open_keys
from stonechat.browser.session_store import EncryptedSessionStore, SessionLocked
from stonechat.browser.sessions import Session
from stonechat.config.settings import DatabaseSettings
from stonechat.core.errors import SessionTrouble
from stonechat.core.redaction import MASK, Secrets
from stonechat.database import Database, open_database
from tests.support.clock import ManualClock
from tests.support.networks import x_site

ACCOUNT = "x_web:robin"


def session(value: str) -> Session:
    base = {"path": "/", "domain": ".x.com", "expires": -1, "httpOnly": False, "secure": True}
    return Session(
        tuple({**base, "name": name, "value": value, "sameSite": "Lax"} for name in ("auth_token", "ct0")),
        (),
        ("auth_token", "ct0"),
    )


class Host:
    """One host: its own settings, key and memory, on the shared database."""

    def __init__(self, database: Database, clock: ManualClock, keys: Keys, given: Session | None) -> None:
        self.given = {} if given is None else {ACCOUNT: given}
        self.secrets = Secrets()
        self.vault = EncryptedSessionStore(
            database, clock, keys, lambda: self.given, lambda _: x_site(), self.secrets
        )

    async def value(self) -> str:
        loaded = await self.vault.load(ACCOUNT)
        assert loaded is not None
        return str(loaded.cookies[0]["value"])


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return open_keys(None, tmp_path)


@pytest.fixture
async def database(any_database_url: str) -> AsyncIterator[tuple[Database, ManualClock]]:
    clock = ManualClock()
    async with open_database(any_database_url, DatabaseSettings(), clock) as opened:
        yield opened, clock


async def test_a_log_in_on_one_host_is_taken_up_by_the_other_without_a_restart(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    one, other = (Host(*database, keys, session("from the setting")) for _ in range(2))
    assert await one.value() == await other.value() == "from the setting"
    before = await other.vault.mark(ACCOUNT)

    await one.vault.give(ACCOUNT, session("logged in again"), source="login")
    await database[1].advance(seconds=3)

    assert await one.value() == await other.value() == "logged in again"
    assert await other.vault.mark(ACCOUNT) != before


async def test_renewed_cookies_are_kept_but_never_over_a_newer_log_in(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    one, other = (Host(*database, keys, session("old")) for _ in range(2))
    await one.value()
    await other.value()
    mark = await one.vault.mark(ACCOUNT)
    await one.vault.save(ACCOUNT, session("renewed"))
    await database[1].advance(seconds=3)
    assert await other.value() == "renewed"
    assert await one.vault.mark(ACCOUNT) == mark

    await one.vault.give(ACCOUNT, session("new"), source="login")
    await other.vault.save(ACCOUNT, session("renewed from the old one"))
    await database[1].advance(seconds=3)

    assert await one.value() == await other.value() == "new"


async def test_a_changed_setting_is_taken_up_at_once_and_an_old_one_never_again(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    host = Host(*database, keys, session("first setting"))
    await host.value()
    await host.vault.give(ACCOUNT, session("by hand"), source="login")
    assert await host.value() == "by hand"
    restarted = Host(*database, keys, session("first setting"))
    assert await restarted.value() == "by hand"

    restarted.given = {ACCOUNT: session("second setting")}
    assert await restarted.value() == "second setting"
    assert await Host(*database, keys, session("first setting")).value() == "second setting"


async def test_without_any_session_the_owner_is_told_how_to_log_in(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    with pytest.raises(SessionTrouble) as caught:
        await Host(*database, keys, None).value()
    assert "stonechat login --account robin" in caught.value.remedy


async def test_another_key_is_told_and_nothing_is_overwritten(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    first = Host(*database, keys, session("kept"))
    await first.value()
    stranger = Host(*database, open_keys(new_key(), Path()), None)
    with pytest.raises(SessionLocked) as caught:
        await stranger.value()
    assert "SESSION_KEY" in caught.value.remedy
    assert await Host(*database, keys, None).value() == "kept"


async def test_a_host_with_another_key_serves_from_its_setting_and_leaves_the_row_to_the_others(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    first = Host(*database, keys, session("kept"))
    await first.value()
    stranger = Host(*database, open_keys(new_key(), Path()), session("of the setting"))
    assert await stranger.value() == "of the setting"
    await stranger.vault.save(ACCOUNT, session("renewed by the stranger"))
    assert await first.value() == "kept"
    assert await Host(*database, keys, None).value() == "kept"


async def test_cookies_of_a_stored_log_in_are_hidden_from_the_moment_they_are_read(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    await Host(*database, keys, None).vault.give(ACCOUNT, session("c4n4ry-cookie"), source="login")
    other = Host(*database, keys, None)
    assert other.secrets.hidden("c4n4ry-cookie") == "c4n4ry-cookie"
    await other.value()
    assert other.secrets.hidden("c4n4ry-cookie") == MASK
    await other.vault.save(ACCOUNT, session("c4n4ry-renewed"))
    assert other.secrets.hidden("c4n4ry-renewed") == MASK


async def test_no_cookie_stands_in_the_database_in_clear(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    await Host(*database, keys, session("open-sesame")).value()
    async with database[0].read("test") as connection:
        stored = str((await connection.execute(text("SELECT * FROM account_sessions"))).all())
    assert "open-sesame" not in stored
    assert "gAAAA" in stored


async def test_a_database_that_is_away_does_not_stop_what_is_known(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    host = Host(*database, keys, session("known"))
    await host.value()
    database[0].close()
    await database[1].advance(seconds=10)
    assert await host.value() == "known"


def lasting(value: str, ends: datetime) -> Session:
    """A session whose cookies end then."""
    given = session(value)
    cookies = tuple({**cookie, "expires": ends.timestamp()} for cookie in given.cookies)
    return replace(given, cookies=cookies)


async def test_a_setting_whose_log_in_has_ended_is_said_so_and_replaces_nothing_newer(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    now = database[1].wall()
    host = Host(*database, keys, lasting("from long ago", now - timedelta(days=400)))
    with pytest.raises(SessionTrouble, match=rf"ended on {now - timedelta(days=400):%Y-%m-%d}"):
        await host.vault.load(ACCOUNT)
    await host.vault.give(ACCOUNT, lasting("new", now + timedelta(days=30)), source="login")
    assert await host.value() == "new"
    assert await Host(*database, keys, lasting("from long ago", now - timedelta(days=400))).value() == "new"


async def test_of_a_saved_session_only_what_a_browser_takes_is_used(
    database: tuple[Database, ManualClock], keys: Keys
) -> None:
    host = Host(*database, keys, None)
    other = {**session("v").cookies[0], "name": "other", "value": "a;x"}
    saved = session("good")
    await host.vault.give(ACCOUNT, replace(saved, cookies=(*saved.cookies, other)), source="file")
    loaded = await Host(*database, keys, None).vault.load(ACCOUNT)
    assert loaded is not None
    assert [one["name"] for one in loaded.cookies] == ["auth_token", "ct0"]
    await host.vault.give(ACCOUNT, session("bad;x"), source="file")
    with pytest.raises(SessionTrouble, match="no log-in that a browser takes"):
        await Host(*database, keys, None).vault.load(ACCOUNT)
