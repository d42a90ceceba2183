"""An account on Mastodon from its connecting to its posts, through the command line alone, with no browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.mastodon import token_of
from tests.support.owner import MEMORY, Owner, browsers_of
from tests.support.processes import Reaper, wait_until
from tests.support.servers import Aviary, aviary

HANDLE = "quietbuilder"


def live(network: Aviary) -> list[str]:
    posts = httpx.get(f"{network.base_url}/aviary/ledger", timeout=10).json()["posts"]
    return [str(one["text"]) for one in posts]


def move(network: Aviary, **levers: Any) -> None:
    httpx.post(f"{network.base_url}/aviary/levers", json=levers, timeout=10).raise_for_status()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_an_account_is_connected_posts_stops_when_its_token_is_revoked_and_goes_on_when_connected_anew(
    tmp_path: Path, reaper: Reaper
) -> None:
    with aviary(reaper) as network:
        token = token_of(network.about["session_b64"])
        account = {"ACCOUNT_NETWORK": "mastodon", "ACCOUNT_HANDLE": HANDLE}
        owner = Owner(tmp_path, network.about["model_url"], MASTODON_URL=network.base_url, **account)

        missing = owner.checks()["setting MASTODON_ACCESS_TOKEN"]
        assert "stonechat connect mastodon" in missing["fix"]

        wrong = owner.connects("not-the-token")
        assert wrong.returncode == 1
        assert "does not accept" in wrong.stderr
        assert "Nothing was saved" in wrong.stderr

        right = owner.connects(token)
        assert right.returncode == 0, right.stderr
        assert "settings/applications/new" in right.stderr
        assert "#NoBot" in right.stderr
        looked = owner.checks()
        assert (
            looked["token"]["found"]
            == f"@{HANDLE} is let in; its server takes 500 characters, 4 pictures a post"
        )
        assert looked["automated account"]["verdict"] == "ok"
        assert looked["browser"]["found"] == "no account needs one"
        move(network, bot=False)
        assert "settings/profile" in owner.checks()["automated account"]["fix"]

        assert owner.types("queue", "add", "A short walk is still a walk.", "--at", "now").returncode == 0
        with owner.running() as process:
            wait_until(lambda: "A short walk is still a walk." in live(network), "the post is live", 120)
            assert not browsers_of(process)
            assert process.memory_info().rss <= MEMORY

            move(network, logged_out=True)
            owner.types("queue", "add", "Said after a pause.", "--at", "now")
            wait_until(lambda: owner.session() == "expired", "the account has stopped", 120)
            move(network, logged_out=False)
            again = owner.connects(token)
            assert again.returncode == 0, again.stderr
            wait_until(lambda: "Said after a pause." in live(network), "it has gone on", 120)
        assert sorted(live(network)) == ["A short walk is still a walk.", "Said after a pause."]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    told = (wrong.stdout + wrong.stderr + right.stdout + right.stderr).encode()
    assert token.encode() not in written + told
