"""Every event says what its four readers do with it: the meters, the log, the pages and the alerts."""

from __future__ import annotations

import pytest

from stonechat.alerting.event_rules import TOLD, UNTOLD
from stonechat.core import events as catalogue
from stonechat.core.events import Event
from stonechat.dashboard.changes import TOPICS
from stonechat.monitoring.dependency_graph import NEEDS
from stonechat.monitoring.logs import LEVELS
from stonechat.monitoring.meters import LABELS
from stonechat.resilience import Guarded, breaker_name, kind_of

KINDS = [
    kind
    for kind in vars(catalogue).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
]


def test_there_are_events() -> None:
    assert len(KINDS) > 30


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_has_its_entry_in_each_of_the_four_tables(kind: type[Event]) -> None:
    assert kind in LABELS, "monitoring/meters.py: the labels that it is counted by"
    assert kind in LEVELS, "monitoring/logs.py: how loud its line is"
    assert kind in TOPICS, "dashboard/changes.py: the parts of the pages that change"
    assert (kind in TOLD) is not (kind in UNTOLD), (
        "alerting/event_rules.py: what the owner is told, or nothing"
    )


def test_the_tables_know_no_other_events() -> None:
    assert {*LABELS, *LEVELS, *TOPICS, *TOLD, *UNTOLD} == set(KINDS)


@pytest.mark.parametrize("kind", list(Guarded))
def test_what_a_breaker_guards_is_a_part_of_the_dependency_graph(kind: Guarded) -> None:
    assert kind.value in NEEDS
    assert kind_of(breaker_name(kind)) == kind_of(breaker_name(kind, "a/b")) == kind
