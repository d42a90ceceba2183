"""The wheel, outside of the checkout: built, installed into an empty folder, set up by flags, run in shadow."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.mastodon import token_of
from tests.support.processes import Reaper, free_port, wait_until
from tests.support.servers import aviary

ANSWERS = (
    *("--network", "mastodon", "--handle", "@quietbuilder", "--posts-per-day", "4"),
    *("--speaks", "A calm account", "--for-whom", "busy people", "--niche", "habits"),
    *("--topics", "sleep, focus", "--dont", "promise results"),
)
UV = shutil.which("uv") or ""


def said(*command: str) -> str:
    """What a program prints; nothing where it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def interpreter(version: str) -> str:
    """A Python of this version on this machine: on the PATH, or of pyenv; none is fetched."""
    show = ("-c", "import sys; print(sys.executable)")
    of_pyenv = said("pyenv", "prefix", said("pyenv", "latest", version) or version)
    return said(f"python{version}", *show) or said(f"{of_pyenv}/bin/python{version}", *show)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [UV, "build", "--wheel", "--quiet", "--out-dir", folder, ROOT], check=True, capture_output=True
    )
    [built] = folder.glob("stonechat-*.whl")
    return built


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(not UV, reason="uv is not installed")
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_wheel_needs_nothing_of_the_checkout(
    wheel: Path, version: str, tmp_path: Path, reaper: Reaper
) -> None:
    python = interpreter(version)
    if not python:
        pytest.skip(f"there is no Python {version} on this machine")
    place, folder = tmp_path / "installed", tmp_path / "account"
    folder.mkdir()
    subprocess.run([UV, "venv", "--quiet", "--python", python, place], check=True)
    locked = tmp_path / "locked.txt"
    export = (
        "export --quiet --frozen --no-default-groups --no-emit-workspace --no-hashes --output-file".split()
    )
    subprocess.run([UV, *export, locked], cwd=ROOT, check=True, capture_output=True)
    install: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        place,
        "--constraints",
        locked,
        wheel,
    ]
    subprocess.run(install, check=True)

    with aviary(reaper) as local:
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
            "OPENAI_BASE_URL": str(local.about["model_url"]),
            "OPENAI_API_KEY": "local",
            "MASTODON_URL": local.base_url,
            "PORT": str(free_port()),
        }

        def types(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
            command: list[str | Path] = [place / "bin" / "stonechat", *words]
            return subprocess.run(
                command,
                cwd=folder,
                env=environment,
                input=given,
                capture_output=True,
                text=True,
                check=False,
                timeout=180,
            )

        assert "Usage" in types("--help").stdout
        made = types("init", "--yes", *ANSWERS)
        assert made.returncode == 0, made.stderr
        assert sorted(one.name for one in folder.iterdir()) == ["stonechat.toml", "voice.toml"]
        token = token_of(local.about["session_b64"])
        let_in = types("connect", "mastodon", "--from-file", "-", given=token)
        assert let_in.returncode == 0, let_in.stderr
        checks = {one["name"]: one for one in json.loads(types("doctor", "--json").stdout)["checks"]}
        for name in ("python", "database", "voice", "model"):
            assert checks[name]["verdict"] == "ok", checks[name]

        log = folder / "log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                [place / "bin" / "stonechat", "run"], cwd=folder, env=environment, stdout=out, stderr=out
            )
        try:
            address = f"http://127.0.0.1:{environment['PORT']}/startupz"

            def started() -> bool:
                try:
                    with urllib.request.urlopen(address, timeout=5) as answer:
                        return bool(answer.status == 200)
                except OSError:
                    return running.poll() is not None

            wait_until(started, "it has started", 180)
            assert json.loads(types("status", "--json").stdout)["mode"] == "shadow", log.read_text()
            assert json.loads(types("jobs", "--json").stdout)
            running.send_signal(signal.SIGTERM)
            assert running.wait(timeout=60) == 0, log.read_text()[-3000:]
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
        assert "Traceback" not in log.read_text()
