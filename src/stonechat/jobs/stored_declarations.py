"""Declarations as rows: written at each start, read by commands that work while nothing runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.json_values import plain
from stonechat.database.repositories import job_declarations
from stonechat.jobs.job import Job, JobContext, JobPriority, Json, Missed, Overlap, Resource, Retry, Work

CODE = frozenset({"run", "upcoming"})
"""Fields that only the process itself has."""

_DURATIONS = ("every", "stagger", "spread", "timeout", "grace")


async def store(connection: AsyncConnection, jobs: Sequence[Job], now: datetime) -> None:
    """Remember these declarations and no others."""
    await job_declarations.replace(connection, {job.name: to_json(job) for job in jobs}, now)


async def stored(connection: AsyncConnection) -> list[Job]:
    """The declarations of the last start, to be looked at and asked for; they cannot be run from here."""
    return [from_json(body) for body in (await job_declarations.every(connection)).values()]


def to_json(job: Job) -> Json:
    """Everything but the code; durations in seconds."""
    values = {one.name: getattr(job, one.name) for one in fields(job) if one.name not in CODE}
    return plain(values | {"needs": sorted(job.needs)})


def from_json(body: Json) -> Job:
    """The declaration again; what a newer or older version says differently is left out."""
    known = {one.name for one in fields(Job)} - CODE
    values: dict[str, Any] = {name: value for name, value in body.items() if name in known}
    for name in _DURATIONS:
        if values.get(name) is not None:
            values[name] = timedelta(seconds=values[name])
    retry = body["retry"]
    values["retry"] = Retry(
        retry["attempts"], timedelta(seconds=retry["first"]), timedelta(seconds=retry["cap"])
    )
    values["overlap"], values["missed"] = Overlap(body["overlap"]), Missed(body["missed"])
    values["resource"], values["priority"] = Resource(body["resource"]), JobPriority(body["priority"])
    values["needs"] = frozenset(body["needs"])
    return Job(run=_elsewhere, **values)


async def _elsewhere(_: JobContext) -> Work:
    raise RuntimeError("a declaration that was read from its row has no code to run")
