"""The content commands in a process of their own, against a real endpoint and a real database."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from stonechat.config.settings import DatabaseSettings
from stonechat.content.voice import load_voice
from stonechat.core.clock import SystemClock
from stonechat.core.model import Approval
from stonechat.core.states import ContentState
from stonechat.database import open_database
from stonechat.database.repositories import content
from stonechat_aviary.opening import Aviary, open_aviary
from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, studio


async def stonechat(
    folder: Path, aviary: Aviary | None, *arguments: str, stdin: str = "", **more: str
) -> tuple[int, str, str]:
    given = {
        "DATABASE_URL": f"sqlite:///{folder}/content.db",
        "DATA_DIR": str(folder),
        "ACCOUNT_HANDLE": ACCOUNT.handle,
        "OPENAI_API_KEY": "key-for-tests",
        "OPENAI_BASE_URL": aviary.address.model_url if aviary else "http://127.0.0.1:1/v1",
        "TWITTER_SESSION_B64": aviary.address.session_b64 if aviary else "W10=",
    }
    repository = Path(__file__).resolve().parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.content_cli",
        *arguments,
        env={**os.environ, **given, **more, "PYTHONPATH": str(repository), "COLUMNS": "200"},
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), err.decode()


async def held_posts(folder: Path) -> list[str]:
    """A queue of posts that wait for approval; their ids."""
    account = replace(ACCOUNT, posts_per_day=3, approval=Approval.ALL)
    async with studio(folder, ManualClock(), account=account) as s:
        await s.planner.plan(s.run())
        async with s.database.read("test") as connection:
            return [one.id for one in await content.in_states(connection, (ContentState.AWAITING_APPROVAL,))]


async def test_a_prompt_can_be_tried_and_nothing_is_stored(tmp_path: Path) -> None:
    async with open_aviary() as aviary:
        code, out, err = await stonechat(
            tmp_path, aviary, "write", "--topic", "sleep", "--hook", "question", "--json"
        )
        assert code == 0, err
        tried: dict[str, Any] = json.loads(out)
        assert tried["arm"]["topic"] == "sleep" and tried["cost_usd"] > 0
        assert len(tried["drafts"]) == 3 and any(one["passed"] for one in tried["drafts"])
    async with (
        open_database(f"sqlite:///{tmp_path}/content.db", DatabaseSettings(), SystemClock()) as database,
        database.read("test") as connection,
    ):
        assert await content.in_states(connection, list(ContentState)) == []


async def test_a_dead_endpoint_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    async with open_aviary() as aviary:
        aviary.panel.everybody.model.html = True
        code, _, err = await stonechat(tmp_path, aviary, "write")
    assert code == 1 and "What to do" in err and "Traceback" not in err


async def test_content_is_approved_rejected_and_edited_from_the_command_line(tmp_path: Path) -> None:
    first, second, third = await held_posts(tmp_path)
    async with open_aviary() as aviary:
        code, out, err = await stonechat(tmp_path, aviary, "queue", "approve", first[:8])
        assert code == 0 and "Approved" in out, err
        code, out, err = await stonechat(tmp_path, aviary, "queue", "reject", second, "--why", "not our tone")
        assert code == 0, err
        text = "A kettle takes four minutes. Use them for looking out of the window."
        code, out, err = await stonechat(tmp_path, aviary, "queue", "edit", third, "--text", text)
        assert code == 0, err
        code, out, err = await stonechat(
            tmp_path, aviary, "queue", "edit", third, "--text", "Buy now at shop.example.com"
        )
        assert code == 1 and "links" in err and "Traceback" not in err
        code, out, err = await stonechat(tmp_path, aviary, "queue", "show", "--json")
    rows = {row["id"]: row for row in json.loads(out)}
    assert rows[first]["state"] == "queued" and rows[first]["approved_digest"]
    assert second not in rows
    assert rows[third]["text"] == text and rows[third]["state"] == "awaiting_approval"


async def test_five_answers_make_a_voice_file_that_can_be_used(tmp_path: Path) -> None:
    settings = "\n" * 7  # what is offered is taken; of the handle, the key and the model nothing is asked
    voice = "A calm account\nBusy people\nsmall meals\nsoup, slow bread\npromise results\n"
    code, _, err = await stonechat(
        tmp_path, None, "init", "--handle", "@calm", "--model", "m", "--no-try", stdin=settings + voice
    )
    assert code == 0, err
    assert load_voice(tmp_path / "voice.toml").topics == ("soup", "slow bread")
    async with open_aviary() as aviary:
        code, out, err = await stonechat(tmp_path, aviary, "write", "--json", VOICE_FILE="voice.toml")
    assert code == 0, err
    assert json.loads(out)["arm"]["topic"] in ("soup", "slow bread"), "posts are about what was answered"
