"""When a drill has passed: one message with the right root and its end; none where none is due."""

from __future__ import annotations

import pytest

from stonechat.cli.demonstration.drill_copy import Told
from stonechat.cli.demonstration.drill_faults import DRILLS
from stonechat.cli.demonstration.drill_run import is_as_due
from stonechat.monitoring.dependency_graph import NEEDS


def told(*lines: str) -> list[Told]:
    return [Told(0.0, status, part, line) for line in lines for status, part in [line.split()]]


@pytest.mark.parametrize(
    ("name", "messages", "passes"),
    [
        ("model-down", told("firing model", "resolved model"), True),
        ("model-down", told("firing model"), False),
        ("model-down", told("firing content", "resolved content"), False),
        ("model-down", told("firing model", "firing content", "resolved model", "resolved content"), False),
        ("model-down", [], False),
        ("looks-automated", told("firing posting"), True),
        ("answers-lost", [], True),
        ("answers-lost", told("firing posting", "resolved posting"), False),
    ],
)
def test_a_drill_passes_by_what_was_told(name: str, messages: list[Told], passes: bool) -> None:
    assert is_as_due(DRILLS[name], messages) is passes


def test_every_drill_expects_a_part_that_an_alert_can_be_about() -> None:
    assert {one.root for one in DRILLS.values()} <= {*NEEDS, ""}
