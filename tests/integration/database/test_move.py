"""Moving a database: complete, compared, taken up again after any kill, and never into one that holds anything."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent, Transient
from stonechat.database import Database, open_database
from stonechat.database.maintenance.backup import holds
from stonechat.database.maintenance.row_codec import current_shapes
from stonechat.database.maintenance.transfer import ACTION, Transfer, progress_table
from stonechat.database.repositories import audit as audit_rows
from stonechat.database.repositories import executors
from stonechat.database.schema.tables import accounts, audit, rejected_drafts, watched_authors
from tests.support.checkout import ROOT
from tests.support.processes import free_port, wait_until
from tests.support.stored import BEGAN, assert_same, awkward_row, content_of, fill

CLOCK = SystemClock()
SHAPES = {shape.name: shape for shape in current_shapes()}
CHANGED_BY_A_MOVE = {"audit"}


def opened(url: str, **options: Any) -> Any:
    return open_database(url, DatabaseSettings(), CLOCK, **options)


@pytest.fixture
def pair(request: pytest.FixtureRequest, postgres_url: str, sqlite_url: str, tmp_path: Path) -> Any:
    """The addresses of a source and of a target that is not there yet: to PostgreSQL, or as told."""
    match getattr(request, "param", "to postgresql"):
        case "to sqlite":
            return postgres_url, f"sqlite:///{tmp_path / 'new.db'}"
        case "through a pooler":
            return sqlite_url, request.getfixturevalue("pooled_url")
        case _:
            return sqlite_url, postgres_url


both_ways = pytest.mark.parametrize(
    "pair",
    ["to postgresql", *(["to sqlite"] if os.environ.get("STONECHAT_KILL_EVERY") else [])],
    indirect=True,
)


@pytest.mark.parametrize("pair", ["to postgresql", "to sqlite", "through a pooler"], indirect=True)
async def test_everything_arrives_as_it_was_and_numbers_go_on(pair: Any) -> None:
    source, target = pair
    told: list[Any] = []
    async with opened(source) as ours, opened(target, migrated=False) as theirs:
        put = await fill(ours, rows=7)
        before = await content_of(ours)
        report = await Transfer(ours, theirs, CLOCK, told.append, batch=5).run()
        after = await content_of(theirs)
        assert (report.rows, report.resumed, report.altered) == (put, 0, 0)
        assert told[-1].done == told[-1].total == put
        assert_same(before, after, but=CHANGED_BY_A_MOVE)
        async with theirs.begin("test.go_on") as connection:
            for shape in current_shapes():
                if shape.name in {"rewards", "state_history", "metrics_snapshots", "rejected_drafts"}:
                    await _append(connection, shape)
            trail = await audit_rows.newest(connection, limit=1)
        assert trail[0].action == ACTION


async def _append(connection: AsyncConnection, shape: Any) -> None:
    """One more row, whose number the database gives."""
    row = dict(
        zip(
            [f.name for f in shape.fields],
            awkward_row(shape, 99, __import__("random").Random(9)),
            strict=True,
        )
    )
    largest = (await connection.execute(sa.select(sa.func.max(shape.table.c.id)))).scalar_one()
    del row["id"]
    await connection.execute(sa.insert(shape.table).values(**row))
    assert (await connection.execute(sa.select(sa.func.max(shape.table.c.id)))).scalar_one() == largest + 1


@both_ways
async def test_a_move_goes_on_after_a_kill_at_any_commit(pair: Any) -> None:
    source, target = pair
    async with opened(source) as ours:
        put = await fill(ours, rows=3)
        before = await content_of(ours)
    asked = {"source": source, "target": target, "batch": 2, "steps": 31}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.support.moving_lives", json.dumps(asked)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["lives"] > 5
    async with opened(target) as theirs:
        after = await content_of(theirs)
        async with theirs.read("test.progress") as connection:
            assert not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(progress_table.name))
    assert_same(before, after, but=CHANGED_BY_A_MOVE)
    assert sum(map(len, after.values())) == put + 1  # one line of the audit trail


async def test_a_target_that_holds_anything_is_refused(pair: Any) -> None:
    source, target = pair
    async with opened(source) as ours, opened(target) as theirs:
        await fill(ours, rows=2)
        async with theirs.begin("test.one") as connection:
            await connection.execute(sa.insert(audit).values(at=BEGAN, who="t", action="a"))
        with pytest.raises(Permanent, match="The target is not empty: 1 rows in audit"):
            await Transfer(ours, theirs, CLOCK).run()
        async with theirs.read("test.one") as connection:
            assert await holds(connection) == {"audit": 1}


async def test_a_finished_move_is_told_from_a_target_in_use(pair: Any) -> None:
    source, target = pair
    async with opened(source) as ours, opened(target, migrated=False) as theirs:
        await fill(ours, rows=2)
        await Transfer(ours, theirs, CLOCK).run()
        with pytest.raises(Permanent, match="A move to it was completed"):
            await Transfer(ours, theirs, CLOCK).run()


async def test_of_two_moves_to_one_target_at_once_one_stops_and_the_other_brings_everything(
    pair: Any,
) -> None:
    source, target = pair
    async with (
        opened(source) as ours,
        opened(target, migrated=False) as theirs,
        opened(target, migrated=False) as others,
    ):
        await fill(ours, rows=30)
        moves = (Transfer(ours, to, CLOCK, batch=4) for to in (theirs, others))
        ends: list[Any] = await asyncio.gather(*(move.run() for move in moves), return_exceptions=True)
        stopped: list[Any] = [end for end in ends if isinstance(end, Exception)]
        assert [type(end) for end in stopped] in ([], [Permanent]), ends
        assert len(stopped) < 2 and not [
            end for end in stopped if "Another move" not in end.what and "not empty" not in end.what
        ], ends
        assert await _held(ours) == await _held(theirs)


async def _held(database: Database) -> Any:
    async with database.read("test.one") as connection:
        found = await holds(connection)
    found.pop("audit", None)  # a finished move says so there
    return found


async def test_a_source_that_changed_in_between_is_noticed_and_moved_again(pair: Any) -> None:
    source, target = pair
    async with opened(source) as ours, opened(target, migrated=False) as theirs:
        await fill(ours, rows=2)
        move = Transfer(ours, theirs, CLOCK, _Stop(after=20), batch=1)
        with pytest.raises(_Stop.Now):
            await move.run()
        async with ours.begin("test.change") as connection:
            await connection.execute(sa.update(accounts).values(handle="another"))
        with pytest.raises(Permanent, match=r"The two sides differ in accounts \(2 rows here, 2 there\)"):
            await Transfer(ours, theirs, CLOCK, batch=1).run()
        report = await Transfer(ours, theirs, CLOCK).run(again=True)
        assert report.resumed == 0
        async with theirs.read("test.change") as connection:
            handles = (await connection.execute(sa.select(accounts.c.handle))).scalars().all()
        assert set(handles) == {"another"}


class _Stop:
    """Told of batches; breaks off the move after some."""

    class Now(Exception):
        pass

    def __init__(self, after: Any) -> None:
        self._left = after

    def __call__(self, _step: Any) -> None:
        self._left -= 1
        if self._left == 0:
            raise self.Now


async def test_a_move_waits_for_every_process_to_stop(pair: Any) -> None:
    source, target = pair
    async with opened(source) as ours, opened(target, migrated=False) as theirs:
        await fill(ours, rows=1)
        async with ours.begin("test.beat") as connection:
            await executors.beat(connection, "elsewhere-1", host="elsewhere", pid=7)
        with pytest.raises(Permanent, match="process 7 on elsewhere"):
            await Transfer(ours, theirs, CLOCK).run()


async def test_what_postgresql_cannot_keep_is_replaced_and_counted(
    sqlite_url: str, postgres_url: str
) -> None:
    async with opened(sqlite_url) as ours, opened(postgres_url, migrated=False) as theirs:
        async with ours.begin("test.nul") as connection:
            values = {"account_id": "x:a", "at": BEGAN, "kind": "single", "step": "s", "why": "half \x00 way"}
            await connection.execute(
                sa.insert(rejected_drafts).values(**values, text="a\x00b", arm={"k\x00": ["\ud83d"]})
            )
        report = await Transfer(ours, theirs, CLOCK).run()
        assert report.altered == 4
        async with theirs.read("test.nul") as connection:
            row = (await connection.execute(sa.select(rejected_drafts))).one()
        assert (row.text, row.why, row.arm) == ("a␀b", "half ␀ way", {"k␀": ["�"]})


async def test_a_value_that_does_not_fit_is_named_with_its_row(sqlite_url: str, postgres_url: str) -> None:
    async with opened(sqlite_url) as ours, opened(postgres_url, migrated=False) as theirs:
        async with ours.begin("test.long") as connection:
            await connection.execute(
                sa.insert(watched_authors).values(account_id="x:a", handle="h" * 101, found_at=BEGAN)
            )
        with pytest.raises(
            Permanent, match=r"watched_authors.*handle of the row x:a, h+ is over 100 characters"
        ):
            await Transfer(ours, theirs, CLOCK).run()
        async with ours.begin("test.short") as connection:
            await connection.execute(sa.update(watched_authors).values(handle="h"))
        assert (await Transfer(ours, theirs, CLOCK).run()).rows == 1


async def test_a_target_that_is_down_is_said(sqlite_url: str) -> None:
    down = f"postgresql://stonechat:secret-word@127.0.0.1:{free_port()}/stonechat"
    async with opened(sqlite_url) as ours, opened(down, migrated=False) as theirs:
        await fill(ours, rows=1)
        with pytest.raises(Transient) as refused:
            await Transfer(ours, theirs, CLOCK).run()
        assert "secret-word" not in str(refused.value)


def test_the_command_goes_on_after_kill_9(sqlite_url: str, postgres_url: str, tmp_path: Path) -> None:
    asyncio.run(_fill(sqlite_url, 150))
    environment = {
        **os.environ,
        "DATABASE_URL": sqlite_url,
        "DATA_DIR": str(tmp_path / "data"),
        "MODE": "shadow",
        "MOVE_TO": postgres_url,
    }
    command = [sys.executable, "-m", "stonechat.cli.main", "db", "move", "--json"]
    first = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: asyncio.run(_arrived(postgres_url)) > 0 or first.poll() is not None, "rows arrive")
    first.send_signal(signal.SIGKILL)
    killed = first.wait() == -signal.SIGKILL
    again = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert killed and again.returncode == 0, again.stderr
    report = json.loads(again.stdout)
    assert report["resumed"] > 0
    assert report["rows"] == 150 * len(current_shapes())
    assert "only-for-tests" not in again.stdout + again.stderr


async def _fill(url: str, rows: Any) -> None:
    async with opened(url) as database:
        await fill(database, rows=rows)


async def _arrived(url: str) -> Any:
    async with opened(url, migrated=False) as database, database.read("test.arrived") as connection:
        if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(progress_table.name)):
            return 0
        return (await connection.execute(sa.select(sa.func.sum(progress_table.c.arrived)))).scalar_one() or 0
