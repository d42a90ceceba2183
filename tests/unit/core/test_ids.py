"""Ids that repeat where they must and never where they must not."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.ids import fingerprint, fresh_id, stable_id

texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=30)


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, min_size=1, max_size=4))
def test_stable_ids_are_equal_exactly_when_their_parts_are(one: Any, other: Any) -> None:
    assert (stable_id(*one) == stable_id(*other)) == (one == other)


def test_fresh_ids_differ() -> None:
    assert len({fresh_id() for _ in range(1000)}) == 1000


def test_a_fingerprint_survives_what_networks_do_to_white_space() -> None:
    assert fingerprint("Sleep  well,\nbuild well.") == fingerprint("Sleep well, build well. ")
    assert fingerprint("Sleep well.") != fingerprint("Sleep better.")
