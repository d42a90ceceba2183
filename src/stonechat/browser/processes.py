"""Finds, measures and kills the processes of our browsers, and removes their temporary folders.

Each run has a folder of its own, and everything started in it carries that folder as ``TMPDIR`` in
its environment. By that mark processes are found even where their parent is gone, and a later run
can tell what an earlier one left behind. Nothing else is ever touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

import psutil

from stonechat.core.ids import fresh_id
from stonechat.core.safe_json import safe_json

_OWNER = "owner.json"
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


class RunFolder:
    """The temporary folder of one run of the pool."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path / "tmp"

    @classmethod
    def below(cls, root: Path) -> RunFolder:
        """A folder for this process below ``root``; it is made by :meth:`prepare`."""
        return cls(root / f"run-{os.getpid()}-{fresh_id()[:8]}")

    def prepare(self) -> None:
        """Make the folder, where it is not there, and say whose it is. Only this user can look into it.

        Raises:
            OSError: the disk is full, or the folder above belongs to somebody else.
        """
        root = self.path.parent
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root.is_symlink() or root.stat().st_uid != os.getuid():
            raise PermissionError(f"{root} belongs to somebody else")
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        if not _owner_lives(self.path):
            me = psutil.Process()
            owner = {"pid": me.pid, "started": me.create_time()}
            (self.path / _OWNER).write_text(json.dumps(owner))

    def environment(self) -> dict[str, str]:
        """What a process started in this folder gets in its environment."""
        return dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(self.temporary))

    def processes(self) -> list[psutil.Process]:
        """Every live process that was started in this folder."""
        return _marked(str(self.temporary))

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def empty(self) -> None:
        """Delete what killed browsers left in it."""
        shutil.rmtree(self.temporary, ignore_errors=True)


def default_root(temporary: Path | None = None) -> Path:
    """Where the folders of all runs of this user stand.

    Others may write to the folder of temporary files too: a name that one of them took is passed over.
    """
    base = (temporary or Path(tempfile.gettempdir())) / f"stonechat-browser-{os.getuid()}"
    names = (base, *(base.with_name(f"{base.name}-{number}") for number in range(2, 10)))
    return next((one for one in names if _is_ours_or_free(one)), base)


def _is_ours_or_free(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return True
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def sweep(root: Path) -> tuple[int, int]:
    """Kill the processes and delete the folders of runs whose owner is gone.

    Returns:
        How many processes were killed and how many folders deleted.
    """
    killed = folders = 0
    if not root.is_dir():
        return 0, 0
    for path in sorted(root.glob("run-*")):
        if _owner_lives(path):
            continue
        folder = RunFolder(path)
        killed += kill(folder.processes())
        folder.remove()
        folders += 1
    return killed, folders


def kill(processes: Iterable[psutil.Process]) -> int:
    """Kill each process (SIGKILL, which also ends stopped ones) and its whole group, never our own group."""
    ours, count = os.getpgrp(), 0
    for process in processes:
        with contextlib.suppress(*_GONE, ProcessLookupError, PermissionError):
            group = os.getpgid(process.pid)
            if group != ours:
                os.killpg(group, signal.SIGKILL)
            else:
                process.kill()
            count += 1
    return count


def memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes that the processes take together; shared pages are counted once where the system tells."""
    total = 0
    for process in processes:
        with contextlib.suppress(*_GONE):
            total += _memory_of(process)
    return total


def own_memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes that the processes have taken for themselves, without the files of the programs that they run."""
    total = 0
    for process in processes:
        with contextlib.suppress(*_GONE, OSError):
            total += _own_memory_of(process)
    return total


def _own_memory_of(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:  # no Linux
        return int(process.memory_full_info().uss)
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return (kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"]) * 1024


def _memory_of(process: psutil.Process) -> int:
    info = process.memory_full_info()
    return int(getattr(info, "pss", 0) or info.rss)


def _marked(temporary: str) -> list[psutil.Process]:
    """The marked processes, and their groups: a browser's children write over their environment."""
    everyone: list[tuple[psutil.Process, int]] = []
    marked: set[int] = set()
    groups: set[int] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(*_GONE, OSError):
            group = os.getpgid(process.pid)
            everyone.append((process, group))
            if process.environ().get("TMPDIR") == temporary and _of_a_browser(process):
                marked.add(process.pid)
                groups.add(group)
    groups.discard(os.getpgrp())
    return [process for process, group in everyone if process.pid in marked or group in groups]


def _of_a_browser(process: psutil.Process) -> bool:
    # The mark alone is not enough: what this process starts while the driver starts may carry it too.
    arguments = process.cmdline()
    return any(one == "run-driver" or one.startswith(("--type=", "--user-data-dir=")) for one in arguments)


def _owner_lives(path: Path) -> bool:
    try:
        owner = safe_json((path / _OWNER).read_bytes())
        process = psutil.Process(int(owner["pid"]))
        return abs(process.create_time() - float(owner["started"])) < 1.0
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        return True
