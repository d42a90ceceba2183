"""Who may share a database: any number of hosts on PostgreSQL, the processes of one machine on SQLite."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

import psutil

from stonechat.config.settings import Settings
from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.database import Database
from stonechat.database.maintenance import active_processes

NETWORK_FILE_SYSTEMS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "afpfs",
        "webdav",
        "fuse.sshfs",
        "ceph",
        "glusterfs",
    }
)
"""SQLite's write-ahead log needs memory that all its processes share: https://sqlite.org/wal.html, 1."""

WANTED = "the PostgreSQL that `stonechat run` uses: postgresql://user:password@host:5432/name"


def refuse_far_file(settings: Settings) -> None:
    """Raise where a worker's SQLite file cannot be the one that the main process uses.

    Raises:
        ConfigError: it is not there, or on a network drive.
    """
    path = file_of(settings.database_url)
    if path is None:
        return
    if not path.exists():
        problem = f"names the SQLite file {path}, which is not there; a worker makes no database of its own"
        raise _fault(
            problem, f"on the machine of `stonechat run` its DATA_DIR or DATABASE_URL; else {WANTED}"
        )
    mounts = ((one.mountpoint, one.fstype) for one in psutil.disk_partitions(all=True))
    kind = file_system_of(path.resolve(), mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise _fault(f"names a SQLite file on a network drive ({kind}), where it would be damaged", WANTED)


async def refuse_other_machines(database: Database, settings: Settings) -> None:
    """Raise where a process on another machine works on the same SQLite file.

    Raises:
        ConfigError: naming it.
    """
    path = file_of(settings.database_url)
    if path is None:
        return
    async with database.read("startup.sharing") as connection:
        others = [
            one for one in await active_processes.at_work(connection) if one.host != socket.gethostname()
        ]
    if others:
        problem = f"names the SQLite file {path}, on which process {others[0].pid} on {others[0].host} works"
        raise _fault(problem, f"for several machines {WANTED}; or stop the other one")


def file_of(url: str) -> Path | None:
    """The file of a SQLite address; None for a server."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else None


def file_system_of(path: Path, mounts: Iterable[tuple[str, str]]) -> str:
    """The kind of file system that holds a path, by the mount points of this machine and their kinds."""
    inside = [(point, kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(inside, key=lambda one: len(one[0]))[1] if inside else ""


def _fault(problem: str, expected: str) -> ConfigError:
    return ConfigError((ConfigFault("DATABASE_URL", problem, expected),))
