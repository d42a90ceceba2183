"""Kinds of faults that were found once, held off for every place where they could come back."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import Module, calls, offences

SPAWNS = ("create_subprocess_exec", "create_subprocess_shell", "subprocess.run", "subprocess.Popen")
TASKS = ("create_task", "ensure_future")
SENDS = ("httpx.AsyncClient", "httpx.Client", "httpx2.AsyncClient", "requests.Session", "urlopen")


def test_no_process_inherits_our_secrets() -> None:
    def inherits(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            if name.endswith(SPAWNS) and "env" not in {word.arg for word in call.keywords}:
                yield call.lineno, f"{name} without env=: give it child_environment()"
            if name.endswith(".chromium.launch") and "env" not in {word.arg for word in call.keywords}:
                yield call.lineno, f"{name} without env="

    assert not offences(
        inherits,
        {
            "benchmarks/": "measures on this machine with what its caller gave; shows nothing foreign",
            "cli/commands/bench.py": "the benches are our own code and read settings as their caller gave them",
        },
    )


def test_a_task_that_must_not_end_is_supervised() -> None:
    """A bare task dies silently by an error that nobody declared. ``supervise`` starts it again and tells."""

    def bare(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            first = call.args[0] if call.args else None
            supervised = isinstance(first, ast.Call) and ast.unparse(first.func) == "supervise"
            if name.endswith(TASKS) and not supervised:
                yield call.lineno, f"{name} outside of supervise"

    assert not offences(
        bare,
        {
            "benchmarks/": "what dies there fails the bench",
            "browser/account_context.py": "answers one dialog of a page",
            "browser/opening.py": "the browser's own supervisor, which goes on after any error and tells BrowserLost",
            "browser/pool.py": "one use of a page, awaited with its deadline",
            "cache/redis_pool.py": "gives one connection back",
            "cli/": "ends with the command, which shows what became of it",
            "dashboard/queue_cache.py": "one read, awaited by those who asked",
            "dashboard/server.py": "uvicorn's own loop: each request's error ends that request alone",
            "database/connection/database.py": "gives one connection back, shielded from cancelling",
            "jobs/execution/executor.py": "one run and its timer, awaited together",
            "jobs/scheduling/scheduler.py": "one pause, awaited",
            "monitoring/health_board.py": "one check, which turns any error into its result",
            "resilience/circuit_breaker.py": "one probe, which turns any error into its outcome",
        },
    )


def test_whoever_calls_out_is_known_and_bounded() -> None:
    """A new one has to say what bounds it."""

    def sends(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            if name.endswith(SENDS):
                yield call.lineno, f"{name}: call through one of the bounded clients"

    assert not offences(
        sends,
        {
            "alerting/outgoing.py": "one deadline, reads no body",
            "benchmarks/": "asks servers that it started itself",
            "cli/agent_server.py": "asks the owner's own Stonechat, with one deadline and a bound on what it reads",
            "cli/commands/status.py": "asks this machine's own process, bounded there",
            "cli/demonstration/": "asks servers that it started itself",
            "content/writing/model_library.py": "over clean_transport, which bounds what it reads",
            "content/writing/model_providers.py": "over clean_transport, which bounds what it reads",
            "networks/bluesky/client.py": "over bounded_call",
            "networks/http_calls.py": "over bounded_call",
            "networks/mastodon/client.py": "over bounded_adapter",
            "startup/model_check.py": "one deadline, reads no body",
        },
    )


def test_every_executor_has_a_bound() -> None:
    def unbounded(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            given = [*call.args, *(word.value for word in call.keywords if word.arg == "max_workers")]
            if name.endswith(("ThreadPoolExecutor", "ProcessPoolExecutor")) and not given:
                yield call.lineno, f"{name} without a number"

    assert not offences(unbounded, {"benchmarks/": "a rival as its own documentation sets it up"})
