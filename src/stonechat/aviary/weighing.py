"""The weighted length of a post, as X counts it (twitter-text configuration v3)."""

from __future__ import annotations

from twitter_text import parse_tweet

MAX_WEIGHTED = 280


def weighted_length(text: str) -> int:
    """Most characters weigh 1, ideographs and emoji 2, a URL 23; 280 is the most that may be posted."""
    return int(parse_tweet(text).weightedLength)
