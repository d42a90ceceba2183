"""Texts that no database takes are replaced on their way in; all others stay as they are."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as some

from stonechat.database.connection.text_sanitizing import UNSTORABLE, dumps, fitted, quick, storable, whole


def test_nul_and_halves_are_replaced_and_nothing_else() -> None:
    assert storable("a\x00b\ud83dc") == "a\u2400b\ufffdc"
    assert whole("a\x00b\ud83dc") == "a\x00b\ufffdc"
    assert quick("grüße \U0001f426") == "grüße \U0001f426"


@given(some.text(some.characters()))
def test_every_text_can_be_stored_afterwards(text: str) -> None:
    stored = quick(text)
    assert UNSTORABLE.search(stored) is None
    stored.encode()
    whole(text).encode()
    assert len(stored) == len(text)


def test_parameters_of_one_statement_and_of_many_are_fitted() -> None:
    assert fitted({"a": "x\x00", "b": 1}, quick) == {"a": "x\u2400", "b": 1}
    assert fitted([("x\x00", None), ("y", b"\x00")], quick) == [("x\u2400", None), ("y", b"\x00")]


def test_json_says_the_same_but_for_what_cannot_be_kept() -> None:
    value = {"a\x00": ["\ud83d", "\U0001f426", "\\u0000", 1.5, None]}
    assert json.loads(dumps(value)) == {"a\u2400": ["\ufffd", "\U0001f426", "\\u0000", 1.5, None]}
