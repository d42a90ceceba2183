"""Backups of either engine: taken while work goes on, whole or not there, restored as a whole or not at all."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.browser.session_encryption import open_keys
from stonechat.browser.session_store import EncryptedSessionStore, SessionLocked
from stonechat.browser.sessions import from_cookies
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent, Transient
from stonechat.database import Database, open_database
from stonechat.database.maintenance import backup_file
from stonechat.database.maintenance.backup import back_up, restore
from stonechat.database.maintenance.backup_file import NotABackup
from stonechat.database.maintenance.row_codec import current_shapes
from stonechat.database.repositories import executors
from stonechat.database.repositories import state_history as history
from stonechat.database.schema.migrations.upgrading import upgrade
from stonechat.database.schema.tables import audit, state_history
from stonechat.networks.x_web.session import SESSION
from tests.support.networks import x_site
from tests.support.stored import BEGAN, assert_same, content_of, fill

CLOCK = SystemClock()
CHANGED_BY_A_RESTORE = {"content_metadata", "reserve_drafts", "reply_opportunities"}


def opened(url: str, **options: Any) -> Any:
    return open_database(url, DatabaseSettings(), CLOCK, **options)


@pytest.fixture
def another_url(any_database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """The address of an empty database of the other engine."""
    if any_database_url.startswith("postgresql"):
        return f"sqlite:///{tmp_path / 'other.db'}"
    return request.getfixturevalue("postgres_url")


async def test_what_was_backed_up_is_restored_to_the_last_bit(
    any_database_url: str, another_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "all.jsonl.gz"
    async with opened(any_database_url) as database:
        put = await fill(database, rows=8)
        before = await content_of(database)
        report = await back_up(database, CLOCK, file)
    assert report.rows == put
    assert {check.table for check in report.tables} == {shape.name for shape in current_shapes()}
    assert list(tmp_path.glob(".*")) == []
    assert file.stat().st_mode & 0o077 == 0
    async with opened(another_url, migrated=False) as database:
        restored = await restore(database, CLOCK, file)
        after = await content_of(database)
    assert [(c.table, c.rows, c.checksum) for c in restored.tables] == [
        (c.table, c.rows, c.checksum) for c in report.tables
    ]
    after["state_history"] = [row for row in after["state_history"] if row[3] != "restore"]
    assert_same(before, after, but=CHANGED_BY_A_RESTORE)


async def test_a_backup_holds_one_moment_while_others_write(any_database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "moment.jsonl.gz"
    async with opened(any_database_url) as database:
        stop = asyncio.Event()
        written = 0

        async def work() -> None:
            nonlocal written
            while not stop.is_set():
                async with database.begin("test.pair") as connection:
                    for table in ("history", "audit"):
                        await _write_one(connection, table)
                written += 1

        working = asyncio.create_task(work())
        while written < 20:
            await asyncio.sleep(0.01)
        before = written
        reports = [await back_up(database, CLOCK, file.with_name(f"{n}.jsonl.gz")) for n in range(2)]
        during = written - before
        stop.set()
        await working
    for report in reports:
        rows = {check.table: check.rows for check in report.tables}
        assert rows["state_history"] == rows["audit"] >= 20
    assert during > 0


async def _write_one(connection: AsyncConnection, table: str) -> None:
    if table == "history":
        await history.append(
            connection,
            kind="switch",
            entity_id="x",
            account_id=None,
            at=BEGAN,
            who="t",
            before="",
            after="on",
        )
    else:
        await connection.execute(sa.insert(audit).values(at=BEGAN, who="t", action="a"))


async def test_a_database_that_is_not_empty_is_replaced_only_when_told_and_kept(
    any_database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "first.jsonl.gz"
    async with opened(any_database_url) as database:
        await fill(database, rows=3)
        await back_up(database, CLOCK, file)
        async with database.begin("test.more") as connection:
            await _write_one(connection, "audit")
            number = sa.select(sa.func.max(state_history.c.id))
            last = (await connection.execute(number)).scalar_one()
        later = await content_of(database)
        with pytest.raises(Permanent, match="is not empty") as refused:
            await restore(database, CLOCK, file)
        assert "--replace" in refused.value.remedy
        assert await content_of(database) == later
        report = await restore(database, CLOCK, file, replace=True, keep_in=tmp_path / "kept")
        assert report.kept is not None
        kept = backup_file.read_through(report.kept.file)
        assert kept.tallies["audit"].rows == len(later["audit"])
        async with database.begin("test.go_on") as connection:
            await _write_one(connection, "audit")
            await _write_one(connection, "history")
            assert (await connection.execute(sa.select(sa.func.count()).select_from(audit))).scalar_one() == 4
            assert (await connection.execute(number)).scalar_one() > last


async def test_a_restore_waits_for_every_process_to_stop(postgres_url: str, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl.gz"
    async with opened(postgres_url) as database:
        await fill(database, rows=2)
        await back_up(database, CLOCK, file)
        async with database.begin("test.beat") as connection:
            await executors.beat(connection, "elsewhere-1", host="elsewhere", pid=1)
        with pytest.raises(Permanent, match="process 1 on elsewhere") as refused:
            await restore(database, CLOCK, file, replace=True)
        assert "Stop every" in refused.value.remedy
        async with database.begin("test.leave") as connection:
            await executors.retire(connection, "elsewhere-1")
        await restore(database, CLOCK, file, replace=True)


async def test_a_backup_of_a_newer_schema_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "newer.jsonl.gz"
    async with opened(sqlite_url) as database:
        await fill(database, rows=1)
        await back_up(database, CLOCK, tmp_path / "now.jsonl.gz")
        head, *rest = gzip.decompress((tmp_path / "now.jsonl.gz").read_bytes()).split(b"\n")
        newer = json.dumps({**json.loads(head), "schema": "9999"}).encode()
        file.write_bytes(gzip.compress(b"\n".join([newer, *rest])))
        with pytest.raises(Permanent, match="9999"):
            await restore(database, CLOCK, file, replace=True)
        async with database.begin("test.newer") as connection:
            await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(Permanent, match="newer than this Stonechat"):
            await back_up(database, CLOCK, tmp_path / "of_newer.jsonl.gz")


async def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    any_database_url: str, another_url: str, tmp_path: Path
) -> None:
    """The rows are put into the tables of that time, which are then migrated as any database is."""
    file = tmp_path / "old.jsonl.gz"
    async with opened(any_database_url, migrated=False) as database:
        async with database.begin("test.first") as connection:
            await connection.run_sync(upgrade, "0001")
        await fill(database, rows=3)
        written = await back_up(database, CLOCK, file)
    assert written.schema == "0001"
    async with opened(another_url, migrated=False) as database:
        report = await restore(database, CLOCK, file)
        assert (report.schema, report.tables) == ("0001", written.tables)
        assert len((await content_of(database))["content_metadata"]) == 3


def _without_a_row(plain: bytes) -> bytes:
    lines = plain.split(b"\n")
    place = next(number for number, line in enumerate(lines) if line.startswith(b"["))
    return b"\n".join(lines[:place] + lines[place + 1 :])


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a changed byte of a row": (
        lambda plain: plain.replace(b"plain", b"plaim", 1),
        "the checksum of the table",
    ),
    "a lost row": (_without_a_row, "has 2 rows, and 3 were written"),
    "a lost end": (lambda plain: plain[: plain.rindex(b'{"end"')], "its last line does not fit"),
    "a lost half": (lambda plain: plain[: len(plain) // 2], "cannot be (used|read)|ends in the middle"),
    "another kind of file": (lambda _plain: b'{"a": 1}\n', "no backup of Stonechat"),
    "nothing": (lambda _plain: b"", "cannot be used"),
}


async def test_a_damaged_backup_is_named_and_changes_nothing(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url) as database:
        await fill(database, rows=3)
        await back_up(database, CLOCK, tmp_path / "whole.jsonl.gz")
        plain = gzip.decompress((tmp_path / "whole.jsonl.gz").read_bytes())
        before = await content_of(database)
        for name, (spoil, said) in DAMAGES.items():
            file = tmp_path / f"{name}.jsonl.gz"
            file.write_bytes(gzip.compress(spoil(plain)))
            with pytest.raises(NotABackup, match=said):
                await restore(database, CLOCK, file, replace=True)
        assert await content_of(database) == before


async def test_a_file_that_is_cut_off_or_flipped_is_no_backup(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url) as database:
        await fill(database, rows=3)
        await back_up(database, CLOCK, tmp_path / "whole.jsonl.gz")
    whole = (tmp_path / "whole.jsonl.gz").read_bytes()
    for share in (0.01, 0.3, 0.6, 0.99):
        place = int(len(whole) * share)
        (tmp_path / "cut").write_bytes(whole[:place])
        (tmp_path / "flipped").write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        for name in ("cut", "flipped"):
            with pytest.raises(NotABackup):
                backup_file.read_through(tmp_path / name)


async def test_a_backup_is_never_written_over_and_an_unwritable_folder_is_said(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with opened(sqlite_url) as database:
        await fill(database, rows=1)
        await back_up(database, CLOCK, tmp_path / "one.jsonl.gz")
        with pytest.raises(Permanent, match="is there already"):
            await back_up(database, CLOCK, tmp_path / "one.jsonl.gz")
        (tmp_path / "no_folder").write_text("a file")
        with pytest.raises(Transient, match="cannot be written"):
            await back_up(database, CLOCK, tmp_path / "no_folder" / "two.jsonl.gz")


async def test_a_database_without_our_tables_is_not_backed_up(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, migrated=False) as database:
        with pytest.raises(Permanent, match="nothing of Stonechat's"):
            await back_up(database, CLOCK, tmp_path / "none.jsonl.gz")
    assert not (tmp_path / "none.jsonl.gz").exists()


async def test_no_session_is_in_a_backup_in_clear_and_it_opens_nothing_without_its_key(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def vault(database: Database, folder: Path) -> Any:
        return EncryptedSessionStore(database, CLOCK, open_keys(None, folder), dict, lambda _: x_site())

    cookies = [
        {"name": name, "value": f"{name}-nobody-may-read-this", "domain": ".x.com", "path": "/"}
        for name in ("auth_token", "ct0")
    ]
    file = tmp_path / "all.jsonl.gz"
    async with opened(sqlite_url) as database:
        await (await vault(database, tmp_path / "keys")).give(
            "x:a", from_cookies(cookies, SESSION), source="login"
        )
        await back_up(database, CLOCK, file)
    plain = gzip.decompress(file.read_bytes())
    assert b"account_sessions" in plain and b"nobody-may-read-this" not in plain
    async with opened(f"sqlite:///{tmp_path / 'there.db'}", migrated=False) as database:
        await restore(database, CLOCK, file)
        session = await (await vault(database, tmp_path / "keys")).load("x:a")
        assert {cookie["value"] for cookie in session.cookies} == {cookie["value"] for cookie in cookies}
        with pytest.raises(SessionLocked):
            await (await vault(database, tmp_path / "other_keys")).load("x:a")
