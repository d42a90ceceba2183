"""The space of arms: factors, their levels, and each level's position in a model's state vector.

A model's state is a vector. Position 0 is the account's level, then come the context features, then
one position for each level of each factor, in the order in which they were first seen. A level that
the owner retires keeps its position, so nothing learned is lost and late rewards still find it; a new
level is appended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stonechat.core.model import Arm

Factors = Mapping[str, Sequence[str]]
"""For each factor (``topic``, ``hook`` …) the levels that may be chosen today."""


@dataclass(frozen=True)
class ArmSpace:
    """Which levels exist, which may be chosen, and their positions.

    Attributes:
        context: names of context features, for example ``("weekend",)``.
        known: every (factor, level) ever offered, in order of position.
        active: for each factor the levels that may be chosen now; never empty.
    """

    known: tuple[tuple[str, str], ...]
    active: tuple[tuple[str, tuple[str, ...]], ...]
    context: tuple[str, ...] = ()

    @classmethod
    def of(cls, factors: Factors, context: Sequence[str] = ()) -> ArmSpace:
        """The space of ``factors``.

        Raises:
            ValueError: where there is no factor, a factor has no level, or a level is named twice.
        """
        active = tuple((factor, tuple(levels)) for factor, levels in factors.items())
        if not active:
            raise ValueError("at least one factor is needed to choose between arms")
        for factor, levels in active:
            if not levels or len(set(levels)) != len(levels):
                raise ValueError(f"factor {factor!r} needs at least one level, each named once")
        known = tuple((factor, level) for factor, levels in active for level in levels)
        return cls(known=known, active=active, context=tuple(context))

    def revised(self, factors: Factors) -> ArmSpace:
        """The space after the owner changed the arms: every old position stays, new levels come last."""
        wanted = ArmSpace.of(factors, self.context)
        seen = set(self.known)
        added = tuple(pair for pair in wanted.known if pair not in seen)
        return ArmSpace(known=self.known + added, active=wanted.active, context=self.context)

    @property
    def size(self) -> int:
        """Length of the state vector."""
        return self.first_arm + len(self.known)

    @property
    def first_arm(self) -> int:
        """Position of the first level; what stands before it is the account's level and the context."""
        return 1 + len(self.context)

    @property
    def count(self) -> int:
        """How many arms (combinations of active levels) there are."""
        product = 1
        for _, levels in self.active:
            product *= len(levels)
        return product

    @cached_property
    def positions(self) -> Mapping[tuple[str, str], int]:
        """Position of every known (factor, level)."""
        return {pair: self.first_arm + at for at, pair in enumerate(self.known)}

    def places(self, arm: Arm) -> list[int]:
        """Positions that a post with this arm touches: the level first, then its known levels.

        A level that was never offered (an old post, a renamed one) is left out: the post still
        teaches the account's level and its other factors. Sorted, because a database may hand an
        arm back with its factors in another order and sums of floats depend on order.
        """
        at = self.positions
        return [0, *sorted([at[pair] for pair in arm.items() if pair in at])]

    @cached_property
    def schema(self) -> str:
        """Digest of names and positions: two states may be compared only where it is equal."""
        text = json.dumps([self.context, self.known], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
