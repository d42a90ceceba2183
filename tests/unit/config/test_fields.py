"""Settings that a library would only stumble over later are refused where they are read."""

from __future__ import annotations

from typing import Any

import pytest
from argon2 import PasswordHasher

from stonechat.config.loader import load_section
from stonechat.config.settings import DashboardSettings
from stonechat.core.errors import ConfigError
from stonechat.dashboard.formatting import is_web


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        (DashboardSettings, "DASHBOARD_PASSWORD", " " * 12),
        (DashboardSettings, "DASHBOARD_PASSWORD", "sh0rt"),
        (
            DashboardSettings,
            "DASHBOARD_PASSWORD",
            "$argon2id$v=19$m=104857600,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        ),
        (
            DashboardSettings,
            "DASHBOARD_PASSWORD",
            "$argon2id$v=19$m=65536,t=3000,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        ),
        (DashboardSettings, "DASHBOARD_PASSWORD", "$argon2id$broken"),
    ],
)
def test_what_would_fail_later_is_a_fault_at_once_and_its_value_is_not_repeated(
    section: Any, name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_section(section, {name: value})
    [fault] = caught.value.faults
    assert fault.name == name and value not in str(fault)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        (DashboardSettings, "DASHBOARD_PASSWORD", "correct horse"),
        (
            DashboardSettings,
            "DASHBOARD_PASSWORD",
            PasswordHasher().hash("correct horse", salt=b"fixed for its id"),
        ),
    ],
)
def test_what_a_driver_takes_is_taken(section: Any, name: str, value: str) -> None:
    assert load_section(section, {name: value})


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", " https://x", "", None, "//x"]
)
def test_what_is_no_address_of_the_web_becomes_no_link(address: str | None) -> None:
    assert is_web("https://x.com/a/status/1") and is_web("http://127.0.0.1:1/a")
    assert not is_web(address)
