"""Names of breakers: the kind of thing that one guards, and which of its kind: ``model/fallback``.

They are stored, shown and typed as one text. Whoever makes one or needs its kind asks here.
"""

from __future__ import annotations

from enum import StrEnum


class Guarded(StrEnum):
    """What a breaker guards: a part of the dependency graph, which is in trouble while it is open."""

    MODEL = "model"
    NETWORK = "network"
    POSTING = "posting"
    BROWSER = "browser"


def breaker_name(kind: Guarded, which: str = "") -> str:
    """The name of the breaker of this kind; ``which`` where there are several."""
    return f"{kind.value}/{which}" if which else kind.value


def kind_of(name: str) -> str:
    """What the breaker of this name guards: a :class:`Guarded`, or what another version has stored."""
    return name.partition("/")[0]
