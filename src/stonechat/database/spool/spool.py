"""A spool on disk: what could not be stored in the database is kept, and stored once, later.

One file for each entry, written to a temporary name, flushed to the disk (fsync) and renamed, so an
entry is there as a whole or not at all, also after a power cut. The same kind and key name the same
file: putting an entry twice keeps one. Whoever owns a kind drains it; storing must be idempotent by
the entry's key, because a crash between storing and removing hands the entry out once more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stonechat.core.errors import Transient
from stonechat.core.safe_json import LARGEST, safe_json


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """One kept thing. ``body`` is what was put, after a round trip through JSON."""

    kind: str
    key: str
    body: Mapping[str, Any]
    path: Path


class Spool:
    """Entries below ``folder``, a sub-folder for each kind.

    Args:
        folder: made when first needed.
        limit: most entries of one kind; beyond it :meth:`put` raises, so that a disk never fills.
    """

    def __init__(self, folder: Path, *, limit: int = 100_000) -> None:
        self._folder = folder
        self._limit = limit

    def put(self, kind: str, key: str, body: Mapping[str, Any]) -> None:
        """Keep ``body``; when this returns it survives a power cut.

        Raises:
            Transient: the disk is full or the folder cannot be written to.
        """
        path = self.path(kind, key)
        written = path.with_suffix(f".{os.getpid()}.part")
        text = json.dumps({"key": key, "body": body}, ensure_ascii=False, separators=(",", ":"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() and self.size(kind) >= self._limit:
                raise _trouble(path.parent, f"it holds {self._limit} entries already")
            with written.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            written.replace(path)
            _sync_folder(path.parent)
        except OSError as exc:
            raise _trouble(path.parent, exc.strerror or type(exc).__name__) from exc

    def entries(self, kind: str) -> list[SpoolEntry]:
        """Every entry of a kind, oldest first. A damaged file is set aside as ``.bad`` and left out."""
        folder = self._folder / kind
        if not folder.is_dir():
            return []
        dated = sorted((path.stat().st_mtime_ns, path) for path in folder.glob("*.json"))
        found = (_read(kind, path) for _, path in dated)
        return [entry for entry in found if entry is not None]

    def has(self, kind: str, key: str) -> bool:
        """Whether an entry with this key is kept."""
        return self.path(kind, key).exists()

    def size(self, kind: str) -> int:
        """How many entries of a kind are kept."""
        folder = self._folder / kind
        return sum(1 for _ in folder.glob("*.json")) if folder.is_dir() else 0

    def remove(self, kind: str, key: str) -> None:
        """Forget an entry, once it is stored."""
        self.path(kind, key).unlink(missing_ok=True)

    def set_aside(self, kind: str, key: str) -> None:
        """Keep an entry that nobody can use as ``.bad``, out of the way of the others."""
        path = self.path(kind, key)
        if path.exists():
            path.replace(path.with_suffix(".bad"))

    def claim(self, kind: str, key: str, *, now: datetime, lasts: timedelta) -> bool:
        """Whether the key is ours: no other process on this disk has claimed it within ``lasts`` (real time).

        Where the disk takes no claim the answer is yes: better done twice than never.
        """
        path = self._claim(kind, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and abs(now.timestamp() - path.stat().st_mtime) > lasts.total_seconds():
                path.unlink(missing_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.utime(path, (now.timestamp(), now.timestamp()))
        except FileExistsError:
            return False
        except OSError:
            return True
        return True

    def release(self, kind: str, key: str) -> None:
        """The key may be claimed again."""
        with contextlib.suppress(OSError):
            self._claim(kind, key).unlink(missing_ok=True)

    def release_all(self, kind: str) -> None:
        """Every key of a kind may be claimed again."""
        for path in (self._folder / kind).glob("*.claim"):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _claim(self, kind: str, key: str) -> Path:
        return self.path(kind, key).with_suffix(".claim")

    async def drain(self, kind: str, store: Callable[[SpoolEntry], Awaitable[None]]) -> int:
        """Hand every entry to ``store`` and remove it after; stops at the first error, which is raised.

        Returns:
            How many were stored.
        """
        stored = 0
        for entry in self.entries(kind):
            await store(entry)
            self.remove(kind, entry.key)
            stored += 1
        return stored

    def path(self, kind: str, key: str) -> Path:
        """The file that keeps, or would keep, an entry."""
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return self._folder / kind / f"{name}.json"


def _read(kind: str, path: Path) -> SpoolEntry | None:
    try:
        data = safe_json(path.read_bytes(), most_bytes=LARGEST)
        return SpoolEntry(kind, str(data["key"]), data["body"], path)
    except FileNotFoundError:
        return None  # another process of ours drained it meanwhile
    except (ValueError, KeyError, TypeError):
        path.replace(path.with_suffix(".bad"))
        return None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _trouble(folder: Path, reason: str) -> Transient:
    return Transient(
        f"The spool {folder} cannot keep anything: {reason}.",
        meaning="What was made stays in memory only and is lost if the process ends now.",
        remedy="Free some disk space, or set DATA_DIR to a folder that can be written to.",
    )
