"""Recorded posts of real accounts, read from the files that the predictors are measured on."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stonechat.learning.features import Example
from stonechat.learning.reward import Weights

_TIMES = ("%m/%d/%y %H:%M", "%m/%d/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")


@dataclass(frozen=True)
class Recording:
    """Posts with log rewards in order of time; ``skipped`` rows had no time or no metrics."""

    name: str
    posts: list[Example]
    skipped: int


def read_recording(path: Path) -> Recording:
    """Posts of one account as CSV, in UTF-8 or Windows-1252.

    Two layouts are known: ``created_at, text, replies, retweets, favorites`` (FiveThirtyEight) and the page
    posts of UCI's *Facebook metrics* (month, weekday and hour instead of a time; no text).

    Raises:
        ValueError: it has neither layout.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    delimiter = ";" if ";" in text.split("\n", 1)[0] else ","
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    columns = set(rows[0]) if rows else set()
    if {"created_at", "text", "favorites"} <= columns:
        read = [_post(row) for row in rows]
    elif {"Month", "Weekday", "Hour", "like"} <= columns:
        read = list(_page_posts(rows))
    else:
        raise ValueError(f"{path.name} has neither layout; its columns are {', '.join(sorted(columns))}")
    posts = sorted((one for one in read if one is not None), key=lambda one: one.at)
    return Recording(path.stem, posts, len(read) - len(posts))


def _log_reward(likes: object, reposts: object, replies: object) -> float:
    weights = Weights()
    worth = weights.likes * float(str(likes))
    worth += weights.reposts * float(str(reposts)) + weights.replies * float(str(replies))
    return math.log1p(worth)


def _post(row: Mapping[str, str]) -> Example | None:
    at = _time(row["created_at"])
    try:
        value = _log_reward(row["favorites"], row["retweets"], row["replies"])
    except ValueError:
        return None
    return Example(html.unescape(row["text"]), at, value) if at else None


def _time(said: str) -> datetime | None:
    for form in _TIMES:
        try:
            return datetime.strptime(said.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _page_posts(rows: Sequence[Mapping[str, str]]) -> Iterator[Example | None]:
    """Newest first, without dates: each day is the latest one with its weekday that is not after the last."""
    day = datetime(2014, 12, 31, tzinfo=UTC)
    for row in rows:
        try:
            value = _log_reward(row["like"], row["share"], row["comment"])
        except ValueError:
            yield None
            continue
        weekday = (int(row["Weekday"]) + 5) % 7  # 1 is Sunday there, 0 is Monday here
        month = int(row["Month"])
        while day.month > month or day.weekday() != weekday:
            day -= timedelta(days=1)
        arm = {"type": row["Type"], "category": row["Category"], "paid": row["Paid"]}
        yield Example("", day + timedelta(hours=int(row["Hour"]) % 24), value, arm)
