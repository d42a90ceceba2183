"""A command loads what it uses: asking what there is must not load what only a run needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
from stonechat.cli.main import main
sys.argv = {words!r}
try:
    main()
except SystemExit:
    pass
print(*sorted(sys.modules), file=sys.stderr)
"""

HEAVY = {
    *("sqlalchemy", "alembic", "psycopg", "aiosqlite", "dbos", "redis"),
    *("pydantic", "structlog", "httpx", "fastapi", "uvicorn", "prometheus_client"),
    *("playwright", "numpy", "sklearn", "PIL", "pydantic_ai", "openai", "mastodon", "cryptography"),
}
"""Every distribution that takes more than a few hundredths of a second to load."""


def loaded_by(*words: str) -> set[str]:
    """The modules in memory once the command has answered, in a process of its own."""
    said = subprocess.run(
        [sys.executable, "-c", LOADED.format(words=["stonechat", *words])],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(said.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--help",), ("--version",)], ids=" ".join)
def test_help_loads_the_commands_and_nothing_that_they_use(words: tuple[str, ...]) -> None:
    loaded = loaded_by(*words)
    assert {one.partition(".")[0] for one in loaded} & HEAVY == set()
    ours = {one.split(".")[1] for one in loaded if one.startswith("stonechat.")}
    assert ours <= {"cli", "core"}, ours


@pytest.mark.parametrize(
    ("words", "never"),
    [
        (("status",), {"sqlalchemy", "fastapi", "playwright", "dbos", "numpy"}),
        (("queue",), {"alembic", "psycopg", "fastapi", "playwright", "dbos", "httpx", "sklearn"}),
        (("jobs", "--help"), {"sqlalchemy", "dbos"}),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_a_look_loads_no_part_that_it_does_not_ask(
    words: tuple[str, ...], never: set[str], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    loaded_by("queue")  # makes the tables, which a look does not do a second time
    assert {one.partition(".")[0] for one in loaded_by(*words)} & never == set()
