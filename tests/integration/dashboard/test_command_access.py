"""Commands show a token of their own, to the running process alone; the password goes nowhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from stonechat.cli.main import app
from stonechat.config.settings import DashboardSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.dashboard.command_access import FILE, CommandAccess, published, read_access
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.server import open_dashboard
from stonechat.monitoring import HealthBoard, Meters

CLOCK = SystemClock()
PASSWORD = "a long enough password"


class Squatter(BaseHTTPRequestHandler):
    """Listens where somebody may ask by mistake, and keeps all that it is told."""

    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.heard.append(f"{self.requestline}\n{self.headers}")
        self.send_response(401)
        self.end_headers()

    def do_POST(self) -> None:
        self.heard.append(str(self.rfile.read(int(self.headers["Content-Length"]))))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Not to the terminal."""


@contextmanager
def squatter() -> Iterator[str]:
    Squatter.heard.clear()
    with HTTPServer(("127.0.0.1", 0), Squatter) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def stonechat(folder: Path, *words: str, **settings: str) -> tuple[int, str]:
    environment = {"DATA_DIR": str(folder), "DASHBOARD_PASSWORD": PASSWORD} | settings
    done = CliRunner().invoke(app, [*words], env=environment)
    return done.exit_code, done.output


@pytest.mark.parametrize("password", [PASSWORD, PasswordHasher().hash(PASSWORD)], ids=["clear", "hashed"])
async def test_commands_get_in_without_the_password_and_leave_nothing_behind(
    tmp_path: Path, password: str
) -> None:
    events = EventStream(CLOCK)
    data = DashboardData(
        clock=CLOCK,
        board=HealthBoard(CLOCK, events),
        meters=Meters(),
        mode="demo",
        steps=lambda: [],
        ready=lambda: True,
    )
    settings = DashboardSettings.model_validate({"port": 0, "password": password})
    async with open_dashboard(settings, data, CLOCK, events, folder=tmp_path) as dashboard:
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        for words in (("status",), ("status", "--url", dashboard.address)):
            code, said = await asyncio.to_thread(stonechat, tmp_path, *words, HTTP_PROXY="http://127.0.0.1:9")
            assert code == 1 and "not open yet" in said, "it was let in, and told that nothing is open here"
        with squatter() as elsewhere:
            code, said = await asyncio.to_thread(stonechat, tmp_path, "status", "--url", elsewhere)
            assert code == 1 and "wants a log-in" in said
            access = read_access(tmp_path)
            assert access is not None and Squatter.heard
            assert not any(access.token in heard or PASSWORD in heard for heard in Squatter.heard)
    assert not (tmp_path / FILE).exists()


def test_where_nothing_runs_nobody_is_shown_anything(tmp_path: Path) -> None:
    with squatter() as elsewhere:
        code, said = stonechat(tmp_path, "status", PORT=elsewhere.rpartition(":")[2])
        assert code == 1 and "wants a log-in" in said
        assert (
            Squatter.heard and "uthorization" not in Squatter.heard[0] and PASSWORD not in Squatter.heard[0]
        )


def test_the_end_of_one_process_leaves_what_another_has_written(tmp_path: Path) -> None:
    newer = CommandAccess("http://127.0.0.1:2", "newer")
    with published(CommandAccess("http://127.0.0.1:1", "older"), tmp_path), published(newer, tmp_path):
        assert read_access(tmp_path) == newer
    assert read_access(tmp_path) is None
    (tmp_path / FILE).write_text("[1]")
    assert read_access(tmp_path) is None
