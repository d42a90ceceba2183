"""``stonechat demo``: the whole loop on the local network, on a faster clock."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from rich.live import Live

from stonechat.cli.commands.run import logging_into, start_logging
from stonechat.cli.context import make_clock, open_for_cli
from stonechat.cli.demonstration.ledger_audit import Audit, audit, sum_of
from stonechat.cli.demonstration.local_network import LocalNetwork, local_network
from stonechat.cli.demonstration.loop_view import LoopView
from stonechat.cli.output import out
from stonechat.cli.signals import interrupted_by, stop_signals, was_interrupted
from stonechat.config.loader import load
from stonechat.config.settings import AccountSettings, Settings
from stonechat.core.clock import DrivenClock
from stonechat.core.errors import Permanent, StonechatError, Transient
from stonechat.core.events import EventStream
from stonechat.core.safe_json import safe_json
from stonechat.core.states import ContentState
from stonechat.database.repositories import content, learning, metrics, receipts
from stonechat.monitoring.logs import EventLog
from stonechat.networks.registry import installed
from stonechat.owner import Door, Owner, queue
from stonechat.startup.build_content import account_id
from stonechat.startup.wiring import Stonechat, open_stonechat

HANDLE = "quietbuilder"
ALL = "all"
"""Stands for every network that the local one can stand for, an account on each."""
EPOCH = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo was asked for.

    Attributes:
        posts: stop after so many posts are published, measured and learned from; None: until Ctrl-C.
        speed: account seconds for each real second.
        limit: real time after which the demo gives up.
        unkind: the network is as unkind as X: other forms of texts, hollow entries, lists that take Enter,
            edits by hand, articles, an unknown refusal.
        network: which network the local one stands for; empty for the usual one, or ``all``.
    """

    posts: int | None = None
    report: Path | None = None
    seed: int = 7
    speed: float = 1800.0
    port: int | None = None
    limit: timedelta = timedelta(minutes=12)
    parent: Path = Path(".stonechat/demo")
    unkind: bool = True
    network: str = ""


async def run_demo(options: DemoOptions) -> int:
    """Run the demo; the exit code is 0 only if nothing was lost, doubled or misread."""
    console = out()
    console.print(
        f"[bold]Stonechat demo[/bold]: {_who(options)} on a local network, {options.speed:.0f} times real "
        "time."
    )
    console.print("[dim]Nothing leaves this machine. Ctrl-C stops it cleanly.[/dim]")
    _check_writable(options.report)
    folder = _make_folder(options.parent)
    clock_file = folder / "clock"
    DrivenClock.create(clock_file, EPOCH)
    with logging_into(folder / "stonechat.log") as log:
        async with local_network(
            handle=HANDLE,
            others=[one for one in _accounts(options).values() if one != HANDLE],
            seed=options.seed,
            speed=options.speed,
            epoch=EPOCH,
            clock_file=clock_file,
            state_dir=folder / "network",
            unkind=options.unkind,
        ) as network:
            settings = demo_settings(options, folder, network)
            start_logging(settings, make_clock(settings), log)
            view, finished = await _loop(options, settings)
            requests = await network.requests()
            found = sum_of([await _audit(settings, network, one) for one in settings.accounts])
    return _conclude(options, view, found, requests, finished=finished)


def _accounts(options: DemoOptions) -> dict[str, str]:
    """The handle of the demo's account on each network; an empty name stands for the usual network."""
    if options.network != ALL:
        return {options.network: HANDLE}
    return {name: f"{HANDLE}{number or ''}" for number, name in enumerate(installed().of_demo())}


def _who(options: DemoOptions) -> str:
    names = _accounts(options)
    return "one account" if len(names) == 1 else f"{len(names)} accounts ({', '.join(names)})"


def _check_writable(report: Path | None) -> None:
    """Find out before the first post, not after the last, that the report cannot be written."""
    if report is None:
        return
    try:
        report.touch()
    except OSError as exc:
        raise Permanent(
            f"The report {report} cannot be written ({exc.strerror}).", remedy="Name another file."
        ) from exc


