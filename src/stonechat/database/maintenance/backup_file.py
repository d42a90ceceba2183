"""The file of a backup: JSON Lines, compressed by gzip, that either engine can be restored from.

A head (form, version, schema, the shape of every table), then for each table its rows, one line each, closed
by their count and checksum, then the end. It gets its name when it is complete, flushed to the disk and read
back, so there is never half a backup under the name of a whole one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from stonechat.core.atomic_file import flush, whole_file
from stonechat.core.errors import Permanent
from stonechat.core.given_files import open_given
from stonechat.core.safe_json import safe_json
from stonechat.database.maintenance.row_codec import RowTally, Shape

FORM = 1
_LONGEST = 256 * 1024 * 1024


class NotABackup(Permanent):
    """The file is damaged, cut off, of another kind, or of a form that this version does not know."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a backup says of itself.

    Attributes:
        made_at: real time at which its snapshot was taken.
        schema: the version of the schema that the rows fit.
        engine: where they came from: ``sqlite`` or ``postgresql``.
    """

    made_at: datetime
    stonechat: str
    schema: str
    engine: str
    shapes: tuple[Shape, ...]

    def to_json(self) -> dict[str, Any]:
        """As the first line."""
        return {
            "stonechat_backup": FORM,
            "made_at": self.made_at.isoformat(),
            "stonechat": self.stonechat,
            "schema": self.schema,
            "engine": self.engine,
            "tables": [one.to_json() for one in self.shapes],
        }


@dataclass(frozen=True, slots=True)
class Contents:
    """A backup that was read from its first to its last byte, and is whole. ``sha256`` is of the file."""

    head: Head
    tallies: Mapping[str, RowTally]
    sha256: str
    bytes: int


class ArchiveWriter:
    """Writes a backup below a temporary name. Made by :func:`writing` only."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=5, mtime=0)
        self._tally = RowTally()
        self._rows = 0

    def begin(self, head: Head) -> None:
        """The first line."""
        self._json(head.to_json())

    def rows(self, lines: Sequence[bytes]) -> None:
        """Rows of the table at hand."""
        for line in lines:
            self._tally.add(line)
        self._packed.write(b"".join(line + b"\n" for line in lines))

    def end_table(self, name: str) -> RowTally:
        """The table at hand is complete."""
        done, self._tally = self._tally, RowTally()
        self._json({"table": name, "rows": done.rows, "checksum": done.checksum})
        self._rows += done.rows
        return done

    def end(self) -> None:
        """Everything is written: onto the disk with it."""
        self._json({"end": True, "rows": self._rows})
        self._packed.close()
        flush(self._file)

    def _json(self, value: Mapping[str, Any]) -> None:
        self._packed.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")


@contextmanager
def writing(path: Path) -> Iterator[ArchiveWriter]:
    """A backup that gets the name ``path`` when all has gone well; otherwise nothing is left of it.

    Raises:
        Permanent: a file of that name is there already.
        Transient: the folder cannot be written to, or the disk is full.
    """
    if path.exists():
        raise Permanent(
            f"{path} is there already.",
            meaning="A backup is never written over.",
            remedy="Give another name, or move the old one away.",
        )
    with whole_file(path) as (file, part):
        yield ArchiveWriter(part, file)


def read_head(path: Path) -> Head:
    """The first line of a backup, checked.

    Raises:
        NotABackup: it is none, or of a form that this version does not know.
        Permanent: there is no such file, or it cannot be read.
    """
    with _reading(path) as lines:
        return _head(path, next(lines, b""))


