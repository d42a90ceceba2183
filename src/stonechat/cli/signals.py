"""Ctrl-C and SIGTERM as something to wait for, from the first moment of the start."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals() -> Iterator[asyncio.Future[str]]:
    """A future that gets the name of the signal that asks us to stop; a second signal ends us at once."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def stop(which: signal.Signals) -> None:
        loop.remove_signal_handler(which)
        if not told.done():
            told.set_result(which.name)

    for which in SIGNALS:
        loop.add_signal_handler(which, stop, which)
    try:
        yield told
    finally:
        for which in SIGNALS:
            loop.remove_signal_handler(which)


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
