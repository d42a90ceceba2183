"""Followers who come and go by themselves, whatever is posted."""

from __future__ import annotations

from functools import lru_cache

from stonechat_aviary.chance import chance
from stonechat_aviary.crowd import DAY


class Drift:
    """How many came and went since the world's first day; the same seed gives the same ones."""

    def __init__(self, seed: int, epoch: float) -> None:
        self._seed = seed
        self._first = int(epoch // DAY)
        self._moves = lru_cache(maxsize=4_000)(self._draw)

    def since_the_first_day(self, handle: str, now: float) -> int:
        """Who came less who went, up to ``now``."""
        today = int(now // DAY)
        whole_days = sum(self._on(handle, day, DAY) for day in range(self._first, today))
        return whole_days + self._on(handle, today, now - today * DAY)

    def _on(self, handle: str, day: int, seconds: float) -> int:
        moves = self._moves(handle.lower(), day)
        return sum(step for at, step in moves if at <= seconds)

    def _draw(self, handle: str, day: int) -> tuple[tuple[float, int], ...]:
        rng = chance(self._seed, "followers", handle, day)
        steps = [1] * int(rng.poisson(4.0)) + [-1] * int(rng.poisson(3.0))
        return tuple((float(at) * DAY, step) for at, step in zip(rng.random(len(steps)), steps, strict=True))