def read_rows(path: Path) -> Iterator[tuple[Shape, Sequence[bytes]]]:
    """Every table's rows in turn, a few at a time; counts and checksums are checked on the way.

    A table without rows comes once, with none.

    Raises:
        NotABackup: where it is damaged; what came before may be damaged too.
    """
    with _reading(path) as lines:
        head = _head(path, next(lines, b""))
        total = 0
        for shape in head.shapes:
            tally = RowTally()
            part: list[bytes] = []
            for line in lines:
                if line.startswith(b"{"):
                    yield shape, part
                    _check(path, shape, tally, line)
                    break
                tally.add(line)
                part.append(line)
                if len(part) == shape.batch:
                    yield shape, part
                    part = []
            else:
                raise _damaged(path, f"it ends in the middle of the table {shape.name}")
            total += tally.rows
        last = _json(path, next(lines, b""))
        if last.get("end") is not True or last.get("rows") != total or next(lines, None) is not None:
            raise _damaged(path, "its last line does not fit the rest")


def read_through(path: Path, *, called: Path | None = None) -> Contents:
    """Read all of it, and say what it holds.

    Args:
        called: the name to speak of it by, where it does not have its own yet.

    Raises:
        NotABackup: it is damaged, and where.
    """
    named = called or path
    head = read_head(path)
    tallies = {shape.name: RowTally() for shape in head.shapes}
    for shape, lines in read_rows(path):
        for line in lines:
            tallies[shape.name].add(line)
            try:
                shape.row(line)
            except ValueError as exc:
                raise _damaged(named, f"a row of the table {shape.name} does not fit it") from exc
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Contents(head, tallies, digest, path.stat().st_size)


@contextmanager
def _reading(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with open_given(path) as raw, gzip.open(raw, "rb") as file:
            yield (line[:-1] for line in iter(lambda: file.readline(_LONGEST), b""))
    except (gzip.BadGzipFile, zlib.error, EOFError) as exc:
        raise _damaged(path, _said(exc)) from exc
    except OSError as exc:
        raise Permanent(
            f"{path} cannot be read: {exc.strerror or exc}.",
            remedy="Name a file that `stonechat backup` wrote.",
        ) from exc


def _said(exc: Exception) -> str:
    match exc:
        case EOFError():
            return "it is cut off"
        case zlib.error():
            return "its bytes are not those that were written (compression)"
        case _:
            return f"its bytes are not those that were written ({exc})"


def _head(path: Path, line: bytes) -> Head:
    data = _json(path, line)
    form = data.get("stonechat_backup")
    if form is None:
        raise _damaged(path, "it is no backup of Stonechat")
    if form != FORM:
        raise NotABackup(
            f"{path} is a backup of form {form}; this Stonechat reads form {FORM}.",
            meaning="Nothing was changed.",
            remedy="Update Stonechat, and do it again.",
        )
    try:
        return Head(
            made_at=datetime.fromisoformat(data["made_at"]),
            stonechat=str(data["stonechat"]),
            schema=str(data["schema"]),
            engine=str(data["engine"]),
            shapes=tuple(Shape.from_json(one) for one in data["tables"]),
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise _damaged(path, "its first line does not say what it holds") from exc


def _check(path: Path, shape: Shape, tally: RowTally, line: bytes) -> None:
    said = _json(path, line)
    if said.get("table") != shape.name or said.get("rows") != tally.rows:
        raise _damaged(
            path, f"the table {shape.name} has {tally.rows} rows, and {said.get('rows')} were written"
        )
    if said.get("checksum") != tally.checksum:
        raise _damaged(
            path,
            f"the checksum of the table {shape.name} is {tally.checksum[:16]}…, "
            f"and {str(said.get('checksum'))[:16]}… was written",
        )


def _json(path: Path, line: bytes) -> dict[str, Any]:
    try:
        data = safe_json(line) if line else {}
    except ValueError as exc:
        raise _damaged(path, "a line of it cannot be read") from exc
    return data if isinstance(data, dict) else {}


def _damaged(path: Path, why: str) -> NotABackup:
    return NotABackup(
        f"{path} cannot be used as a backup: {why}.",
        meaning="Nothing was changed.",
        remedy="Use another backup, or fetch this one again from where it is kept.",
    )
