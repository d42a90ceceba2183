"""The checks behind ``stonechat doctor``: ok, warn or fail, and how to mend it. Nothing is started."""

from __future__ import annotations

import asyncio
import platform
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from stonechat.browser.executable import REMEDY, find_chromium
from stonechat.cache import open_cache
from stonechat.config.settings import Settings
from stonechat.content.arms import load_arms
from stonechat.content.voice import load_voice, warnings
from stonechat.core.clock import Clock
from stonechat.core.errors import ConfigError, StonechatError
from stonechat.core.events import EventStream
from stonechat.core.model import Mode
from stonechat.database import open_database

_OLDEST = (3, 11)


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was found, and the exact mend where something is wrong."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


def settings_faults(error: ConfigError) -> list[Check]:
    """The faults of the settings as failed checks."""
    return [
        Check(
            f"setting {fault.name}",
            Verdict.FAIL,
            fault.problem,
            " ".join(
                part
                for part in (
                    f"Set it to {fault.expected}." if fault.expected else "",
                    f"Did you mean {fault.nearest}?" if fault.nearest else "",
                )
                if part
            ),
        )
        for fault in error.faults
    ]


async def examine(settings: Settings, clock: Clock) -> list[Check]:
    """Every check that needs the settings, in boot order."""
    checks: list[Callable[[Settings, Clock], Awaitable[Check]]] = [
        _python,
        _data_folder,
        _port,
        _database,
        _cache,
        _browser,
        _model,
        _voices,
        _mode,
        _alerts,
        _heartbeat,
    ]
    return [await check(settings, clock) for check in checks]


async def _python(_settings: Settings, _clock: Clock) -> Check:
    version = platform.python_version()
    if sys.version_info < _OLDEST:
        return Check("python", Verdict.FAIL, version, "Install Python 3.11 or newer.")
    return Check("python", Verdict.OK, version)


async def _data_folder(settings: Settings, _clock: Clock) -> Check:
    folder = settings.startup.data_dir
    probe = folder / ".doctor"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as exc:
        return Check(
            "data folder",
            Verdict.FAIL,
            f"{folder} cannot be written to: {exc.strerror}",
            "Set DATA_DIR to a folder that this user can write to.",
        )
    return Check("data folder", Verdict.OK, str(folder))


async def _port(settings: Settings, _clock: Clock) -> Check:
    host, port = settings.dashboard.host, settings.dashboard.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            return Check(
                "port",
                Verdict.WARN,
                f"{host}:{port} is taken ({exc.strerror})",
                "If that is a running Stonechat, all is well; otherwise set PORT to a free one.",
            )
    return Check("port", Verdict.OK, f"{host}:{port} is free")


async def _database(settings: Settings, clock: Clock) -> Check:
    url = settings.database_url
    if _is_to_be_made(url):
        return Check("database", Verdict.OK, f"{url} will be made")
    try:
        async with open_database(url, settings.database, clock, migrated=False) as database:
            await database.ping()
            return Check("database", Verdict.OK, f"{database.url} answers")
    except ConfigError as exc:
        return Check("database", Verdict.FAIL, exc.faults[0].problem, exc.faults[0].expected)
    except StonechatError as exc:
        return Check("database", Verdict.FAIL, exc.what, exc.remedy)


def _is_to_be_made(url: str) -> bool:
    return url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()


async def _cache(settings: Settings, clock: Clock) -> Check:
    if settings.cache.url is None:
        return Check("cache", Verdict.OK, "in this process; REDIS_URL is not set and not needed on one host")
    try:
        async with open_cache(settings.cache, clock, EventStream(clock)) as cache:
            if cache.health().degraded:
                return Check(
                    "cache",
                    Verdict.WARN,
                    "Redis does not answer; Stonechat would start on the cache in its process",
                    "Check that the server runs and that REDIS_URL is right.",
                )
    except StonechatError as exc:
        return Check("cache", Verdict.WARN, exc.what, exc.remedy)
    return Check("cache", Verdict.OK, "Redis answers")


