"""What a run is asked to do, how it may end, and when a failed one is tried again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stonechat.core.errors import ConfigError, IllegalTransition, Permanent, Transient, Unknown
from stonechat.core.redaction import masked
from stonechat.core.states import RunState
from stonechat.jobs.declaration import Job, Json, Retry, Work
from stonechat.jobs.engine import LOST


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do: survives a round trip through JSON."""

    job: str
    account_id: str | None
    tick: datetime
    trigger: str

    def to_json(self) -> Json:
        return [self.job, self.account_id, self.tick.isoformat(), self.trigger]

    @classmethod
    def from_json(cls, value: Json) -> Request:
        job, account_id, tick, trigger = value
        return cls(job, account_id, datetime.fromisoformat(tick), trigger)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    state: RunState
    work: Work = field(default_factory=Work)
    error: str = ""


def lane_of(job: Job, account_id: str | None) -> str:
    """Runs of the same lane never overlap: each job and account has one, unless accounts share places."""
    if account_id is None:
        return job.name
    if job.at_once is None:
        return f"{job.name}/{account_id}"
    place = int.from_bytes(hashlib.sha256(account_id.encode()).digest()[:4], "big") % job.at_once
    return f"{job.name}#{place}"


def pause(retry: Retry, tries: int, error: Exception) -> timedelta | None:
    """How long to wait (real time) before the next try after ``tries`` failed ones; None: no next try.

    What will fail the same way, and what may have happened already, is not repeated.
    """
    if isinstance(error, Permanent | Unknown | ConfigError | IllegalTransition) or tries >= retry.attempts:
        return None
    wait = min(retry.cap, retry.first * 2.0 ** (tries - 1))
    asked = error.retry_after if isinstance(error, Transient) else None
    return max(wait, asked) if asked is not None else wait


def describe(error: BaseException) -> str:
    """One text for people, without log-ins and keys: the kind of error and what it says."""
    if isinstance(error, LOST):
        return "another process holds the run"
    return masked(f"{type(error).__name__}: {error}".strip().removesuffix(":"))
