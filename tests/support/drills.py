"""The whole product as its owner runs it, a receiver of its alerts, and real faults of what it needs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from tests.support.processes import Reaper, free_port
from tests.support.servers import Aviary, Postgres, aviary

STONECHAT = (sys.executable, "-m", "stonechat.cli.main")
EPOCH = "2026-01-05T08:00:00+00:00"
HANDLE = "quietbuilder"


@dataclass
class Collector:
    """Takes alerts by webhook and heartbeats by GET, with the moment at which each came."""

    address: str = ""
    alerts: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)

    def told(self, since: float = 0.0) -> list[str]:
        """``firing Title`` or ``resolved Title`` of each message since then, in the order of their coming."""
        return [
            f"{body['status']} {body['commonAnnotations']['summary']}"
            for at, body in self.alerts
            if at >= since
        ]


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    """A collector on a free port."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.alerts.append((time.monotonic(), json.loads(body)))
            self._answer()

        def do_GET(self) -> None:
            kept.beats.append(time.monotonic())
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            return

        def _answer(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()


@dataclass
class Product:
    """``stonechat run`` on a local network of its own."""

    folder: Path
    network: Aviary
    inbox: Collector
    page: str
    process: subprocess.Popen[bytes]
    log: Path

    def posts(self) -> int:
        """Own posts on the network, replies and later parts apart."""
        rows = self._network(f"/aviary/ledger?author={HANDLE}")["posts"]
        return sum(row["in_reply_to"] is None for row in rows)

    def health(self) -> dict[str, Any]:
        """What ``/health`` says."""
        said: dict[str, Any] = httpx.get(f"{self.page}/health", timeout=10).json()
        return said

    def lever(self, **levers: object) -> None:
        """Move levers of the network."""
        answer = httpx.post(f"{self.network.base_url}/aviary/levers", json=levers, timeout=10)
        answer.raise_for_status()

    def until(self, fact: Callable[[], bool], what: str, *, seconds: float = 120) -> float:
        """Wait for a fact; returns how long that took."""
        began = time.monotonic()
        while not self._holds(fact):
            assert self.process.poll() is None, f"it ended: {self.tail()}"
            assert time.monotonic() - began < seconds, (
                f"not within {seconds:.0f} s: {what}; told: {self.inbox.told()}; {self._said()}\n{self.tail()}"
            )
            time.sleep(0.2)
        return time.monotonic() - began

    def during(self, seconds: float) -> None:
        """Let time pass, as long as the process lives."""
        ends = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= ends, "time", seconds=seconds + 30)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    def browsers(self) -> list[psutil.Process]:
        """Its Chromium processes, the oldest first."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in children if "chrom" in _name(one) or "headless" in _name(one)]

    def stop(self) -> None:
        """End it as a service manager would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _holds(self, fact: Callable[[], bool]) -> bool:
        with contextlib.suppress(httpx.HTTPError, psutil.NoSuchProcess):
            return fact()
        return False

    def _said(self) -> str:
        with contextlib.suppress(httpx.HTTPError):
            return str(self.health())
        return "no /health"

    def _network(self, path: str) -> Any:
        return httpx.get(f"{self.network.base_url}{path}", timeout=10).raise_for_status().json()


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.name().lower()
    return ""


@contextlib.contextmanager
def product(reaper: Reaper, folder: Path, *, speed: int = 300, **settings: str) -> Iterator[Product]:
    """The product, once it has published its first post and is well."""
    origin = str(time.time() + 5)
    arguments = ("--speed", str(speed), "--epoch", EPOCH, "--origin", origin, "--handle", HANDLE)
    with aviary(reaper, *arguments) as network, collector() as inbox:
        page = f"http://127.0.0.1:{(port := free_port())}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        given = kept | {
            "MODE": "demo",
            "TWITTER_SESSION_B64": network.about["session_b64"],
            "X_BASE_URL": network.base_url,
            "OPENAI_BASE_URL": network.about["model_url"],
            "OPENAI_API_KEY": "local",
            "ACCOUNT_HANDLE": HANDLE,
            "POSTS_PER_DAY": "24",
            "CLOCK_SPEED": str(speed),
            "CLOCK_EPOCH": EPOCH,
            "CLOCK_ORIGIN": origin,
            "PORT": str(port),
            "DATA_DIR": str(folder / "data"),
            "ALERT_WEBHOOK_URL": f"{inbox.address}/alerts",
            "HEARTBEAT_URL": f"{inbox.address}/beat",
        }
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                (*STONECHAT, "run"), cwd=folder, env=given | settings, stdout=out, stderr=out
            )
        running = Product(folder, network, inbox, page, process, log)
        try:
            running.until(lambda: running.posts() >= 1, "the first post", seconds=150)
            running.until(lambda: running.health()["state"] == "ok", "all well", seconds=90)
            yield running
        finally:
            running.stop()


# --- faults -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def frozen(server: Postgres) -> Iterator[None]:
    """PostgreSQL stands still: connections stay open, nobody answers."""
    server.process.freeze()
    try:
        yield
    finally:
        server.process.thaw()


@contextlib.contextmanager
def locked_table(url: str, table: str = "content_metadata") -> Iterator[None]:
    """Somebody holds a lock on a table that shuts everybody else out."""
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


@contextlib.contextmanager
def no_connection_free(server: Postgres) -> Iterator[None]:
    """Somebody else holds every connection that the server has left."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                held.enter_context(psycopg.connect(server.url()))
        yield


@contextlib.contextmanager
def write_locked(path: Path) -> Iterator[None]:
    """Another program writes to the SQLite file and does not end."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextlib.contextmanager
def browser_frozen(running: Product) -> Iterator[None]:
    """Every Chromium that is there or comes is stopped in its tracks."""
    over = threading.Event()

    def freeze() -> None:
        while not over.wait(0.3):
            for one in running.browsers():
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.suspend()

    thread = threading.Thread(target=freeze, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for one in running.browsers():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.resume()


@contextlib.contextmanager
def browser_killed(running: Product) -> Iterator[None]:
    """Every Chromium that is there or comes is killed."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.5):
            for one in running.browsers():
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
