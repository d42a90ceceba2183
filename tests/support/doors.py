"""The owner at the command line, on the pages and at the API, on databases that are filled alike."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import sqlalchemy as sa
from typer.testing import CliRunner

from stonechat.cli.main import app
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.ids import digest
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import AlertState, BreakerState, ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, breakers, content, drafts, opportunities, tokens
from stonechat.database.repositories import alerts as alert_rows
from stonechat.database.repositories.alerts import AlertRow
from stonechat.database.repositories.drafts import ReserveDraft
from stonechat.database.repositories.tokens import TokenRow
from stonechat.database.schema.tables import metadata
from stonechat.database.schema.types import UtcTime
from stonechat.jobs import (
    Job,
    JobContext,
    JobOperations,
    JobService,
    Work,
    open_store,
    runs_url_beside,
    stored_declarations,
)
from stonechat.jobs.execution.durable_runs import Execution
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.learning.reports import LearningReports
from stonechat.networks.registry import installed
from stonechat.resilience.state_machine import Record, forced, fresh
from stonechat.resilience.store import to_row
from tests.integration.dashboard.test_dashboard import site
from tests.support.content import studio
from tests.support.pictures import png

CLOCK = SystemClock()
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
ME = Account("x_web:robin", "x_web", "robin")
OTHER = Account("x_web:wren", "x_web", "wren")
WAITING_TEXT = "A short walk is still a walk."
NEW_TEXT = "The long one can wait for the weekend, with the good shoes."
WAITS = RunRequest("a.works", None, BEGAN, "schedule")
"""A run that waits."""
ADDRESS = "https://x.com/robin/status/1790000000000000001"
_SESSION = base64.b64encode(
    json.dumps(
        [{"name": name, "value": "x" * 32, "domain": ".x.com", "path": "/"} for name in ("auth_token", "ct0")]
    ).encode()
).decode()


@dataclass(frozen=True)
class Case:
    """One action as it is asked for at each door: by command, by the API, and by a form of the pages."""

    name: str
    words: tuple[str, ...]
    api: str
    body: Mapping[str, Any]
    page: str
    form: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)


def _png() -> str:
    return base64.b64encode(png(3)).decode()


CASES = (
    Case(
        "queue.approve",
        ("queue", "approve", "c-waiting"),
        "queue/c-waiting/approve",
        {"seen": digest(WAITING_TEXT)},
        "queue/approve",
        {"target": "c-waiting", "seen": digest(WAITING_TEXT)},
    ),
    Case(
        "learn.goal",
        ("learn", "goal", "replies", "--yes", "--account", ME.id),
        f"learning/{ME.id}/goal",
        {"goal": "replies"},
        "learn/goal",
        {"target": ME.id, "goal": "replies"},
    ),
    Case(
        "queue.reject",
        ("queue", "reject", "c-waiting", "--why", "not our tone"),
        "queue/c-waiting/reject",
        {"why": "not our tone"},
        "queue/reject",
        {"target": "c-waiting", "why": "not our tone"},
    ),
    Case(
        "queue.cancel",
        ("queue", "cancel", "c-ahead"),
        "queue/c-ahead/cancel",
        {},
        "queue/cancel",
        {"target": "c-ahead"},
    ),
    Case(
        "queue.edit",
        ("queue", "edit", "c-ahead", "--text", NEW_TEXT),
        "queue/c-ahead/edit",
        {"parts": [NEW_TEXT]},
        "queue/edit",
        {"target": "c-ahead", "text": NEW_TEXT},
    ),
    Case(
        "queue.move",
        ("queue", "move", "c-ahead", "2053-06-01 18:30"),
        "queue/c-ahead/move",
        {"at": "2053-06-01 18:30"},
        "queue/move",
        {"target": "c-ahead", "at": "2053-06-01 18:30"},
    ),
    Case(
        "queue.again",
        ("queue", "again", "c-missed", "--why", "still good"),
        "queue/c-missed/again",
        {"why": "still good"},
        "queue/again",
        {"target": "c-missed", "why": "still good"},
    ),
    Case(
        "queue.live",
        ("queue", "live", "c-failed", "--post", ADDRESS),
        "queue/c-failed/live",
        {"posts": [ADDRESS]},
        "queue/live",
        {"target": "c-failed", "posts": ADDRESS},
    ),
    Case(
        "queue.submit",
        ("queue", "add", NEW_TEXT, "--account", "robin", "--at", "now"),
        "queue",
        {"parts": [NEW_TEXT], "account": "robin", "at": "now"},
        "queue/submit",
        {"target": "robin", "text": NEW_TEXT, "at": "now"},
    ),
    Case(
        "queue.submit",
        (
            *("queue", "add", NEW_TEXT, "--account", "robin", "--at", "2031-03-02 18:30"),
            *("--image", "{folder}/3.png", "--alt", "A path"),
        ),
        "queue",
        {
            "parts": [NEW_TEXT],
            "account": "robin",
            "at": "2031-03-02 18:30",
            "pictures": [{"body": _png(), "alt": "A path"}],
        },
        "queue/submit",
        {"target": "robin", "text": NEW_TEXT, "at": "2031-03-02 18:30", "alt": "A path"},
        {"picture": png(3)},
    ),
    Case(
        "queue.attach",
        ("queue", "attach", "c-ahead", "{folder}/3.png", "--alt", "A path"),
        "queue/c-ahead/attach",
        {"body": _png(), "alt": "A path"},
        "queue/attach",
        {"target": "c-ahead", "alt": "A path"},
        {"picture": png(3)},
    ),
    Case(
        "queue.detach",
        ("queue", "detach", "c-ahead"),
        "queue/c-ahead/detach",
        {},
        "queue/detach",
        {"target": "c-ahead"},
    ),
    Case(
        "reserve.approve",
        ("reserve", "approve", "d-kept"),
        "reserve/d-kept/approve",
        {},
        "reserve/approve",
        {"target": "d-kept"},
    ),
    Case(
        "reserve.discard",
        ("reserve", "discard", "d-kept"),
        "reserve/d-kept/discard",
        {},
        "reserve/discard",
        {"target": "d-kept"},
    ),
    Case(
        "accounts.remove",
        ("accounts", "remove", "robin", "--why", "sold"),
        "accounts/robin/remove",
        {"why": "sold"},
        "accounts/remove",
        {"target": "robin", "why": "sold"},
    ),
    Case(
        "authors.mute",
        ("mute", "@Finch", "--why", "asked in a message"),
        "authors/@Finch/mute",
        {"why": "asked in a message"},
        "authors/mute",
        {"target": "@Finch", "why": "asked in a message"},
    ),
    Case(
        "authors.mute",
        ("mute", "finch", "--account", "wren"),
        "authors/finch/mute",
        {"account": "wren"},
        "authors/mute",
        {"target": "finch", "account": "wren"},
    ),
    Case(
        "authors.unmute",
        ("unmute", "lark"),
        "authors/lark/unmute",
        {},
        "authors/unmute",
        {"target": "lark"},
    ),
    Case(
        "posting.pause",
        ("pause", "--why", "holiday"),
        "posting/pause",
        {"target": "all", "why": "holiday"},
        "posting/pause",
        {"target": "all", "why": "holiday"},
    ),
    Case(
        "posting.pause",
        ("pause", "--account", "robin"),
        "posting/pause",
        {"target": "robin"},
        "posting/pause",
        {"target": "robin"},
    ),
    Case(
        "posting.resume",
        ("resume",),
        "posting/resume",
        {"target": "all"},
        "posting/resume",
        {"target": "all"},
    ),
    Case(
        "posting.resume",
        ("resume", "--account", "@wren"),
        "posting/resume",
        {"target": "@wren"},
        "posting/resume",
        {"target": "@wren"},
    ),
    Case(
        "jobs.run",
        ("jobs", "run", "b.reads", "--account", "robin"),
        "jobs/b.reads/run",
        {"account": "robin"},
        "jobs/run",
        {"target": "b.reads", "account": "robin"},
    ),
    Case("jobs.run", ("jobs", "run", "b.reads"), "jobs/b.reads/run", {}, "jobs/run", {"target": "b.reads"}),
    Case(
        "jobs.pause",
        ("jobs", "pause", "a.works", "--why", "calm"),
        "jobs/a.works/pause",
        {"why": "calm"},
        "jobs/pause",
        {"target": "a.works", "why": "calm"},
    ),
    Case("jobs.pause", ("jobs", "pause", "all"), "jobs/all/pause", {}, "jobs/pause", {"target": "all"}),
    Case(
        "jobs.resume",
        ("jobs", "resume", "b.reads", "--account", "wren"),
        "jobs/b.reads/resume",
        {"account": "wren"},
        "jobs/resume",
        {"target": "b.reads", "account": "wren"},
    ),
    Case("jobs.resume", ("jobs", "resume", "all"), "jobs/all/resume", {}, "jobs/resume", {"target": "all"}),
    Case(
        "jobs.cancel",
        ("jobs", "cancel", WAITS.run_id),
        f"runs/{quote(WAITS.run_id)}/cancel",
        {},
        "jobs/cancel",
        {"target": WAITS.run_id},
    ),
    Case(
        "breakers.force",
        ("breakers", "force", "network/x_web", "open", "--why", "maintenance"),
        "breakers/network/x_web/force",
        {"to": "open", "why": "maintenance"},
        "breakers/force",
        {"target": "network/x_web", "to": "open", "why": "maintenance"},
    ),
    Case(
        "breakers.release",
        ("breakers", "release", "browser/here"),
        "breakers/browser/here/release",
        {},
        "breakers/release",
        {"target": "browser/here"},
    ),
    Case(
        "breakers.reset",
        ("breakers", "reset", "browser/here", "--why", "mended"),
        "breakers/browser/here/reset",
        {"why": "mended"},
        "breakers/reset",
        {"target": "browser/here", "why": "mended"},
    ),
    Case(
        "tokens.revoke",
        ("tokens", "revoke", "helper"),
        "tokens/helper/revoke",
        {},
        "tokens/revoke",
        {"target": "helper"},
    ),
    Case(
        "alerts.acknowledge",
        ("alerts", "ack", "al-fires"),
        "alerts/al-fires/acknowledge",
        {},
        "alerts/acknowledge",
        {"target": "al-fires"},
    ),
    Case(
        "alerts.silence",
        ("alerts", "silence", "al-fires", "--for", "2h", "--why", "we know"),
        "alerts/al-fires/silence",
        {"length": "2h", "why": "we know"},
        "alerts/silence",
        {"target": "al-fires", "length": "2h", "why": "we know"},
    ),
    Case(
        "alerts.unsilence",
        ("alerts", "unsilence", "al-silent"),
        "alerts/al-silent/unsilence",
        {},
        "alerts/unsilence",
        {"target": "al-silent"},
    ),
)


async def _never(_: JobContext) -> Work:
    return Work()


JOBS = (
    Job("a.works", _never, every=timedelta(hours=1), per_account=False),
    Job("b.reads", _never, every=timedelta(hours=1)),
)


def _piece(name: str, state: ContentState, text: str) -> Content:
    return Content(
        id=f"c-{name}",
        account_id=ME.id,
        kind=ContentKind.SINGLE,
        state=state,
        parts=(text,),
        due_at=BEGAN + timedelta(days=10_000),
        created_at=BEGAN,
        state_since=BEGAN,
    )


def _alert(name: str, state: AlertState, silenced_until: datetime | None = None) -> AlertRow:
    return AlertRow(
        id=f"al-{name}",
        rule="layer_down",
        state=state,
        state_since=BEGAN,
        severity="warning",
        title=f"{name} is down",
        body="",
        remedy="",
        fired_at=BEGAN,
        silenced_until=silenced_until,
    )


async def fill(database: Database, url: str | None = None) -> None:
    """One of everything that an owner can do something about; ``url`` where it is no SQLite file."""
    if url is None or url.startswith("sqlite"):
        kept = Path(runs_url(database).removeprefix("sqlite:///"))
        kept.write_bytes(await _file_with_a_run_that_waits())
    else:
        await _make_a_run_that_waits(runs_url_beside(url))
    async with database.begin("test.fill") as connection:
        for account in (ME, OTHER):
            await accounts.put(connection, account, BEGAN)
        for name, state, text in (
            ("waiting", ContentState.AWAITING_APPROVAL, WAITING_TEXT),
            ("ahead", ContentState.QUEUED, "Two pages a day make a shelf."),
            ("failed", ContentState.FAILED, "Sleep is a skill too."),
            ("missed", ContentState.MISSED, "Water first, then coffee."),
        ):
            await content.add(connection, _piece(name, state, text), who="test")
        for scope, account_id in (
            *(("posting", None), ("posting/x_web:wren", OTHER.id), ("job", None)),
            ("job/b.reads/x_web:wren", OTHER.id),
        ):
            await accounts.switch_off(
                connection, scope, account_id=account_id, who="test", why="before", now=BEGAN
            )
        await stored_declarations.store(connection, JOBS, BEGAN)
        shut = forced(
            fresh("browser/here", BEGAN), BreakerState.FORCED_OPEN, who="test", why="before", at=BEGAN
        )
        for record in (fresh("network/x_web", BEGAN), shut):
            await _keep(connection, record)
        for alert in (
            _alert("fires", AlertState.PENDING),
            _alert("silent", AlertState.PENDING, datetime(2099, 1, 1, tzinfo=UTC)),
        ):
            await alert_rows.save(connection, alert, None, why="test")
        reserve = ReserveDraft(
            "d-kept", ME.id, BEGAN, ("Kept for later.",), ContentKind.SINGLE, {}, "", "", 0.0
        )
        await drafts.stock(connection, reserve)
        await opportunities.opt_out(connection, ME.id, "Lark", now=BEGAN)
        helper = TokenRow("t-helper", "helper", ("read",), BEGAN, "test")
        await tokens.add(connection, helper, "0" * 64)


_FILLED: dict[str, bytes] = {}


async def fill_file(folder: Path) -> None:
    """The same in ``folder``, as SQLite files that were made once: migrations take longer than most tests."""
    if not _FILLED:
        with tempfile.TemporaryDirectory() as made:
            async with open_database(f"sqlite:///{made}/s.db", DatabaseSettings(), CLOCK) as database:
                await fill(database)
            _FILLED.update({one.name: one.read_bytes() for one in Path(made).iterdir() if one.is_file()})
    for name, body in _FILLED.items():
        (folder / name).write_bytes(body)


async def _keep(connection: Any, record: Record) -> None:
    await breakers.save(connection, to_row(record), expected=0, now=BEGAN, who="test")


async def rows_of(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, without what differs from one moment and one door to the next."""
    found = {}
    async with database.read("test.rows") as connection:
        for table in metadata.sorted_tables:
            kept = [column for column in table.columns if not isinstance(column.type, UtcTime)]
            keys = list(table.primary_key.columns) or list(table.columns)
            rows = await connection.execute(sa.select(*kept).order_by(*keys))
            found[table.name] = [
                {name: _alike(value) for name, value in row._asdict().items()} for row in rows
            ]
    return found


