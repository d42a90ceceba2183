"""The arms as data: which levels each factor has, which the learner chooses, what each asks of the writer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.core.model import Arm, ContentKind
from stonechat.core.safe_toml import UnsafeToml, parse_toml, read_toml

TOPIC = "topic"
"""The factor whose levels are what the account speaks about."""

HOUR_BLOCK = "hour_block"
"""The factor whose level decides at which local hours a post is due."""

PROVEN = 12
"""Posts after which a level has proven itself, well or badly: the learner may choose it freely."""


_MIXED = (ContentKind.SINGLE, ContentKind.THREAD, ContentKind.QUOTE)


class Level(BaseModel):
    """One level of a factor.

    Attributes:
        says: what the level asks of the writer, put into the prompt.
        weight: chance relative to the other levels, where the planner draws (``learned = false``).
        retired: no longer offered; what was learned of it is kept.
        start, end: local hours, for levels of ``hour_block`` only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    says: str = ""
    weight: float = Field(default=1.0, gt=0)
    retired: bool = False
    start: int = Field(default=0, alias="from", ge=0, le=23)
    end: int = Field(default=24, alias="to", ge=1, le=24)

    @model_validator(mode="after")
    def _hours(self) -> Level:
        if self.end <= self.start:
            raise ValueError("'to' must be later than 'from'")
        return self


class Factor(BaseModel):
    """One factor; ``learned`` says whether the learner chooses its level or the planner draws it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learned: bool = True
    levels: Mapping[str, Level]

    @model_validator(mode="after")
    def _some(self) -> Factor:
        if not self.active:
            raise ValueError("needs at least one level that is not retired")
        return self

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the levels that may be chosen."""
        return tuple(name for name, level in self.levels.items() if not level.retired)


class Arms:
    """All factors, and the mix of kinds (share of ``single``, ``thread`` and ``quote``)."""

    def __init__(self, factors: Mapping[str, Factor], mix: Mapping[ContentKind, float]) -> None:
        self.factors = factors
        self.mix = mix

    def about(self, topics: Iterable[str]) -> Arms:
        """The same arms on other topics; a topic that is known keeps what it asks of the writer."""
        known = self.factors.get(TOPIC)
        levels = {name: known.levels[name] if known and name in known.levels else Level() for name in topics}
        factor = Factor(learned=known.learned if known else True, levels=levels)
        return Arms({**self.factors, TOPIC: factor}, self.mix)

    def learned(self) -> dict[str, tuple[str, ...]]:
        """For each factor that the learner chooses, the levels it may choose."""
        return {name: factor.active for name, factor in self.factors.items() if factor.learned}

    def hours(self, arm: Arm) -> tuple[int, int] | None:
        """Local hours (first, up to) that the arm's hour block asks for; None where it asks for none."""
        factor = self.factors.get(HOUR_BLOCK)
        level = factor.levels.get(arm.get(HOUR_BLOCK, "")) if factor else None
        return (level.start, level.end) if level else None

    def block_of(self, hour: int) -> str | None:
        """The name of the hour block that a local hour lies in."""
        factor = self.factors.get(HOUR_BLOCK)
        levels = factor.levels.items() if factor else ()
        return next((name for name, level in levels if level.start <= hour < level.end), None)

    def says(self, factor: str, level: str) -> str:
        """What a level asks of the writer."""
        known = self.factors.get(factor)
        found = known.levels.get(level) if known else None
        return found.says if found else ""

    def unproven(self, tried: Mapping[tuple[str, str], int]) -> frozenset[tuple[str, str]]:
        """The learned levels that are new: hardly tried, though half of their siblings are proven.

        Args:
            tried: how many posts of each (factor, level) went live.
        """
        found: set[tuple[str, str]] = set()
        for name, factor in self.factors.items():
            if factor.learned:
                fresh = {(name, level) for level in factor.active if tried.get((name, level), 0) < PROVEN}
                if len(fresh) * 2 <= len(factor.active):
                    found |= fresh
        return frozenset(found)

    def completed(self, arm: Arm, rng: random.Random) -> dict[str, str]:
        """The arm with a level drawn, by weight, for each factor that it lacks."""
        full = dict(arm)
        for name, factor in self.factors.items():
            if name not in full and not factor.learned:
                weights = [factor.levels[level].weight for level in factor.active]
                full[name] = rng.choices(factor.active, weights)[0]
        return full

    def kind(self, arm: Arm, rng: random.Random) -> ContentKind:
        """A kind drawn from the mix; one sentence stays one post."""
        if arm.get("format") == "one_liner":
            return ContentKind.SINGLE
        return rng.choices(list(self.mix), list(self.mix.values()))[0]


ArmsOf = Callable[[str], Arms]
"""The arms of an account, by its id: topics are those of its own voice."""


def load_arms(path: Path | None = None) -> Arms:
    """Arms from a file, or those that come with the package.

    Raises:
        ConfigError: the file cannot be read or breaks the form; every fault is named.
    """
    if path is None:
        text = (files("stonechat.content") / "data" / "arms.toml").read_text(encoding="utf-8")
        return _parse("arms.toml", parse_toml(text))
    try:
        return _parse(str(path), read_toml(path))
    except (FileNotFoundError, UnsafeToml) as exc:
        fault = ConfigFault(str(path), f"cannot be read: {exc}", "a file of arms in TOML")
        raise ConfigError((fault,)) from exc


def _parse(name: str, data: dict[str, object]) -> Arms:
    faults: list[ConfigFault] = []
    mix = _mix(name, data.pop("mix", {"single": 1.0}), faults)
    factors: dict[str, Factor] = {}
    for factor, value in data.items():
        try:
            factors[factor] = Factor.model_validate(value)
        except ValidationError as exc:
            for error in exc.errors():
                where = ".".join(str(part) for part in (factor, *error["loc"]))
                faults.append(ConfigFault(f"{name}: {where}", str(error["msg"]), "see the example arms.toml"))
    if not any(factor.learned for factor in factors.values()) and not faults:
        faults.append(ConfigFault(name, "no factor is learned", "at least one factor with learned = true"))
    if faults:
        raise ConfigError(tuple(faults))
    return Arms(factors, mix)


def _mix(name: str, value: object, faults: list[ConfigFault]) -> dict[ContentKind, float]:
    allowed = {kind.value: kind for kind in _MIXED}
    mix: dict[ContentKind, float] = {}
    for kind, share in value.items() if isinstance(value, dict) else ():
        if kind in allowed and isinstance(share, int | float) and share > 0:
            mix[allowed[kind]] = float(share)
        else:
            faults.append(
                ConfigFault(f"{name}: mix.{kind}", "is not a kind and its share", ", ".join(allowed))
            )
    return mix or {ContentKind.SINGLE: 1.0}
