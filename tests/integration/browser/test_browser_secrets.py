"""What shows foreign pages is given none of our secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.browser.test_browser_pool import opened, processes, works

SECRETS = (
    *("OPENAI_API_KEY", "DATABASE_URL", "REDIS_URL", "SESSION_KEY", "DASHBOARD_PASSWORD"),
    *("TWITTER_SESSION_B64", "TWITTER_SESSION_B64_ROBIN", "ALERT_URLS", "SOME_TOKEN_OF_SOMEBODY_ELSE"),
)


async def test_no_process_of_the_browser_has_a_secret_of_ours_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "canary-4711")
    async with opened(tmp_path) as pool:
        await works(pool)
        environments = {one.pid: Path(f"/proc/{one.pid}/environ").read_bytes() for one in processes(pool)}
    assert len(environments) > 2, "the driver, the browser and its children"
    assert not [pid for pid, held in environments.items() if b"canary-4711" in held]
