"""How long a model's endpoint asks us to wait, in every form that the header has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stonechat.content.writing.model_failures import retry_after

DATE = "Mon, 05 Jan 2026 09:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "999999"}, 86_400.0),
        ({"retry-after": "Mon, 05 Jan 2026 09:02:00 GMT", "date": DATE}, 120.0),
        ({"retry-after": "Mon, 12 Jan 2026 09:00:00 GMT", "date": DATE}, 86_400.0),
        ({"retry-after": "Mon, 05 Jan 2026 08:59:00 GMT", "date": DATE}, None),
        ({"retry-after": "Mon, 05 Jan 2026 09:02:00 GMT"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_from_seconds_milliseconds_and_dates(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == (timedelta(seconds=seconds) if seconds is not None else None)
