"""Settings of learning."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import Duration
from stonechat.config.settings.section import DURATION, Section, setting

_MIX = r"(likes|reposts|replies|quotes|bookmarks|views)=\d+(\.\d+)?"
_GOAL = rf"^(engagement|views|replies|{_MIX}(,{_MIX})*)$"


class LearningSettings(Section):
    """Layer 10. Durations are account time."""

    maturity: Duration = setting("LEARNING_MATURITY", timedelta(hours=48), DURATION)
    """The age at which a post is judged. Earlier learns faster from noisier numbers."""
    min_impressions: int = setting("LEARNING_MIN_IMPRESSIONS", 20, "a whole number, 0 or more", ge=0)
    """With fewer views than this at maturity a post teaches nothing: that says more about reach than about
    the text."""
    goal: str = setting(
        "LEARNING_GOAL",
        "engagement",
        "engagement, views, replies, or a mix such as likes=1,replies=3",
        pattern=_GOAL,
    )
    """What a new account learns towards. The goal of one that has learned already is changed by
    `stonechat learn goal`, which shows first what changes."""
    holdout_first: float = setting("LEARNING_HOLDOUT_FIRST", 0.15, "a share from 0 to 1", ge=0, le=1)
    """The share of posts that are chosen at random during an account's first 200 posts. They are what the
    gain is measured against."""
    holdout: float = setting("LEARNING_HOLDOUT", 0.10, "a share from 0 to 1", ge=0, le=1)
    """The share of posts that are chosen at random after that, for ever. 0 ends the proof that learning
    helps."""
