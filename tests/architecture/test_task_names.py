"""The name of a database task says whose it is: publishing goes first in the line for a connection by it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from stonechat.database.connection.permits import FIRST
from tests.architecture.source import Module, modules, offences

TRANSACTIONS = {"begin", "read"}


def tasks(module: Module) -> Iterator[tuple[int, str]]:
    """Every name of a task that is written out in ``database.begin("…")`` or ``database.read("…")``."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr), args=[ast.Constant(value=str(task)), *_]):
                if attr in TRANSACTIONS and "." in task:
                    yield node.lineno, task


def test_tasks_of_publishing_are_named_so_that_they_go_first_and_no_others_are() -> None:
    def misnamed(module: Module) -> Iterator[tuple[int, str]]:
        publishes = module.name.startswith("posting/")
        for line, task in tasks(module):
            if task.startswith("posting.") != publishes:
                yield line, f"{task}: tasks of posting, and only they, begin with posting."

    assert not offences(misnamed, {})


def test_whoever_goes_first_exists() -> None:
    named = {task for module in modules() for _, task in tasks(module)}
    assert len(named) > 50
    gone = [first for first in FIRST if not any(task.startswith(first) for task in named)]
    assert not gone
