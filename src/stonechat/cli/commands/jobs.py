"""``stonechat jobs``: what runs by itself, seen and steered through the database, whether it runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import tell, user
from stonechat.cli.commands.status import Url, ask_rows
from stonechat.cli.context import open_for_cli, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken
from stonechat.core.errors import Permanent

if TYPE_CHECKING:
    from stonechat.config.settings import Settings
    from stonechat.database.repositories.executors import ExecutorRow
    from stonechat.database.repositories.job_progress import JobRun
    from stonechat.jobs import Job, JobOperations, RunStep
    from stonechat.owner import Done, Owner

jobs_app = typer.Typer(
    no_args_is_help=False,
    help="What runs by itself: see it, run it now, hold it, read its history; also while nothing runs.",
    epilog="Examples: stonechat jobs;  stonechat jobs run content.plan --wait 60;  stonechat jobs pause all",
)

Name = Annotated[str, typer.Argument(help="A job, for example posting.sweep.")]
NameOrAll = Annotated[str, typer.Argument(help="A job, or all.")]
Account = Annotated[str | None, typer.Option("--account", help="Only this account.")]
RunId = Annotated[str, typer.Argument(help="A run's id; a job's name stands for its newest run.")]

_OUTCOMES = ("tick", "state", "trigger", "attempt", "took_s", "done", "due", "said", "run_id")


@dataclass(frozen=True, slots=True)
class StoredJobs:
    """The jobs of a database as one command has them."""

    owner: Owner
    operations: JobOperations
    jobs: Sequence[Job]
    accounts: Sequence[str]
    hosts: Sequence[ExecutorRow]


@asynccontextmanager
async def _stored_jobs(settings: Settings) -> AsyncIterator[StoredJobs]:
    from stonechat.database.maintenance import active_processes
    from stonechat.database.repositories import accounts
    from stonechat.jobs import JobOperations, open_store, runs_url_beside, stored_declarations
    from stonechat.owner import Door, Owner

    url = settings.jobs.engine_url or runs_url_beside(settings.database_url)
    async with open_for_cli(settings) as (database, clock), open_store(url) as store:
        async with database.read("cli.jobs") as connection:
            jobs = await stored_declarations.stored(connection)
            owners = [one.id for one in await accounts.every(connection)]
            hosts = await active_processes.at_work(connection)
        owner = Owner(database, clock, user(), Door.COMMAND_LINE)
        yield StoredJobs(owner, JobOperations(database, store, clock, jobs), jobs, owners, hosts)


def _holds_something(settings: Settings) -> bool:
    """Whether there is a database to look into; a file of SQLite is not made by looking."""
    path = settings.database_url.removeprefix("sqlite:///")
    return path == settings.database_url or Path(path).exists()


@jobs_app.callback(invoke_without_command=True)
@spoken
def jobs(context: typer.Context, url: Url = None, as_json: AsJson = False) -> None:
    """What runs by itself: see it, run it now, hold it, read its history; also while nothing runs."""
    if context.invoked_subcommand is None:
        _list(url, as_json=as_json)


@jobs_app.command("list", epilog="Example: stonechat jobs list --json")
@spoken
def show_list(url: Url = None, as_json: AsJson = False) -> None:
    """Every job: how it does, its last run and its next one."""
    _list(url, as_json=as_json)


def _list(url: str | None, *, as_json: bool) -> None:
    from stonechat.core.json_values import plain

    async def read() -> tuple[list[Any], Sequence[ExecutorRow]]:
        async with _stored_jobs(settings) as stored:
            return await stored.operations.status(stored.accounts), stored.hosts

    settings = read_stored()
    rows: list[Any] = []
    hosts: Sequence[ExecutorRow] | None = None
    if url is None and _holds_something(settings):
        rows, hosts = run_async(read())
    if not rows:  # nothing has run on this database: perhaps another one does, such as the demo
        rows, hosts = ask_rows("/api/jobs", url), None
    if as_json:
        print_json(rows)
        return
    told = [plain(row) for row in rows]
    for row in told:
        last = row.pop("last", None) or {}
        held = f"paused: {row['paused']}" if row["paused"] else ""
        row |= {"last_run": last.get("started_at"), "outcome": last.get("state"), "why": held or row["why"]}
    columns = ["name", "account_id", "state", "every", "last_run", "outcome", "next_tick", "why"]
    print_rows(told, columns, title="Jobs", empty="No job is declared.")
    if hosts is not None:
        say(_at_work(hosts))


def _at_work(hosts: Sequence[ExecutorRow]) -> str:
    if not hosts:
        return "Nothing runs them now; `stonechat run` does."
    named = ", ".join(f"process {one.pid} on {one.host}" for one in hosts)
    return f"At work: {named}."


@jobs_app.command(epilog="Example: stonechat jobs run content.plan --wait 60")
@spoken
def run(
    name: Name,
    account: Account = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Wait so many seconds for its end; fails if it does not succeed.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Run a job now, even one that is paused: for one account, or for each."""

    from stonechat.owner import jobs as actions

    async def work() -> tuple[list[JobRun], bool]:
        async with _stored_jobs(read_stored()) as stored:
            done = await actions.run(stored.owner, stored.operations, name, account)
            return await _followed(stored.operations, done.value, timedelta(seconds=wait)), bool(stored.hosts)

    rows, somebody = run_async(work())
    if as_json:
        print_json(rows)
    else:
        print_rows(
            _told(rows), ("run_id", "state", "said"), title="Asked for", empty="Nothing was asked for."
        )
        if not somebody:
            say("Nothing runs jobs now: it is taken up when `stonechat run` starts.")
    if wait and any(row.state.value != "succeeded" for row in rows):
        raise typer.Exit(1)


