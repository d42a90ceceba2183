"""What ``doctor`` finds is named so that it can be mended."""

import pytest

from stonechat.config.settings import AccountSettings, BrowserSettings, DashboardSettings, Settings
from stonechat.core.clock import SystemClock
from stonechat.startup.check import CheckResult
from stonechat.startup.preflight import _browser, _port

BOB = AccountSettings(handle="bob")


def program(folder, says):
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return Settings(browser=BrowserSettings(executable=path), accounts=(BOB,))


@pytest.mark.parametrize(
    ("says", "verdict"),
    [("Chromium 120.0", CheckResult.OK), ("hi", CheckResult.FAIL), ("", CheckResult.FAIL)],
)
async def test_a_browser_is_one_that_says_so(tmp_path, says, verdict):
    assert (await _browser(program(tmp_path, says), SystemClock())).verdict is verdict


async def test_a_browser_that_is_not_there_is_named_with_its_setting(tmp_path):
    settings = Settings(browser=BrowserSettings(executable=tmp_path / "none"), accounts=(BOB,))
    check = await _browser(settings, SystemClock())
    assert check.verdict is CheckResult.FAIL
    assert "BROWSER_EXECUTABLE" in check.found


async def test_an_unknown_host_is_not_called_taken():
    check = await _port(Settings(dashboard=DashboardSettings(host="a..b")), SystemClock())
    assert check.verdict is CheckResult.FAIL
    assert "no known host" in check.found
