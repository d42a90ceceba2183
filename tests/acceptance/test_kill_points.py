"""SIGKILL at every commit and between every two page steps of publishing: once each, each in its thread.

Real processes, a real browser, the local network as a process of its own, SQLite and PostgreSQL. What was
published is read from the network's ledger and not from our database. ``make test`` kills around every commit,
``make test-long`` at every fifth page step too, and ``STONECHAT_KILL_EVERY=1`` at every single one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from stonechat.core.texts import canonical
from tests.support.bluesky import PASSWORD
from tests.support.checkout import ROOT
from tests.support.network_stands import open_bluesky_stand
from tests.support.posting_lives import texts_of
from tests.support.processes import Reaper
from tests.support.servers import Aviary, aviary

EVERY = int(os.environ.get("STONECHAT_KILL_EVERY", "5"))
EVERY_KIND = ["single", "picture", "thread", "reply", "quote"]
"""A thread's second part and a quote carry a picture, as ``picture``, a single post, does."""


def ledger(network: Aviary) -> list[dict[str, Any]]:
    posts: list[dict[str, Any]] = httpx.get(f"{network.base_url}/aviary/ledger").json()["posts"]
    return posts


def live_and_die(network: Aviary, database: str, folder: Path, origin: float, **more: Any) -> dict[str, Any]:
    return run_lives(
        database=database,
        base_url=network.base_url,
        session=network.about["session_b64"],
        handle="quietbuilder",
        folder=str(folder),
        origin=origin,
        **more,
    )


def run_lives(**plan: Any) -> dict[str, Any]:
    """All lives of a plan, see :mod:`tests.support.posting_lives`; what they said in the end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.posting_lives", json.dumps(plan)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=5400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def stored(name: str) -> list[str]:
    """The texts of that piece, as the network keeps them."""
    return [canonical(text) for text in texts_of(name)]


def check_ledger(posts: list[dict[str, Any]], ids: list[str], answered: str = "") -> None:
    """Each part once, each in its thread, with its picture; replies under and quotes of ``answered``."""
    wanted: list[str] = []
    for one in ids:
        wanted += stored(one)
    counts = Counter(post["text"] for post in posts)
    assert {text: count for text, count in counts.items() if count > 1} == {}, "doubled"
    assert sorted(set(wanted) - set(counts)) == [], "lost"
    by_text = {post["text"]: post for post in posts}
    for one in ids:
        if one.startswith("thread"):
            assert by_text[stored(one)[1]]["in_reply_to"] == by_text[stored(one)[0]]["id"]
        if one.startswith("reply"):
            assert by_text[stored(one)[0]]["in_reply_to"] == answered
        if one.startswith("quote"):
            assert by_text[stored(one)[0]]["quoted"] == answered
        if not one.startswith(("single", "reply")):
            last = by_text[stored(one)[-1]]
            assert [picture["alt"] for picture in last["media"]] == [f"{one}, drawn"]


def without_names(posts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The posts as they were written: on Mastodon a reply has the name of whom it answers before it."""
    return [{**one, "text": re.sub(r"^@\w+ (?=reply)", "", one["text"])} for one in posts]


def kill_everywhere(reaper: Reaper, database: str, folder: Path, **more: Any) -> dict[str, Any]:
    """Kill, recover, and compare with the ledger."""
    origin = time.time()
    if more.get("adapter") == "x_api":  # long enough for somebody to have spoken to the account
        origin -= 2 * 86_400
    epoch = datetime.fromtimestamp(origin, UTC).isoformat()
    with aviary(reaper, "--epoch", epoch, "--origin", str(origin), "--unkind") as network:
        result = live_and_die(network, database, folder, origin, **more)
        assert result["unsettled"] == []
        remembered = folder / "answered"
        answered = remembered.read_text().split()[0] if remembered.exists() else ""
        check_ledger(without_names(ledger(network)), result["ids"], answered)
    return result


