"""The checks behind ``stonechat doctor``: ok, warn or fail, and how to mend it. Nothing is started."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from stonechat.browser.executable import REMEDY, find_chromium
from stonechat.browser.sandbox import no_sandbox
from stonechat.cache import open_cache
from stonechat.config.credentials import KEY_FILE
from stonechat.config.settings import Settings
from stonechat.content.arms import load_arms
from stonechat.content.voice import load_voice, warnings
from stonechat.core.checkup import Check, CheckResult
from stonechat.core.child_environment import child_environment
from stonechat.core.clock import Clock
from stonechat.core.errors import ConfigError, StonechatError
from stonechat.core.events import EventStream
from stonechat.core.model import Mode
from stonechat.database import open_database
from stonechat.database.repositories import media
from stonechat.database.schema.revisions import refuse_newer
from stonechat.networks.plugin import Surroundings
from stonechat.networks.registry import Registry
from stonechat.startup.build_content import open_budget
from stonechat.startup.build_sessions import open_credentials
from stonechat.startup.data_folder import open_to_others
from stonechat.startup.model_check import ask, check_model

_OLDEST = (3, 11)
_PATIENCE = 20


def settings_faults(error: ConfigError) -> list[Check]:
    """The faults of the settings as failed checks."""
    return [
        Check(
            f"setting {fault.name}",
            CheckResult.FAIL,
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


async def examine(
    settings: Settings, clock: Clock, networks: Registry, *, ask_model: bool = False
) -> list[Check]:
    """Every check that needs the settings, in boot order; then what the accounts' networks check.

    Args:
        ask_model: make one small call that is paid.
    """

    async def browser(settings: Settings, _clock: Clock) -> Check:
        used = networks.used(one.network for one in settings.accounts)
        return await _browser(settings, needed=any(one.uses_browser for one in used))

    async def sandbox(settings: Settings, _clock: Clock) -> Check:
        used = networks.used(one.network for one in settings.accounts)
        return await _sandbox(needed=any(one.uses_browser for one in used))

    checks: list[Callable[[Settings, Clock], Awaitable[Check]]] = [
        _python,
        _data_folder,
        _port,
        _database,
        _jobs_database,
        _pictures,
        _cache,
        browser,
        sandbox,
        check_model,
        _voices,
        _mode,
        _alerts,
        _heartbeat,
        *([ask] if ask_model else []),
    ]
    found = [await check(settings, clock) for check in checks]
    return [*found, *await _networks(settings, clock, networks)]


async def _networks(settings: Settings, clock: Clock, networks: Registry) -> list[Check]:
    """Each network that accounts are on: where they can be seen, what it demands, and its own checks."""
    found = [Check("network", CheckResult.WARN, f"{name}: {why}") for name, why in networks.broken.items()]
    for plugin in networks.used(one.network for one in settings.accounts):
        own = settings.on_network(plugin.name)
        seen = ", ".join(plugin.profile_url(settings, one.handle) for one in own)
        observe = " ".join(plugin.rules.to_observe)
        found.append(Check("network", CheckResult.OK, f"{plugin.name}: {seen}", observe))
        async with _surroundings(settings, clock) as surroundings:
            found += await plugin.examine(surroundings)
    return found


@asynccontextmanager
async def _surroundings(settings: Settings, clock: Clock) -> AsyncIterator[Surroundings]:
    """What a network's checks may use; saved credentials are there where the database answers."""
    key = settings.startup.session_key is not None or (settings.startup.data_dir / KEY_FILE).exists()
    events = EventStream(clock)
    if _is_to_be_made(settings.database_url) or not key:
        yield Surroundings(settings, clock, events)
        return
    async with AsyncExitStack() as opened:
        try:
            database = await opened.enter_async_context(
                open_database(settings.database_url, settings.database, clock, migrated=False)
            )
            credentials = open_credentials(settings, database, clock)
        except StonechatError:  # said by the database's own check
            yield Surroundings(settings, clock, events)
            return
        spending = open_budget(settings, database, clock, events)
        yield Surroundings(settings, clock, events, credentials=credentials, spending=spending)


async def _python(_settings: Settings, _clock: Clock) -> Check:
    version = platform.python_version()
    if sys.version_info < _OLDEST:
        return Check("python", CheckResult.FAIL, version, "Install Python 3.11 or newer.")
    return Check("python", CheckResult.OK, version)


