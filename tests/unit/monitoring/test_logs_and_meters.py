"""What is counted, and what never reaches a log line."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from stonechat.core.events import BreakerChanged, Event, PostHeld, PostPublished, RunEnded, Stamped
from stonechat.core.ids import trace_of
from stonechat.core.redaction import MASK
from stonechat.core.states import BreakerState, RunState
from stonechat.monitoring.logs import EventLog, Masking, set_up
from stonechat.monitoring.meters import Meters
from tests.support.clock import ManualClock

AT = datetime(2026, 1, 5, tzinfo=UTC)


def stamped(event: Event) -> Stamped:
    return Stamped(1, AT, event)


def test_events_are_counted_by_their_labels() -> None:
    meters = Meters()
    took = timedelta(seconds=2)
    for state in (RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED):
        meters.hear(stamped(RunEnded(job="plan", run_id="r", state=state, took=took)))
    meters.hear(stamped(PostPublished(content_id="c", post_id="p", url="u", took=took, late=took)))
    get = meters.registry.get_sample_value
    assert get("stonechat_job_ended_total", {"job": "plan", "state": "succeeded"}) == 2
    assert get("stonechat_job_run_seconds_sum", {"job": "plan"}) == 6
    assert get("stonechat_post_published_total") == 1


def test_gauges_are_read_when_they_are_asked_for() -> None:
    meters = Meters()
    depth: dict[tuple[str, ...], float] = {("x:bird",): 3.0}
    meters.gauge("queue_days", lambda: depth)
    depth["x:bird",] = 4.0
    assert b'stonechat_queue_days{account="x:bird"} 4.0' in meters.text()


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://bob:hunter22@host/db",
        "Authorization: Bearer abcdef0123456789",
        "key sk-abcdefgh12345678 refused",
        '{"auth_token": "deadbeefcafe"}',
        "ct0=0123456789abcdef; lang=en",
        "the owner's own phrase: correct horse",
    ],
)
def test_a_secret_never_stands_in_a_text(text: str) -> None:
    masked = Masking(["correct horse"]).text(text)
    for secret in ("hunter22", "abcdef0123456789", "abcdefgh12345678", "deadbeefcafe", "correct horse"):
        assert secret not in masked
    assert MASK in masked


def logged(level: str = "INFO", *, json: bool = True) -> tuple[io.StringIO, ManualClock]:
    stream, clock = io.StringIO(), ManualClock()
    set_up(level=level, json=json, secrets=["s3cr3t-value"], clock=clock, stream=stream)
    return stream, clock


@pytest.fixture(autouse=True)
def restore() -> object:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def test_an_event_is_one_line_with_its_fields() -> None:
    stream, _ = logged()
    change = BreakerChanged(
        breaker="posting", before=BreakerState.CLOSED, after=BreakerState.OPEN, why="s3cr3t-value"
    )
    EventLog().hear(stamped(change))
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["after"]) == ("breaker.changed", "warning", "open")
    assert line["why"] == MASK


def test_the_same_line_again_and_again_is_bounded_and_then_counted() -> None:
    stream, clock = logged()
    log = structlog.get_logger()
    for _ in range(1000):
        log.warning("database is away", attempt=1)
    assert len(stream.getvalue().splitlines()) == 5
    clock._move(61)
    log.warning("database is away", attempt=2)
    assert json.loads(stream.getvalue().splitlines()[-1])["repeated"] == 995


def test_libraries_lines_are_masked_too_and_their_chatter_is_left_out() -> None:
    stream, _ = logged()
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("login with s3cr3t-value")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == f"login with {MASK}"


def test_what_is_routine_is_not_logged_at_info() -> None:
    stream, _ = logged()
    EventLog().hear(stamped(PostHeld(content_id="c", why="not yet")))
    assert stream.getvalue() == ""


def log_in(cookie: str) -> None:
    raise ConnectionError(f"refused for {cookie} at redis://:pw-of-cache@host/0")


@pytest.mark.parametrize("json", [True, False])
@pytest.mark.parametrize("library", [True, False])
def test_a_traceback_shows_neither_secrets_nor_local_variables(json: bool, library: bool) -> None:
    stream, _ = logged(json=json)
    given, local = "s3cr3t-value", "-".join(("never", "listed"))
    try:
        log_in(given)
    except ConnectionError as error:
        if library:
            logging.getLogger("uvicorn.error").error("crashed", exc_info=True)
        else:
            structlog.get_logger().error("crashed", exc_info=error)
    shown = stream.getvalue()
    assert "ConnectionError" in shown and "log_in" in shown, "the traceback itself is gone"
    for secret in (given, local, "pw-of-cache"):
        assert secret not in shown


@pytest.mark.parametrize("json", [True, False])
def test_a_secret_inside_a_nested_value_is_masked(json: bool) -> None:
    stream, _ = logged(json=json)
    deep: object = "s3cr3t-value"
    for _ in range(20):
        deep = [deep]
    structlog.get_logger().warning(
        "sent",
        headers={"Cookie": "one-cookie", "at": ("x", "s3cr3t-value"), "s3cr3t-value": 1},
        cookies=["two-cookie"],
        jar=[{"name": "auth_token", "value": "three-cookie"}],
        deep=deep,
        opaque=ValueError("s3cr3t-value"),
        tries=[1, None, True],
    )
    shown = stream.getvalue()
    for secret in ("s3cr3t-value", "one-cookie", "two-cookie", "three-cookie"):
        assert secret not in shown
    assert ("[1, null, true]" if json else "[1, None, True]") in shown


@pytest.mark.parametrize("library", [True, False])
def test_a_line_within_a_run_says_whose_which_run_which_post_and_which_trace(library: bool) -> None:
    stream, _ = logged()
    about = {"account_id": "x:a", "run_id": "posting.sweep/x:a@t", "content_id": "c1", "trace_id": "t1"}
    with structlog.contextvars.bound_contextvars(**about):
        if library:
            logging.getLogger("some.library").warning("it is slow")
        else:
            structlog.get_logger().warning("it is slow")
    line = json.loads(stream.getvalue())
    assert {name: line[name] for name in about} == about


def test_an_event_about_a_post_carries_the_trace_of_the_post_whoever_tells_it() -> None:
    stream, _ = logged("DEBUG")
    with structlog.contextvars.bound_contextvars(trace_id="of the run"):
        EventLog().hear(stamped(PostHeld(content_id="c1", why="not yet", account_id="x:a")))
    line = json.loads(stream.getvalue())
    assert (line["trace_id"], line["account_id"]) == (trace_of("c1"), "x:a")
