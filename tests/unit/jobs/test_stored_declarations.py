"""Declarations survive their way through a row."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta

from stonechat.jobs.job import Job, JobContext, JobPriority, Missed, Resource, Retry, Work
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
    jitter=5 * MINUTE,
    per_account=False,
    timeout=3 * MINUTE,
    retry=Retry(attempts=7, first=timedelta(milliseconds=1500), cap=MINUTE),
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
    plain = Job("layer.verb", _nothing, every=MINUTE)
    again = from_json(json.loads(json.dumps(to_json(FULL))))
    assert again is not None and _said(again) == _said(FULL)
    same = [name for name, value in _said(FULL).items() if value == _said(plain)[name]]
    assert same == ["name"], "this test does not look at every field"


def test_a_field_that_this_version_does_not_know_is_left_out() -> None:
    again = from_json({**to_json(FULL), "colour": "green"})
    assert again is not None and _said(again) == _said(FULL)


def test_a_declaration_of_a_version_that_said_it_otherwise_is_left_out() -> None:
    assert from_json({**to_json(FULL), "every": None, "cron": "20 3 * * *"}) is None
    assert from_json({**to_json(FULL), "missed": "some"}) is None
