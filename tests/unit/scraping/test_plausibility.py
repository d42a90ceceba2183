"""What is believed of a reading: growth always, a fall only within a small margin, nothing out of nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.model import Metrics
from stonechat.scraping.plausibility import COUNTS, confirmed, doubts

COUNT = st.one_of(st.none(), st.integers(0, 10**9))
SOME = st.builds(Metrics, *(COUNT for _ in COUNTS))


@given(SOME, st.integers(0, 1000))
def test_what_stays_or_grows_is_plausible(before: Metrics, more: int) -> None:
    grown = Metrics(*(None if (was := getattr(before, name)) is None else was + more for name in COUNTS))
    assert doubts(grown, before) == (("no count is shown",) if grown == Metrics() else ())


@given(SOME, SOME)
def test_whatever_is_believed_fell_by_no_more_than_the_margin(now: Metrics, before: Metrics) -> None:
    if doubts(now, before):
        return
    both = [(getattr(before, name), getattr(now, name)) for name in COUNTS]
    known = [(was, is_) for was, is_ in both if was is not None and is_ is not None]
    assert all(is_ >= was - max(2, was * 0.05 + 1) for was, is_ in known)
    assert not known or sum(was for was, _ in known) == 0 or any(is_ for _, is_ in known)


@pytest.mark.parametrize(
    ("before", "now", "plausible"),
    [
        (Metrics(likes=3), Metrics(likes=1), True),
        (Metrics(likes=2, views=0), Metrics(likes=0, views=0), False),
        (Metrics(likes=2, views=40), Metrics(likes=0, views=40), True),
        (Metrics(likes=9), Metrics(likes=6), False),
        (Metrics(likes=1000), Metrics(likes=951), True),
        (Metrics(likes=1000), Metrics(likes=940), False),
        (Metrics(likes=5), Metrics(views=100), True),
        (Metrics(likes=5), Metrics(), False),
        (None, Metrics(likes=0), True),
    ],
)
def test_a_fall_within_a_small_margin_is_plausible(
    before: Metrics | None, now: Metrics, plausible: bool
) -> None:
    assert (not doubts(now, before)) is plausible


def test_a_second_reading_confirms_what_it_repeats_and_nothing_else() -> None:
    assert confirmed(Metrics(likes=121, views=5), Metrics(likes=120, views=5))
    assert not confirmed(Metrics(likes=90), Metrics(likes=120))
    assert not confirmed(Metrics(), Metrics())
    assert not confirmed(Metrics(views=3), Metrics(likes=120))
