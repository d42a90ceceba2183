"""Declarations that cannot be kept are refused at the start, each by its name, all of them at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from stonechat.core.errors import ConfigError
from stonechat.jobs.job import Job, JobContext, Retry, Work
from stonechat.jobs.validation import by_name

HOUR = timedelta(hours=1)
NONE = timedelta()


async def _nothing(_: JobContext) -> Work:
    return Work()


JOB = Job("layer.verb", _nothing, every=HOUR)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"name": "verb"}, "not layer.verb"),
        ({"name": f"layer.{'v' * 60}"}, "not layer.verb"),
        ({"timeout": NONE}, "time-out of 0:00:00"),
        ({"grace": NONE}, "grace of 0:00:00"),
        ({"retry": Retry(attempts=0)}, "0 attempts"),
        ({"retry": Retry(first=-HOUR)}, "before a retry"),
        ({"every": NONE}, "interval of 0:00:00"),
        ({"jitter": -HOUR}, "jitter of -1 day"),
        ({"jitter": HOUR}, "jitter of 1:00:00 and an interval of 1:00:00"),
        ({"spread": -HOUR}, "spread of -1 day"),
        ({"spread": HOUR, "per_account": False}, "yet spreads over accounts"),
    ],
)
def test_what_cannot_be_kept_is_named(broken: dict[str, object], says: str) -> None:
    job = replace(JOB, **broken)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as refused:
        by_name([job])
    (fault,) = refused.value.faults
    assert fault.name == f"job {job.name}" and says in fault.problem


def test_every_fault_is_told_at_once_and_two_of_a_name_are_one() -> None:
    with pytest.raises(ConfigError) as refused:
        by_name([JOB, JOB, replace(JOB, name="layer.other", timeout=NONE)])
    assert [fault.name for fault in refused.value.faults] == ["job layer.other", "job layer.verb"]


def test_what_can_be_kept_is_found_by_its_name() -> None:
    assert by_name([JOB]) == {"layer.verb": JOB}
