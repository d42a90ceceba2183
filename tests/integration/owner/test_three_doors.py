"""An action is one thing: at the command line, on the pages and at the API, and it is done whole or not at all."""

from __future__ import annotations

import ast
import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

import stonechat.owner
from stonechat.config.settings import DatabaseSettings
from stonechat.dashboard.actions import ACTIONS
from stonechat.dashboard.doors import TOPICS
from stonechat.database import Database, open_database
from stonechat.database.schema.tables import metadata
from tests.support.doors import CASES, CLOCK, AtTheCommandLine, Case, at_the_pages, fill_file, rows_of

Rows = dict[str, list[dict[str, Any]]]
IDS = [f"{case.name}-{number}" for number, case in enumerate(CASES)]


async def by_form(client: httpx.AsyncClient, case: Case) -> None:
    files = {name: ("3.png", body) for name, body in case.files.items()}
    answer = await client.post(f"/do/{case.page}", data=dict(case.form), files=files)
    assert answer.status_code == 303, answer.text


async def by_api(client: httpx.AsyncClient, case: Case) -> None:
    answer = await client.post(f"/api/{case.api}", json=dict(case.body))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["line"]["action"] == case.name and said["line"]["door"] == "API" and said["said"]


async def after(folder: Path, case: Case, do: Any) -> Rows:
    """The rows of a fresh database after the action."""
    folder.mkdir()
    await fill_file(folder)
    async with open_database(f"sqlite:///{folder}/s.db", DatabaseSettings(), CLOCK) as database:
        async with at_the_pages(folder, database) as client:
            await do(client, case)
        return await rows_of(database)


def by_command(folder: Path, case: Case) -> Rows:
    folder.mkdir()
    terminal = AtTheCommandLine(folder)
    asyncio.run(fill_file(folder))
    said = json.loads(terminal.types(*case.words, "--json"))
    assert said, "every command answers in JSON"
    rows: Rows = terminal.on_database(rows_of)
    return rows


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_door_leaves_the_same_rows_history_and_audit_line(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = by_command(tmp_path / "typed", case)
    called = asyncio.run(after(tmp_path / "called", case, by_api))
    (line,) = typed["audit"]
    assert line["action"] == case.name and line["who"] == "owner" and line["target"]
    assert line["before"] or line["after"]
    sent = asyncio.run(after(tmp_path / "sent", case, by_form))
    for table, rows in typed.items():
        assert called[table] == rows, table
        assert sent[table] == rows, table


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_an_audit_line_that_cannot_be_written_undoes_the_action(case: Case, tmp_path: Path) -> None:
    await fill_file(tmp_path)
    async with open_database(f"sqlite:///{tmp_path}/s.db", DatabaseSettings(), CLOCK) as database:
        before = await rows_of(database)
        await refuse(database, "audit", "INSERT")
        async with at_the_pages(tmp_path, database) as client:
            answer = await client.post(f"/api/{case.api}", json=dict(case.body))
        assert answer.status_code in {500, 503} and answer.json()["error"], answer.text
        assert await rows_of(database) == before


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_an_action_that_fails_leaves_no_audit_line(case: Case, tmp_path: Path) -> None:
    await fill_file(tmp_path)
    async with open_database(f"sqlite:///{tmp_path}/s.db", DatabaseSettings(), CLOCK) as database:
        before = await rows_of(database)
        async with at_the_pages(tmp_path, database) as client:
            for table in metadata.tables:
                for event in ("INSERT", "UPDATE", "DELETE") if table != "audit" else ():
                    await refuse(database, table, event)
            answer = await client.post(f"/api/{case.api}", json=dict(case.body))
        # with no picture there only the history is written; a run is asked of the job engine, not of a table
        if case.name not in {"queue.detach", "jobs.run"}:
            assert answer.status_code in {500, 503} and answer.json()["error"], answer.text
        if case.name != "jobs.run":
            assert (await rows_of(database))["audit"] == before["audit"] == []


ASKED_ALONE = {
    "accounts.log_in": "wants a browser and the network: test_log_in_doors.py",
    "tokens.create": "gives out chance, another at each door: tests/integration/dashboard/test_tokens.py",
    "alerts.test": "sends to channels: tests/integration/dashboard/test_alert_page.py",
}
COMMAND_ONLY = {
    "live.decide": "edits the settings file of the folder that Stonechat is started in: test_going_live.py",
    "learn.import": "reads an archive of this machine, as large as the network made it",
    "learn.undo": "takes back what was imported, where that was done",
}
"""Actions that the pages and the API do not offer, each with its reason."""


def test_every_action_of_an_owner_is_asked_for_at_every_door() -> None:
    """An action without a command, a form or a route has no case here, and a form or a route without action."""
    cases = {case.name for case in CASES}
    assert actions_of_the_source() == cases | set(ASKED_ALONE) | set(COMMAND_ONLY)
    forms = {case.page for case in CASES} | {name.replace(".", "/") for name in ASKED_ALONE}
    assert forms - {"tokens/create"} == {f"{kind}/{what}" for kind, what in ACTIONS}, "its page answers it"
    offered = {name.partition(".")[0] for name in cases | set(ASKED_ALONE)}
    assert set(TOPICS) == offered


def actions_of_the_source() -> set[str]:
    """Every name that an action of the owner's room is done under; each function that has an owner does one."""
    found = set()
    for path in sorted(Path(stonechat.owner.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "act":
                assert isinstance(node.args[0], ast.Constant)
                found.add(str(node.args[0].value))
    return found


async def refuse(database: Database, table: str, event: str) -> None:
    """From now on the database itself cannot do this."""
    fails = "BEGIN INSERT INTO a_table_that_is_gone VALUES (1); END"
    async with database.begin("test.refuse") as connection:
        await connection.execute(
            sa.text(f"CREATE TRIGGER test_{event}_{table} BEFORE {event} ON {table} {fails}")
        )


def test_resuming_all_lifts_each_accounts_own_pause_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = AtTheCommandLine(tmp_path)
    asyncio.run(fill_file(tmp_path))
    said = terminal.types("resume", "--account", "wren")
    assert "still held" in said and "posting is off by test: before" in said
    terminal.types("pause", "--account", "wren")
    assert "posting/x_web:wren" in terminal.types("resume")
    held = json.loads(terminal.types("held", "--json"))
    assert [one["scope"] for one in held] == ["job", "job/b.reads/x_web:wren"]
    assert "Nothing was held" in terminal.types("resume")


def test_the_audit_trail_is_read_at_every_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = AtTheCommandLine(tmp_path)
    asyncio.run(fill_file(tmp_path))
    terminal.types("breakers", "force", "network/x_web", "open", "--why", "maintenance")
    (line,) = json.loads(terminal.types("audit", "--json"))
    told = ("breakers.force", "network/x_web", "closed", "forced_open", "maintenance", "command line")
    assert tuple(line[name] for name in ("action", "target", "before", "after", "why", "door")) == told

    async def read(database: Database) -> tuple[Any, str]:
        async with at_the_pages(tmp_path, database) as client:
            return (await client.get("/api/audit")).json(), (await client.get("/audit")).text

    answered, page = terminal.on_database(read)
    assert answered == [line]
    assert all(word in page for word in told)
