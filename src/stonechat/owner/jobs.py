"""Jobs by hand: run one now, hold its schedule, let it go on, stop a run. Through the database alone.

The processes that run jobs notice within seconds. Runs are kept by the job engine, in its own database: what
is asked of it is a row, committed with the audit line, and done after that, here or by whoever runs jobs.
"""

from __future__ import annotations

from collections.abc import Sequence

from stonechat.core.errors import Conflict, InvalidInput, NotFound
from stonechat.database.repositories import accounts
from stonechat.database.repositories.accounts import Switch
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs import JobOperations
from stonechat.jobs.execution.run_request import parse_run_id
from stonechat.owner import switches
from stonechat.owner.action import Action, Done, Owner, reason
from stonechat.owner.naming import ALL, account_named

JOB = "job"


async def run(
    owner: Owner, operations: JobOperations, name: str, account: str | None = None
) -> Done[list[str]]:
    """Have a job run now, even one that is paused: for one account, or for each.

    Returns:
        The ids of the runs.

    Raises:
        NotFound: no job or no account is called that.
        InvalidInput: the job runs for the whole system, and an account is named.
        Conflict: it runs for accounts, and there is none yet.
    """
    async with owner.act("jobs.run") as action:
        account_id = await _meant(action, operations, name, account)
        owners = await _owners(operations, action, name, account_id)
        ids = await operations.ask_for_runs(action.connection, name, owners, by=action.who)
        done = await action.done(
            ids,
            _target(name, account_id),
            said=f"Asked for: {', '.join(ids)}",
            after="scheduled",
            why=" ".join(ids),
            account_id=account_id,
        )
    await operations.do_what_is_asked()
    return done


async def pause(
    owner: Owner, operations: JobOperations, name: str, account: str | None = None, *, why: str = ""
) -> Done[str]:
    """Hold the schedule of a job, or of ``all``, until it is resumed; a run that is at work goes on.

    Raises:
        NotFound: no job or no account is called that.
        InvalidInput: an account is named with ``all``, or with a job of the whole system.
    """
    because = reason(why, "paused by hand")
    async with owner.act("jobs.pause") as action:
        scope, account_id = await _scope(action, operations, name, account)
        before = await switches.hold(action, scope, account_id, because)
        return await action.done(
            scope,
            _target(name, account_id),
            said=f"Paused: {_target(name, account_id)}. {because}",
            before=before,
            after="off",
            why=because,
            account_id=account_id,
        )


async def resume(
    owner: Owner, operations: JobOperations, name: str, account: str | None = None, *, why: str = ""
) -> Done[list[Switch]]:
    """Let a schedule go on, or with ``all`` every one; what was missed is made up for without a burst.

    Raises:
        NotFound: no job or no account is called that.
        InvalidInput: an account is named with ``all``, or with a job of the whole system.
    """
    because = reason(why, "resumed by hand")
    async with owner.act("jobs.resume") as action:
        scope, account_id = await _scope(action, operations, name, account)
        lifted, above = await switches.release(action, [scope], because)
        return await action.done(
            lifted,
            _target(name, account_id),
            said=switches.told(lifted, above, f"Goes on: {_target(name, account_id)}."),
            before="off" if lifted or above else "on",
            after="off" if above else "on",
            why=because,
            account_id=account_id,
        )


async def cancel_run(owner: Owner, operations: JobOperations, run_id: str) -> Done[JobRun]:
    """Stop a run that waits or is at work, on whichever host; it is not taken up again.

    Raises:
        NotFound: there is no such run.
        Conflict: it has ended.
    """
    async with owner.act("jobs.cancel") as action:
        found = await operations.show(run_id) if parse_run_id(run_id) is not None else None
        if found is None:
            raise NotFound(
                f"There is no run {run_id[:120]!r}.", remedy="`stonechat jobs history` lists the runs."
            )
        row, _ = found
        if not await operations.ask_to_cancel(action.connection, row.run_id, by=action.who):
            raise Conflict(f"The run {row.run_id} has ended already: {row.state.value}.")
        done = await action.done(
            row,
            row.run_id,
            said=f"Cancelled: {row.run_id}.",
            before=row.state.value,
            after="cancelled",
            account_id=row.account_id,
        )
    await operations.do_what_is_asked()
    return done


async def _scope(
    action: Action, operations: JobOperations, name: str, account: str | None
) -> tuple[str, str | None]:
    """The switch, and the account's id."""
    if name != ALL:
        account_id = await _meant(action, operations, name, account)
        return (f"{JOB}/{name}" if account_id is None else f"{JOB}/{name}/{account_id}"), account_id
    if account is not None:
        raise InvalidInput(
            "All jobs of one account cannot be held at once.",
            meaning="Nothing was changed.",
            remedy="Name a job with the account, or `stonechat pause --account` to hold its posting.",
        )
    return JOB, None


async def _meant(action: Action, operations: JobOperations, name: str, account: str | None) -> str | None:
    """The account's id, once it is certain that there is such a job and that it runs for accounts."""
    per_account = operations.job(name[:80]).per_account
    if account is None:
        return None
    account_id = (await account_named(action.connection, account)).id
    if not per_account:
        raise InvalidInput(
            f"The job {name} runs for the whole system.",
            meaning="Nothing was changed.",
            remedy="Name no account.",
        )
    return account_id


async def _owners(
    operations: JobOperations, action: Action, name: str, account_id: str | None
) -> Sequence[str | None]:
    if account_id is not None or not operations.job(name).per_account:
        return [account_id]
    every = [one.id for one in await accounts.every(action.connection)]
    if not every:
        raise Conflict(
            "There is no account yet.", meaning="Nothing runs.", remedy="`stonechat run` adds them."
        )
    return every


def _target(name: str, account_id: str | None) -> str:
    return name if account_id is None else f"{name} of {account_id}"
