"""What is older than the policy keeps it is forgotten, in small steps; what posts and learning need stays."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from stonechat.config.settings import DatabaseSettings, RetentionSettings
from stonechat.core.clock import Clock, SystemClock
from stonechat.core.model import ContentKind, Metrics, Reward, Snapshot
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.maintenance.retention import BATCH, Retention
from stonechat.database.repositories import content, learning, media, metrics
from stonechat.database.repositories import state_history as history
from stonechat.database.repositories.learning import RipePost
from stonechat.database.schema.tables import (
    account_metrics,
    alerts,
    audit,
    budget_entries,
    budget_marks,
    content_media,
    media_bytes,
    metadata,
    metrics_snapshots,
    outbox,
    rejected_drafts,
    reply_opportunities,
    reserve_drafts,
    state_history,
)
from stonechat.jobs import open_store, runs_url_beside
from stonechat.jobs.execution.durable_runs import Execution
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.jobs import prune_job
from tests.support.clock import ManualClock
from tests.support.pictures import picture
from tests.support.posting import ACCOUNT, RunContext, piece
from tests.support.waiting import eventually

KEEP = RetentionSettings()
MATURITY = timedelta(hours=48)
DAY = timedelta(days=1)


class QuickClock(ManualClock):
    """Stands still, and nobody waits in it."""

    async def sleep_real(self, duration: Any) -> None:
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Any:
    return QuickClock()


@pytest.fixture
async def database(any_database_url: str, clock: ManualClock) -> AsyncIterator[Any]:
    async with open_database(any_database_url, DatabaseSettings(), clock) as database:
        yield database


@pytest.fixture
async def on_sqlite(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Any]:
    """For what the engine makes no difference to."""
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        yield database


def _retention(database: Database, clock: Clock, keep: Any = KEEP) -> Any:
    return Retention(database, clock, keep, maturity=MATURITY)


async def _put(database: Database, table: sa.Table, *rows: Any) -> None:
    async with database.begin("test.put") as connection:
        await connection.execute(sa.insert(table), list(rows))


async def _rows(database: Database, table: sa.Table, column: Any) -> Any:
    async with database.read("test.rows") as connection:
        return sorted((await connection.execute(sa.select(table.c[column]))).scalars().all())


async def test_old_runs_go_with_their_steps_and_those_under_way_stay(any_database_url: str) -> None:
    async def body(run: Any, _: Any) -> Any:
        await run.step("one", _one)
        if run.run_id.startswith("test.stays"):
            await asyncio.Event().wait()
        return {"state": "succeeded"}

    clock = SystemClock()
    requests = [RunRequest(name, None, clock.now(), "a test") for name in ("test.old", "test.stays")]
    async with (
        open_store(runs_url_beside(any_database_url)) as store,
        Execution("one", store, {"database": 2}, DAY / 864_000).running(body),
    ):
        await store.enqueue([("database", one) for one in requests])

        async def ended() -> Any:
            return [run.state.value for run in await store.active()] == ["running"]

        await eventually(ended)
        later = clock.wall() + timedelta(seconds=2)
        assert await store.forget(clock.wall() - DAY) == 0
        assert await store.count_ended(later) == 1
        assert await store.forget(later) == 1
        assert [run.job for run in await store.history()] == ["test.stays"]
        assert await store.steps(requests[0].run_id) == []


async def _one() -> Any:
    return 1


async def test_readings_are_thinned_to_one_a_day_and_in_the_end_to_the_last(
    database: Database, clock: ManualClock
) -> None:
    async with database.begin("test.shots") as connection:
        for name, posted in (
            ("recent", 10 * DAY),
            ("old", 100 * DAY),
            ("ancient", 500 * DAY),
            ("unjudged", 100 * DAY),
        ):
            at = clock.now() - posted
            post = piece(name, "A post.", due_at=at)
            await content.add(connection, post, who="test")
            await connection.execute(
                sa.text("UPDATE content_metadata SET post_id = :post WHERE id = :id"),
                {"post": f"p-{name}", "id": name},
            )
            shots = [
                Snapshot(
                    ACCOUNT.id, f"p-{name}", name, at + hour * timedelta(hours=6), Metrics(likes=hour), "wire"
                )
                for hour in range(12)
            ]
            await metrics.append(connection, shots)
            if name != "unjudged":
                ripe = RipePost(ACCOUNT.id, name, f"p-{name}", at, {}, None, False, 0)
                reward = Reward(ACCOUNT.id, name, f"p-{name}", clock.now(), 1.0)
                await learning.append_rewards(connection, [(ripe, reward, 5)])
    before = await _log(database)
    pruned = await _retention(database, clock).prune()
    left = {}
    async with database.read("test.left") as connection:
        for name in ("recent", "old", "ancient", "unjudged"):
            left[name] = [
                shot.metrics.likes for shot in await metrics.of_post(connection, ACCOUNT.id, f"p-{name}")
            ]
    assert left["recent"] == left["unjudged"] == list(range(12))
    assert left["old"] == [2, 6, 10, 11]  # posted at 09:00: the last before each midnight
    assert left["ancient"] == [11]
    assert sum(one.rows for one in pruned) == 8 + 11
    assert await _log(database) == before


async def _log(database: Database) -> Any:
    async with database.read("test.log") as connection:
        return await learning.reward_log(connection, ACCOUNT.id)


async def test_each_family_is_kept_for_its_time(database: Database, clock: ManualClock) -> None:
    now = clock.now()

    def old_and_new(days: Any, **values: Any) -> Any:
        return [{**values, "at": now - (days + 1) * DAY}, {**values, "at": now - (days - 1) * DAY}]

    who = {"account_id": ACCOUNT.id}
    draft = {**who, "kind": "single", "text": "t", "step": "s", "why": "w", "arm": {}}
    await _put(database, rejected_drafts, *old_and_new(90, **draft))
    await _put(database, audit, *old_and_new(730, who="ann", action="pause"))
    for number, days in enumerate((91, 89)):
        at = now - days * DAY
        name = f"{number}"
        await _put(
            database,
            reserve_drafts,
            {
                **who,
                "id": name,
                "created_at": at,
                "parts": ["t"],
                "kind": "single",
                "arm": {},
                "drawn_at": at,
            },
        )
        await _put(
            database, outbox, _message(name, at, sent_at=at), _message(f"unsent {name}", at, sent_at=None)
        )
        await _put(database, alerts, _alert(name, "resolved", at), _alert(f"fires {name}", "firing", at))
        await _put(
            database,
            reply_opportunities,
            *(
                _opportunity(f"{state} {name}", state, at)
                for state in ("expired", "skipped", "replied", "found")
            ),
        )
    for number, days in enumerate((401, 399)):
        at = now - days * DAY
        entry = {**who, "purpose": "p", "reserved_at": at, "reserved_usd": 0.0, "expires_at": at}
        await _put(
            database,
            budget_entries,
            {**entry, "id": f"{number}", "settled_at": at},
            {**entry, "id": f"open {number}", "settled_at": None},
        )
        await _put(database, budget_marks, {"scope": "all", "period": f"{number}", "share": 80, "at": at})
    async with database.begin("test.lines") as connection:
        for kind in ("content", "session"):
            for days in (400, 364, 31, 29):
                await history.append(
                    connection,
                    kind=kind,
                    entity_id=f"{kind} {days}",
                    account_id=None,
                    at=now - days * DAY,
                    who="t",
                    before="",
                    after="x",
                )
    await _put(
        database,
        account_metrics,
        *({**who, "captured_at": now - 60 * DAY + hour * timedelta(hours=1)} for hour in range(24)),
    )

    await _retention(database, clock).prune()

    assert len(await _rows(database, rejected_drafts, "id")) == len(await _rows(database, audit, "id")) == 1
    assert await _rows(database, reserve_drafts, "id") == ["1"]
    assert await _rows(database, outbox, "id") == ["1", "unsent 0", "unsent 1"]
    assert await _rows(database, alerts, "id") == ["1", "fires 0", "fires 1"]
    assert await _rows(database, reply_opportunities, "id") == [
        *("expired 1", "found 0", "found 1", "replied 0", "replied 1", "skipped 1"),
    ]
    assert await _rows(database, budget_entries, "id") == ["1", "open 0", "open 1"]
    assert await _rows(database, budget_marks, "period") == ["1"]
    assert await _rows(database, state_history, "entity_id") == [
        *("content 29", "content 31", "content 364", "content 400"),
        *("session 29", "session 31", "session 364"),
    ]
    assert len(await _rows(database, account_metrics, "id")) == 2


def _message(name: str, at: Any, sent_at: Any) -> Any:
    values = {"id": name, "alert_id": "a", "channel": "c", "body": {}, "created_at": at, "due_at": at}
    return {**values, "sent_at": sent_at}


def _alert(name: str, state: Any, at: Any) -> Any:
    texts = {"rule": "r", "severity": "warning", "title": "t", "body": "b", "labels": {}}
    return {"id": name, "state": state, "state_since": at, **texts}


def _opportunity(name: str, state: Any, at: Any) -> Any:
    times = {"posted_at": at, "found_at": at, "state_since": at}
    texts = {"author": "ann", "text": "t", "url": "u", "source": "search"}
    return {"id": name, "account_id": ACCOUNT.id, "post_id": name, "state": state, **times, **texts}


async def _pictured(
    database: Database, name: str, state: Any, ago: Any, *shown: Any, clock: ManualClock
) -> None:
    """A piece with pictures that came to its state so long ago."""
    at = clock.now() - ago
    async with database.begin("test.pictured") as connection:
        await content.add(connection, replace(piece(name, "A post.", due_at=at), state=state), who="test")
        for one in shown:
            await media.add(connection, name, ACCOUNT.id, 0, one, now=at)


async def test_bytes_of_pictures_go_some_time_after_publication_and_descriptions_stay(
    database: Database, clock: ManualClock
) -> None:
    shared, own, failed = picture(1, "shared"), picture(2, "own"), picture(3, "failed")
    recent, rejected, queued = picture(4, "recent"), picture(5, "rejected"), picture(6, "queued")
    posted = ContentState.POSTED
    await _pictured(database, "old", posted, 31 * DAY, shared, own, clock=clock)
    await _pictured(database, "young", posted, 29 * DAY, recent, clock=clock)
    await _pictured(database, "turned-down", ContentState.REJECTED, 31 * DAY, rejected, clock=clock)
    await _pictured(database, "failed", ContentState.FAILED, 99 * DAY, failed, clock=clock)
    await _pictured(database, "waits", ContentState.QUEUED, 99 * DAY, shared, queued, clock=clock)
    await _put(database, media_bytes, {"sha256": "orphan", "account_id": None, "body": b"x"})

    would = {one.policy: one.rows for one in await _retention(database, clock).count()}
    assert would["KEEP_MEDIA"] == 3
    await _retention(database, clock).prune()

    kept = [one.sha256 for one in (shared, failed, recent, queued)]
    assert await _rows(database, media_bytes, "sha256") == sorted(kept)
    async with database.read("test.left") as connection:
        left = await media.of(connection, "old")
        assert [(one.alt, one.kept) for one in left] == [("shared", True), ("own", False)]
        assert len(await history.of(connection, "content", "old")) == 1
        assert await media.shown(connection, "old", own.sha256) is None
        assert await media.unfit(connection) == []
    assert len(await _rows(database, content_media, "alt")) == 7
    await _pictured(database, "once-more", ContentState.QUEUED, DAY, own, clock=clock)
    async with database.read("test.back") as connection:
        assert await media.shown(connection, "old", own.sha256) == (own.mime, own.body)


async def test_a_picture_that_is_taken_up_again_meanwhile_keeps_its_bytes(
    database: Database, clock: ManualClock
) -> None:
    """The same picture is attached to a new post while the old one's bytes are about to be forgotten."""
    shown = picture(1, "a square")
    await _pictured(database, "old", ContentState.POSTED, 31 * DAY, shown, clock=clock)
    async with database.begin("test.attach") as connection:
        new = replace(piece("new", "A post.", due_at=clock.now()), state=ContentState.QUEUED)
        await content.add(connection, new, who="test")
        await media.add(connection, "new", ACCOUNT.id, 0, shown, now=clock.now())
        pruning = asyncio.create_task(_retention(database, clock).prune())
        looked, _ = await asyncio.wait({pruning}, timeout=0.3)
        assert not looked, "it waits for the row that is taken hold of"
    await pruning
    async with database.read("test.left") as connection:
        assert await media.unfit(connection) == []
        ((sent,),) = await media.with_bytes(connection, "new", 1)
    assert sent == shown


