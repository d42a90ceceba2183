"""An outage fills no log."""

from __future__ import annotations

import logging

from stonechat.jobs.execution.log_throttle import Expected, Throttle


def _record(line: int, message: str = "lost %s") -> logging.LogRecord:
    return logging.LogRecord("dbos", logging.WARNING, "engine.py", line, message, ("connection",), None)


def test_a_few_lines_of_each_kind_pass() -> None:
    throttle = Throttle(per_minute=3)
    assert sum(throttle.filter(_record(7)) for _ in range(1000)) == 3
    assert throttle.filter(_record(8)), "another kind of line was held"


def test_nothing_passes_while_silent() -> None:
    assert not Throttle(per_minute=3, silent=lambda: True).filter(_record(7))


def test_what_is_expected_is_dropped_only_while_it_is() -> None:
    closing = False
    expected = Expected("lost", lambda: closing)
    assert expected.filter(_record(7)), "dropped before"
    closing = True
    assert not expected.filter(_record(7))
    assert expected.filter(_record(7, "found %s")), "something else was dropped"