def _make_folder(parent: Path) -> Path:
    """A folder of this demo's own; what earlier ones left is removed, but not what still runs."""
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob("*-*"):
        pid = old.name.partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))


async def _loop(options: DemoOptions, settings: Settings) -> tuple[LoopView, bool]:
    """Run until told to stop, or until the asked posts are learned from (then the second value is True)."""
    clock = make_clock(settings)
    events = EventStream(clock)
    view = LoopView(clock)
    events.subscribe(view.hear)
    events.subscribe(EventLog().hear)
    rng = random.Random(options.seed)
    finished = False
    try:
        with stop_signals() as told:
            async with shown(view), AsyncExitStack() as stack:
                with interrupted_by(told):
                    app = await stack.enter_async_context(open_stonechat(settings, clock, events, rng))
                view.address = app.address
                followed = asyncio.create_task(_follow(app, view, options))
                waited: set[asyncio.Future[Any]] = {told, followed}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                finished = followed.done() and followed.result()
                followed.cancel()
                await asyncio.gather(followed, return_exceptions=True)
                view.say_stopping()
    except asyncio.CancelledError:
        if not was_interrupted(told):
            raise
    return view, finished


def demo_settings(options: DemoOptions, folder: Path, network: LocalNetwork) -> Settings:
    """The embedded default, pointed at the local network; the environment's own settings stay out."""
    kept = {name: value for name, value in os.environ.items() if name == "BROWSER_EXECUTABLE"}
    registry, accounts = installed(), _accounts(options)
    of_networks: dict[str, str] = {}
    for name, handle in accounts.items():
        of_networks |= registry.settings_of_demo(network.site.of(handle), name)
    if len(accounts) > 1:
        rows = (f'[[accounts]]\nnetwork = "{name}"\nhandle = "{one}"\n' for name, one in accounts.items())
        (folder / "stonechat.toml").write_text("\n".join(rows), encoding="utf-8")
        del of_networks["ACCOUNT_NETWORK"]
    else:
        of_networks["ACCOUNT_HANDLE"] = HANDLE
    overrides: dict[str, Any] = {
        "MODE": "demo",
        "DATA_DIR": str(folder),
        "CLOCK_SPEED": options.speed,
        "CLOCK_FILE": folder / "clock",
        "SEED": options.seed,
        "POSTS_PER_DAY": 20,
        "HARVEST_QUERIES": "sleep,focus,stress",
        "HARVEST_POOL_LOW": 0,  # the local network has few posts that may be answered
        **of_networks,
        "OPENAI_BASE_URL": network.model_url,
        "OPENAI_API_KEY": "local",
        "OPENAI_MODEL": "local-writer",
        "ALERT_WEBHOOK_URL": network.inbox_url,
        "POSTING_MAX_TOTAL": math.ceil((options.posts or 0) / len(accounts)),
        "PORT": options.port if options.port is not None else _usual_or_free_port(),
    }
    return load(kept, registry.known(), folder=folder, overrides=overrides)


@asynccontextmanager
async def shown(view: LoopView) -> AsyncIterator[None]:
    """Show the view: redrawn in place on a terminal, line by line elsewhere."""
    if sys.stdout.isatty():
        with Live(get_renderable=view.render, console=out(), refresh_per_second=5):
            yield
        return
    console = out()
    task = asyncio.create_task(_print_lines(view))
    try:
        yield
    finally:
        task.cancel()
        while view.printed:
            console.print(view.printed.popleft())


async def _print_lines(view: LoopView) -> None:
    console = out()
    while True:
        while view.printed:
            console.print(view.printed.popleft())
        await asyncio.sleep(0.2)


async def _follow(app: Stonechat, view: LoopView, options: DemoOptions) -> bool:
    """Approve what waits, say what comes next, and return True once the asked posts are learned from."""
    gives_up = time.monotonic() + options.limit.total_seconds()
    while options.posts is None or time.monotonic() < gives_up:
        await asyncio.sleep(0.5)
        with suppress(Transient):  # one slow read is no reason to end a loop that goes on
            await _approve_waiting(app)
            view.next_action = await _next_action(app)
            if options.posts is not None and await _learned_from(app) >= options.posts:
                return True
    return False


