"""Lengths and times of day as people write them."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.spoken_time import LONGEST, read_length, read_time_of_day


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("2 hours", 7200),
        ("30 min", 1800),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1 day, 12 hours", 129600),
        ("1 hour and 5 minutes", 3900),
        ("3D", 259200),
        ("2w", 1209600),
        ("0", 0),
    ],
)
def test_a_length_is_read(text: str, seconds: float) -> None:
    assert read_length(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "-5m",
        "1 month",
        "1h 2h",
        "1h 5",
        "5 m s",
        "1e3s",
        "nan",
        "inf",
        "\u0665m",
        "1:30",
        "200y",
        "9" * 400,
    ],
)
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than a hundred years"):
        read_length(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("9:00", time(9)),
        ("09.05", time(9, 5)),
        ("7am", time(7)),
        ("12 a.m.", time(0)),
        ("23h59", time(23, 59)),
    ],
)
def test_a_time_of_day_is_read(text: str, meant: time) -> None:
    assert read_time_of_day(text) == meant


@given(text=st.text(max_size=16) | st.text("0123456789.:hapm sd", max_size=12))
def test_whatever_is_written_is_read_or_a_value_error(text: str) -> None:
    for read in (read_time_of_day, read_length):
        try:
            found = read(text)
        except ValueError:
            continue
        assert isinstance(found, time) or timedelta() <= found <= LONGEST
