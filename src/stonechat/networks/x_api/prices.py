"""What calls cost, in US dollars: X's list of 2026, by the call or by each thing that is read.

https://docs.x.com/x-api/getting-started/pricing. A thing that is read twice in one UTC day is charged once.
Nothing is charged for what X refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stonechat.networks.plugin import PostPrice
from stonechat.networks.x_text_rules import entities

POST = 0.015
POST_WITH_LINK = 0.20
SUMMONED_REPLY = 0.010
"""A reply to somebody who mentioned or quoted the account."""
POST_READ = 0.005
OWN_READ = 0.001
"""Own posts and mentions, where the account owns the app."""
USER_READ = 0.010
MEDIA_METADATA = 0.005
DELETED = 0.010


def price_of_part(text: str, *, summoned: bool = False) -> float:
    """The price of one part."""
    if entities(text).links:
        return POST_WITH_LINK
    return SUMMONED_REPLY if summoned else POST


def price_of(parts: Sequence[str], pictures: int, *, summoned: bool) -> PostPrice:
    """The price of a piece of content, and what makes it dear."""
    linked = sum(bool(entities(one).links) for one in parts)
    usd = sum(price_of_part(one, summoned=summoned and not number) for number, one in enumerate(parts))
    why = "because of its link" if linked == 1 else f"because of links in {linked} parts" if linked else ""
    return PostPrice(round(usd + pictures * MEDIA_METADATA, 4), why)


@dataclass
class ReadToday:
    """Which things were read in this UTC day, by real time: each is charged once."""

    day: str = ""
    seen: set[str] = field(default_factory=set)

    def new(self, ids: Iterable[str], wall: datetime) -> int:
        """How many of these are read for the first time today; from now on none of them is."""
        today = f"{wall:%Y-%m-%d}"
        if today != self.day:
            self.day, self.seen = today, set()
        found = set(ids) - self.seen
        self.seen |= found
        return len(found)
