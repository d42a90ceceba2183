"""Assigns due times to choices: each in its own hour block, or elsewhere where that has no free time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stonechat.content.arms import HOUR_BLOCK, Arms
from stonechat.content.slots import schedule
from stonechat.content.slots.schedule import Booked, Rhythm
from stonechat.core.model import Choice


@dataclass(frozen=True, slots=True)
class Placed:
    """A choice with its time.

    Attributes:
        propensity: the choice's own, or None where the rhythm overruled the learner.
    """

    choice: Choice
    due_at: datetime
    propensity: float | None

    @property
    def booked(self) -> Booked:
        """The time as others must respect it."""
        return Booked(self.due_at, self.choice.arm.get("topic", ""))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where times are looked for.

    Attributes:
        earliest, until: every time lies between them; the local day of ``until`` counts as a whole.
    """

    arms: Arms
    rhythm: Rhythm
    earliest: datetime
    until: datetime

    def place(
        self, choices: Sequence[Choice], taken: Sequence[Booked], rng: random.Random
    ) -> tuple[list[Placed], list[Choice]]:
        """Give each choice a time in its own hour block; those that found none come second."""
        placed: list[Placed] = []
        left: list[Choice] = []
        for choice in choices:
            known = [*taken, *(one.booked for one in placed)]
            at = self._find(choice.arm.get("topic", ""), self.arms.hours(choice.arm), known, rng)
            if at is None:
                left.append(choice)
            else:
                placed.append(Placed(choice, at, choice.propensity))
        return placed, left

    def displace(self, choice: Choice, taken: Sequence[Booked], rng: random.Random) -> Placed | None:
        """The choice where the rhythm allows it, on another topic if need be: no longer the learner's."""
        topics = [choice.arm.get("topic", "")]
        factor = self.arms.factors.get("topic")
        if factor:
            others = [level for level in factor.active if level not in topics]
            topics += rng.sample(others, len(others))
        for topic in topics:
            at = self._find(topic, None, taken, rng)
            if at is not None:
                block = self.arms.block_of(schedule.local_hour(self.rhythm.timezone, at))
                arm = {**choice.arm, **({"topic": topic} if topic else {})}
                arm |= {HOUR_BLOCK: block} if block else {}
                moved = Choice(arm, choice.propensity, choice.holdout, choice.model_version)
                return Placed(moved, at, None)
        return None

    def _find(
        self, topic: str, hours: tuple[int, int] | None, taken: Sequence[Booked], rng: random.Random
    ) -> datetime | None:
        return schedule.place(
            self.rhythm,
            taken,
            hours=hours,
            topic=topic,
            earliest=self.earliest,
            until=self.until,
            rng=rng,
        )
