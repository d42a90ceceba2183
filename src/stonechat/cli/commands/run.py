"""``stonechat run``: the account runs until it is told to stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from stonechat.cli.context import make_clock, read_settings
from stonechat.cli.output import out
from stonechat.cli.signals import interrupted_by, stop_signals, was_interrupted
from stonechat.config.settings import Settings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream, Stamped, StepBooted, StepWaits
from stonechat.core.model import Mode
from stonechat.core.redaction import Secrets
from stonechat.monitoring.logs import EventLog, set_up, tear_down
from stonechat.networks.registry import installed
from stonechat.startup.build_content import secrets
from stonechat.startup.data_folder import alone_in
from stonechat.startup.wiring import open_stonechat


async def run() -> int:
    """Boot, run, end in order.

    Raises:
        ConfigError: a setting is missing or malformed; nothing was started.
        Permanent: another one runs in the same data folder.
        Transient: something that the start cannot do without did not come up in time.
    """
    settings = read_settings()
    with alone_in(settings.startup.data_dir):
        return await _serve(settings, extra=False)


async def work(port: int) -> int:
    """Add a host: the same settings, health alone on ``port`` (0: a free one), a share of the runs.

    Raises:
        ConfigError: a setting is missing or malformed, or its SQLite file cannot be shared.
        Transient: something that the start cannot do without did not come up in time.
    """
    return await _serve(read_settings({"PORT": port}), extra=True)


async def _serve(settings: Settings, *, extra: bool) -> int:
    clock = make_clock(settings)
    events = EventStream(clock)
    console = out()

    def show(stamped: Stamped) -> None:
        match stamped.event:
            case StepBooted(step=step, took=took, detail=detail):
                console.print(f"{step:<16}{took.total_seconds():>7.2f} s  {detail}", markup=False)
            case StepWaits(step=step, why=why):
                console.print(f"{step:<16}  waiting  {why}", markup=False)

    unsubscribe = events.subscribe(show)
    known = start_logging(settings, clock)
    events.subscribe(EventLog().hear)
    rng = random.Random(settings.startup.seed)
    try:
        with stop_signals() as told:
            async with AsyncExitStack() as stack:
                with interrupted_by(told):
                    app = await stack.enter_async_context(
                        open_stonechat(settings, clock, events, rng, extra=extra, secrets=known)
                    )
                unsubscribe()
                console.print(_begun(settings, app.address, extra=extra))
                console.print(f"Stopping ({await told}) …")
    except asyncio.CancelledError:
        if not was_interrupted(told):
            raise
        console.print("Stopped while starting; what was started has been stopped again.")
        return 0
    console.print("Stopped. Nothing is left half-done.")
    return 0


def _begun(settings: Settings, address: str, *, extra: bool) -> str:
    mode = f"[bold]{settings.startup.mode.value}[/bold] mode"
    said = f"A host more, in {mode}: {address}/health" if extra else f"Running in {mode}: {address}"
    if settings.startup.mode is Mode.SHADOW:
        said += "\n[dim]Everything but the final click. `stonechat live` lets posts go out.[/dim]"
    return said


def start_logging(settings: Settings, clock: Clock, stream: TextIO | None = None) -> Secrets:
    """Send every line of the process through masking and bounded repetition, to ``stream`` or stderr.

    Returns:
        what is masked; it may learn more.
    """
    known = Secrets(secrets(settings, installed().known()))
    set_up(
        level=settings.startup.log_level,
        json=settings.startup.log_json,
        secrets=known,
        clock=clock,
        stream=stream,
    )
    return known


@contextmanager
def logging_into(path: Path) -> Iterator[TextIO]:
    """A file for :func:`start_logging`, open until the block ends; what is said later is dropped."""
    with path.open("w", encoding="utf-8") as log:
        try:
            yield log
        finally:
            tear_down()
