"""An account on a real server of Bluesky, connected and run through the command line alone, with no browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.bluesky import PASSWORD
from tests.support.network_stands import BlueskyStand, open_bluesky_stand
from tests.support.owner import MEMORY, Owner, browsers_of
from tests.support.processes import Reaper, wait_until
from tests.support.servers import aviary

TEXT = "A short walk is still a walk."


def connects_and_posts(owner: Owner, stand: BlueskyStand, loop: asyncio.AbstractEventLoop) -> None:
    def is_live() -> bool:
        return any(
            one.text == TEXT for one in asyncio.run_coroutine_threadsafe(stand.live(), loop).result(30)
        )

    assert "stonechat connect bluesky" in owner.checks()["setting BLUESKY_APP_PASSWORD"]["fix"]
    wrong = owner.connects("not-the-password")
    assert wrong.returncode == 1
    assert "does not accept the app password" in wrong.stderr
    right = owner.connects(PASSWORD)
    assert right.returncode == 0, right.stderr
    assert "app-passwords" in right.stderr
    checks = owner.checks()
    assert checks["app password"]["verdict"] == "ok"
    assert "label" in checks["automated account"]["fix"]
    assert owner.types("queue", "add", TEXT, "--at", "now").returncode == 0
    with owner.running() as process:
        wait_until(is_live, "the post is live", 120)
        assert not browsers_of(process)
        assert process.memory_info().rss <= MEMORY


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_an_account_on_bluesky_is_connected_and_posts(tmp_path: Path, reaper: Reaper) -> None:
    async with open_bluesky_stand(tmp_path / "servers") as stand:
        with aviary(reaper) as local:
            home = tmp_path / "home"
            home.mkdir()
            owner = Owner(
                home,
                local.about["model_url"],
                ACCOUNT_NETWORK="bluesky",
                ACCOUNT_HANDLE=stand.account.handle,
                BLUESKY_URL=stand.pds.url,
            )
            await asyncio.to_thread(connects_and_posts, owner, stand, asyncio.get_running_loop())
        assert [one.text for one in await stand.live()] == [TEXT]
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in written
