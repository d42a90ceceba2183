"""Declarations as rows: written at each start, read by commands that work while nothing runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.json_values import plain
from stonechat.database.repositories import job_declarations
from stonechat.jobs.job import Job, JobContext, Json, Work

CODE = frozenset({"run", "upcoming"})
"""Fields that only the process itself has."""


async def store(connection: AsyncConnection, jobs: Sequence[Job], now: datetime) -> None:
    """Remember these declarations and no others."""
    await job_declarations.replace(connection, {job.name: to_json(job) for job in jobs}, now)


async def stored(connection: AsyncConnection) -> list[Job]:
    """The declarations of the last start, to be looked at and asked for; they cannot be run from here."""
    found = [from_json(body) for body in (await job_declarations.every(connection)).values()]
    return [job for job in found if job is not None]


def to_json(job: Job) -> Json:
    """Everything but the code; durations in seconds."""
    kept = {one.name: getattr(job, one.name) for one in fields(job) if one.name not in CODE}
    return plain(kept | {"needs": sorted(job.needs)})


def from_json(body: Json) -> Job | None:
    """The declaration again, without fields that it does not know; None for another version's form."""
    try:
        return TypeAdapter(Job).validate_python({**body, "run": _elsewhere})
    except ValidationError:
        return None


async def _elsewhere(_: JobContext) -> Work:
    raise RuntimeError("a declaration that was read from its row has no code to run")
