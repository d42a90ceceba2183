"""A log-in that another browser exported is taken at every door alike, once the network says whose it is."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stonechat.browser.login_window import open_window
from stonechat.browser.session_encryption import open_keys
from stonechat.browser.session_store import EncryptedSessionStore
from stonechat.config.credentials import SESSIONS
from stonechat.config.loader import load_for_login
from stonechat.config.settings import DatabaseSettings
from stonechat.database import Database, open_database
from stonechat.networks.registry import installed
from stonechat.owner.log_in import SessionImport
from stonechat_aviary.opening import Aviary, open_aviary
from tests.integration.networks.x_web_support import CHROMIUM
from tests.support.doors import CLOCK, ME, AtTheCommandLine, at_the_pages, fill_file, rows_of
from tests.support.networks import x_site

ENDED = json.dumps([{"name": name, "value": "ended" * 8} for name in ("auth_token", "ct0")]).encode()


@pytest.fixture
async def aviary() -> AsyncIterator[Aviary]:
    async with open_aviary(handles=("robin",)) as opened:
        yield opened


def settings_of(aviary: Aviary, folder: Path) -> dict[str, str]:
    browser = {} if CHROMIUM is None else {"BROWSER_EXECUTABLE": str(CHROMIUM)}
    return {
        "MODE": "demo",
        "X_BASE_URL": aviary.url,
        "TWITTER_SESSION_B64": "",
        "DATA_DIR": str(folder),
        **browser,
    }


async def log_in(door: str, given: bytes, aviary: Aviary, folder: Path) -> tuple[int, str, dict[str, Any]]:
    """Status (0 and 1 of a command are 200 and 422), what was said, and the rows after it."""
    folder.mkdir()
    await fill_file(folder)
    async with open_database(f"sqlite:///{folder}/s.db", DatabaseSettings(), CLOCK) as database:
        if door == "command":
            status, said = await typed(given, aviary, folder)
        else:
            status, said = await sent(door, given, aviary, folder, database)
        rows = await rows_of(database)
    kept = [row.pop("sealed") for row in rows["account_sessions"]]
    assert len(kept) == (status == 200)
    return status, said, rows


async def typed(given: bytes, aviary: Aviary, folder: Path) -> tuple[int, str]:
    (folder / "export.json").write_bytes(given)
    settings = settings_of(aviary, folder)
    words = ("login", "--account", "robin", "--from-file", "{folder}/export.json")
    code, said = await asyncio.to_thread(AtTheCommandLine(folder).tries, *words, **settings)
    return {0: 200, 1: 422}[code], said


async def sent(door: str, given: bytes, aviary: Aviary, folder: Path, database: Database) -> tuple[int, str]:
    networks = installed()
    settings = load_for_login(
        {"ACCOUNT_HANDLE": "robin", **settings_of(aviary, folder)}, networks.known(), folder=folder
    )
    keys = open_keys(None, folder / SESSIONS)
    vault = EncryptedSessionStore(database, CLOCK, keys, dict, lambda _: x_site(aviary.url))
    imports = SessionImport(settings, networks, vault, [ME], lambda: open_window(CHROMIUM, visible=False))
    async with at_the_pages(folder, database, session_import=imports) as client:
        if door == "API":
            body = {"body": base64.b64encode(given).decode()}
            answer = await client.post("/api/accounts/robin/session", json=body)
        else:
            page = (await client.get("/accounts")).text
            assert "stonechat login --account robin" in page and 'action="/do/accounts/log_in"' in page
            answer = await client.post(
                "/do/accounts/log_in", data={"target": "robin"}, files={"session": ("export.json", given)}
            )
    return {303: 200}.get(answer.status_code, answer.status_code), answer.text


async def test_a_log_in_leaves_the_same_at_every_door(aviary: Aviary, tmp_path: Path) -> None:
    given = aviary.address.sessions["robin"].encode()
    done = {door: await log_in(door, given, aviary, tmp_path / door) for door in ("command", "API", "page")}
    assert [status for status, _, _ in done.values()] == [200, 200, 200], done
    _, said, rows = done["command"]
    assert "logged in" in said
    (line,) = rows["audit"]
    assert (line["action"], line["target"], line["after"]) == ("accounts.log_in", ME.id, "valid")
    assert done["API"][2] == rows and done["page"][2] == rows
    values = [cookie["value"] for cookie in json.loads(base64.b64decode(given))["cookies"]]
    assert values and not any(value in json.dumps(done, default=str) for value in values)


@pytest.mark.parametrize("door", ["command", "API", "page"])
@pytest.mark.parametrize(
    "given", [b"no log-in", pytest.param(ENDED, marks=pytest.mark.long)], ids=["none", "ended"]
)
async def test_what_is_no_log_in_is_refused_and_changes_nothing(
    given: bytes, door: str, aviary: Aviary, tmp_path: Path
) -> None:
    status, said, rows = await log_in(door, given, aviary, tmp_path / "d")
    assert status == 422, said
    assert rows["audit"] == []
    assert "ended" * 8 not in said