async def _approve_waiting(app: Stonechat) -> None:
    """The owner's part, played by the demo: replies are held for approval."""
    async with app.database.read("demo.waiting") as connection:
        waiting = await content.in_states(connection, [ContentState.AWAITING_APPROVAL])
    demo = Owner(app.database, app.clock, "demo", Door.COMMAND_LINE)
    for one in waiting:
        with suppress(StonechatError):  # it may have been decided on the dashboard meanwhile
            approved = (await queue.approve(demo, one.id)).value
            app.jobs.wake("posting.sweep", approved.due_at, approved.account_id)


async def _next_action(app: Stonechat) -> str:
    async with app.database.read("demo.next") as connection:
        due = await content.next_due(connection, app.accounts[0].id)
    return f"post at {due:%a %H:%M}" if due is not None else "plan more posts"


async def _learned_from(app: Stonechat) -> int:
    async with app.database.read("demo.progress") as connection:
        posted = await content.in_states(connection, [ContentState.POSTED], limit=10_000)
        judged = await learning.judged_posts(connection)
    return sum(1 for one in posted if one.in_reply_to is None and one.post_id in judged)


async def _audit(settings: Settings, network: LocalNetwork, account: AccountSettings) -> Audit:
    """One account's part of what the network has."""
    own = account_id(account)
    async with open_for_cli(settings) as (database, _), database.read("demo.audit") as connection:
        contents = await content.in_states(connection, list(ContentState), limit=100_000)
        parts = {one.id: await receipts.confirmed_parts(connection, one.id) for one in contents}
        shots = await metrics.every(connection)
        rewards = await learning.count_learned(connection)
    contents = [one for one in contents if one.account_id == own]
    shots = [shot for shot in shots if shot.account_id == own]
    ledger = await network.ledger(account.handle)
    served = await network.served(sorted({shot.post_id for shot in shots}))
    return audit(ledger, served, contents, parts, shots, rewards=rewards)


def _conclude(
    options: DemoOptions, view: LoopView, found: Audit, requests: dict[str, int], *, finished: bool
) -> int:
    console = out()
    totals = view.totals
    report = {
        "published": found.published,
        "lost": found.lost,
        "doubled": found.doubled,
        "unsettled": found.unsettled,
        "metrics_read": found.metrics_read,
        "metrics_wrong": found.metrics_wrong,
        "rewards_learned": found.rewards,
        "replies": found.replies,
        "first_post_seconds": _round(totals.first_post_at),
        "setup_seconds": _setup_seconds(),
        "seconds_per_post": _round(statistics.median(totals.post_seconds)) if totals.post_seconds else None,
        "model_version": totals.model_version,
        "speed": options.speed,
        "seed": options.seed,
        "network_requests": requests,
        "finished": finished or options.posts is None,
    }
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print()
    console.print(
        f"[bold]{found.published}[/bold] posts and {found.replies} replies are on the network; "
        f"{found.lost} lost, {found.doubled} doubled. {found.metrics_read} readings of metrics, "
        f"{found.metrics_wrong} wrong. {found.rewards} rewards learned."
    )
    if options.report is not None:
        console.print(f"[dim]Checked against the network's own ledger; report in {options.report}.[/dim]")
    enough = (
        finished and found.published >= options.posts and found.metrics_read > 0 if options.posts else True
    )
    if not enough:
        console.print(
            f"[red]Stopped before {options.posts} posts were published, measured and learned from.[/red]"
        )
        return 1
    return 0 if found.clean else 1


def _setup_seconds() -> float:
    """How long the set-up of this checkout took, as the set-up wrote it; 0 where it was not run."""
    try:
        said = safe_json(Path(".stonechat/setup.json").read_bytes())
        return round(float(said["setup_seconds"]), 1)
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _usual_or_free_port() -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 8787))
        except OSError:
            return 0
    return 8787