async def _data_folder(settings: Settings, _clock: Clock) -> Check:
    folder = settings.startup.data_dir
    probe = folder / ".doctor"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except (OSError, ValueError) as exc:
        return Check(
            "data folder",
            CheckResult.FAIL,
            f"{folder} cannot be written to: {getattr(exc, 'strerror', None) or exc}",
            "Set DATA_DIR to a folder that this user can write to.",
        )
    if mode := open_to_others(folder):
        remedy = f"A start makes it private where it may; else: chmod 700 {folder}, or a DATA_DIR of its own."
        return Check("data folder", CheckResult.WARN, f"{folder} is open to other users ({mode})", remedy)
    return Check("data folder", CheckResult.OK, str(folder))


async def _port(settings: Settings, _clock: Clock) -> Check:
    host, port = settings.dashboard.host, settings.dashboard.port
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return Check(
            "port", CheckResult.FAIL, f"{host!r} is no known host", "Set DASHBOARD_HOST to 127.0.0.1."
        )
    family, kind, _, _, address = found[0]
    try:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        if exc.errno != errno.EADDRINUSE:
            return Check(
                "port",
                CheckResult.FAIL,
                f"{host}:{port} cannot be listened on ({exc.strerror})",
                "Set DASHBOARD_HOST to an address of this machine and PORT to a port this user may take.",
            )
        return Check(
            "port",
            CheckResult.WARN,
            f"{host}:{port} is taken ({exc.strerror})",
            "If that is a running Stonechat, all is well; otherwise set PORT to a free one.",
        )
    return Check("port", CheckResult.OK, f"{host}:{port} is free")


async def _database(settings: Settings, clock: Clock) -> Check:
    return await _answering("database", settings.database_url, settings, clock)


async def _jobs_database(settings: Settings, clock: Clock) -> Check:
    url = settings.jobs.engine_url
    if url is None:
        return Check("jobs database", CheckResult.OK, "beside the main database")
    check = await _answering("jobs database", url, settings, clock)
    return replace(check, fix=check.fix.replace(" DATABASE_URL", " JOBS_DATABASE_URL"))


async def _answering(name: str, url: str, settings: Settings, clock: Clock) -> Check:
    if _is_to_be_made(url):
        return Check(name, CheckResult.OK, f"{url} will be made")
    try:
        async with open_database(url, settings.database, clock, migrated=False) as database:
            await database.ping()
            if name == "database":
                async with database.read("doctor.schema") as connection:
                    await connection.run_sync(refuse_newer, database.url)
            return Check(name, CheckResult.OK, f"{database.url} answers")
    except ConfigError as exc:
        return Check(name, CheckResult.FAIL, exc.faults[0].problem, exc.faults[0].expected)
    except StonechatError as exc:
        return Check(name, CheckResult.FAIL, exc.what, exc.remedy)


async def _pictures(settings: Settings, clock: Clock) -> Check:
    """Each picture of what may still go out: its bytes, against their digest, and its description."""
    url = settings.database_url
    if _is_to_be_made(url):
        return Check("pictures", CheckResult.OK, "none yet")
    try:
        async with (
            open_database(url, settings.database, clock, migrated=False) as database,
            database.read("doctor.pictures") as connection,
        ):
            unfit = await media.unfit(connection)
    except StonechatError:
        return Check("pictures", CheckResult.WARN, "not looked at: the database does not answer")
    if not unfit:
        return Check("pictures", CheckResult.OK, "those of all queued posts can be sent")
    content_id, part, why = unfit[0]
    more = f", and {len(unfit) - 1} more" if len(unfit) > 1 else ""
    return Check(
        "pictures",
        CheckResult.FAIL,
        f"a picture of part {part + 1} of {content_id} cannot be sent: {why}{more}",
        f"`stonechat queue detach {content_id}`, then attach them anew; otherwise the post will fail.",
    )


def _is_to_be_made(url: str) -> bool:
    return url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()


async def _cache(settings: Settings, clock: Clock) -> Check:
    if settings.cache.url is None:
        return Check(
            "cache", CheckResult.OK, "in this process; REDIS_URL is not set and not needed on one host"
        )
    try:
        async with open_cache(settings.cache, clock, EventStream(clock)) as cache:
            health = cache.health()
            if health.degraded:
                said = f"{health.cause} Stonechat would start on the cache in its process."
                return Check("cache", CheckResult.WARN, said, health.remedy)
    except StonechatError as exc:
        return Check("cache", CheckResult.WARN, exc.what, exc.remedy)
    return Check("cache", CheckResult.OK, "Redis answers")


