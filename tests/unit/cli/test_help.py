"""The command reference is made of the help texts, so every command and option has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from stonechat.cli.main import app


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, member in getattr(command, "commands", {}).items():
        yield from commands(member, f"{path} {name}")


def test_every_command_argument_and_option_says_what_it_does() -> None:
    every = list(commands(typer.main.get_command(app), "stonechat"))
    assert len(every) > 20
    silent = [path for path, command in every if len((command.help or "").split()) < 3]
    silent += [
        f"{path} {parameter.name}"
        for path, command in every
        for parameter in command.params
        if len((parameter.help or "").split()) < 2
    ]
    assert not silent
