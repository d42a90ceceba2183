"""Whether declarations can be kept: every fault is found at the start, and all of them at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches

from stonechat.core.errors import ConfigError, ConfigFault, NotFound
from stonechat.jobs.job import Job

NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_]+")
LONGEST_NAME = 60
NONE = timedelta()


def by_name(jobs: Sequence[Job]) -> dict[str, Job]:
    """The declarations by their names.

    Raises:
        ConfigError: naming every declaration that cannot be kept, and why.
    """
    faults = [fault for job in jobs for fault in _faults(job)]
    for name, count in Counter(job.name for job in jobs).items():
        if count > 1:
            faults.append(ConfigFault(f"job {name}", "is declared twice", "one job of a name"))
    if faults:
        raise ConfigError(tuple(faults))
    return {job.name: job for job in jobs}


def unknown(name: str, jobs: Mapping[str, Job]) -> NotFound:
    """What to say of a name that no job has."""
    near = get_close_matches(name, jobs, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return NotFound(
        f"No job is called {name!r}.{meant}",
        remedy=f"There are: {', '.join(sorted(jobs)) or 'none; nothing has run on this database yet'}.",
    )


def _faults(job: Job) -> Iterator[ConfigFault]:
    for wrong, problem, expected in (
        (
            not NAME.fullmatch(job.name) or len(job.name) > LONGEST_NAME,
            "has a name that is not layer.verb",
            "layer.verb",
        ),
        (job.every <= NONE, f"has an interval of {job.every}", "an interval greater than 0"),
        (job.timeout <= NONE, f"has a time-out of {job.timeout}", "a time-out greater than 0"),
        (job.grace <= NONE, f"has a grace of {job.grace}", "a grace greater than 0"),
        (job.retry.attempts < 1, f"has {job.retry.attempts} attempts", "at least 1"),
        (job.retry.first < NONE, f"waits {job.retry.first} before a retry", "0 or more"),
        (job.jitter < NONE, f"has a jitter of {job.jitter}", "0 or more"),
        (
            job.jitter > NONE and job.jitter >= job.every,
            f"has a jitter of {job.jitter} and an interval of {job.every}",
            "a jitter shorter than the interval",
        ),
        (job.spread < NONE, f"has a spread of {job.spread}", "0 or more"),
        (
            job.spread > NONE and not job.per_account,
            "runs once for the whole system and yet spreads over accounts",
            "a spread with per_account only",
        ),
    ):
        if wrong:
            yield ConfigFault(f"job {job.name}", problem, expected)