async def _browser(settings: Settings, *, needed: bool) -> Check:
    if not needed:
        return Check("browser", CheckResult.OK, "no account needs one")
    try:
        path = find_chromium(settings.browser.executable)
        if path is None:
            return Check(
                "browser", CheckResult.WARN, "none installed; Playwright's own will be tried", REMEDY
            )
        version = await _version_of(path)
    except ConfigError as exc:
        fault = exc.faults[0]
        return Check(
            "browser", CheckResult.FAIL, f"{fault.name}: {fault.problem}", f"Set it to {fault.expected}."
        )
    except TimeoutError:
        return Check(
            "browser", CheckResult.FAIL, f"{path} does not say its version within {_PATIENCE} s", REMEDY
        )
    except OSError as exc:
        return Check("browser", CheckResult.FAIL, f"{path} does not start: {exc.strerror}", REMEDY)
    if "Chrom" not in version:
        return Check(
            "browser", CheckResult.FAIL, f"{path} says {version[:60]!r}, which is no Chromium", REMEDY
        )
    return Check("browser", CheckResult.OK, version)


async def _sandbox(*, needed: bool) -> Check:
    missing = no_sandbox() if needed else None
    if missing is None:
        return Check(
            "sandbox", CheckResult.OK, "nothing speaks against Chromium's own" if needed else "not needed"
        )
    return Check("sandbox", CheckResult.WARN, *missing)


async def _version_of(path: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        str(path),
        "--version",
        env=child_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            said, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):  # what it started too; the usual case is that all have ended
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return said.decode(errors="replace").strip()


async def _voices(settings: Settings, _clock: Clock) -> Check:
    try:
        arms, own = load_arms(settings.content.arms_file), settings.content.arms_file is not None
        offered = arms.learned().get("topic", ()) if own else ()
        files = {settings.content.voice_file, *(one.voice_file for one in settings.accounts)}
        doubts = [doubt for file in files for doubt in warnings(load_voice(file), offered)]
    except ConfigError as exc:
        fault = exc.faults[0]
        return Check("voice", CheckResult.FAIL, f"{fault.name} {fault.problem}", fault.expected)
    if settings.content.voice_file is None and not all(one.voice_file for one in settings.accounts):
        return Check(
            "voice",
            CheckResult.WARN,
            "the example that comes with Stonechat",
            "Write your own: stonechat init.",
        )
    if doubts:
        return Check("voice", CheckResult.WARN, doubts[0])
    return Check("voice", CheckResult.OK, "can be used")


async def _mode(settings: Settings, _clock: Clock) -> Check:
    match settings.startup.mode:
        case Mode.DEMO:
            return Check("mode", CheckResult.OK, "demo: posts go to the local network")
        case Mode.SHADOW:
            return Check(
                "mode",
                CheckResult.OK,
                "shadow: everything but the final click",
                "Run `stonechat live` when you are content with what it would post.",
            )
        case Mode.LIVE:
            return Check("mode", CheckResult.OK, "live")


async def _alerts(settings: Settings, _clock: Clock) -> Check:
    unread = await asyncio.to_thread(_unread_addresses, settings.alerting.urls)
    if unread:
        return Check(
            "alerts",
            CheckResult.FAIL,
            f"ALERT_URLS: {', '.join(unread)} cannot be read",
            "Write each as Apprise does, such as mailto://user:password@host or tgram://token/chat.",
        )
    if settings.alerting.urls or settings.alerting.webhook_url:
        return Check("alerts", CheckResult.OK, "somebody will be told")
    return Check(
        "alerts",
        CheckResult.WARN,
        "nobody is told when the account cannot run",
        "Set ALERT_URLS (for example mailto:// or tgram://) or ALERT_WEBHOOK_URL.",
    )


def _unread_addresses(urls: Sequence[str]) -> list[str]:
    """Which addresses Apprise cannot read, by number and scheme alone: the rest is secret."""
    if not urls:
        return []
    import apprise  # noqa: PLC0415 - heavy, for those who use it

    return [
        f"address {number}" + (f" ({url.partition('://')[0]}://…)" if "://" in url else "")
        for number, url in enumerate(urls, 1)
        if apprise.Apprise.instantiate(url) is None
    ]


async def _heartbeat(settings: Settings, _clock: Clock) -> Check:
    if settings.alerting.heartbeat_url:
        return Check("heartbeat", CheckResult.OK, "an outside service will notice when this process dies")
    return Check(
        "heartbeat",
        CheckResult.WARN,
        "a dead process cannot report its own death",
        "Set HEARTBEAT_URL to an address that expects a regular call.",
    )