async def test_an_opportunity_that_a_post_came_from_stays(on_sqlite: Any, clock: ManualClock) -> None:
    old = clock.now() - 200 * DAY
    await _put(on_sqlite, reply_opportunities, _opportunity("used", "expired", old))
    async with on_sqlite.begin("test.reply") as connection:
        reply = piece("r", "An answer.", due_at=old, kind=ContentKind.REPLY, opportunity_id="used")
        await content.add(connection, reply, who="test")
    await _retention(on_sqlite, clock).prune()
    assert await _rows(on_sqlite, reply_opportunities, "id") == ["used"]


async def test_nothing_that_posts_or_learning_need_is_in_any_family(
    on_sqlite: Any, clock: ManualClock
) -> None:
    may_go = {family.table.name for family in _retention(on_sqlite, clock).rules()}
    assert may_go.isdisjoint(
        {"content_metadata", "post_parts", "post_attempts", "rewards", "models", "accounts"}
    )
    assert may_go <= set(metadata.tables)


async def test_many_rows_go_in_batches_and_a_writer_gets_in_between(any_database_url: str) -> None:
    clock = SystemClock()
    async with open_database(any_database_url, DatabaseSettings(), clock) as database:
        old = clock.now() - 1000 * DAY
        rows = [{"at": old, "who": "t", "action": "a", "why": "x" * 200} for _ in range(6 * BATCH + 7)]
        await _put(database, audit, *rows)
        waits = []
        pruning = asyncio.create_task(_retention(database, clock).prune())
        while not pruning.done():
            asked = clock.monotonic()
            async with database.begin("test.writer") as connection:
                await history.append(
                    connection,
                    kind="switch",
                    entity_id="x",
                    account_id=None,
                    at=clock.now(),
                    who="t",
                    before="",
                    after="on",
                )
            waits.append(clock.monotonic() - asked)
            await asyncio.sleep(0)
        gone = next(one for one in await pruning if one.family == "audit trail")
        assert (gone.rows, gone.batches) == (6 * BATCH + 7, 7)
        assert len(waits) > 7
        assert await _rows(database, audit, "id") == []


async def test_the_job_is_declared_once_for_all_accounts_and_says_what_it_did(
    on_sqlite: Any, clock: ManualClock, sqlite_url: str
) -> None:
    await _put(on_sqlite, audit, {"at": clock.now() - 1000 * DAY, "who": "t", "action": "a"})
    job = prune_job(_retention(on_sqlite, clock), runs_url_beside(sqlite_url), 30 * DAY)
    work = await job.run(RunContext(clock))
    assert (work.done, work.due, work.note) == (1, 1, "1 audit trail")
    again = await job.run(RunContext(clock))
    assert (again.done, again.due) == (0, 0)
    assert not job.per_account and job.every == DAY
    assert metrics_snapshots.name in {family.table.name for family in _retention(on_sqlite, clock).rules()}
