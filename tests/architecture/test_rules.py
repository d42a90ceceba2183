"""The house rules that can be read off the source. Each exception says why."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import (
    PACKAGE,
    ROOT,
    Module,
    calls,
    dotted,
    functions,
    modules,
    offences,
    repository_files,
)

READS_TIME = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.sleep"}


def test_time_is_passed_in() -> None:
    def reads_the_time(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            if any(name == known or name.endswith(f".{known}") for known in READS_TIME):
                yield call.lineno, f"{name}(): take a Clock"

    assert not offences(
        reads_the_time,
        {
            "core/clock.py": "is the clock",
            "aviary/": "imports nothing of ours, and so has a clock of its own",
            "jobs/execution/connection_pool.py": "threads of the durable-execution library, which know no Clock",
            "benchmarks/loop.py": "fixes the real moment at which the bench's clock begins",
        },
    )


def test_chance_is_passed_in() -> None:
    def draws(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            if name.startswith("random.") and name != "random.Random":
                yield call.lineno, f"{name}(): take a random.Random"
            elif name == "random.Random" and not call.args:
                yield call.lineno, "random.Random() without a seed: take one"
            elif re.match(r"(np|numpy)\.random\.(?!Generator|PCG64|default_rng|SeedSequence)", name):
                yield call.lineno, f"{name}() draws from a generator that everybody shares"
            elif name.endswith("random.default_rng") and not call.args:
                yield call.lineno, "default_rng() without a seed"

    assert not offences(
        draws,
        {"cli/commands/prompt_trial.py": "the command line is where chance comes from, to be passed in"},
    )


def test_json_is_read_by_the_one_reader_that_bounds_it() -> None:
    """``json.loads`` ends in RecursionError, and lets NaN, half characters and endless figures pass."""

    def reads_json(module: Module) -> Iterator[tuple[int, str]]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [one.name for one in node.names] + [getattr(node, "module", None) or ""]
                if any(name.split(".")[0] in ("orjson", "ujson", "simplejson") for name in names):
                    yield node.lineno, "take core.safe_json"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = dotted(node.func)
                is_answer = node.func.attr == "json" and not node.args and not node.keywords
                if name in ("json.loads", "json.load", "json.JSONDecoder") or is_answer:
                    yield node.lineno, f"{name or node.func.attr}(): take core.safe_json"

    assert not offences(
        reads_json,
        {
            "core/safe_json.py": "is the one reader",
            "learning/post_history.py": "reads an owner's own export value by value, as it is too long for one piece",
            "cli/demonstration/drill_copy.py": "answers of the copy of itself that it has started",
            "networks/x_web/wire_parser.py": "bounds it alike, but leaves a figure that is too long out",
            "networks/x_text_rules.py": "a table of this package",
            "config/session_form.py": "one odd cookie must not spoil a log-in: each is checked by itself",
            "jobs/execution/durable_runs.py": "rows of the job engine, whose form is checked where they are used",
            "jobs/execution/step_results.py": "what it has just written",
            "alerting/apprise_process.py": "what our own process writes to it",
            "database/maintenance/row_codec.py": "rows of a backup by the million; bounds nesting itself",
            "database/maintenance/transfer.py": "a key that the same transfer has stored",
            "aviary/": "imports nothing of ours",
            "benchmarks/": "measures; reads what its own processes write",
        },
    )


def test_only_config_reads_the_environment() -> None:
    def reads_the_environment(module: Module) -> Iterator[tuple[int, str]]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.environb"}:
                yield node.lineno, "os.environ: take settings"
            elif isinstance(node, ast.Call) and dotted(node.func) == "os.getenv":
                yield node.lineno, "os.getenv: take settings"

    assert not offences(
        reads_the_environment,
        {
            "cli/context.py": "hands the environment to config.load, and nothing else",
            "cli/main.py": "hides what the environment holds of secrets from the log",
            "cli/commands/demo.py": "the demo takes nothing from the owner's settings but the browser's path",
            "benchmarks/support/idling.py": "the idle run takes nothing from the owner's settings",
            "browser/chromium.py": "adds to the options that the owner gave the driver's engine",
            "core/child_environment.py": "hands on what a program needs to run, and nothing else",
        },
    )


DATABASE = "database/connection/connections.py"
OPENERS = {
    "create_async_engine": DATABASE,
    "create_engine": DATABASE,
    "sqlite3.connect": DATABASE,
    "aiosqlite.connect": DATABASE,
    "psycopg.connect": DATABASE,
    "Connection.connect": DATABASE,
    "AsyncConnection.connect": DATABASE,
    "AsyncConnectionPool": DATABASE,
    "asyncpg.connect": DATABASE,
    "asyncpg.create_pool": DATABASE,
    "Redis": "cache/",
    "Redis.from_url": "cache/",
    "ConnectionPool": "cache/",
    "ConnectionPool.from_url": "cache/",
    "BlockingConnectionPool": "cache/",
    "BlockingConnectionPool.from_url": "cache/",
}
"""What opens a way to a database or a cache, and where that is done."""


def opens_another(module: Module) -> Iterator[tuple[int, str]]:
    """A second engine, pool or client."""
    for call, name in calls(module.tree):
        for maker, owner in OPENERS.items():
            if (name == maker or name.endswith(f".{maker}")) and not module.name.startswith(owner):
                yield call.lineno, f"{name}(): only {owner} opens one"
                break


def test_there_is_one_database_engine_and_one_cache_client() -> None:
    assert not offences(
        opens_another,
        {
            "jobs/execution/connection_pool.py": "the durable-execution library wants an engine of its own kind",
            "benchmarks/jobs/": "the rivals that the job manager is measured beside bring their own",
            "benchmarks/storage/": "ours is measured beside the bare drivers",
            "database/maintenance/snapshot.py": "writes the copy of an SQLite file, which nobody else has open",
        },
    )


def test_a_second_engine_or_pool_would_be_seen() -> None:
    text = """
