"""A run as it is kept: what is asked for, and what the engine tells of it in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stonechat.core.redaction import masked
from stonechat.core.states import RunState
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs.execution.run_request import RunRequest, parse_run_id
from stonechat.jobs.job import Json

WORKFLOW = "stonechat.run"
"""The name under which every run of ours is kept."""


@dataclass(frozen=True, slots=True)
class RunStep:
    """One finished step of one run. Times are real."""

    number: int
    name: str
    started_at: datetime
    ended_at: datetime
    result_bytes: int
    error: str
    result: Json = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run that a process holds since then (real time), after so many others (``takeovers``)."""

    run_id: str
    executor_id: str
    queue: str
    takeovers: int
    since: datetime


OUTCOMES = (RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.SKIPPED)


def run_of(status: Any) -> JobRun | None:
    """What DBOS tells of a run of ours; None for anything else that stands in its tables."""
    name = parse_run_id(status.workflow_id)
    if name is None or status.name != WORKFLOW:
        return None
    noted = status.attributes or {}
    output = status.output if isinstance(status.output, dict) else {}
    request = RunRequest.from_json(_first_argument(status.input))
    state, note, failure = _state(status, noted, output)
    return JobRun(
        run_id=status.workflow_id,
        job=name.job,
        account_id=name.account_id,
        tick=name.tick,
        trigger=request.trigger if request is not None else "",
        state=state,
        host=status.executor_id or "",
        attempt=_attempt(status, noted, output),
        asked_at=_optional(status.created_at),
        started_at=_optional(1000 * output.get("started_at", 0) or status.dequeued_at),
        ended_at=_optional(1000 * output.get("ended_at", 0) or status.completed_at),
        took_s=output.get("took_s"),
        done=int(output.get("done", 0)),
        due=int(output.get("due", 0)),
        note=note,
        error=failure,
    )


def output_of(run: JobRun) -> Json:
    """What the engine keeps of an end; read again by :func:`run_of`."""
    return {
        "state": run.state.value,
        "tries": run.attempt,
        "started_at": run.started_at.timestamp() if run.started_at else 0,
        "ended_at": run.ended_at.timestamp() if run.ended_at else 0,
        "took_s": run.took_s,
        "done": run.done,
        "due": run.due,
        "note": run.note,
        "error": run.error,
    }


def _state(status: Any, noted: Mapping[str, Any], output: Mapping[str, Any]) -> tuple[RunState, str, str]:
    """State, note and error of a run."""
    note, failure = str(noted.get("note") or ""), str(noted.get("error") or "")
    match status.status:
        case "ENQUEUED" | "DELAYED":
            return RunState.SCHEDULED, note, failure
        case "PENDING" if noted.get("waits"):
            return RunState.SCHEDULED, f"waits: {noted['waits']}", failure
        case "PENDING" if noted.get("left"):
            return RunState.ABANDONED, str(noted["left"]), failure
        case "PENDING":
            return RunState.RUNNING, note, failure
        case "SUCCESS" if "state" in output:
            return RunState(output["state"]), str(output.get("note", "")), str(output.get("error", ""))
        case "CANCELLED" if not noted.get("failed"):
            return RunState.SKIPPED, note, failure
        case "CANCELLED":
            return RunState.FAILED, note, str(noted["failed"])
        case other:
            return RunState.FAILED, note, masked(str(status.error or f"it ended as {other}"))


def _attempt(status: Any, noted: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    """The number of the try: those of its present holder, and one for each holder before."""
    tries = int(output.get("tries") or noted.get("tries") or (1 if status.dequeued_at else 0))
    return int(noted.get("takeovers") or 0) + tries


def held_of(status: Any) -> HeldRun:
    """What DBOS tells of who holds a run."""
    takeovers = int((status.attributes or {}).get("takeovers") or 0)
    since = moment(status.dequeued_at or status.updated_at)
    return HeldRun(status.workflow_id, status.executor_id or "", status.queue_name or "", takeovers, since)


def _first_argument(inputs: Any) -> Json:
    arguments = inputs.get("args") if isinstance(inputs, dict) else None
    return arguments[0] if arguments else None


def moment(milliseconds: float | None) -> datetime:
    """A moment as DBOS tells it."""
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


def _optional(milliseconds: float | None) -> datetime | None:
    return moment(milliseconds) if milliseconds else None
