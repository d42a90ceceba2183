"""The pages and their order: the owner's first, then those for whoever looks after the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """One page in the navigation; ``waits``: its link shows how much waits for the owner."""

    path: str
    name: str
    waits: bool = False

    def is_open(self, path: str) -> bool:
        """Whether ``path`` is this page or one below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


OWNER = (
    Link("/", "Overview"),
    Link("/inbox", "Inbox", waits=True),
    Link("/calendar", "Calendar"),
    Link("/write", "Write"),
    Link("/posts", "Posts"),
    Link("/analytics", "Analytics"),
    Link("/learning", "Learning"),
    Link("/accounts", "Accounts"),
)
"""What an owner looks at every day."""

MORE = (
    Link("/queue", "Queue"),
    Link("/unposted", "Not posted"),
    Link("/rehearsals", "Rehearsals"),
    Link("/tokens", "API tokens"),
)
"""What an owner looks at now and then."""

SYSTEM = (
    Link("/alerts", "Alerts"),
    Link("/posting", "Posting"),
    Link("/harvesting", "Harvesting"),
    Link("/jobs", "Jobs"),
    Link("/browser", "Browser"),
    Link("/breakers", "Breakers"),
    Link("/database", "Database"),
    Link("/cache", "Cache"),
    Link("/audit", "Audit"),
)
"""What an operator looks at when something is wrong."""
