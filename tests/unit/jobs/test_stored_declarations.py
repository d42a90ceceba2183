"""Declarations survive their way through a row."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta

from stonechat.jobs.job import Job, JobContext, JobPriority, Missed, Overlap, Resource, Retry, Work
from stonechat.jobs.stored_declarations import CODE, from_json, to_json

MINUTE = timedelta(minutes=1)


async def _nothing(_: JobContext) -> Work:
    return Work()


FULL = Job(
    "layer.verb",
    _nothing,
    every=7 * MINUTE,
    stagger=MINUTE,
    spread=2 * MINUTE,
    per_account=False,
    timeout=3 * MINUTE,
    retry=Retry(attempts=7, first=timedelta(milliseconds=1500), cap=MINUTE),
    at_once=2,
    overlap=Overlap.QUEUE,
    missed=Missed.ALL,
    grace=4 * MINUTE,
    resource=Resource.BROWSER,
    priority=JobPriority.HARVEST,
    needs=frozenset({"browser", "model"}),
    critical=True,
    useful="something was done",
)


def _said(job: Job) -> dict[str, object]:
    return {one.name: getattr(job, one.name) for one in fields(job) if one.name not in CODE}


def test_every_field_but_the_code_survives() -> None:
    plain = Job("layer.verb", _nothing)
    for job in (FULL, replace(FULL, every=None, cron="5 4 * * *", timezone="Europe/Vienna")):
        again = from_json(json.loads(json.dumps(to_json(job))))
        assert _said(again) == _said(job)
    same = [name for name, value in _said(FULL).items() if value == _said(plain)[name]]
    assert same == ["name", "cron", "timezone"], "this test does not look at every field"


def test_a_field_that_this_version_does_not_know_is_left_out() -> None:
    assert _said(from_json({**to_json(FULL), "colour": "green"})) == _said(FULL)
