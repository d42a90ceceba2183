"""``stonechat run``: the account runs until it is told to stop."""

from __future__ import annotations

import random
from typing import TextIO

from stonechat.cli.context import make_clock, read_settings
from stonechat.cli.output import out
from stonechat.cli.signals import until_told_to_stop
from stonechat.config.settings import Settings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream, Stamped, StepBooted
from stonechat.core.model import Mode
from stonechat.monitoring.logs import EventLog, set_up
from stonechat.startup.wiring import open_stonechat
from stonechat.startup.writing import secrets


async def run() -> int:
    """Boot, run, end in order.

    Raises:
        ConfigError: a setting is missing or malformed; nothing was started.
        Transient: something that the start cannot do without did not come up in time.
    """
    settings = read_settings()
    clock = make_clock(settings)
    events = EventStream(clock)
    console = out()

    def show(stamped: Stamped) -> None:
        if isinstance(stamped.event, StepBooted):
            step = stamped.event
            console.print(f"{step.step:<16}{step.took.total_seconds():>7.2f} s  {step.detail}")

    unsubscribe = events.subscribe(show)
    start_logging(settings, clock)
    events.subscribe(EventLog().hear)
    rng = random.Random(settings.startup.seed)
    async with open_stonechat(settings, clock, events, rng) as app:
        unsubscribe()
        console.print(f"Running in [bold]{settings.startup.mode.value}[/bold] mode: {app.address}")
        if settings.startup.mode is Mode.SHADOW:
            console.print("[dim]Shadow: everything but the final click. MODE=live posts for real.[/dim]")
        why = await until_told_to_stop()
        console.print(f"Stopping ({why}) …")
    console.print("Stopped. Nothing is left half-done.")
    return 0


def start_logging(settings: Settings, clock: Clock, stream: TextIO | None = None) -> None:
    """Send every line of the process through masking and bounded repetition, to ``stream`` or stderr."""
    set_up(
        level=settings.startup.log_level,
        json=settings.startup.log_json,
        secrets=secrets(settings),
        clock=clock,
        stream=stream,
    )
