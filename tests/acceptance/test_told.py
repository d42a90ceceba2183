"""What the owner is told of an outage, from outside: the whole product, real faults, messages counted at a
receiver. Each ends in one message that names the right root and one that says that it is over."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.drills import (
    Product,
    browser_frozen,
    browser_killed,
    frozen,
    locked_table,
    no_connection_free,
    product,
    write_locked,
)
from tests.support.processes import Reaper
from tests.support.servers import postgres, redis_server

QUIET = 75
"""Real seconds after the end in which nothing more may be told."""


def one_incident(
    running: Product, fault: AbstractContextManager[None], root: str, *, lasts: float = 90
) -> None:
    """While the fault lasts one message names ``root``; after it one says that it is over, and no more."""
    assert running.inbox.told() == [], "nothing was wrong yet"
    began = time.monotonic()
    with fault:
        running.until(lambda: bool(running.inbox.told(began)), f"a word on {root}", seconds=150)
        running.during(max(0.0, lasts - (time.monotonic() - began)))
        health = running.health()
        assert health["root"] == root, health
    published = running.posts()
    running.until(lambda: len(running.inbox.told(began)) >= 2, "its end", seconds=120)
    running.until(lambda: running.posts() > published, "the next post", seconds=120)
    running.during(QUIET)
    told = running.inbox.told(began)
    assert [line.split()[0] for line in told] == ["firing", "resolved"], told
    assert told[0].lower().startswith(f"firing {root} is "), told
    assert running.health()["state"] == "ok"


@contextlib.contextmanager
def dead_button(running: Product) -> Iterator[None]:
    running.lever(dead_button=True)
    try:
        yield
    finally:
        running.lever(dead_button=False)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_send_button_that_is_dead_is_told_in_few_words_and_over_when_a_post_is_out(
    tmp_path: Path, reaper: Reaper
) -> None:
    with product(reaper, tmp_path) as running:
        began = time.monotonic()
        with dead_button(running):
            published = running.posts()
            running.until(lambda: running.health()["state"] != "ok", "health is not well", seconds=200)
            running.until(lambda: bool(running.inbox.told(began)), "a word", seconds=120)
            running.during(max(0.0, 240 - (time.monotonic() - began)))
            assert running.posts() == published
            assert running.health()["state"] == "down"
            told = running.inbox.told(began)
            assert not [line for line in told if line.startswith("resolved")], told
            assert any("Posting is down" in line or "no longer there" in line for line in told), told
            assert len(told) <= 3, told
        running.until(lambda: running.posts() > published, "the next post", seconds=200)
        running.until(lambda: running.health()["state"] == "ok", "all well", seconds=120)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_database_that_is_frozen_is_one_incident(tmp_path: Path, reaper: Reaper) -> None:
    with (
        postgres(reaper) as server,
        server.database() as url,
        product(reaper, tmp_path, DATABASE_URL=url) as running,
    ):
        one_incident(running, frozen(server), "database")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", ["killed", "locked table", "no connection free"])
def test_each_way_in_which_postgresql_fails_is_one_incident(
    tmp_path: Path, reaper: Reaper, fault: str
) -> None:
    with (
        postgres(reaper) as server,
        server.database() as url,
        product(reaper, tmp_path, DATABASE_URL=url) as running,
    ):
        faults: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "killed": server.away,
            "locked table": lambda: locked_table(url),
            "no connection free": lambda: no_connection_free(server),
        }
        one_incident(running, faults[fault](), "database")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_write_lock_on_the_sqlite_file_is_one_incident(tmp_path: Path, reaper: Reaper) -> None:
    with product(reaper, tmp_path) as running:
        one_incident(running, write_locked(tmp_path / "data" / "stonechat.db"), "database")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_redis_that_is_away_for_a_minute_is_told(tmp_path: Path, reaper: Reaper) -> None:
    with redis_server(reaper) as server, product(reaper, tmp_path, REDIS_URL=server.url()) as running:

        @contextlib.contextmanager
        def away() -> Iterator[None]:
            server.process.kill()
            try:
                yield
            finally:
                server.process.start()

        one_incident(running, away(), "cache", lasts=60)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", [browser_killed, browser_frozen])
def test_a_browser_that_is_killed_or_frozen_is_one_incident(
    tmp_path: Path, reaper: Reaper, fault: Callable[[Product], AbstractContextManager[None]]
) -> None:
    with product(reaper, tmp_path) as running:
        one_incident(running, fault(running), "browser")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_healthy_minutes_of_a_fast_clock_say_nothing_and_the_heartbeat_goes_on(
    tmp_path: Path, reaper: Reaper
) -> None:
    with product(reaper, tmp_path, speed=600, POSTS_PER_DAY="8") as running:
        began = time.monotonic()
        running.during(600)
        assert running.inbox.told() == []
        assert len([at for at in running.inbox.beats if at >= began]) >= 8


@pytest.mark.long
@pytest.mark.timeout(400)
def test_an_hour_of_a_healthy_day_says_nothing(tmp_path: Path, reaper: Reaper) -> None:
    with product(reaper, tmp_path, speed=60) as running:
        published = running.posts()
        running.during(75)
        assert running.posts() > published
        assert running.inbox.told() == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_post_that_nobody_can_place_is_asked_about_by_its_id(tmp_path: Path, reaper: Reaper) -> None:
    """The answer to a post is lost, and no read of the profile shows a whole post."""
    with product(reaper, tmp_path) as running:
        began = time.monotonic()
        running.lever(lose_answer=True, hollow_share=1.0)
        running.until(
            lambda: any("Nobody can tell whether" in line for line in running.inbox.told(began)),
            "somebody is asked",
            seconds=330,
        )
        [body] = [
            body
            for at, body in running.inbox.alerts
            if at >= began and "Nobody can tell" in body["commonAnnotations"]["summary"]
        ][:1]
        assert body["commonLabels"]["severity"] == "critical"
        assert "stonechat queue live" in body["commonAnnotations"]["remedy"]
        assert body["alerts"][0]["generatorURL"].startswith(f"{running.page}/alerts#alert-")
        running.lever(lose_answer=False, hollow_share=0.0)
        running.until(lambda: running.health()["state"] == "ok", "all well", seconds=200)
