"""Ctrl-C and SIGTERM as something to wait for, from the first moment of the start."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from stonechat.cli.output import note

SIGNALS = (signal.SIGINT, signal.SIGTERM)

STOP_LIMIT = timedelta(seconds=14)
"""Real time from the signal to the end of the process, whatever does not answer. What was under way is as a
power cut would leave it, and is taken up by the next start."""


@contextmanager
def stop_signals() -> Iterator[asyncio.Future[str]]:
    """A future that gets the name of the signal that asks us to stop; a second signal ends us at once."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def stop(which: signal.Signals) -> None:
        loop.remove_signal_handler(which)
        _end_after(STOP_LIMIT)
        if not told.done():
            told.set_result(which.name)

    for which in SIGNALS:
        loop.add_signal_handler(which, stop, which)
    try:
        yield told
    finally:
        for which in SIGNALS:
            loop.remove_signal_handler(which)


def _end_after(limit: timedelta) -> None:
    """End the process by force when ``limit`` has passed; nothing waits for the thread that does it."""

    def end() -> None:
        note(f"Not stopped within {limit.seconds} s: ended. The next start takes up what was left.")
        _exit(1)

    timer = threading.Timer(limit.total_seconds(), end)
    timer.daemon = True
    timer.start()


def leave(code: int) -> None:
    """End the process now where threads of a library would keep it, waiting for a server that is away.

    Everything of ours has been closed when this is called. The job engine's threads try again without end
    while its database is away, and Python waits for them at exit.
    """
    waiting = [one for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    if waiting:
        _exit(code)


def _exit(code: int) -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def interrupted_by(told: asyncio.Future[str]) -> Iterator[None]:
    """Cancel what happens inside when the process is asked to stop: a start is undone, not waited for.

    Raises:
        CancelledError: it was; ``told`` is done then.
    """
    task = asyncio.current_task()

    def interrupt(_told: asyncio.Future[str]) -> None:
        if task is not None:
            task.cancel()

    told.add_done_callback(interrupt)
    try:
        yield
    finally:
        told.remove_done_callback(interrupt)


def was_interrupted(told: asyncio.Future[str]) -> bool:
    """Whether the cancellation just caught was ours; clears it from the task."""
    task = asyncio.current_task()
    if not told.done() or task is None:
        return False
    task.uncancel()
    return True
