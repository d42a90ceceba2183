"""Levers."""

from __future__ import annotations

import pytest

from stonechat_aviary.levers import Panel, take


def test_a_counted_lever_runs_out_and_true_does_not() -> None:
    panel = Panel()
    panel.set({"lose_answer": 2, "hang": True})
    assert [take(panel.everybody, "lose_answer") for _ in range(3)] == [True, True, False]
    assert [take(panel.everybody, "hang") for _ in range(3)] == [True, True, True]


def test_levers_of_one_account_leave_the_others_alone() -> None:
    panel = Panel()
    panel.set({"locked": True}, "One")
    assert panel.of("one").locked
    assert not panel.of("two").locked
    panel.reset()
    assert not panel.of("one").locked


def test_an_unknown_lever_is_named_with_the_nearest_known() -> None:
    with pytest.raises(ValueError, match="unknown lever lockd, did you mean locked"):
        Panel().set({"lockd": True})
    with pytest.raises(ValueError, match="garbage"):
        Panel().set({"model": {"garbag": 1}})