_DOOR = re.compile(r"(?:local owner|owner)? ?\(?(command line|pages|API)\)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|\+00:00)?|@\d{8}T[\dZ.]+")


def _alike(value: Any) -> Any:
    match value:
        case str():
            return _MOMENT.sub("(moment)", _DOOR.sub("(door)", value)).replace("local owner", "owner")
        case dict():
            return {key: _alike(item) for key, item in value.items()}
        case list():
            return [_alike(item) for item in value]
    return value


class AtTheCommandLine:
    """Somebody at a terminal in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/s.db"
        (folder / "3.png").write_bytes(png(3))

    def types(self, *words: str) -> str:
        """The command, which succeeds; what it printed."""
        code, said = self.tries(*words)
        assert code == 0, said
        return said

    def tries(self, *words: str, **settings: str) -> tuple[int, str]:
        """The command; its exit code and what it printed, errors too where it failed."""
        given = [word.replace("{folder}", str(self.folder)) for word in words]
        environment = {
            "DATABASE_URL": self.url,
            "DATA_DIR": str(self.folder),
            "ACCOUNT_HANDLE": "robin",
            "OPENAI_API_KEY": "key-for-tests",
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
            "TWITTER_SESSION_B64": _SESSION,
            "LOGNAME": "owner",
            "COLUMNS": "200",
            "PORT": "1",
        }
        done = CliRunner(env=environment | settings).invoke(app, given)
        return done.exit_code, done.stdout if done.exit_code == 0 else done.output + repr(done.exception)

    def on_database(self, work: Callable[[Database], Any]) -> Any:
        """The result of ``work`` on the database."""

        async def opened() -> Any:
            async with open_database(self.url, DatabaseSettings(), CLOCK) as database:
                return await work(database)

        return asyncio.run(opened())


@asynccontextmanager
async def at_the_pages(
    folder: Path, database: Database, url: str | None = None, **connected: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of pages and API, with everything connected that an action may need."""
    async with (
        site(database) as here,
        studio(folder, CLOCK, account=ME, on=database) as writing,
        open_store(runs_url(database) if url is None else runs_url_beside(url)) as store,
    ):
        reports = LearningReports(database, timedelta(hours=48))
        jobs = JobsAtRest(JobOperations(database, store, CLOCK, JOBS))
        here.data.connect(
            drafter=writing.drafter, networks=installed(), runner=jobs, learning=reports, **connected
        )
        yield here.client


def runs_url(database: Database) -> str:
    """Where the runs are kept that belong to a database of SQLite."""
    return runs_url_beside(f"sqlite:///{database.url.removeprefix('sqlite:///')}")


_FILES: list[bytes] = []


async def _file_with_a_run_that_waits() -> bytes:
    """What the job engine keeps once it has run; made once, since its start takes a second."""
    if not _FILES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "runs.db"
            await _make_a_run_that_waits(f"sqlite:///{path}")
            _FILES.append(path.read_bytes())
    return _FILES[0]


async def _make_a_run_that_waits(url: str) -> None:
    async with open_store(url) as store:
        async with Execution("test", store, {}, timedelta(seconds=1)).running(_no_body):
            pass
        await store.enqueue([("database", WAITS)])


async def _no_body(run: Any, _: Any) -> Any:
    return {"state": "succeeded"}


class JobsAtRest(JobService):
    """Jobs in a process that runs none: what is asked of them stands in the database."""

    def __init__(self, operations: JobOperations) -> None:
        self.operations = operations

    def look(self) -> None:
        """Nothing runs here that could look."""