async def _browser(settings: Settings, _clock: Clock) -> Check:
    needed = any(account.network == "x_web" for account in settings.accounts)
    try:
        path = find_chromium(settings.browser.executable)
        if path is None:
            return Check("browser", Verdict.WARN, "none installed; Playwright's own will be tried", REMEDY)
        version = await _version_of(path)
    except StonechatError as exc:
        return Check("browser", Verdict.FAIL if needed else Verdict.WARN, exc.what, exc.remedy)
    except (OSError, TimeoutError) as exc:
        return Check("browser", Verdict.FAIL, f"the browser does not start: {exc}", "Run `make setup` again.")
    return Check("browser", Verdict.OK, version)


async def _version_of(path: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        str(path), "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    return said.decode(errors="replace").strip() or path.name


async def _model(settings: Settings, _clock: Clock) -> Check:
    base = settings.content.base_url
    key = settings.content.api_key.get_secret_value() if settings.content.api_key else ""
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(f"{base}/models", headers={"Authorization": f"Bearer {key}"})
    except httpx.HTTPError as exc:
        return Check(
            "model", Verdict.FAIL, f"{base} does not answer ({type(exc).__name__})", "Check OPENAI_BASE_URL."
        )
    if answer.status_code in {401, 403}:
        return Check("model", Verdict.FAIL, f"{base} refuses the key", "Set OPENAI_API_KEY to a valid key.")
    kind = answer.headers.get("content-type", "")
    if answer.is_success and "json" not in kind:
        return Check(
            "model",
            Verdict.FAIL,
            f"{base} answers {kind or 'something'} instead of JSON",
            "OPENAI_BASE_URL must name the API itself, usually ending in /v1.",
        )
    if not answer.is_success:
        return Check("model", Verdict.WARN, f"{base}/models answers {answer.status_code}", "Try again later.")
    return Check("model", Verdict.OK, f"{base} answers; writing with {settings.content.model}")


async def _voices(settings: Settings, _clock: Clock) -> Check:
    try:
        load_arms(settings.content.arms_file)
        files = {settings.content.voice_file, *(one.voice_file for one in settings.accounts)}
        doubts = [doubt for file in files for doubt in warnings(load_voice(file))]
    except ConfigError as exc:
        fault = exc.faults[0]
        return Check("voice", Verdict.FAIL, f"{fault.name} {fault.problem}", fault.expected)
    if settings.content.voice_file is None and not all(one.voice_file for one in settings.accounts):
        return Check(
            "voice", Verdict.WARN, "the example that comes with Stonechat", "Write your own: stonechat init."
        )
    return Check("voice", Verdict.WARN, doubts[0]) if doubts else Check("voice", Verdict.OK, "can be used")


async def _mode(settings: Settings, _clock: Clock) -> Check:
    on_x_web = [account.handle for account in settings.accounts if account.network == "x_web"]
    match settings.startup.mode:
        case Mode.DEMO:
            return Check("mode", Verdict.OK, "demo: posts go to the local network")
        case Mode.SHADOW:
            return Check(
                "mode",
                Verdict.OK,
                "shadow: everything but the final click",
                "Set MODE=live when you are content with what it would post.",
            )
        case Mode.LIVE if on_x_web:
            return Check(
                "mode",
                Verdict.WARN,
                f"live on X's website for {', '.join(on_x_web)}, at the owner's accepted risk",
                "X suspends accounts that automate its website; x_api, bluesky, mastodon are official.",
            )
        case Mode.LIVE:
            return Check("mode", Verdict.OK, "live")


async def _alerts(settings: Settings, _clock: Clock) -> Check:
    if settings.alerting.urls or settings.alerting.webhook_url:
        return Check("alerts", Verdict.OK, "somebody will be told")
    return Check(
        "alerts",
        Verdict.WARN,
        "nobody is told when the account cannot run",
        "Set ALERT_URLS (for example mailto:// or tgram://) or ALERT_WEBHOOK_URL.",
    )


async def _heartbeat(settings: Settings, _clock: Clock) -> Check:
    if settings.alerting.heartbeat_url:
        return Check("heartbeat", Verdict.OK, "an outside service will notice when this process dies")
    return Check(
        "heartbeat",
        Verdict.WARN,
        "a dead process cannot report its own death",
        "Set HEARTBEAT_URL to an address that expects a regular call.",
    )
