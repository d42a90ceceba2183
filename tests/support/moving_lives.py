"""Moves of a database by processes that kill themselves (SIGKILL) around their commits.

``python -m tests.support.moving_lives JSON``: everything is imported once, then each life is a fork of its
own. A life dies just before or just after one of its first commits in the target, and the next one goes on;
the last one is not killed. Prints how many there were.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent
from stonechat.database import Database, open_database
from stonechat.database.maintenance.transfer import Transfer


class MortalTarget:
    """The target as a process has it that dies at its ``last`` moment: two for each commit."""

    def __init__(self, database: Database, last: int) -> None:
        self._database = database
        self._left = last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @asynccontextmanager
    async def begin(self, task: str) -> AsyncIterator[AsyncConnection]:
        async with self._database.begin(task) as connection:
            yield connection
            self._step()
        self._step()

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def move(source: str, target: str, *, last: int, batch: int) -> None:
    """One life."""
    clock = SystemClock()
    async with (
        open_database(source, DatabaseSettings(), clock) as ours,
        open_database(target, DatabaseSettings(), clock, migrated=False) as theirs,
    ):
        await Transfer(ours, MortalTarget(theirs, last), clock, batch=batch).run()  # type: ignore[arg-type]


def live(source: str, target: str, *, last: int, batch: int) -> bool:
    """Whether a life of its own came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(move(source, target, last=last, batch=batch))
            code = 0
        except Permanent as refused:  # the life before died after its very last commit
            code = 0 if "was completed" in refused.what else 1
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a life failed by itself")
    return os.WIFEXITED(status)


def main() -> None:
    """Lives until one is through; each dies a little later than the one before."""
    asked = json.loads(sys.argv[1])
    lives = 1
    while not live(
        asked["source"], asked["target"], last=3 + lives * 7 % asked["steps"], batch=asked["batch"]
    ):
        lives += 1
        if lives > 400:
            raise SystemExit("no life came any further")
    sys.stdout.write(json.dumps({"lives": lives}))


if __name__ == "__main__":
    main()
