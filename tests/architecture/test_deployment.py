"""What is written for platforms names settings, commands and addresses that exist, and no root."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer.main

from stonechat.cli.main import app
from stonechat.config.loader import known_names
from stonechat.dashboard.app import OPEN_PATHS
from stonechat.networks.registry import installed
from tests.architecture.source import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
FOREIGN = {"PATH", "PYTHONUNBUFFERED", "UV_PROJECT_ENVIRONMENT", "UV_LINK_MODE", "UV_COMPILE_BYTECODE"}
FOREIGN |= {"UV_PYTHON_DOWNLOADS", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
"""Of the shell, of uv and of PostgreSQL's image."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, each with its continued lines as one."""
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text("Dockerfile"), flags=re.MULTILINE))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in whole.splitlines() if line.strip()]


def stages() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions():
        if word == "FROM":
            name = rest.split()[-1]
            base = rest.split()[0]
            found[name] = [*found.get(base, [])]
        elif found:
            found[name].append((word, rest))
    return found


@pytest.mark.parametrize("stage", ["plain", "browser"])
def test_an_image_runs_as_somebody_else_than_root_and_says_whether_it_is_well(stage: str) -> None:
    done = stages()[stage]
    user = [rest for word, rest in done if word == "USER"][-1]
    assert user.isdigit() and int(user) > 0  # a number, so that a platform can see that it is not root
    health = next(rest for word, rest in done if word == "HEALTHCHECK")
    path = re.search(r"\}(/\w+)", health)
    assert path is not None and path[1] in OPEN_PATHS
    assert [rest for word, rest in done if word == "ENTRYPOINT"] == ['["stonechat"]']
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert json.loads(next(rest for word, rest in done if word == "CMD"))[0] in commands


def test_the_image_is_the_one_without_a_browser_where_none_is_named() -> None:
    assert list(stages())[-1] == "plain"
    assert "chromium" in str(stages()["browser"]) and "chromium" not in str(stages()["plain"])


def test_everything_that_the_image_copies_is_there_and_let_through() -> None:
    let_through = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    sources = [source for one in copied for source in one]
    assert sources
    for source in sources:
        assert (ROOT / source).exists() and source in let_through, source


def test_every_setting_that_is_named_exists() -> None:
    known = {*known_names(installed().known()), *FOREIGN}
    named = {name for word, rest in instructions() if word == "ENV" for name in re.findall(r"(\w+)=", rest)}
    named |= set(re.findall(r"^ {6}([A-Z_]+): ", text("compose.yaml"), re.MULTILINE))
    named |= set(tomllib.loads(text("deploy/fly.toml"))["env"])
    assert len(named) > 8
    assert named - known == set()


def test_platforms_ask_an_address_that_is_open() -> None:
    assert json.loads(text("deploy/railway.json"))["deploy"]["healthcheckPath"] in OPEN_PATHS
    fly = tomllib.loads(text("deploy/fly.toml"))
    assert {one["path"] for one in fly["http_service"]["checks"]} <= set(OPEN_PATHS)
    assert fly["http_service"]["internal_port"] == int(fly["env"]["PORT"])
    assert (DEPLOY / fly["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert fly["build"]["build-target"] in stages()


@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.name)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    start = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    program, *words = shlex.split(start.removeprefix("ExecStart="))
    assert program == "/opt/stonechat/bin/stonechat"
    assert words[0] in typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.name)
def test_systemd_understands_every_line_of_a_unit(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/stonechat/bin/stonechat", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert unit.name not in done.stderr, done.stderr
