"""The window of ``stonechat login`` on a screen, and the owner's own hands: keys pressed and mouse moved.

Needs Xvfb, xdotool and a Chromium that can show a window (Debian: ``apt-get install xvfb xdotool chromium``);
without them it is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stonechat.browser.login_window import whole_browser
from stonechat.core.errors import Permanent
from tests.support.processes import Reaper
from tests.support.product import environment
from tests.support.servers import Aviary, aviary

HANDLE = "quietbuilder"


def a_whole_chromium() -> Path | None:
    given = os.environ.get("BROWSER_EXECUTABLE")
    try:
        return whole_browser(Path(given) if given else None)
    except Permanent:
        return None


@dataclass
class Owner:
    """Somebody at the screen."""

    display: str

    def does(self, *words: str) -> str:
        done = subprocess.run(
            ("xdotool", *words),
            env={**os.environ, "DISPLAY": self.display},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def sees(self, title: str) -> str:
        """Wait for a window of that title; it has the keyboard from then on."""
        end = time.monotonic() + 60
        while not (found := self.does("search", "--onlyvisible", "--name", title)):
            assert time.monotonic() < end, f"no window {title!r}"
            time.sleep(0.1)
        window = found.splitlines()[-1]
        self.does("windowfocus", "--sync", window)
        return window


@pytest.fixture
def owner() -> Iterator[Owner]:
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None or a_whole_chromium() is None:
        pytest.skip("needs Xvfb, xdotool and a Chromium that can show a window")
    reader, writer = os.pipe()
    screen = ("-screen", "0", "1280x900x24", "-nolisten", "tcp")
    process = subprocess.Popen(
        ("Xvfb", "-displayfd", str(writer), *screen), pass_fds=(writer,), stderr=subprocess.DEVNULL
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as told:
            yield Owner(f":{told.readline().strip()}")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def network(reaper: Reaper) -> Iterator[Aviary]:
    with aviary(reaper, "--handle", HANDLE) as started:
        yield started


def log_in(owner: Owner, network: Aviary, folder: Path) -> subprocess.Popen[str]:
    settings = environment(
        DISPLAY=owner.display,
        BROWSER_EXECUTABLE=str(a_whole_chromium()),
        ACCOUNT_HANDLE=HANDLE,
        X_BASE_URL=network.base_url,
        DATA_DIR=str(folder / "data"),
    )
    return subprocess.Popen(
        (sys.executable, "-m", "stonechat.cli.main", "login", "--minutes", "2"),
        cwd=folder,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_owner_logs_in_with_keyboard_and_mouse(owner: Owner, network: Aviary, tmp_path: Path) -> None:
    password = network.about["passwords"][HANDLE]
    command = log_in(owner, network, tmp_path)
    try:
        owner.sees("Log in to X")
        owner.does("key", "Tab")
        for words in (HANDLE, password):  # the page asks for the password once it has the name
            owner.does("type", "--delay", "50", words)
            owner.does("key", "Return")
        said, _ = command.communicate(timeout=90)
    finally:
        command.kill()
    assert command.returncode == 0, said
    assert "logged in" in said
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert all(password.encode() not in path.read_bytes() for path in kept)
    assert password not in said


def test_a_window_that_the_owner_closes_ends_the_command(
    owner: Owner, network: Aviary, tmp_path: Path
) -> None:
    command = log_in(owner, network, tmp_path)
    try:
        owner.sees("Log in to X")
        owner.does("key", "ctrl+w")
        said, _ = command.communicate(timeout=90)
    finally:
        command.kill()
    assert command.returncode == 1
    assert "closed before anybody had logged in" in said
