"""An action is one thing: at the command line, on the pages and at the API, and it is done whole or not at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from stonechat.config.settings import DatabaseSettings
from stonechat.database import Database, open_database
from stonechat.database.schema.tables import metadata
from tests.support.doors import CASES, CLOCK, AtTheCommandLine, Case, at_the_pages, fill, rows_of

Rows = dict[str, list[dict[str, Any]]]
IDS = [f"{case.name}-{number}" for number, case in enumerate(CASES)]


async def by_form(client: httpx.AsyncClient, case: Case) -> None:
    assert case.form is not None
    answer = await client.post(f"/do/{case.page}", data=dict(case.form))
    assert answer.status_code == 303, answer.text


async def by_api(client: httpx.AsyncClient, case: Case) -> None:
    answer = await client.post(f"/api/{case.api}", json=dict(case.body))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["line"]["action"] == case.name and said["line"]["door"] == "API" and said["said"]


async def after(folder: Path, case: Case, do: Any) -> Rows:
    """The rows of a fresh database after the action."""
    folder.mkdir()
    async with open_database(f"sqlite:///{folder}/s.db", DatabaseSettings(), CLOCK) as database:
        await fill(database)
        async with at_the_pages(folder, database) as client:
            await do(client, case)
        return await rows_of(database)


def by_command(folder: Path, case: Case) -> Rows:
    folder.mkdir()
    terminal = AtTheCommandLine(folder)
    terminal.on_database(fill)
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
    for table, rows in typed.items():
        assert called[table] == rows, table
    if case.form is not None:
        sent = asyncio.run(after(tmp_path / "sent", case, by_form))
        for table, rows in typed.items():
            assert sent[table] == rows, table


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_an_audit_line_that_cannot_be_written_undoes_the_action(case: Case, tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/s.db", DatabaseSettings(), CLOCK) as database:
        await fill(database)
        before = await rows_of(database)
        await refuse(database, "audit", "INSERT")
        async with at_the_pages(tmp_path, database) as client:
            answer = await client.post(f"/api/{case.api}", json=dict(case.body))
        assert answer.status_code in {500, 503} and answer.json()["error"], answer.text
        assert await rows_of(database) == before


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_an_action_that_fails_leaves_no_audit_line(case: Case, tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/s.db", DatabaseSettings(), CLOCK) as database:
        await fill(database)
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
    terminal.on_database(fill)
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
    terminal.on_database(fill)
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
