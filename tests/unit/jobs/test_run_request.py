"""When a failed run is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stonechat.core.errors import IllegalTransition, PageChanged, Permanent, Transient, Unknown
from stonechat.jobs.execution.run_request import RunRequest, describe, parse_run_id, pause
from stonechat.jobs.job import Retry
from stonechat.jobs.scheduling.schedules import EPOCH

SECOND = timedelta(seconds=1)
RETRY = Retry(attempts=5, first=SECOND, cap=timedelta(seconds=6))


def test_waits_double_up_to_the_cap_and_then_no_more_tries() -> None:
    waits = [pause(RETRY, tries, RuntimeError()) for tries in range(1, 6)]
    assert waits == [SECOND, 2 * SECOND, 4 * SECOND, 6 * SECOND, None]


def test_the_other_side_may_ask_for_a_longer_wait() -> None:
    assert pause(RETRY, 1, Transient("busy", retry_after=90 * SECOND)) == 90 * SECOND
    assert pause(RETRY, 1, Transient("busy", retry_after=SECOND / 10)) == SECOND


@pytest.mark.parametrize(
    "error",
    [
        Permanent("no"),
        PageChanged("#post", "moved"),
        Unknown("perhaps"),
        IllegalTransition("posted to draft"),
    ],
)
def test_what_would_fail_again_or_may_have_happened_is_not_repeated(error: Exception) -> None:
    assert pause(RETRY, 1, error) is None


def test_a_request_survives_json() -> None:
    request = RunRequest("a.job", "ann", EPOCH, "schedule")
    assert RunRequest.from_json(request.to_json()) == request


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "x",
        {},
        [],
        ["a.job", None, "x"],
        ["a.job", None, "yesterday", "t"],
        [1, None, EPOCH.isoformat(), "t"],
    ],
)
def test_what_is_not_of_the_form_of_a_request_is_none(value: object) -> None:
    assert RunRequest.from_json(value) is None


@pytest.mark.parametrize("account", [None, "ann", "x_web:ann@home", "a/b"])
def test_a_run_name_can_be_taken_apart_again(account: str | None) -> None:
    name = parse_run_id(RunRequest("a.job", account, EPOCH, "schedule").run_id)
    assert name is not None and (name.job, name.account_id, name.tick) == ("a.job", account, EPOCH)


@pytest.mark.parametrize("name", ["", "@", "foreign", "a.job@yesterday", "@2026-01-05T09:00:00+00:00"])
def test_a_name_that_is_no_run_of_ours_is_none(name: str) -> None:
    assert parse_run_id(name) is None


def test_each_account_of_a_job_is_a_partition_of_its_own() -> None:
    requests = [RunRequest("a.job", account, EPOCH) for account in (None, "ann")]
    assert [request.partition for request in requests] == ["a.job", "a.job/ann"]


def test_an_error_is_described_in_one_line() -> None:
    assert describe(ValueError("bad text")) == "ValueError: bad text"
    assert describe(TimeoutError()) == "TimeoutError"


def test_an_error_is_described_without_log_ins() -> None:
    error = Transient("no answer from 'redis://:p@ss@host:6379' with token=abcdef123")
    told = describe(error)
    assert told.startswith("Transient: no answer from 'redis://") and "@host:6379" in told
    assert "p@ss" not in told and "abcdef123" not in told