async def _followed(operations: JobOperations, ids: Sequence[str], limit: timedelta) -> list[JobRun]:
    """The rows of these runs, once all have ended or the time is over."""
    from stonechat.core.states import RunState

    loop = asyncio.get_running_loop()
    ends = loop.time() + limit.total_seconds()
    while True:
        found = [await operations.show(one) for one in ids]
        rows = [one[0] for one in found if one is not None]
        if loop.time() >= ends or not any(
            row.state in (RunState.SCHEDULED, RunState.RUNNING) for row in rows
        ):
            return rows
        await asyncio.sleep(0.2)


@jobs_app.command(epilog="Example: stonechat jobs pause harvesting.search --why 'the page has changed'")
@spoken
def pause(
    name: NameOrAll,
    account: Account = None,
    why: Annotated[str, typer.Option(help="Why; shown wherever the job is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Hold a job's schedule until it is resumed; a run that is at work goes on."""
    from stonechat.owner import jobs as actions

    _act(lambda owner, on: actions.pause(owner, on, name, account, why=why), as_json=as_json)


@jobs_app.command(epilog="Example: stonechat jobs resume harvesting.search")
@spoken
def resume(
    name: NameOrAll,
    account: Account = None,
    why: Annotated[str, typer.Option(help="Why; kept in the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let a job's schedule go on; what was missed is made up for as its policy says, without a burst."""
    from stonechat.owner import jobs as actions

    _act(lambda owner, on: actions.resume(owner, on, name, account, why=why), as_json=as_json)


def _act(do: Callable[[Owner, JobOperations], Awaitable[Done[Any]]], *, as_json: bool) -> None:
    """An action of the owner's on the stored jobs, and what it says."""

    async def work() -> Done[Any]:
        async with _stored_jobs(read_stored()) as stored:
            return await do(stored.owner, stored.operations)

    tell(run_async(work()), as_json=as_json)


@jobs_app.command(epilog="Example: stonechat jobs history posting.sweep --json | jq '.[0].error'")
@spoken
def history(
    name: Annotated[str | None, typer.Argument(help="A job; every job by default.")] = None,
    account: Account = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The latest runs, newest first: trigger, tries, outcome, work done, error."""

    async def work() -> list[JobRun]:
        async with _stored_jobs(read_stored()) as stored:
            if name is not None:
                stored.operations.job(name)
            if account is not None and account not in stored.accounts:
                known = ", ".join(stored.accounts) or "none"
                raise Permanent(f"There is no account {account!r}.", remedy=f"There are: {known}.")
            return await stored.operations.history(name, account, limit=limit)

    rows = run_async(work())
    if as_json:
        print_json(rows)
    else:
        columns = _OUTCOMES if name is not None else ("job", *_OUTCOMES)
        print_rows(_told(rows), columns, title=name or "Runs", empty="Nothing has run yet.")


@jobs_app.command(epilog="Example: stonechat jobs show posting.sweep")
@spoken
def show(run_id: RunId, as_json: AsJson = False) -> None:
    """One run: its tries, host, heartbeat, outcome, and every step with its times."""

    async def work() -> tuple[JobRun, list[RunStep]]:
        async with _stored_jobs(read_stored()) as stored:
            return await _found(stored, run_id)

    row, steps = run_async(work())
    if as_json:
        print_json({"run": row, "steps": steps})
        return
    from stonechat.core.json_values import plain

    for field, value in plain(row).items():
        if value not in (None, ""):
            say(f"{field.replace('_', ' '):<14}{value}")
    columns = ("number", "name", "started_at", "ended_at", "result_bytes", "error")
    print_rows(steps, columns, title="Steps", empty="It has no steps.")


async def _found(stored: StoredJobs, run_id: str) -> tuple[JobRun, list[RunStep]]:
    """A run by its id, or the newest of the job that is named.

    Raises:
        Permanent: there is none.
    """
    found = await stored.operations.show(run_id)
    if found is None and any(job.name == run_id for job in stored.jobs):
        newest = await stored.operations.history(run_id, limit=1)
        found = await stored.operations.show(newest[0].run_id) if newest else None
    if found is None:
        raise Permanent(f"There is no run {run_id!r}.", remedy="`stonechat jobs history` lists the runs.")
    return found


@jobs_app.command(epilog="Example: stonechat jobs cancel content.plan")
@spoken
def cancel(run_id: RunId, as_json: AsJson = False) -> None:
    """Stop a run that waits or is at work, on whichever host; it is not taken up again."""

    from stonechat.owner import jobs as actions

    async def work() -> Done[Any]:
        async with _stored_jobs(read_stored()) as stored:
            row, _ = await _found(stored, run_id)
            return await actions.cancel_run(stored.owner, stored.operations, row.run_id)

    tell(run_async(work()), as_json=as_json)


def _told(rows: Sequence[JobRun]) -> list[dict[str, Any]]:
    from stonechat.core.json_values import plain

    return [plain(row) | {"said": row.error or row.note} for row in rows]
