"""What all hosts see: switches, runs that have not ended, wake-ups, and when work is next due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stonechat.database.connection.database import Database
from stonechat.database.repositories import accounts as switches
from stonechat.database.repositories import wakeups as wakeup_rows
from stonechat.database.repositories.wakeups import OwnerRequest, Wakeup
from stonechat.jobs.execution.run_store import RunStore
from stonechat.jobs.job import Job
from stonechat.jobs.scheduling.due_runs import Key


@dataclass(frozen=True, slots=True)
class ClusterState:
    """As read at one moment.

    Attributes:
        off: why each scope that a human has switched off is off.
        active: how many runs of each job and account have not ended.
        upcoming: by job and account, when its rows next hold work.
        asked: what the owner has asked for and nobody has done yet.
    """

    off: Mapping[str, str] = field(default_factory=dict)
    active: Mapping[Key, int] = field(default_factory=dict)
    wakeups: Sequence[Wakeup] = ()
    upcoming: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    asked: Sequence[OwnerRequest] = ()


async def read_cluster_state(
    database: Database, store: RunStore, jobs: Sequence[Job], unseen: Mapping[str, Mapping[str, datetime]]
) -> ClusterState:
    """Read it all in one go, each thing once for all accounts.

    Args:
        unseen: by job and account, up to when its rows have been seen to.

    Raises:
        Transient: the database is away.
    """
    active = await store.active()
    async with database.read("jobs.refresh") as connection:
        off = await switches.switched_off(connection)
        wakeups = await wakeup_rows.waiting(connection)
        asked = await wakeup_rows.asked(connection)
        upcoming = {
            job.name: await job.upcoming(connection, unseen.get(job.name, {}))
            for job in jobs
            if job.upcoming is not None
        }
    return ClusterState(
        off={switch.scope: switch.why for switch in off if switch.scope.split("/")[0] == "job"},
        active=Counter((run.job, run.account_id) for run in active),
        wakeups=wakeups,
        upcoming=upcoming,
        asked=asked,
    )
