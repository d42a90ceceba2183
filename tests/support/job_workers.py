"""Worker processes of the job manager, and what their jobs did to the outside world."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.processes import Reaper, ServerProcess, wait_until


class Workers:
    """Worker processes over one database, and what they have said."""

    def __init__(self, url: str, folder: Path, reaper: Reaper) -> None:
        self._url = url
        self._folder = folder
        self._reaper = reaper
        self._started: list[ServerProcess] = []
        self.out = folder / "world"

    def start(self, kind: str, *, wake: bool = False, down: str = "") -> ServerProcess:
        """One more process, ready to run jobs; ``down``: why it has no browser."""
        number = len(self._started)
        arguments: dict[str, str] = {"kind": kind, "url": self._url, "out": str(self.out), "down": down}
        if wake:
            arguments["wake"] = "2026-01-05T09:00:00+00:00"
        before = self.count("ready")
        process = ServerProcess(
            [sys.executable, "-m", "tests.support.job_worker", json.dumps(arguments)],
            reaper=self._reaper,
            ready=lambda: self.count("ready") > before,
            log=self._folder / f"worker{number}.log",
            environment={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        )
        self._started.append(process)
        process.start(seconds=120)
        return process

    def said(self) -> list[str]:
        """Everything said so far, without who said it."""
        return [line.split()[0] for line in self._lines()]

    def said_by(self, pid: int) -> list[str]:
        """What one process said."""
        return [line.split()[0] for line in self._lines() if line.endswith(f" {pid}")]

    def unfinished_by(self, pid: int) -> set[str]:
        """The slow ticks that one process has begun and not done."""
        said = self.said_by(pid)
        return {one for one in said if "@" in one and "#" not in one and f"{one}#done" not in said}

    def working(self) -> set[str]:
        """The process ids of those that have done something in a run."""
        return {line.split()[-1] for line in self._lines() if "@" in line}

    def count(self, what: str) -> int:
        return self.said().count(what)

    def until(self, what: str, count: int = 1) -> None:
        wait_until(lambda: self.count(what) >= count, f"{what} {count} times in {self.said()}", 90)

    def open_gate(self) -> None:
        self.out.with_suffix(".gate").touch()

    def stop(self) -> None:
        for process in self._started:
            process.stop()

    def _lines(self) -> list[str]:
        return self.out.read_text().splitlines() if self.out.exists() else []
