"""Cookies in one form, and when a log-in of theirs has ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stonechat.config.cookies import belongs_to, ended, flaw, normal

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PAST, FUTURE = 1_700_000_000, 1_900_000_000


def cookie(**more: Any) -> dict[str, Any]:
    return normal({"name": "a", "value": "v", **more}, "site.example")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (None, -1),
        ("", -1),
        ("Session", -1),
        (0, -1),
        (-5, -1),
        (True, -1),
        (1900000000, 1900000000),
        ("1900000000.5", 1900000000.5),
        (1900000000000, 1900000000),
        ("2030-03-17T17:46:40Z", 1900000000),
        ("2030-03-17T17:46:40", 1900000000),
        ("Sun, 17 Mar 2030 17:46:40 GMT", 1900000000),
    ],
)
def test_every_way_to_write_an_end_is_read(written: Any, seconds: float) -> None:
    assert cookie(expires=written)["expires"] == seconds
    assert flaw(cookie(expires=written)) == ""


@pytest.mark.parametrize(
    ("domain", "is_part"),
    [
        (".site.example", True),
        ("site.example", True),
        ("mobile.site.example", True),
        ("SITE.example", True),
        ("evilsite.example", False),
        ("site.example.evil", False),
        ("example", False),
        ("site.example:443", False),
    ],
)
def test_a_cookie_belongs_to_its_host_and_what_lies_below(domain: str, is_part: bool) -> None:
    assert belongs_to(cookie(domain=domain), "site.example") is is_part


@pytest.mark.parametrize(
    ("ends", "over"),
    [
        ([("auth", FUTURE), ("csrf", -1)], False),
        ([("auth", PAST), ("csrf", -1)], True),
        ([("auth", PAST), ("auth", FUTURE), ("csrf", -1)], False),
        ([("auth", PAST), ("csrf", PAST - 5)], True),
        ([("auth", -1), ("csrf", FUTURE), ("other", PAST)], False),
    ],
)
def test_a_log_in_ends_with_the_first_cookie_that_it_needs(ends: list[tuple[str, float]], over: bool) -> None:
    held = [cookie(name=name, expires=at) for name, at in ends]
    assert (ended(held, ("auth", "csrf"), NOW) is not None) is over
