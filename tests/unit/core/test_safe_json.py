"""JSON of others: what is read, and what is refused with one declared error."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.safe_json import UnsafeJson, safe_json

HOSTILE = {
    "nested lists": "[" * 200_000,
    "nested and closed": "[" * 200_000 + "]" * 200_000,
    "nested objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "just too deep": "[" * 65 + "]" * 65,
    "a long whole number": '{"id": ' + "9" * 5000 + "}",
    "a long negative number": "-" + "1" * 41,
    "a long fraction": "0." + "1" * 50,
    "an infinite figure": "1e999",
    "not a number": '{"a": NaN}',
    "infinity": "[-Infinity]",
    "half a surrogate": '"\\ud83d"',
    "the other half": '{"\\udc00": 1}',
    "halves in the wrong order": '"\\udc00\\ud83d"',
    "a key given twice": '{"a": 1, "b": {"c": 1, "c": 2}}',
    "cut off": '{"a": [1, 2',
    "a word": "maybe",
    "nothing": "",
    "two values": "{} {}",
    "escaped quotes without an end": '"' + '\\"' * 300_000,
    "quotes alone": '"' * 300_001,
    "not UTF-8": b"\xff\xfe{\x00}\x00",
    "a surrogate in UTF-8": b'"\xed\xa0\xbd"',
    "a surrogate in text": '"\ud83d"',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_no_honest_sender_writes_is_refused_at_once(data: bytes | str) -> None:
    began = time.process_time()
    with pytest.raises(UnsafeJson) as refused:
        safe_json(data)
    assert refused.value.what
    assert time.process_time() - began < 1.0


def test_what_is_longer_than_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(UnsafeJson, match="longer than 10 bytes"):
        safe_json(b'"0123456789"', most_bytes=10)


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    assert safe_json(json.dumps(["[" * 500, '\\"[{' * 100])) == ["[" * 500, '\\"[{' * 100]


def test_a_byte_order_mark_and_whole_surrogate_pairs_are_read() -> None:
    assert safe_json(b'\xef\xbb\xbf{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_an_honest_sender_writes_is_read_as_it_was_meant(value: object, ascii_only: bool) -> None:
    assert safe_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_either_read_or_refused(data: bytes | str) -> None:
    try:
        read = json.dumps(safe_json(data), ensure_ascii=False)
    except UnsafeJson as refusal:
        read = str(refusal)
    assert read.encode()