from sqlalchemy.ext.asyncio import create_async_engine
import psycopg, psycopg_pool, redis.asyncio as redis
async def open_another(url):
    engine = create_async_engine(url)
    async with await psycopg.AsyncConnection.connect(url), psycopg_pool.AsyncConnectionPool(url):
        return redis.Redis.from_url(url)
"""
    second = Module("posting/second.py", text, ast.parse(text))
    assert sorted(line for line, _ in opens_another(second)) == [5, 6, 6, 7]


def test_the_engine_is_made_at_one_place_once_for_each_kind_of_database() -> None:
    [connecting] = [module for module in modules() if module.name == DATABASE]
    made = [name for _, name in calls(connecting.tree) if name.endswith("create_async_engine")]
    assert len(made) == 2, "one for SQLite, one for PostgreSQL; a process opens one of the two"


def test_only_the_command_line_starts_the_local_network() -> None:
    def names_it(module: Module) -> Iterator[tuple[int, str]]:
        if module.name.startswith(("cli/", "aviary/", "benchmarks/")):
            return
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and node.value == "stonechat_aviary":
                yield node.lineno, "starts the local network"

    assert not offences(names_it, {})


def test_there_are_no_globals() -> None:
    def rebinds(module: Module) -> Iterator[tuple[int, str]]:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Global):
                yield node.lineno, f"global {', '.join(node.names)}"

    assert not offences(rebinds, {})


def test_every_module_and_every_public_name_says_its_promise() -> None:
    def is_silent(module: Module) -> Iterator[tuple[int, str]]:
        if not ast.get_docstring(module.tree):
            yield 1, "no docstring"
        for node in module.tree.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if not node.name.startswith("_") and not ast.get_docstring(node):
                yield node.lineno, f"{node.name} has no docstring"

    assert not offences(is_silent, {})


def test_names_say_what_things_are() -> None:
    def says_nothing(module: Module) -> Iterator[tuple[int, str]]:
        if re.search(r"(^|/)(utils?|helpers?|misc|common|manager)\.py$", module.name):
            yield 1, "a module is named by its noun"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?)$", node.name):
                yield node.lineno, f"class {node.name}"

    assert not offences(says_nothing, {})


def test_modules_and_functions_stay_of_a_size_that_can_be_read() -> None:
    """400 lines a module, 60 a function: not a goal but a bound; what is longer says why it is one thing."""

    def is_long(module: Module) -> Iterator[tuple[int, str]]:
        if module.lines > 400:
            yield 1, f"{module.lines} lines"
        for function in functions(module.tree):
            length = (function.end_lineno or function.lineno) - function.lineno + 1
            if length > 60:
                yield function.lineno, f"{function.name} has {length} lines"

    assert not offences(
        is_long,
        {
            "core/events.py": "all events on one page, as logs, meters, alerts and pages read them",
            "database/schema/tables.py": "all tables on one page, to be read side by side",
        },
    )


def test_tests_do_not_patch() -> None:
    def patches(module: Module) -> Iterator[tuple[int, str]]:
        for node in ast.walk(module.tree):
            match node:
                case ast.ImportFrom(module=name) if name and name.startswith(("unittest.mock", "mock")):
                    yield node.lineno, "unittest.mock: write a fake in tests/support"
                case ast.Import(names=names) if any(name.name.startswith("unittest.mock") for name in names):
                    yield node.lineno, "unittest.mock: write a fake in tests/support"
                case ast.Call() if dotted(node.func) == "monkeypatch.setattr":
                    yield node.lineno, "monkeypatch.setattr: pass a fake in"
                case _:
                    pass

    assert not offences(patches, {}, modules(ROOT / "tests"))


def test_tests_wait_for_facts_and_not_for_time() -> None:
    """A sleep of 30 s or more stands for something that hangs; nobody waits for its end."""

    def sleeps(module: Module) -> Iterator[tuple[int, str]]:
        for call, name in calls(module.tree):
            if name not in {"time.sleep", "asyncio.sleep"} or not call.args:
                continue
            first = call.args[0]
            if (
                isinstance(first, ast.Constant)
                and isinstance(first.value, int | float)
                and 0.25 < first.value < 30
            ):
                yield call.lineno, f"{name}({first.value}): wait for what the test is about"

    tests = [
        module for module in modules(ROOT / "tests") if module.name.rpartition("/")[2].startswith("test_")
    ]
    waits_for_nothing = "several ticks pass in which nothing may happen, which no fact announces"
    allowed = {
        "integration/jobs/test_jobs_runner.py": waits_for_nothing,
        "acceptance/test_flood.py": "an attacker's pause before the next call",
    }
    assert not offences(sleeps, allowed, tests)


def test_no_file_names_a_machine() -> None:
    places = re.compile(
        "|".join((r"/" + r"root/", r"/" + r"work/", r"/" + r"home/\w+/", r"/" + r"Users/\w+/"))
    )
    found = []
    for path in repository_files():
        if path.suffix in {".png", ".ico", ".woff2", ".gz", ".lock"}:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := places.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    assert not found


def test_the_lock_file_names_public_registries_only() -> None:
    hosts = set(re.findall(r'https?://([^/"]+)', (ROOT / "uv.lock").read_text()))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_a_class_name_stands_in_one_room() -> None:
    """One meaning, one name, one room: a reader who searches for a class finds one."""
    rooms: dict[str, set[str]] = {}
    for module in modules(PACKAGE):
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                rooms.setdefault(node.name, set()).add(module.name.split("/")[0])
    assert len(rooms) > 300
    assert not {name: sorted(found) for name, found in rooms.items() if len(found) > 1}


def test_no_private_part_of_a_library_is_used() -> None:
    """What a library does not document it may change with any version."""

    def reaches_in(module: Module) -> Iterator[tuple[int, str]]:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ImportFrom | ast.Import):
                continue
            beginning = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for name in (beginning + one.name for one in node.names):
                parts = name.split(".")
                if parts[0] not in {"stonechat", "__future__"} and any(
                    part.startswith("_") and not part.startswith("__") for part in parts
                ):
                    yield node.lineno, f"{name}: a private part"

    assert not offences(reaches_in, {})
