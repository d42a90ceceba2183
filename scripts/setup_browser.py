"""Make sure that a Chromium starts: one that is there, else Playwright's, else the distribution's.

Run by ``scripts/setup.sh`` with the project's own Python. Prints one line for each thing that takes long,
and exits with 1 and instructions when no browser could be had.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from stonechat.browser.executable import find_chromium
from stonechat.core.errors import ConfigError

PLAYWRIGHT_LIMIT = 600.0
"""Seconds for Playwright's download (about 110 MB); a connection that hangs is given up much earlier."""

APT_LIMIT = 900.0
"""Seconds for the distribution's packages (about 60 MB with what they need)."""


def say(text: str) -> None:
    """One line of progress, shown at once."""
    print(f"[3/3] Chromium: {text}", flush=True)


def starts(path: Path | None) -> str | None:
    """The browser's version when a page opens in it, else None."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=path, chromium_sandbox=not root, timeout=30_000, args=["--disable-gpu"]
            )
            page = browser.new_page()
            page.goto("data:text/html,<title>ready</title>")
            version = browser.version if page.title() == "ready" else None
            browser.close()
            return version
    except Error:
        return None


def working() -> bool:
    """Whether the browser that Stonechat would choose starts; says which."""
    named = os.environ.get("BROWSER_EXECUTABLE")
    try:
        path = find_chromium(Path(named) if named else None)
    except ConfigError as exc:
        say(f"BROWSER_EXECUTABLE: {exc.faults[0].problem}")
        return False
    version = starts(path)
    if version:
        say(f"{version} starts ({path or 'downloaded by Playwright'})")
    return version is not None


def run(what: str, command: list[str], limit: float, **environment: str) -> bool:
    """Run quietly, for at most ``limit`` seconds; whether it succeeded. Says why where it did not."""
    try:
        done = subprocess.run(
            command,
            check=False,
            timeout=limit,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
    except (subprocess.TimeoutExpired, OSError) as exc:
        say(f"{what} gave up after {limit:.0f} s: {type(exc).__name__}")
        return False
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("Error", "E:"))] or lines[-1:]
        say(f"{what} did not work: {(errors or ['no reason given'])[0][:120]}")
    return done.returncode == 0


def driver_runs() -> bool:
    """Whether Playwright's driver starts, if need be with the one library that a bare Debian lacks."""
    command = [sys.executable, "-m", "playwright", "--version"]
    if run("Playwright's driver", command, 60):
        return True
    return apt_get("libatomic1") and run("Playwright's driver", command, 60)


def download() -> bool:
    """Let Playwright download its own headless Chromium into the user's cache folder."""
    if os.environ.get("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD"):
        return False
    say("downloading Playwright's headless Chromium (about 110 MB) …")
    return run(
        "the download",
        [sys.executable, "-m", "playwright", "install", "chromium", "--only-shell"],
        PLAYWRIGHT_LIMIT,
        PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT="15000",
    )


def install_packages() -> bool:
    """As root where apt-get is: Debian's headless Chromium, or the libraries that Playwright's needs."""
    if any(apt_get(package) for package in ("chromium-headless-shell", "chromium")):
        return True
    if not may_install():
        return False
    say("installing the libraries that Playwright's Chromium needs …")
    command = [sys.executable, "-m", "playwright", "install-deps", "chromium"]
    return run("playwright install-deps", command, APT_LIMIT, DEBIAN_FRONTEND="noninteractive")


def may_install() -> bool:
    """Whether we are root on a system with apt-get."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def apt_get(package: str) -> bool:
    """Install one of the distribution's packages, where we may."""
    if not may_install():
        return False
    say(f"installing the distribution's {package} with apt-get (up to a minute) …")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    if not Path("/var/lib/apt/lists").is_dir() or not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        run("apt-get update", [*apt, "update"], APT_LIMIT, **quiet)
    install = [*apt, "install", "-y", "--no-install-recommends", package]
    if run(f"apt-get install {package}", install, APT_LIMIT, **quiet):
        return True
    # Lists that are there may be out of date and name files that are gone.
    return run("apt-get update", [*apt, "update"], APT_LIMIT, **quiet) and run(
        f"apt-get install {package}", install, APT_LIMIT, **quiet
    )


def main() -> int:
    """Find or get a browser; 0 when one starts."""
    began = time.monotonic()
    if driver_runs():
        if working():
            return 0
        if os.environ.get("BROWSER_EXECUTABLE"):
            say("the one that BROWSER_EXECUTABLE names does not start; correct it or unset it")
            return 1
        for get in (download, install_packages):
            if get() and working():
                say(f"ready after {time.monotonic() - began:.0f} s")
                return 0
    say("none starts here. One of these helps, then run make again:")
    for line in (
        "Ubuntu: sudo apt-get install libatomic1, then sudo .venv/bin/playwright install-deps chromium",
        "Debian: sudo apt-get install libatomic1 chromium-headless-shell",
        "macOS: brew install --cask google-chrome",
        "elsewhere: set BROWSER_EXECUTABLE to the path of a Chromium or Chrome",
    ):
        print(f"        {line}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
