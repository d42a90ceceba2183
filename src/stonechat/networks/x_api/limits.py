"""X's limits, as the headers of its answers tell them: a call that would pass one is not made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime

from stonechat.core.clock import Clock
from stonechat.core.errors import NotTried

_FAMILIES = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
"""Each has ``-limit``, ``-remaining`` and ``-reset``; the last is a time in Unix seconds, by X's clock."""

_LONGEST = timedelta(hours=24)


@dataclass(slots=True)
class RateLimits:
    """The limits of one account's calls, by what is called."""

    clock: Clock
    shut: dict[str, float] = field(default_factory=dict)
    """Until when, on the monotonic clock, nothing is left."""

    def hear(self, route: str, headers: Mapping[str, str]) -> timedelta | None:
        """Note what an answer says of the limits of ``route``; how long nothing is left, where it says so."""
        waits = [
            wait
            for family in _FAMILIES
            if headers.get(f"{family}-remaining", "").strip() == "0" and (wait := self._wait(family, headers))
        ]
        if not waits:
            self.shut.pop(route, None)
            return None
        self.shut[route] = self.clock.monotonic() + max(waits).total_seconds()
        return max(waits)

    def check(self, route: str, host: str) -> None:
        """Whether the call may be made.

        Raises:
            NotTried: X would refuse it; ``retry_after`` is when it no longer does.
        """
        left = self.shut.get(route, 0.0) - self.clock.monotonic()
        if left > 0:
            raise NotTried(
                f"{host} takes no more of these calls for {left:.0f} s.",
                meaning="The account waits as long as X asks for; nothing is lost.",
                retry_after=timedelta(seconds=left),
            )

    def _wait(self, family: str, headers: Mapping[str, str]) -> timedelta | None:
        """Until the window ends; by X's own clock where the answer tells it, since ours may be wrong."""
        reset = headers.get(f"{family}-reset", "").strip()
        if not reset.isdigit() or len(reset) > 12:
            return None
        left = timedelta(seconds=int(reset) - self._their_now(headers))
        return min(max(left, timedelta(seconds=1)), _LONGEST)

    def _their_now(self, headers: Mapping[str, str]) -> float:
        try:
            return parsedate_to_datetime(headers.get("date", "")).timestamp()
        except ValueError:
            return self.clock.wall().timestamp()
