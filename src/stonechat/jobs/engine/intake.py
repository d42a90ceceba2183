"""Taking runs from the queues: at once when something is known to wait there, else every few seconds.

DBOS's own loop asks each queue again and again in a thread of its own, and asks once more for its list of
queues. Here one statement asks about all queues, and only those in which something waits are looked into.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

import sqlalchemy as sa
from dbos import DBOS, Queue
from dbos._core import execute_dequeued_workflow
from dbos._sys_db import WorkflowStatusString
from dbos._utils import generate_uuid

from stonechat.jobs.engine.books import Books

GAP = 0.005
"""Seconds between two looks into the queues: what comes in between is found by one look."""


class Intake:
    """Claims runs for this process, never more at once than a queue's limit, and starts them.

    Args:
        limits: name of each queue and how many of its runs this process takes at once.
        poll: real time between two looks for what other processes have put in.
        shut: whether nothing is taken from a queue now.
    """

    def __init__(
        self,
        dbos: DBOS,
        books: Books,
        *,
        queues: Mapping[str, Queue],
        limits: Mapping[str, int],
        poll: timedelta,
        shut: Callable[[str], bool],
    ) -> None:
        self._dbos = dbos
        self._books = books
        self._queues = queues
        self._limits = limits
        self._poll = poll.total_seconds()
        self._shut = shut
        self._nudged: set[str] = set()
        self._full: set[str] = set()
        self._looking = False
        self._poked = asyncio.Event()
        self._waiting = self._question()

    def nudge(self, queue: str) -> None:
        """Look into a queue now instead of at the next poll: something was put in."""
        if queue in self._queues:
            self._nudged.add(queue)
            self._poked.set()

    def nudge_all(self) -> None:
        """Look into every queue now."""
        self._nudged.update(self._queues)
        self._poked.set()

    def freed(self, queue: str) -> None:
        """A run of this queue has ended: if it was full, perhaps somebody waits for the place."""
        if self._looking or queue in self._full:
            self.nudge(queue)

    async def run(self) -> None:
        """Look and start until cancelled."""
        polled = time.monotonic()
        while True:
            left = polled + self._poll - time.monotonic()
            if left > 0:
                try:
                    async with asyncio.timeout(left):
                        await self._poked.wait()
                except TimeoutError:
                    left = 0
            self._poked.clear()
            names, self._nudged = self._nudged, set()
            if left <= 0:
                polled = time.monotonic()
            self._looking = True
            await asyncio.to_thread(self._look, names, poll=left <= 0)
            self._looking = False
            await asyncio.sleep(GAP)

    def _look(self, names: Collection[str], *, poll: bool) -> None:
        """Take what waits in these queues, and in all others if it is time to (blocking)."""
        try:
            found = set(names) | self._with_work() if poll else names
            for name in sorted(found, key=list(self._queues).index):
                self._take(name)
        except Exception as exc:  # a loop of the engine: what failed is tried again at the next poll
            self._dbos.logger.warning(f"The queues could not be looked into: {exc}")

    def _with_work(self) -> set[str]:
        with self._dbos._sys_db.engine.begin() as connection:
            return {row[0] for row in connection.execute(self._waiting)}

    def _take(self, name: str) -> None:
        """Claim what there is room for and start it. The claims of a look share one token."""
        if self._shut(name):
            return
        at_work = self._dbos._active_workflows_set.count_for_queue(name)
        room = self._limits[name] - at_work
        if room <= 0:
            self._full.add(name)
            return
        owner = generate_uuid()
        taken = self._books.take(self._queues[name], at_work, room, owner)
        if len(taken) >= room:
            self._full.add(name)
        else:
            self._full.discard(name)
        for status in taken:
            try:
                execute_dequeued_workflow(self._dbos, status, owner)
            except Exception as exc:  # a run that cannot be begun must not keep others from it
                self._dbos.logger.error(f"{status['workflow_uuid']} could not be begun: {exc}")

    def _question(self) -> sa.Executable:
        """In which queues something waits: one row for each."""
        rows = self._dbos._sys_db.tables.workflow_status
        return sa.union_all(
            *(
                sa.select(sa.literal(name)).where(
                    sa.exists(
                        sa.select(1)
                        .where(rows.c.queue_name == name)
                        .where(rows.c.status == WorkflowStatusString.ENQUEUED.value)
                        .where(self._dbos._sys_db._in_flight_status_prover())
                    )
                )
                for name in self._queues
            )
        )
