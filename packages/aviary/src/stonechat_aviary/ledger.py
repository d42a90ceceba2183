"""The ledger: what our accounts really posted, and every count that was shown to a reader.

With a folder given, both are append-only JSON Lines files, written and synced before the answer goes
out, so a killed server comes back knowing exactly what is live.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from stonechat_aviary.audience import Counts

_NAMES = ("likes", "reposts", "replies", "quotes", "bookmarks", "views")


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted post by one of our accounts.

    Attributes:
        at: world time in Unix seconds.
        real_at: real time in Unix seconds.
        ordinal: number of the root post of its account, from 0; None for replies and thread parts.
        client: how it was sent (user agent, operation).
        answered: False where the answer was cut off on purpose, so the client never learned of it.
        media: what it carries, each with id, sha256, bytes, mime, size and description (``alt``).
        quoted: id of the post that it quotes.
    """

    id: str
    author: str
    text: str
    at: float
    real_at: float
    in_reply_to: str | None
    conversation: str
    ordinal: int | None
    client: dict[str, str] = field(default_factory=dict)
    answered: bool = True
    media: list[dict[str, Any]] = field(default_factory=list)
    quoted: str | None = None


@dataclass(slots=True)
class Serving:
    """A distinct set of counts and the span of world time in which readers were shown it."""

    counts: tuple[int | None, ...]
    first: float
    last: float
    times: int
    source: str

    def as_json(self) -> dict[str, Any]:
        """Counts by name, with the span."""
        shown = dict(zip(_NAMES, self.counts, strict=True))
        return {
            **shown,
            "first": self.first,
            "last": self.last,
            "times": self.times,
            "source": self.source,
        }


class Ledger:
    """Accepted posts and served counts, in memory and (if ``folder`` is given) on disk."""

    def __init__(self, folder: Path | None = None) -> None:
        self._posts: list[Entry] = []
        self._served: dict[str, dict[tuple[int | None, ...], Serving]] = {}
        self._posts_file: IO[str] | None = None
        self._served_file: IO[str] | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._posts = [Entry(**row) for row in _rows(folder / "ledger.jsonl")]
            for row in _rows(folder / "served.jsonl"):
                self._note(row["post"], tuple(row["counts"]), row["at"], row["source"])
            self._posts_file = _append_to(folder / "ledger.jsonl")
            self._served_file = _append_to(folder / "served.jsonl")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._posts)

    def append(self, entry: Entry) -> None:
        """Keep ``entry``; on return it is on disk (if there is a folder)."""
        self._posts.append(entry)
        if self._posts_file is not None:
            self._posts_file.write(json.dumps(asdict(entry)) + "\n")
            self._posts_file.flush()
            os.fsync(self._posts_file.fileno())

    def note_served(self, post_id: str, counts: Counts, now: float, source: str) -> None:
        """Remember that a reader was shown ``counts`` for ``post_id`` at world time ``now``."""
        shown = counts.as_tuple()
        if self._note(post_id, shown, now, source) and self._served_file is not None:
            row = {"post": post_id, "counts": shown, "at": now, "source": source}
            self._served_file.write(json.dumps(row) + "\n")
            self._served_file.flush()

    def served(self, post_id: str) -> list[Serving]:
        """Every distinct set of counts that was shown for ``post_id``, oldest first."""
        return list(self._served.get(post_id, {}).values())

    def served_posts(self) -> tuple[str, ...]:
        """Ids of the posts whose counts were shown to somebody."""
        return tuple(self._served)

    def close(self) -> None:
        """Close the files; the ledger can still be read."""
        for file in (self._posts_file, self._served_file):
            if file is not None:
                file.close()
        self._posts_file = self._served_file = None

    def _note(self, post_id: str, shown: tuple[int | None, ...], now: float, source: str) -> bool:
        seen = self._served.setdefault(post_id, {})
        if shown in seen:
            seen[shown].last = now
            seen[shown].times += 1
            return False
        seen[shown] = Serving(shown, now, now, 1, source)
        return True


def _append_to(path: Path) -> IO[str]:
    """The file, open at its end; a line that a crash cut off is ended, so that the next one stands alone."""
    whole = not path.exists() or path.read_bytes()[-1:] in {b"", b"\n"}
    file = path.open("a", encoding="utf-8")
    if not whole:
        file.write("\n")
    return file


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file; a last line cut off by a crash is left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
