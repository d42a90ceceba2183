"""The review beside the plain library call, on a history that grows a hundredfold."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from rapidfuzz import fuzz, process, utils
from sqlalchemy import insert

from stonechat.config.settings import DatabaseSettings
from stonechat.content.review import Bounds, Draft, review
from stonechat.content.review.similarity import History
from stonechat.content.voice import load_voice
from stonechat.core.clock import SystemClock
from stonechat.core.ids import fingerprint, stable_id
from stonechat.core.model import ContentKind
from stonechat.core.network import TextEntities
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import content
from stonechat.database.schema.tables import content_metadata

_ACCOUNT = "bench"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 1_000  # drafts that are reviewed against one reading of the history
_SYLLABLES = (
    *("ka", "lo", "mi", "ra", "te", "su", "ven", "dor", "pal", "ith"),
    *("gar", "mon", "sel", "ber", "quin", "tas", "fo", "ny", "cre", "lum"),
)
_COMMON = ("the", "a", "to", "of", "and", "in", "it", "is", "that", "before", "after", "with", "your", "not")


async def bench_content(
    *, history: int = 100_000, small: int = 1_000, drafts: int = 1_000, repetitions: int = 3, seed: int = 1
) -> list[dict[str, Any]]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}``; medians over the repetitions.

    Times are of the processor, so that other work on the machine does not blur them.
    *Ours* reads the recent texts from the database and does every step of the review. The *peer* is the
    bare ``rapidfuzz.process.extractOne``, which answers one of its questions: once on the whole history,
    which is what a caller without a bound would ask, and once on the recent texts alone, in memory.

    Args:
        history: posts in the larger history.
        small: posts in the smaller one, for the growth.
        drafts: how many drafts are reviewed each time.
    """
    rng = random.Random(seed)
    texts = [_text(rng) for _ in range(drafts)]
    with TemporaryDirectory() as folder:
        few = await _timed(Path(folder) / "small.db", small, texts, repetitions, rng)
        many = await _timed(Path(folder) / "large.db", history, texts, repetitions, rng)
    growth = many.seconds / few.seconds
    bound = math.log(history) / math.log(small)
    rate = drafts / many.seconds
    return [
        _row("drafts a second, the call on every post", rate, drafts / many.whole, 10.0, more=True),
        _row("drafts a second, the call on recent posts", rate, drafts / many.plain, 0.1, more=True),
        _row(f"time at {history} posts / at {small}", growth, None, bound, more=False),
        _row("memory grown while reviewing, MB", many.grown, None, 8.0, more=False),
    ]


class _Plain:
    """Counts characters and makes nothing live."""

    max_length = 280

    def length(self, text: str) -> int:
        return len(text)

    def entities(self, text: str) -> TextEntities:
        return TextEntities()


@dataclass(frozen=True, slots=True)
class _Times:
    """Seconds for all drafts: the review, the call on recent posts, the call on every post; megabytes."""

    seconds: float
    plain: float
    whole: float
    grown: float


async def _timed(
    path: Path, posts: int, texts: Sequence[str], repetitions: int, rng: random.Random
) -> _Times:
    async with open_database(f"sqlite:///{path}", DatabaseSettings(), SystemClock()) as database:
        await _fill(database, posts, rng)
        await _reviewed(database, texts[:50])  # first use loads what is loaded once
        before = psutil.Process().memory_info().rss
        plain, whole = [], []
        runs = [await _reviewed(database, texts) for _ in range(repetitions)]
        grown = (psutil.Process().memory_info().rss - before) / 2**20
        few = texts[:20]  # the call on every post takes long
        for _ in range(repetitions):
            plain.append(await _plain(database, texts, 500))
            whole.append(await _plain(database, few, posts) * len(texts) / len(few))
        return _Times(
            statistics.median(runs), statistics.median(plain), statistics.median(whole), max(0.0, grown)
        )


async def _reviewed(database: Database, texts: Sequence[str]) -> float:
    voice = load_voice()
    started = time.process_time()
    for at in range(0, len(texts), _BATCH):
        async with database.read("bench.history") as connection:
            recent = await content.recent_texts(connection, _ACCOUNT)
        bounds = Bounds(voice, _Plain(), History(recent))
        for text in texts[at : at + _BATCH]:
            review(Draft(ContentKind.SINGLE, (text,)), bounds)
    return time.process_time() - started


async def _plain(database: Database, texts: Sequence[str], limit: int) -> float:
    async with database.read("bench.history") as connection:
        recent = await content.recent_texts(connection, _ACCOUNT, limit=limit)
    started = time.process_time()
    for text in texts:
        process.extractOne(
            text, recent, scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=76.0
        )
    return time.process_time() - started


async def _fill(database: Database, posts: int, rng: random.Random) -> None:
    for start in range(0, posts, 5_000):
        rows = [_post(number, _text(rng)) for number in range(start, min(posts, start + 5_000))]
        async with database.begin("bench.fill") as connection:
            await connection.execute(insert(content_metadata), rows)


def _post(number: int, text: str) -> dict[str, Any]:
    at = _START + timedelta(minutes=number)
    return {
        "id": stable_id("bench", str(number)),
        "account_id": _ACCOUNT,
        "kind": ContentKind.SINGLE.value,
        "state": ContentState.POSTED.value,
        "state_since": at,
        "parts": [text],
        "fingerprint": fingerprint(text),
        "due_at": at,
        "created_at": at,
        "posted_at": at,
        "arm": {},
    }


def _text(rng: random.Random) -> str:
    """Sentences of made-up words, a third of them common ones, as in ordinary writing."""
    return " ".join(
        " ".join(_word(rng) for _ in range(rng.randint(6, 11))).capitalize() + "."
        for _ in range(rng.randint(1, 3))
    )


def _word(rng: random.Random) -> str:
    if rng.random() < 0.35:
        return rng.choice(_COMMON)
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3)))


def _row(measure: str, ours: float, peer: float | None, goal: float, *, more: bool) -> dict[str, Any]:
    """``goal`` bounds ``ratio`` where there is a peer, ``ours`` where there is none."""
    value = ours if peer is None else ours / peer
    return {
        "measure": measure,
        "ours": round(ours, 3),
        "peer": None if peer is None else round(peer, 3),
        "ratio": None if peer is None else round(value, 3),
        "goal": f"{'>=' if more else '<='} {goal:.2f}",
        "met": value >= goal if more else value <= goal,
    }
