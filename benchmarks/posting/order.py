"""What the system under test is told to do, and what it answers: JSON on standard input and output."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class BenchOrder:
    """One scenario.

    Attributes:
        scenario: ``drain`` (all posts due at once), ``on_time`` (one after the other, ``apart`` seconds
            apart) or ``recover`` (kills, and a post that is always due).
        folder: data folder of the system.
        sessions: base64 session by handle, one account and one context each.
        posts: how many posts in all, dealt out to the accounts in turn.
        apart: real seconds between two due times.
        kills: how often each of ``targets`` is killed.
        targets: ``browser``, ``page`` or ``driver``.
    """

    scenario: str
    folder: str
    url: str
    model_url: str
    sessions: dict[str, str]
    posts: int = 0
    apart: float = 0.0
    kills: int = 0
    targets: tuple[str, ...] = ()

    def to_json(self) -> str:
        """For the other process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> BenchOrder:
        """As it was given."""
        values = json.loads(text)
        return cls(**{**values, "targets": tuple(values["targets"])})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the system saw itself; the ledger says the rest.

    Attributes:
        due: each post's text with its due time (Unix seconds), in due order.
        recoveries: for each target the real seconds from a kill to the next post that is live.
        unsettled: posts that were not ``posted`` in the end, with their state and reason.
    """

    due: list[tuple[str, float]] = field(default_factory=list)
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    unsettled: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """For the other process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Answer:
        """As it was given."""
        values = json.loads(text)
        return cls(**{**values, "due": [(text, at) for text, at in values["due"]]})
