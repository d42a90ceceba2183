"""What a human decides about posting: a post that is live after all, and switches; by function and command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.errors import Permanent
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content, receipts, state_history
from stonechat.posting import owner_decisions
from stonechat.posting.gate_input import holding_switches
from tests.support.clock import ManualClock

ME = "x_web:me"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST, SECOND = "https://x.com/me/status/1790000000000000001", "1790000000000000002"


async def failed_post(database: Database, *parts: str) -> Content:
    """A post that was sent, of which nobody knows whether it is live."""
    piece = Content(
        id="c1",
        account_id=ME,
        kind=ContentKind.THREAD if len(parts) > 1 else ContentKind.SINGLE,
        state=ContentState.QUEUED,
        parts=parts,
        due_at=NOW,
        created_at=NOW,
        state_since=NOW,
    )
    async with database.begin("test") as connection:
        await accounts.put(connection, Account(id=ME, network="x_web", handle="me"), NOW)
        await content.add(connection, piece, who="test")
        piece = await content.claim(connection, piece, now=NOW, lease_until=NOW, who="test")
        await receipts.begin(connection, piece, parts_from=0, host="test", now=NOW, wall=NOW)
        for after in (ContentState.UNCONFIRMED, ContentState.FAILED):
            piece = await content.change(connection, piece, after, now=NOW, who="test", why="unknown")
    return piece


async def test_a_human_says_that_a_failed_thread_is_live(any_database_url: str) -> None:
    async with open_database(any_database_url, DatabaseSettings(), ManualClock()) as database:
        await failed_post(database, "one", "two")
        for wrong in ([FIRST], [FIRST, FIRST], [FIRST, "https://x.com/me"]):
            with pytest.raises(Permanent, match="address"):
                async with database.begin("test") as connection:
                    await owner_decisions.found_live(connection, "c1", wrong, who="owner", now=NOW)
        async with database.begin("test") as connection:
            done = await owner_decisions.found_live(connection, "c1", [FIRST, SECOND], who="owner", now=NOW)
        async with database.read("test") as connection:
            parts = await receipts.confirmed_parts(connection, "c1")
            told = await state_history.of(connection, "content", "c1")
        assert (done.state, done.post_id, done.url, done.posted_at) == (
            ContentState.POSTED,
            "1790000000000000001",
            FIRST,
            NOW,
        )
        assert parts == {0: "1790000000000000001", 1: SECOND}
        assert told[-1].who == "owner" and told[-1].after == "posted"
        with pytest.raises(Permanent, match="is posted"):
            async with database.begin("test") as connection:
                await owner_decisions.found_live(connection, "c1", [FIRST, SECOND], who="owner", now=NOW)


def stonechat(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        (sys.executable, "-m", "stonechat.cli.main", *command),
        cwd=folder,
        env=kept | {"DATABASE_URL": f"sqlite:///{folder}/s.db", "DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def switches(folder: Path) -> list[str]:
    async with (
        open_database(f"sqlite:///{folder}/s.db", DatabaseSettings(), ManualClock()) as database,
        database.read("test") as connection,
    ):
        return await holding_switches(connection, ME)


async def test_posting_is_paused_and_resumed_by_command(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/s.db", DatabaseSettings(), ManualClock()) as database:
        await failed_post(database, "one")
    assert stonechat(tmp_path, "pause", "--why", "calm").returncode == 0
    assert stonechat(tmp_path, "pause", "--account", "me").returncode == 0
    assert [one.rpartition(": ")[2] for one in await switches(tmp_path)] == ["calm", "paused by hand"]
    held = json.loads(stonechat(tmp_path, "held", "--json").stdout)
    assert [row["scope"] for row in held] == ["posting", "posting/x_web:me"]
    assert stonechat(tmp_path, "resume").returncode == 0
    assert await switches(tmp_path) == [], "resuming all resumes each account"
    wrong = stonechat(tmp_path, "pause", "--account", "nobody")
    assert wrong.returncode == 1 and "There is no account" in wrong.stderr + wrong.stdout

    live = stonechat(tmp_path, "queue", "live", "c1", "--post", FIRST)
    assert live.returncode == 0, live.stderr
    again = stonechat(tmp_path, "queue", "again", "c1")
    assert again.returncode == 1 and "Traceback" not in again.stderr
