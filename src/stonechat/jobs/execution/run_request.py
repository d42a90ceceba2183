"""What a run is asked to do and how it is named, how it may end, and when a failed one is tried again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stonechat.core.errors import ConfigError, IllegalTransition, Permanent, Transient, Unknown
from stonechat.core.redaction import masked
from stonechat.core.states import RunState
from stonechat.database.repositories.job_progress import Key
from stonechat.jobs.job import Json, Retry, Work


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run is asked to do: survives a round trip through JSON.

    Attributes:
        trigger: who asks: ``schedule``, ``due``, ``wake``, ``watchdog``, ``manual: NAME``.
    """

    job: str
    account_id: str | None
    tick: datetime
    trigger: str = ""

    @property
    def key(self) -> Key:
        """Runs of one job and account never overlap."""
        return (self.job, self.account_id)

    @property
    def partition(self) -> str:
        """The same as one text: ``job/account``, or ``job``."""
        return self.job if self.account_id is None else f"{self.job}/{self.account_id}"

    @property
    def run_id(self) -> str:
        """``job/account@tick``: the same on every host, and so the same run."""
        return f"{self.partition}@{self.tick.isoformat()}"

    def to_json(self) -> Json:
        return [self.job, self.account_id, self.tick.isoformat(), self.trigger]

    @classmethod
    def from_json(cls, value: Json) -> RunRequest | None:
        """None for what is not of this form."""
        match value:
            case [str(job), None | str() as account_id, str(tick), str(trigger)]:
                try:
                    return cls(job, account_id, datetime.fromisoformat(tick), trigger)
                except ValueError:
                    return None
        return None


def parse_run_id(run_id: str) -> RunRequest | None:
    """A run by its name, without its trigger; None if it is none of ours."""
    owner, _, tick = run_id.rpartition("@")
    job, slash, account_id = owner.partition("/")
    try:
        moment = datetime.fromisoformat(tick)
    except ValueError:
        return None
    return RunRequest(job, account_id if slash else None, moment) if job and moment.tzinfo else None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended; ``kind`` is the name of its error's class."""

    state: RunState
    work: Work = field(default_factory=Work)
    error: str = ""
    kind: str = ""


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
    return masked(f"{type(error).__name__}: {error}".strip().removesuffix(":"))
