"""Which source is asked next: those that bring something often, those that bring nothing once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stonechat.database.repositories.harvest_sources import HarvestSource
from stonechat.harvesting.sources import Source, next_sources, pause, retired, sources_of

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SOURCES = sources_of(("sleep", "coffee"), ("wren",), viral_likes=300, language="en")


def record(source: Source, minutes: float, dry: int = 0) -> HarvestSource:
    return HarvestSource(source.name, source.query, NOW - timedelta(minutes=minutes), 9, 3, dry)


def test_every_query_is_asked_as_fresh_and_as_widely_liked_and_watched_authors_by_name() -> None:
    assert [one.query for one in SOURCES] == [
        "sleep lang:en",
        "coffee lang:en",
        "sleep min_faves:300 -filter:replies lang:en",
        "coffee min_faves:300 -filter:replies lang:en",
        "from:wren",
    ]


def test_who_was_never_asked_comes_first_then_who_has_waited_longest() -> None:
    records = {(one.name, one.query): record(one, 60 + n) for n, one in enumerate(SOURCES[:3])}
    order = next_sources(SOURCES, records, NOW, limit=4)
    assert order == [SOURCES[3], SOURCES[4], SOURCES[2], SOURCES[1]]


def test_a_source_that_brings_nothing_is_asked_ever_less_and_still_once_a_day() -> None:
    pauses = [pause(record(SOURCES[0], 0, dry)) for dry in range(9)]
    assert pauses == sorted(pauses) and pauses[0] == timedelta(minutes=45)
    assert pauses[-1] == timedelta(hours=24) and retired(record(SOURCES[0], 0, 8))
    key = (SOURCES[0].name, SOURCES[0].query)
    assert next_sources(SOURCES[:1], {key: record(SOURCES[0], 23 * 60, 40)}, NOW, limit=3) == []
    assert next_sources(SOURCES[:1], {key: record(SOURCES[0], 24 * 60, 40)}, NOW, limit=3) == SOURCES[:1]


def test_a_full_pool_doubles_every_pause() -> None:
    key = (SOURCES[0].name, SOURCES[0].query)
    assert next_sources(SOURCES[:1], {key: record(SOURCES[0], 60)}, NOW, limit=1)
    assert not next_sources(SOURCES[:1], {key: record(SOURCES[0], 60)}, NOW, limit=1, hurry=0.5)