@pytest.mark.timeout(1800 if EVERY > 1 else 5400)
def test_a_process_killed_around_any_commit_posts_each_text_exactly_once(
    sqlite_url: str, reaper: Reaper, tmp_path: Path
) -> None:
    result = kill_everywhere(reaper, sqlite_url, tmp_path, kinds=["single"], pages=False)
    killed = set(result["killed"]["single"])
    for task in ("posting.claim", "posting.receipt"):
        assert {f"{task}: before the commit", f"{task}: after the commit"} <= killed
    assert "clicking" in killed


@pytest.mark.timeout(900)
def test_the_same_on_mastodon_around_every_commit_and_every_part(
    postgres_url: str, reaper: Reaper, tmp_path: Path
) -> None:
    result = kill_everywhere(reaper, postgres_url, tmp_path, kinds=["thread", "reply"], adapter="mastodon")
    killed = result["killed"]["thread"]
    assert killed.count("clicking") == 2
    assert {"posting.claim: after the commit", "posting.receipt: before the commit"} <= set(killed)


@pytest.mark.timeout(900)
def test_the_same_on_xs_api_where_each_price_is_a_commit_too(
    any_database_url: str, reaper: Reaper, tmp_path: Path
) -> None:
    result = kill_everywhere(reaper, any_database_url, tmp_path, kinds=["single"], adapter="x_api")
    killed = result["killed"]["single"]
    assert "clicking" in killed
    for task in ("posting.claim", "posting.receipt", "content.budget.reserve", "content.budget.settle"):
        assert {f"{task}: before the commit", f"{task}: after the commit"} <= set(killed)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_kind_of_post_that_xs_api_takes(sqlite_url: str, reaper: Reaper, tmp_path: Path) -> None:
    kinds = [one for one in EVERY_KIND if one != "quote"]
    kill_everywhere(reaper, sqlite_url, tmp_path, kinds=kinds, adapter="x_api")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_kind_of_post_on_mastodon(sqlite_url: str, reaper: Reaper, tmp_path: Path) -> None:
    kill_everywhere(reaper, sqlite_url, tmp_path, kinds=EVERY_KIND, adapter="mastodon")


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_every_kind_of_post_on_a_real_server_of_bluesky(any_database_url: str, tmp_path: Path) -> None:
    origin = time.time()
    async with open_bluesky_stand(tmp_path / "servers") as stand:
        result = await asyncio.to_thread(
            run_lives,
            database=any_database_url,
            base_url=stand.pds.url,
            session=PASSWORD,
            handle=stand.account.handle,
            folder=str(tmp_path),
            origin=origin,
            kinds=EVERY_KIND,
            adapter="bluesky",
        )
        assert result["unsettled"] == []
        rows = [
            {
                "id": one.id,
                "text": one.text,
                "in_reply_to": one.in_reply_to,
                "quoted": one.quoted,
                "media": [{"alt": alt} for alt in one.alts],
            }
            for one in await stand.live()
        ]
    check_ledger(rows, result["ids"], (tmp_path / "answered").read_text().split()[0])


@pytest.mark.long
@pytest.mark.timeout(1800 if EVERY > 1 else 5400)
def test_a_process_killed_between_any_two_page_steps_posts_each_text_exactly_once(
    sqlite_url: str, reaper: Reaper, tmp_path: Path
) -> None:
    result = kill_everywhere(reaper, sqlite_url, tmp_path, kinds=EVERY_KIND, every=EVERY)
    assert any(step.startswith("page.") for steps in result["killed"].values() for step in steps)


@pytest.mark.long
@pytest.mark.timeout(1800 if EVERY > 1 else 5400)
def test_the_same_on_postgresql(postgres_url: str, reaper: Reaper, tmp_path: Path) -> None:
    kill_everywhere(reaper, postgres_url, tmp_path, kinds=EVERY_KIND, every=EVERY)
