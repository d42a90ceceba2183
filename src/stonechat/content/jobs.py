"""The jobs of the content layer."""

from __future__ import annotations

from datetime import timedelta

from stonechat.content.planner import Planner
from stonechat.content.replies import Replier
from stonechat.jobs import Job, JobPriority, Missed, Resource


def jobs(planner: Planner, replier: Replier) -> list[Job]:
    """``content.plan`` every 2 h, ``content.check_queue`` every 30 min, ``content.replies`` every 60 min."""
    return [
        Job(
            name="content.plan",
            run=planner.plan,
            every=timedelta(hours=2),
            spread=timedelta(hours=2),
            timeout=timedelta(minutes=15),
            missed=Missed.LATEST,
            resource=Resource.MODEL,
            needs=frozenset({"database", "model"}),
            critical=True,
            useful="posts were written for slots that were free",
        ),
        Job(
            name="content.check_queue",
            run=planner.check,
            every=timedelta(minutes=30),
            spread=timedelta(minutes=30),
            timeout=timedelta(minutes=15),
            missed=Missed.LATEST,
            resource=Resource.MODEL,
            needs=frozenset({"database"}),
            critical=True,
            useful="a low queue was topped up, the reserve was stocked",
        ),
        Job(
            name="content.replies",
            run=replier.reply,
            every=timedelta(minutes=60),
            spread=timedelta(minutes=60),
            timeout=timedelta(minutes=10),
            missed=Missed.SKIP,
            resource=Resource.MODEL,
            priority=JobPriority.REPLY,
            needs=frozenset({"database", "model"}),
            useful="replies were written to open opportunities",
        ),
    ]
