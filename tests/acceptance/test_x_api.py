"""An account on X's API from its connecting to its posts, through the command line alone, with no browser."""

from __future__ import annotations

from pathlib import Path

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


@pytest.mark.long
@pytest.mark.timeout(400)
def test_an_account_is_connected_and_posts_and_each_post_is_paid(tmp_path: Path, reaper: Reaper) -> None:
    with aviary(reaper) as network:
        token = token_of(network.about["session_b64"])
        account = {"ACCOUNT_NETWORK": "x_api", "ACCOUNT_HANDLE": HANDLE}
        owner = Owner(tmp_path, network.about["model_url"], X_API_URL=network.base_url, **account)

        missing = owner.checks()["setting X_API_ACCESS_TOKEN"]
        assert "stonechat connect x_api" in missing["fix"]

        wrong = owner.connects("key\nkey-secret\nnot-the-token\ntoken-secret")
        assert wrong.returncode == 1
        assert "does not accept the account's token" in wrong.stderr
        assert "Nothing was saved" in wrong.stderr

        given = f"key\nkey-secret\n{token}\ntoken-secret\n"
        right = owner.types("connect", "x-api", "--from-file", "-", "--json", given=given)
        assert right.returncode == 0, right.stderr
        assert "console.x.com" in right.stderr
        assert "says stop" in right.stderr
        looked = owner.checks()
        assert looked["tokens"]["found"] == f"@{HANDLE} is let in"
        assert looked["browser"]["found"] == "no account needs one"

        again = owner.connects("key\nkey-secret\nnot-the-token\ntoken-secret")
        assert again.returncode == 1
        assert owner.checks()["tokens"]["found"] == f"@{HANDLE} is let in"  # nothing was wiped

        linked = owner.types(
            "queue", "add", "Read https://example.com/a", "--at", "in 2h", "--despite", "links"
        )
        assert linked.returncode == 0, linked.stderr
        assert "because of its link" in owner.types("queue", "--json").stdout
        assert owner.types("queue", "add", "A short walk is still a walk.", "--at", "now").returncode == 0
        with owner.running() as process:
            wait_until(lambda: "A short walk is still a walk." in live(network), "the post is live", 120)
            assert not browsers_of(process)
            assert process.memory_info().rss <= MEMORY
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    told = (wrong.stdout + wrong.stderr + right.stdout + right.stderr).encode()
    assert token.encode() not in written + told
