"""Networks are found by their entry points; one that cannot be used is said so and spoils no other."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from stonechat.core.errors import Permanent
from stonechat.networks.registry import GROUP, installed, registry_of

OURS = EntryPoint("x_web", "stonechat.networks.x_web.plugin:PLUGIN", GROUP)


def test_our_own_are_declared_as_everybodys_are() -> None:
    found = installed()
    assert "x_web" in found.plugins
    assert all(found[name].name == name for name in found.plugins)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("stonechat.no_such_module:PLUGIN", "ModuleNotFoundError"),
        ("stonechat.networks.x_web.plugin:NOTHING", "AttributeError"),
        ("stonechat.networks.x_web.plugin:NAME", "is a str and no NetworkPlugin"),
        ("stonechat.networks.x_web.plugin:PLUGIN", "its settings call it 'x_web'"),
        ("a_network_that_exits:PLUGIN", "RuntimeError: at import"),
    ],
)
def test_what_is_no_network_is_named_with_the_reason_and_the_others_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, why: str
) -> None:
    (tmp_path / "a_network_that_exits.py").write_text("raise RuntimeError('at import')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = registry_of([EntryPoint("bad", written, GROUP), OURS])
    assert list(found.plugins) == ["x_web"]
    assert why in found.broken["bad"]
    with pytest.raises(Permanent, match="cannot be used"):
        found["bad"]


def test_two_packages_that_bring_one_network_are_refused_both() -> None:
    found = registry_of([OURS, EntryPoint("x_web", "other.plugin:PLUGIN", GROUP)])
    assert not found.plugins
    assert "two installed packages" in found.broken["x_web"]


def test_a_network_that_is_not_installed_is_said_so_with_those_that_are() -> None:
    with pytest.raises(Permanent) as caught:
        registry_of([OURS])["elsewhere"]
    assert "Installed: x_web" in caught.value.remedy


def test_looking_at_the_networks_loads_no_browser() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from stonechat.networks.registry import installed; installed();"
            "print([name for name in ('playwright', 'sqlalchemy', 'twitter_text') if name in sys.modules])",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.strip() == "[]"
