"""The storage commands as a user types them, on both engines: what they print, and how they refuse."""

import asyncio
import json
import os
import random
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from stonechat.cli.main import app
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.database import Database, open_database
from stonechat.database.maintenance import row_codec
from stonechat.database.maintenance.export import KINDS, SECRET
from stonechat.database.maintenance.row_codec import RowShapeFamily, current_shapes
from stonechat.database.schema.migrations import NEWEST
from stonechat.database.schema.migrations.upgrading import upgrade
from stonechat.database.schema.tables import audit, metadata
from tests.support.processes import free_port
from tests.support.settings import GOOD
from tests.support.stored import fill

CLOCK = SystemClock()
ROWS = 3


@pytest.fixture
def any_database_url(request: pytest.FixtureRequest, sqlite_url: str) -> Any:
    """SQLite's, or PostgreSQL's where the test says so: for what the engine makes a difference."""
    return (
        request.getfixturevalue("postgres_url")
        if getattr(request, "param", "") == "postgresql"
        else sqlite_url
    )


on_both = pytest.mark.parametrize("any_database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def stonechat(any_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command in an empty folder, with this database."""
    monkeypatch.chdir(tmp_path)
    environment = {"DATABASE_URL": any_database_url, "DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}

    def run(*arguments: Any, code: Any = 0, **settings: Any) -> Any:
        done = CliRunner(env={**environment, **settings}).invoke(app, arguments)
        assert code(done.exit_code) if callable(code) else done.exit_code == code, done.output + repr(
            done.exception
        )
        assert "only-for-tests" not in done.output
        return done

    return run


@pytest.fixture
def filled(any_database_url: str) -> Any:
    """How many rows of each table there are, before anything happens to them."""
    return asyncio.run(_fill(any_database_url))


async def _fill(url: str) -> Any:
    async with open_database(url, DatabaseSettings(), CLOCK) as database:
        await fill(database, rows=ROWS)
        async with database.begin("test.old") as connection:
            old = CLOCK.now() - timedelta(days=1000)
            await connection.execute(sa.insert(audit).values(at=old, who="t", action="long ago"))
        return await _counts(database)


async def _counts(database: Database) -> Any:
    async with database.read("test.counts") as connection:
        return {shape.name: (await row_codec.tally(connection, shape)).rows for shape in current_shapes()}


@on_both
def test_backup_and_restore_from_the_command_line(stonechat: Any, filled: Any, tmp_path: Path) -> None:
    said = json.loads(stonechat("backup", "one.jsonl.gz", "--json").stdout)
    assert {table["table"]: table["rows"] for table in said["tables"]} == filled
    assert said["rows"] == sum(filled.values())
    assert len(said["sha256"]) == 64 and all(len(table["checksum"]) == 64 for table in said["tables"])
    shown = stonechat("backup")
    assert "Read back and compared" in shown.stdout and "SHA-256" in shown.stdout
    assert len(list((tmp_path / "data" / "backups").glob("stonechat-*.jsonl.gz"))) == 1

    refused = stonechat("restore", "one.jsonl.gz", code=1)
    assert "is not empty" in refused.stderr and "--replace" in refused.stderr
    restored = json.loads(stonechat("restore", "one.jsonl.gz", "--replace", "--json").stdout)
    assert restored["tables"] == said["tables"]
    assert restored["kept"]["rows"] == sum(filled.values())
    fresh = f"sqlite:///{tmp_path / 'fresh' / 'new.db'}"
    told = stonechat("restore", "one.jsonl.gz", DATABASE_URL=fresh)
    assert (
        f"{sum(filled.values())} rows restored" in told.stdout and "looked up on the network" in told.stdout
    )


def test_a_backup_that_was_damaged_or_is_newer_is_refused_with_the_reason(
    stonechat: Any, filled: Any, tmp_path: Path
) -> None:
    stonechat("backup", "one.jsonl.gz")
    whole = (tmp_path / "one.jsonl.gz").read_bytes()
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "none.jsonl.gz").write_bytes(b"no backup at all")
    for name in ("cut", "none"):
        refused = stonechat("restore", f"{name}.jsonl.gz", "--replace", code=1)
        assert f"{name}.jsonl.gz cannot be used as a backup" in refused.stderr
        assert "Use another backup" in refused.stderr
    missing = stonechat("restore", "nowhere.jsonl.gz", code=1)
    assert "cannot be read: No such file" in missing.stderr
    assert "is there already" in stonechat("backup", "one.jsonl.gz", code=1).stderr


@on_both
def test_prune_counts_first_and_then_forgets(stonechat: Any, filled: Any) -> None:
    counted = json.loads(stonechat("db", "prune", "--dry-run", "--json").stdout)
    trail = next(one for one in counted["families"] if one["family"] == "audit trail")
    assert counted["dry_run"] and trail["rows"] == 1
    again = json.loads(stonechat("db", "prune", "--dry-run", "--json").stdout)
    assert again == counted
    gone = json.loads(stonechat("db", "prune", "--json").stdout)
    assert gone["rows"] == counted["rows"]
    assert json.loads(stonechat("db", "prune", "--json").stdout)["rows"] == 0
    assert "kept for ever" in stonechat("db", "prune").stdout
    for setting, value in (("KEEP_AUDIT", "soon"), ("KEEP_COSTS", "30d"), ("KEEP_OPPORTUNITIES", "1d")):
        assert setting in stonechat("db", "prune", code=78, **{setting: value}).stderr


@on_both
def test_export_is_one_json_object_a_line_with_times_and_without_secrets(
    stonechat: Any, filled: Any, tmp_path: Path
) -> None:
    lines = [json.loads(line) for line in stonechat("export").stdout.splitlines()]
    by_table: dict[str, list[dict[str, Any]]] = {}
    assert lines
    for line in lines:
        assert set(line) == {"table", "row"}
        by_table.setdefault(line["table"], []).append(line["row"])
    assert {table: len(rows) for table, rows in by_table.items()} == {
        table: rows for table, rows in filled.items() if table not in SECRET
    }
    rows = [(shape, row) for shape in current_shapes() for row in by_table.get(shape.name, [])]
    assert len(rows) == len(lines)
    assert all(list(row) == [field.name for field in shape.fields] for shape, row in rows)
    times = [
        row[field.name]
        for shape, row in rows
        for field in shape.fields
        if field.family is RowShapeFamily.TIME and row[field.name] is not None
    ]
    assert times
    assert all(datetime.fromisoformat(one).utcoffset() == timedelta() for one in times)
    some = json.loads(stonechat("export", "content", "audit", "--to", "some.jsonl", "--json").stdout)
    written = [
        json.loads(line)["table"] for line in (tmp_path / "some.jsonl").read_text("utf-8").splitlines()
    ]
    assert {table: written.count(table) for table in set(written)} == some["tables"]
    assert set(written) == {table for table in (*KINDS["content"], "audit") if table in filled}
    account = by_table["content_metadata"][0]["account_id"]
    one = stonechat("export", "content_metadata", "--account", account).stdout.splitlines()
    assert {json.loads(line)["row"]["account_id"] for line in one} == {account}
    assert "Did you mean history?" in stonechat("export", "histori", code=1).stderr


@on_both
def test_a_database_of_a_newer_stonechat_is_read_by_no_command(
    stonechat: Any, filled: Any, any_database_url: str, tmp_path: Path
) -> None:
    async def make_newer() -> None:
        async with (
            open_database(any_database_url, DatabaseSettings(), CLOCK) as database,
            database.begin("test.newer") as connection,
        ):
            await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    asyncio.run(make_newer())
    for words in (
        ["export"],
        ["backup"],
        ["db", "move", "--to", f"sqlite:///{tmp_path}/n.db"],
        ["db", "prune"],
    ):
        refused = stonechat(*words, code=lambda code: code != 0)
        assert "newer than this" in refused.stderr and not refused.stdout, words
    checked = stonechat(
        "doctor", "--json", code=lambda code: code != 0, **GOOD, DATABASE_URL=any_database_url
    )
    found = {one["name"]: one for one in json.loads(checked.stdout)["checks"]}["database"]
    assert found["verdict"] == "fail" and "newer than this" in found["found"]


def test_every_table_is_exported_or_declared_secret_and_never_both() -> None:
    exported = [table for tables in KINDS.values() for table in tables]
    assert len(exported) == len(set(exported))
    assert SECRET.isdisjoint(exported)
    assert set(metadata.tables) <= {*exported, *SECRET, *row_codec.LEFT_OUT}
    named = ("secret", "session", "cookie", "token", "password", "sealed", "key")
    told = set(metadata.tables) - SECRET
    assert told
    for name in told:
        columns = {column.name for column in metadata.tables[name].columns}
        assert (
            not any(word in column.split("_") for word in named for column in columns) or name == "accounts"
        )


def test_a_move_is_refused_with_the_reason(stonechat: Any, filled: Any, any_database_url: str) -> None:
    down = f"postgresql://stonechat:only-for-tests@127.0.0.1:{free_port()}/stonechat"
    assert "Nothing was moved" not in stonechat("db", "move", "--to", down, code=1).stderr
    assert (
        "is the database that is in use already"
        in stonechat("db", "move", "--to", any_database_url, code=78).stderr
    )
    assert "SQLite and PostgreSQL can be used" in stonechat("db", "move", "--to", "mysql://x", code=78).stderr


def test_a_move_says_what_it_did(stonechat: Any, filled: Any, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'moved.db'}"
    told = stonechat("db", "move", "--to", target)
    assert f"{sum(filled.values())} rows moved" in told.stdout and "rows a second" in told.stdout
    assert "DATABASE_URL" in told.stdout
    assert "A move to it was completed" in stonechat("db", "move", "--to", target, code=1).stderr


@on_both
def test_an_upgrade_is_shown_first_and_done_after_a_backup(
    stonechat: Any, any_database_url: str, tmp_path: Path
) -> None:
    async def of_first_version() -> None:
        async with (
            open_database(any_database_url, DatabaseSettings(), CLOCK, migrated=False) as database,
            database.begin("test.old") as connection,
        ):
            await connection.run_sync(upgrade, "0001")

    asyncio.run(of_first_version())
    shown = json.loads(stonechat("upgrade", "--check", "--json", code=1).stdout)
    assert (shown["found"], shown["upgraded"]) == ("0001", False)
    migrations = shown["migrations"]
    assert migrations and migrations[-1]["revision"] == NEWEST
    assert all(one["what"] for one in migrations)
    assert not (tmp_path / "data").exists()
    told = stonechat("upgrade").stdout
    assert f"Upgraded to {NEWEST}" in told and "restore --replace" in told
    assert len(list((tmp_path / "data/backups").iterdir())) == 1
    assert "nothing to upgrade" in stonechat("upgrade", "--check").stdout


def test_where_there_is_no_database_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = {"DATABASE_URL": f"sqlite:///{tmp_path / 'nowhere.db'}", "DATA_DIR": str(tmp_path / "data")}
    for command in (
        ["backup"],
        ["export"],
        ["upgrade"],
        ["db", "move", "--to", f"sqlite:///{tmp_path / 'new.db'}"],
    ):
        done = CliRunner(env=nowhere).invoke(app, command)
        assert done.exit_code == 1 and "There is no database at" in done.stderr
    assert not list(tmp_path.glob("*.db"))


def test_the_database_server_that_is_down_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    down = f"postgresql://stonechat:only-for-tests@127.0.0.1:{free_port()}/stonechat"
    done = CliRunner(env={"DATABASE_URL": down}).invoke(app, ["backup", "one.jsonl.gz"])
    assert done.exit_code == 1 and "Check that the server runs" in done.stderr
    assert "only-for-tests" not in done.output and not list(tmp_path.glob("*.gz*"))


@on_both
def test_a_disk_that_is_full_leaves_no_half_backup(
    any_database_url: str, filled: Any, tmp_path: Path
) -> None:
    """The file-size limit of the process stands for the disk: the write fails with the system's own error."""
    blocks = 256 if any_database_url.startswith("sqlite") else 4  # of 512 bytes
    out = tmp_path / "out"
    command = "backup out/one.jsonl.gz" if blocks > 4 else "export --to out/all.jsonl"
    done = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -f {blocks}; exec {sys.executable} -m stonechat.cli.main {command}"],
        env={**os.environ, "DATABASE_URL": any_database_url, "DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "Free some disk space" in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("command", [["backup"], ["restore"], ["export"], ["db", "move"], ["db", "prune"]])
def test_help_shows_an_example(command: Any) -> None:
    told = CliRunner(env={"COLUMNS": "160"}).invoke(app, [*command, "--help"])
    assert told.exit_code == 0
    assert re.search(rf"Example: .*stonechat {' '.join(command)}", told.output)


def test_a_damaged_file_is_named_by_every_command_that_reads_it(
    stonechat: Any, filled: Any, any_database_url: str, tmp_path: Path
) -> None:
    """Pages of the file are overwritten in turn: what is read is right or refused, never a traceback."""
    file = Path(any_database_url.removeprefix("sqlite:///"))
    whole = file.read_bytes()
    rng = random.Random(7)
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 40)):
            start = rng.randrange(len(damaged))
            damaged[start : start + 64] = rng.randbytes(64)
        file.write_bytes(damaged[: len(whole)])
        for rest in ("-wal", "-shm"):
            file.with_name(file.name + rest).unlink(missing_ok=True)
        for words in (["export"], ["backup"], ["db", "prune", "--dry-run"], ["audit"]):
            done = stonechat(*words, code=lambda code: code in {0, 1, 78})
            assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exception)
