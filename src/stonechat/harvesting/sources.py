"""Where posts worth a reply are looked for, and which of these places is asked next. Pure.

A source that brings nothing is asked less and less often, down to once a day: a floor, so that one that
becomes worthwhile again is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.database.repositories.harvest_sources import HarvestSource

FIRST_PAUSE = timedelta(minutes=45)
"""Between two searches of a source that brings something."""

LONGEST_PAUSE = timedelta(hours=24)
"""Even a source that never brings anything is asked so often."""

RETIRED_AFTER = 5
"""Searches in a row without a find after which a source counts as retired: its pause is the longest."""

WATCHED_AT_ONCE = 8
"""Authors whose posts are looked for by name."""


@dataclass(frozen=True, slots=True)
class Source:
    """One place to look: a query, or the mentions where ``query`` is empty."""

    name: str
    query: str
    least_likes: int = 0


def sources_of(
    queries: Sequence[str], watched: Sequence[str], *, viral_likes: int, language: str
) -> list[Source]:
    """Every source of an account: its queries as fresh posts and as widely liked ones, watched authors."""
    spoken = f" lang:{language}"
    floor = f"min_faves:{viral_likes} -filter:replies"
    fresh = [Source("search", f"{query}{spoken}") for query in queries]
    top = [Source("viral", f"{query} {floor}{spoken}", viral_likes) for query in queries]
    by_name = [Source("watched", f"from:{handle}") for handle in watched[:WATCHED_AT_ONCE]]
    return [*fresh, *(top or [Source("viral", floor + spoken, viral_likes)]), *by_name]


def next_sources(
    sources: Sequence[Source],
    records: Mapping[tuple[str, str], HarvestSource],
    now: datetime,
    *,
    limit: int,
    hurry: float = 1.0,
) -> list[Source]:
    """The sources whose pause is over, those first that have waited longest beyond it.

    Args:
        limit: at most so many.
        hurry: pauses are divided by it; below 1 where the pool is well filled.
    """
    waited: list[tuple[timedelta, int, Source]] = []
    for number, source in enumerate(sources):
        record = records.get((source.name, source.query))
        over = LONGEST_PAUSE if record is None else now - record.asked_at - pause(record) / hurry
        if over >= timedelta():
            waited.append((-over, number, source))
    return [source for _, _, source in sorted(waited, key=lambda one: one[:2])[:limit]]


def pause(record: HarvestSource) -> timedelta:
    """How long a source is left alone: twice as long after each search that brought nothing."""
    return LONGEST_PAUSE if retired(record) else FIRST_PAUSE * 2**record.dry


def retired(record: HarvestSource) -> bool:
    """Whether a source is asked only to see whether it still brings nothing."""
    return record.dry >= RETIRED_AFTER
