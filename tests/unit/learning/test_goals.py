"""Goals as they are written, and followers by day."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from stonechat.config.settings import LearningSettings
from stonechat.learning.goals import daily_gains


@pytest.mark.parametrize("goal", ["clicks", "followers", "likes=", "likes=1,", "fame=1", "views=-1", ""])
def test_a_goal_that_is_none_stops_the_start(goal: str) -> None:
    with pytest.raises(ValidationError):
        LearningSettings.model_validate({"LEARNING_GOAL": goal})


def test_followers_are_gained_on_days_of_which_both_ends_are_known() -> None:
    series = [(datetime(2026, 1, day, hour, tzinfo=UTC), count) for day, hour, count in
              ((1, 3, 10), (1, 20, 14), (2, 1, 15), (4, 1, 20), (5, 1, 18))]  # fmt: skip
    assert daily_gains(series) == {date(2026, 1, 1): 5.0, date(2026, 1, 4): -2.0}
