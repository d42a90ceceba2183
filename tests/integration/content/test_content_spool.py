"""The spool on a real disk, and paid texts that the database could not take."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.content.writing.pipeline import SPOOL_KIND
from stonechat.content.writing.writing_task import Assignment
from stonechat.core.errors import Transient
from stonechat.core.states import ContentState
from stonechat.database.repositories import content
from stonechat.database.spool.spool import Spool, SpoolEntry
from tests.support.clock import ManualClock
from tests.support.content import studio
from tests.support.model_endpoint import ordinary


async def test_an_entry_is_kept_once_and_drained_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put("posts", "a", {"text": "first"})
    spool.put("posts", "a", {"text": "second"})
    spool.put("posts", "b", {"text": "third"})
    stored: list[str] = []

    async def store(entry: SpoolEntry) -> None:
        stored.append(entry.body["text"])

    assert await Spool(tmp_path / "spool").drain("posts", store) == 2
    assert sorted(stored) == ["second", "third"]
    assert spool.size("posts") == 0 and not spool.has("posts", "a")


async def test_draining_stops_at_the_first_failure_and_loses_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for key in "abc":
        spool.put("posts", key, {"n": key})
    seen: list[str] = []

    async def store(entry: SpoolEntry) -> None:
        if seen:
            raise Transient("still away")
        seen.append(entry.key)

    with pytest.raises(Transient):
        await spool.drain("posts", store)
    assert spool.size("posts") == 2 and not spool.has("posts", seen[0])


def test_a_damaged_file_is_set_aside_and_the_others_still_served(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put("posts", "a", {"n": 1})
    spool.path("posts", "b").write_text('{"key": "b", "bo')
    assert [entry.key for entry in spool.entries("posts")] == ["a"]
    assert len(list((tmp_path / "posts").glob("*.bad"))) == 1


def test_a_spool_has_a_bound_and_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=1)
    spool.put("posts", "a", {})
    spool.put("posts", "a", {"again": True})
    with pytest.raises(Transient):
        spool.put("posts", "b", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(Transient) as caught:
        Spool(tmp_path / "file").put("posts", "a", {})
    assert "DATA_DIR" in caught.value.remedy


async def test_a_paid_text_survives_a_database_that_is_gone_and_is_stored_once(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as s:
        orders = await s.planner._orders(s.account, 1, "run-1")
        assignment = Assignment.model_validate(orders[0])
        request = await s.drafter.request(s.account, assignment, 0, [])
        written = await s.drafter.chain.write(request, account_id=s.account.id, purpose="slot")
        s.drafter._keep(assignment, 0, written, request)
        calls = len(s.endpoint.calls)
    # the process died here, between the answer and the row; another one starts
    async with studio(tmp_path, ManualClock()) as s:
        assert s.spool.size(SPOOL_KIND) == 1
        assert await s.drafter.recover({s.account.id: s.account}) == 1
        assert await s.drafter.recover({s.account.id: s.account}) == 0
        outcome = await s.drafter.write(s.account, assignment)
        assert outcome.stored is not None and not s.endpoint.calls and calls == 1
        async with s.database.read("test") as connection:
            queued = await content.in_states(connection, (ContentState.QUEUED,))
        assert [one.id for one in queued] == [assignment.id]
        assert queued[0].cost_usd > 0 and s.spool.size(SPOOL_KIND) == 0


async def test_a_write_that_fails_after_the_model_has_answered_keeps_the_text_and_stores_it_once_later(
    tmp_path: Path,
) -> None:
    """Another program takes the file's lock at the moment of the answer."""
    quick = DatabaseSettings(lock_timeout=timedelta(seconds=0.1))
    async with studio(tmp_path, ManualClock(), limits_of_database=quick) as s:
        order = Assignment.model_validate((await s.planner._orders(s.account, 1, "run-1"))[0])
        with contextlib.closing(sqlite3.connect(tmp_path / "content.db", isolation_level=None)) as other:

            def lock_and_answer(system: str, prompt: str, rng: random.Random) -> str:
                other.execute("BEGIN IMMEDIATE")
                return ordinary(system, prompt, rng)

            s.endpoint.answer = lock_and_answer
            outcome = await s.drafter.write(s.account, order)
            assert outcome.spooled and outcome.stored is None
            assert s.spool.size(SPOOL_KIND) == 1
            other.execute("ROLLBACK")
        assert await s.drafter.recover({s.account.id: s.account}) == 1
        assert s.spool.size(SPOOL_KIND) == 0
        async with s.database.read("test") as connection:
            queued = await content.in_states(connection, (ContentState.QUEUED,))
        assert [one.id for one in queued] == [order.id]
        assert len(s.endpoint.calls) == 1, "it was paid for once"


async def test_a_kept_text_that_cannot_be_read_blocks_no_other(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as s:
        s.spool.put(SPOOL_KIND, "old", {"assignment": {"id": "x", "account_id": s.account.id}})
        order = Assignment.model_validate((await s.planner._orders(s.account, 1, "run-1"))[0])
        request = await s.drafter.request(s.account, order, 0, [])
        written = await s.drafter.chain.write(request, account_id=s.account.id, purpose="slot")
        s.drafter._keep(order, 0, written, request)
        assert await s.drafter.recover({s.account.id: s.account}) == 1
        assert s.spool.size(SPOOL_KIND) == 0
        assert len(list((tmp_path / "spool" / SPOOL_KIND).glob("*.bad"))) == 1
