"""Every change of state leaves a line: read off the source, where the database cannot see to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import Module, calls, functions, offences

STATES = frozenset({"state", "session_state"})


def test_whoever_changes_a_state_appends_to_the_history() -> None:
    def forgets(module: Module) -> Iterator[tuple[int, str]]:
        for function in functions(module.tree):
            called = {name for _, name in calls(function)}
            if _sets_a_state(function) and "state_history.append" not in called:
                yield function.lineno, f"{function.name} changes a state and appends nothing to the history"

    assert not offences(forgets, {})


def _sets_a_state(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether an ``update(…).values(…)`` in it sets one, also by way of a dictionary made before."""
    for call in ast.walk(function):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        if call.func.attr != "values" or not re.match(r"(sa\.)?update\(", ast.unparse(call.func.value)):
            continue
        for keyword in call.keywords:
            if keyword.arg in STATES or (keyword.arg is None and _has_a_key(function, STATES)):
                return True
    return False


def _has_a_key(function: ast.AST, names: frozenset[str]) -> bool:
    return any(
        isinstance(key, ast.Constant) and key.value in names
        for node in ast.walk(function)
        if isinstance(node, ast.Dict)
        for key in node.keys
    )


def test_rows_are_forgotten_in_one_place_only() -> None:
    """What grows is deleted by the policy of ``database.retention``; the others delete what they replace."""

    def deletes(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            if name in {"delete", "sa.delete", "sqlalchemy.delete"}:
                yield call.lineno, "deletes rows: a policy belongs into database/maintenance/retention.py"

    assert not offences(
        deletes,
        {
            "database/maintenance/retention.py": "is the place",
            "database/repositories/accounts.py": "a switch that is on again has no row; its history has",
            "database/repositories/executors.py": "the rows of processes that have stopped",
            "database/repositories/wakeups.py": "a wake-up that another has followed",
            "database/repositories/job_declarations.py": "jobs that are no longer declared",
            "database/repositories/sessions.py": "a log-in that its owner has taken away",
            "database/repositories/media.py": "pictures that were taken off a post, and bytes that no post names",
            "database/repositories/learning.py": "versions of models that newer ones replace, kept in the reward log",
        },
    )
