"""What is wrong now: each finding names its rule, the part that is in trouble, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.ids import stable_id
from stonechat.core.states import SessionState

CRITICAL, WARNING, INFO = "critical", "warning", "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now.

    Attributes:
        rule: ``layer``, ``breaker_open``, …
        about: what distinguishes it from other findings of the rule (a layer, a breaker, an account).
        part: where it stands in the dependency graph; a part further down may explain it.
        wait: how long it must last before it fires (real time).
        account_id: the one account that it concerns; it then explains nothing about others.
        everybody: though it is about one account, every other one is in the same trouble.
        host: the host that alone can see it; empty where every host sees the same.
        root: it is about the part as a whole, so it may explain what is found about this part and about
            those that need it. Everything else explains nothing.
        once: an event rather than a condition: told once, explained by nothing, its end is not told.
        lasts: for what is found once: how long it is true (real time).
        since: when the trouble began (real time); None where that is when it was found.
        group: findings of one group are told in one message.
        variant: which of several kinds of the same trouble; a change is told again.
    """

    rule: str
    about: str
    part: str
    severity: str
    title: str
    body: str
    remedy: str
    wait: timedelta = timedelta()
    account_id: str | None = None
    host: str = ""
    root: bool = False
    everybody: bool = False
    once: bool = False
    lasts: timedelta = timedelta()
    since: datetime | None = None
    group: str = ""
    variant: str = ""

    @property
    def alert_id(self) -> str:
        """The same finding is the same alert, for ever."""
        return stable_id("alert", self.rule, self.about, self.host)


REMEDIES = {
    "startup": "See which step it waits for, on the overview or at /startupz.",
    "jobs": "See the job's last error under Jobs; `stonechat jobs history <name>` shows its runs.",
    "content": "Check the model endpoint (OPENAI_BASE_URL, OPENAI_API_KEY) and the budget.",
    "posting": "See under Queue why due posts are held; nothing is posted twice when it goes on.",
    "browser": "It is relaunched by itself; if not, `stonechat doctor` checks Chromium, memory and disk.",
    "database": "Check that the server runs and that DATABASE_URL is right; work resumes by itself.",
    "cache": "Check that Redis runs and that REDIS_URL is right; the in-process cache serves meanwhile.",
    "scraping": "If the page has changed, `stonechat debug parse` on a saved page names what moved.",
    "harvesting": "See the harvesting jobs' last errors under Jobs.",
    "learning": "The last good model serves. Look at the refused rewards under Learning.",
    "network": "The site fails or is slow; the breaker probes and closes by itself.",
    "model": "The model endpoint fails; fallback models and the reserve serve meanwhile.",
}
"""What the owner can do, by part."""

SESSION_REMEDIES = {
    SessionState.EXPIRED: "Log in again (`stonechat login`), or give its setting a new session; no restart.",
    SessionState.CHALLENGED: "Answer the network's question in your own browser, then `stonechat login`.",
    SessionState.LOCKED: "Unlock the account on the network's own site, then `stonechat login`.",
    SessionState.SUSPENDED: "Appeal on the network's own site; nothing is published until you act.",
    SessionState.RATE_LIMITED: "Nothing: it is tried again later. If it recurs, lower the posting limits.",
}
"""What the owner can do, by what the network thinks of the session."""
