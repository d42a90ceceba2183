"""From rehearsing to posting for real: a checklist, one step, and nothing half done."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stonechat.config.loader import load
from stonechat.config.settings import DatabaseSettings
from stonechat.content.voice import example
from stonechat.core.checkup import Check, CheckResult
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent
from stonechat.dashboard.view_models import GoingLive
from stonechat.database import Database, open_database
from stonechat.database.repositories import audit
from stonechat.database.repositories.audit import AuditRow
from stonechat.networks.registry import installed
from stonechat.owner import Door, Owner, going_live
from stonechat.startup.live_checklist import LATELY, checklist
from tests.support.doors import AtTheCommandLine, at_the_pages, fill_file

NAMES = ["voice", "rehearsals", "alerts", "backup", "first day"]


def settings_in(folder: Path, **more: str) -> Any:
    given = {"ACCOUNT_NETWORK": "mastodon", "ACCOUNT_HANDLE": "me@server.example", "OPENAI_API_KEY": "k"}
    given["MASTODON_ACCESS_TOKEN"] = "only-for-tests"
    return load(given | {"DATA_DIR": str(folder)} | more, installed().known(), folder=folder)


async def asked(folder: Path, *lines: AuditRow, **more: str) -> dict[str, Check]:
    clock = SystemClock()
    async with open_database(f"sqlite:///{folder}/s.db", DatabaseSettings(), clock) as database:
        async with database.begin("test.lines") as connection:
            for line in lines:
                await audit.append(connection, line)
        checks = await checklist(settings_in(folder, **more), database, clock)
    assert [one.name for one in checks] == NAMES
    return {one.name: one for one in checks}


async def test_what_is_missing_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    found = await asked(tmp_path)
    missing = {name for name, one in found.items() if one.verdict is CheckResult.FAIL}
    assert missing == {"voice", "rehearsals", "alerts", "backup"}
    assert all("stonechat " in found[name].fix for name in missing)
    assert found["first day"].verdict is CheckResult.WARN and "POSTING_WARM_UP" in found["first day"].fix


async def test_what_has_been_done_counts_and_what_was_long_ago_does_not(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "stonechat-1.jsonl.gz").write_bytes(b"x")
    (tmp_path / "voice.toml").write_text(example(), encoding="utf-8")
    more = {
        "VOICE_FILE": str(tmp_path / "voice.toml"),
        "ALERT_WEBHOOK_URL": "http://127.0.0.1:9/",
        "POSTING_WARM_UP": "14d",
    }
    now = SystemClock().now()
    old = AuditRow(now - LATELY - timedelta(minutes=1), "me", "alerts.test", after="taken")
    failed = AuditRow(now, "me", "alerts.test", after="not taken")
    found = await asked(tmp_path, old, failed, **more)
    assert {name for name, one in found.items() if one.verdict is not CheckResult.OK} == {
        "rehearsals",
        "alerts",
    }
    assert (await asked(tmp_path, AuditRow(now, "me", "alerts.test", after="taken"), **more))[
        "alerts"
    ].verdict is CheckResult.OK


def test_while_something_is_missing_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = AtTheCommandLine(tmp_path)
    asyncio.run(fill_file(tmp_path))
    code, said = terminal.tries("live", "--accept-rules")
    assert code == 1 and "Not ready to go live" in said and "voice" in said
    assert not (tmp_path / "stonechat.toml").exists()
    assert json.loads(terminal.types("audit", "--json")) == []
    code, said = terminal.tries("live", "--check", "--json")
    assert code == 1 and '"ready": false' in said


def test_the_page_shows_the_list_and_whose_words_are_borrowed(tmp_path: Path) -> None:
    asyncio.run(fill_file(tmp_path))
    terminal = AtTheCommandLine(tmp_path)

    async def checks() -> list[Check]:
        return [Check("backup", CheckResult.FAIL, "there is no recent one", "Run `stonechat backup`.")]

    async def read(database: Database) -> tuple[str, int]:
        live = GoingLive(checks, ("A network: say that it is automated.",))
        async with at_the_pages(tmp_path, database, going_live=live) as client:
            return (await client.get("/live")).text, (await client.get("/rehearsals")).status_code

    page, status = terminal.on_database(read)
    assert "there is no recent one" in page and "say that it is automated" in page
    assert status == 200


def test_the_step_is_written_into_the_file_and_the_audit_trail_together(tmp_path: Path) -> None:
    clock = SystemClock()

    async def decided(write: Any) -> list[AuditRow]:
        async with open_database(f"sqlite:///{tmp_path}/s.db", DatabaseSettings(), clock) as database:
            owner = Owner(database, clock, "robin", Door.COMMAND_LINE)
            with contextlib.suppress(Permanent):
                await going_live.decide(owner, ["me"], ["Say it."], write)
            async with database.read("test.audit") as connection:
                return await audit.newest(connection)

    def fails() -> None:
        raise Permanent("It cannot be written.")

    assert asyncio.run(decided(fails)) == []
    file = tmp_path / "stonechat.toml"
    [line] = asyncio.run(decided(lambda: file.write_text('MODE = "live"\n') and None))
    assert (line.action, line.after, line.why) == ("live.decide", "live", "Say it.")
    assert tomllib.loads(file.read_text())["MODE"] == "live"
