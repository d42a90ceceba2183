"""What pages and commands print as JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stonechat.core.json_values import plain
from stonechat.core.states import LayerState


@dataclass(frozen=True)
class Line:
    at: datetime
    took: timedelta
    state: LayerState
    names: tuple[str, ...]
    more: dict[str, "Line | None"]


def test_everything_survives_a_round_trip_through_json() -> None:
    inner = Line(datetime(2026, 1, 5, tzinfo=UTC), timedelta(seconds=1.5), LayerState.OK, (), {})
    outer = Line(inner.at, inner.took, LayerState.DOWN, ("a", "b"), {"inner": inner, "none": None})
    assert json.loads(json.dumps(plain([outer]))) == [
        {
            "at": "2026-01-05T00:00:00+00:00",
            "took": 1.5,
            "state": "down",
            "names": ["a", "b"],
            "more": {
                "inner": {
                    "at": "2026-01-05T00:00:00+00:00",
                    "took": 1.5,
                    "state": "ok",
                    "names": [],
                    "more": {},
                },
                "none": None,
            },
        }
    ]


def test_a_text_is_not_a_list() -> None:
    assert plain("abc") == "abc"
