"""Which part depends on which, so that a cascade of faults becomes one incident that names its cause."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from stonechat.core.states import LayerState

LAYERS = (
    "startup",
    "jobs",
    "content",
    "posting",
    "browser",
    "database",
    "cache",
    "scraping",
    "harvesting",
    "learning",
)
"""The ten layers of the architecture, in its order."""

NEEDS: Mapping[str, frozenset[str]] = {
    "startup": frozenset({"database"}),
    "jobs": frozenset({"database"}),
    "content": frozenset({"jobs", "database", "model", "cache"}),
    "posting": frozenset({"network", "session", "browser", "jobs", "database", "cache"}),
    "network": frozenset({"session", "browser"}),
    "session": frozenset({"browser", "database"}),
    "browser": frozenset(),
    "database": frozenset({"cache"}),
    "cache": frozenset(),
    "model": frozenset(),
    "scraping": frozenset({"network", "session", "browser", "jobs", "database", "cache"}),
    "harvesting": frozenset({"network", "session", "browser", "jobs", "database", "cache"}),
    "learning": frozenset({"scraping", "jobs", "database"}),
}
"""For each part, the parts whose trouble explains its own. Besides the layers: the network (the site
itself), the account's session, and the language model."""

SEVERITY: Mapping[LayerState, int] = {
    LayerState.OK: 0,
    LayerState.UNKNOWN: 1,
    LayerState.DEGRADED: 2,
    LayerState.DOWN: 3,
}


@cache
def ancestors(part: str) -> frozenset[str]:
    """Everything that ``part`` needs, directly or through others."""
    found: set[str] = set()
    ahead = [part]
    while ahead:
        for need in NEEDS.get(ahead.pop(), frozenset()) - found:
            found.add(need)
            ahead.append(need)
    return frozenset(found)


def explains(cause: str, effect: str) -> bool:
    """Whether ``effect`` needs ``cause``, directly or through others."""
    return cause in ancestors(effect)


def root_causes(states: Mapping[str, LayerState]) -> dict[str, tuple[str, ...]]:
    """The troubled parts that nothing else explains, each with the parts that it explains.

    A part explains another only where it is at least as badly off: a degraded cache is no reason for a
    posting layer that is down. Worst cause first. Unknown parts explain nothing and are not listed.
    """
    bad = {part: SEVERITY[state] for part, state in states.items() if SEVERITY[state] >= 2}
    above = {
        part: {other for other in bad if explains(other, part) and bad[other] >= bad[part]} for part in bad
    }
    roots = [part for part in bad if not above[part]]
    order = {part: place for place, part in enumerate(NEEDS)}
    roots.sort(
        key=lambda part: (-bad[part], -sum(part in causes for causes in above.values()), order.get(part, 99))
    )
    return {root: tuple(part for part in bad if root in above[part]) for root in roots}
