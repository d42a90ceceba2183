"""What stands in the rows for every host to see: switches, runs, wake-ups, and when work is next due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.repositories import accounts as switches
from stonechat.database.repositories import job_rows
from stonechat.database.repositories import wakeups as wakeup_rows
from stonechat.database.repositories.job_rows import RunRow
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.declaration import Job
from stonechat.jobs.timetable import Key


@dataclass(frozen=True, slots=True)
class Standing:
    """As read at one moment.

    Attributes:
        off: why each scope that a human has switched off is off.
        busy: jobs and accounts with a run that has not ended.
        asked: runs that somebody asked for by hand and nobody has taken up.
        upcoming: by job and account, when its rows next hold work.
    """

    off: Mapping[str, str] = field(default_factory=dict)
    busy: frozenset[Key] = frozenset()
    asked: Sequence[RunRow] = ()
    wakeups: Sequence[Wakeup] = ()
    upcoming: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)


async def read_standing(
    database: Database, jobs: Sequence[Job], unseen: Mapping[str, Mapping[str, datetime]]
) -> Standing:
    """Read it all in one go.

    Args:
        unseen: by job and account, up to when its rows have been seen to.

    Raises:
        Transient: the database is away.
    """
    async with database.read("jobs.refresh") as connection:
        off = await switches.switched_off(connection)
        active = await job_rows.active(connection)
        wakeups = await wakeup_rows.waiting(connection)
        upcoming = {
            job.name: await job.upcoming(connection, unseen.get(job.name, {}))
            for job in jobs
            if job.upcoming is not None
        }
    return Standing(
        off={switch.scope: switch.why for switch in off if switch.scope.split("/")[0] == "job"},
        busy=frozenset((row.job, row.account_id) for row in active),
        asked=[row for row in active if row.state is RunState.SCHEDULED and row.trigger.startswith("manual")],
        wakeups=wakeups,
        upcoming=upcoming,
    )
