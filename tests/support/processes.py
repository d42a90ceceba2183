"""Child processes that never outlive the tests, however these end.

Each server runs in its own session, so that Ctrl-C reaches the tests and not the server. A small
:class:`Reaper` process holds the reading end of a pipe whose writing end is held by the tests alone: when
the tests end, even by ``kill -9``, the pipe closes and the reaper ends what is left and removes its folders.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_REAP = """
import os, shutil, signal, sys, time
groups, folders = {}, []
for line in sys.stdin:
    verb, value, *rest = line.rstrip("\\n").split("\\t")
    if verb == "group": groups[int(value)] = int(rest[0])
    elif verb == "ended": groups.pop(int(value), None)
    elif verb == "folder": folders.append(value)
def send(group, number):
    try: os.killpg(group, number); return True
    except OSError: return False
left = [group for group, number in groups.items() if send(group, signal.SIGCONT) and send(group, number)]
end = time.monotonic() + 3
while left and time.monotonic() < end:
    time.sleep(0.05)
    left = [group for group in left if send(group, 0)]
for group in left: send(group, signal.SIGKILL)
for folder in folders: shutil.rmtree(folder, ignore_errors=True)
"""


class ServerFailed(RuntimeError):
    """A server ended early (``ended``) or did not become ready; the message holds the end of its log."""

    def __init__(self, what: str, *, ended: bool = False) -> None:
        super().__init__(what)
        self.ended = ended


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Return when ``true()``; ``TimeoutError`` naming ``what`` after ``seconds``."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether a loopback port accepts connections."""
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Reaper:
    """Ends registered process groups and removes registered folders once this process is gone."""

    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _REAP], stdin=subprocess.PIPE, start_new_session=True, text=True
        )

    def folder(self, prefix: str) -> Path:
        """A new folder under the system's temporary folder, removed at the end."""
        path = Path(tempfile.mkdtemp(prefix=f"stonechat-{prefix}-"))
        self._folders.append(path)
        self._tell("folder", str(path))
        return path

    def watch(self, group: int, stop: signal.Signals) -> None:
        """End this process group with ``stop`` if nobody else does."""
        self._tell("group", str(group), str(int(stop)))

    def forget(self, group: int) -> None:
        """The group ended in good order."""
        self._tell("ended", str(group))

    def close(self) -> None:
        """End everything that is left now, and wait for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _tell(self, *words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()


class ServerProcess:
    """One server that can be started, stopped, killed, frozen and started again at the same address.

    Args:
        command: what to run; it must stay in the foreground.
        ready: asked again and again until it returns True.
        log: where its output goes.
        user: run as this user, where we are root and the server refuses to be.
        stop: the signal that ends it in good order and at once.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        reaper: Reaper,
        ready: Callable[[], bool],
        log: Path,
        user: str | None = None,
        stop: signal.Signals = signal.SIGTERM,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = list(command)
        self.log = log
        self._reaper = reaper
        self._ready = ready
        self._user = user
        self._stop = stop
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        if self._process is None:
            raise ServerFailed(f"{self.command[0]} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there (it may be frozen)."""
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float = 60.0) -> None:
        """Start and return when ready; :class:`ServerFailed` with the end of its log otherwise."""
        if self.running:
            return
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user,
                extra_groups=[] if self._user else None,
                cwd="/",
                env=self._environment,
            )
        self._reaper.watch(self._process.pid, self._stop)
        end = time.monotonic() + seconds
        while not self._ready():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > end:
                self.kill()
                raise ServerFailed(f"{Path(self.command[0]).name} did not start:\n{self.tail()}", ended=ended)
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in good order; by force after ten seconds."""
        self._end(self._stop)

    def kill(self) -> None:
        """``kill -9`` for it and its children: what a power cut leaves."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it and its children in their tracks: connections stay open, nobody answers."""
        for process in reversed(self._family()):
            process.suspend()

    def thaw(self) -> None:
        """Let it go on."""
        for process in self._family():
            process.resume()

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.resume()
            if number == signal.SIGKILL:
                for member in family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        member.kill()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
        self._reaper.forget(process.pid)
