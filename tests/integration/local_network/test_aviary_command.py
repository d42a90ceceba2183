"""The local network as a command: says where it is, and ends when it should."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

PATIENCE = 30.0


@asynccontextmanager
async def command(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "stonechat_aviary", "--port", "0", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        yield process, json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_prints_where_it_is_and_what_opens_it(tmp_path: Path) -> None:
    origin = repr(time.time())
    arguments = (
        "--epoch",
        "2026-01-05T08:00:00+00:00",
        "--speed",
        "1800",
        "--origin",
        origin,
        "--handle",
        "calmone",
    )
    async with command(*arguments, "--state-dir", str(tmp_path)) as (_, said):
        cookies = {c["name"] for c in json.loads(base64.b64decode(said["session_b64"]))["cookies"]}
        async with httpx.AsyncClient() as client:
            stats = (await client.get(f"{said['url']}/aviary/stats")).json()
        assert cookies == {"auth_token", "ct0"}
        assert said["model_url"] == f"{said['url']}/model/v1"
        assert said["inbox_url"] == f"{said['url']}/aviary/inbox"
        assert list(stats["accounts"]) == ["calmone"]
        assert (tmp_path / "ledger.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly_even_with_a_request_hanging(number: signal.Signals) -> None:
    async with command() as (process, said), httpx.AsyncClient() as client:
        await client.post(f"{said['url']}/aviary/levers", json={"model": {"hang": True}})
        headers = {"Authorization": "Bearer key"}
        hanging = asyncio.create_task(
            client.post(f"{said['model_url']}/chat/completions", json={}, headers=headers, timeout=PATIENCE)
        )
        await client.get(f"{said['url']}/aviary/stats")
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
        with pytest.raises(httpx.HTTPError):
            await hanging


async def test_it_ends_when_its_parent_is_gone() -> None:
    async with command("--die-with-parent") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def test_a_taken_port_is_said_in_a_sentence() -> None:
    async with command() as (_, said):
        port = said["url"].rpartition(":")[2]
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stonechat_aviary", "--port", port, stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await asyncio.wait_for(second.communicate(), PATIENCE)
    assert second.returncode == 1
    assert f"cannot listen on port {port}" in complaint.decode()
    assert "Traceback" not in complaint.decode()


async def test_an_origin_long_ago_on_a_fast_clock_is_refused_in_a_sentence() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stonechat_aviary", "--origin", "0", "--speed", "1800"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 2
    assert "more than 20 years after its epoch" in complaint.decode()
    assert "Traceback" not in complaint.decode()
