"""The weighted length of a post, as X counts it (twitter-text configuration v3)."""

from __future__ import annotations

import re
import warnings

with warnings.catch_warnings():  # it reads its tables through pkg_resources, which warns of its own age
    warnings.simplefilter("ignore", UserWarning)
    from twitter_text import parse_tweet

MAX_WEIGHTED = 280
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_SPECIAL = re.compile(r"\w\.\w|://|[\u200d\u203c-\u3299\ufe0f\U00010000-\U0010ffff]")
"""What may be a link or an emoji, and so needs the whole rule."""
_PLAIN_MARKS = str.maketrans("", "", "•…")


def weighted_length(text: str) -> int:
    """Most characters weigh 1, ideographs and emoji 2, a URL 23; 280 is the most that may be posted."""
    if _SPECIAL.search(text.translate(_PLAIN_MARKS)):
        return int(parse_tweet(text).weightedLength)
    return sum(1 if any(low <= ord(c) <= high for low, high in _LIGHT) else 2 for c in text)
