"""The owner at the command line: who they are, and what they do, on the database of the settings."""

from __future__ import annotations

import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from stonechat.cli.context import open_for_cli, read_stored, run_async
from stonechat.cli.output import print_json, say

if TYPE_CHECKING:
    from stonechat.config.settings import Settings
    from stonechat.owner import Done, Owner

T = TypeVar("T")


def user() -> str:
    """The user of this machine; their number where they have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


@asynccontextmanager
async def open_owner(settings: Settings) -> AsyncIterator[Owner]:
    """The owner, with the database of the settings, for one command."""
    from stonechat.owner import Door, Owner

    async with open_for_cli(settings) as (database, clock):
        yield Owner(database, clock, user(), Door.COMMAND_LINE)


def do(act: Callable[[Owner], Awaitable[Done[T]]], *, as_json: bool) -> Done[T]:
    """Do it and say what was done; whether anything runs or not."""

    async def work() -> Done[T]:
        async with open_owner(read_stored()) as owner:
            return await act(owner)

    done = run_async(work())
    tell(done, as_json=as_json)
    return done


def tell(done: Done[Any], *, as_json: bool) -> None:
    """The sentence, or with ``--json`` that and the audit line, as the API answers."""
    if as_json:
        print_json({"said": done.said, "line": done.line})
    else:
        say(done.said)
