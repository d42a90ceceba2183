"""A network in the memory of the process that is measured, so that what is measured is Stonechat alone.

It answers at once, takes every post and shows it, and has a few posts of others to answer.
:func:`installed_in` puts it where an installer would: beside a package's metadata, on the process's path.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from stonechat.config.networks import NetworkSettings
from stonechat.core.clock import Clock
from stonechat.core.model import Account, Metrics
from stonechat.core.network import NetworkPost, Posted, Profile, Publication, PublishOutcome, Timeline
from stonechat.core.states import SessionState
from stonechat.networks.plugin import Connected, NetworkPlugin, NetworkRules, PlainTextRules, Surroundings

NAME = "bench"
KEPT = 200
"""Posts of an account that are remembered; no read asks for more."""

EVERY = timedelta(hours=3)
"""Somebody mentions an account, and writes something that its search finds, that often."""

_URL = "http://127.0.0.1/{author}/status/{id}"


class MemoryNetwork:
    """Every account's posts, oldest first."""

    name = NAME

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._posts: dict[str, deque[NetworkPost]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._numbers = 1_000

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        """Take all parts."""
        if before_click is not None:
            before_click()
        ids: list[str] = []
        for part in publication.parts:
            self._numbers += 1
            ids.append(str(self._numbers))
            answers = ids[-2] if len(ids) > 1 else publication.reply_to
            self._posts[account.id].append(
                self._post(ids[-1], account.handle, part, self._clock.now(), answers)
            )
        return Posted(tuple(ids), _URL.format(author=account.handle, id=ids[0]))

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        """The account's posts with counts that grow with their age."""
        return self._shown(account, limit, lambda post: post.in_reply_to is None)

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        """The same with its answers."""
        return self._shown(account, limit, lambda _: True)

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        """A post and what answers it."""
        return self._shown(account, KEPT, lambda post: post_id in (post.id, post.in_reply_to))

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        """One post of somebody else's every so often."""
        return self._others(account, "found", f"What does everybody make of {query}?")

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        """The same, to the account."""
        return self._others(account, "asked", f"@{account.handle} what do you make of the evening?")

    async def profile(self, account: Account, handle: str) -> Profile:
        """Anybody."""
        return Profile(handle, handle, followers=120, following=80)

    async def session(self, account: Account) -> SessionState:
        """Always accepted."""
        return SessionState.VALID

    def _shown(self, account: Account, limit: int, wanted: Callable[[NetworkPost], bool]) -> Timeline:
        now = self._clock.now()
        mine = [post for post in reversed(self._posts[account.id]) if wanted(post)]
        oldest = mine[limit - 1].created_at if len(mine) > limit else None
        shown = [
            self._post(one.id, one.author, one.text, one.created_at or now, one.in_reply_to)
            for one in mine[:limit]
        ]
        return Timeline(tuple(shown), complete=True, oldest=oldest, source="api")

    def _others(self, account: Account, kind: str, text: str) -> Timeline:
        number = int(self._clock.now().timestamp() // EVERY.total_seconds())
        at = datetime.fromtimestamp(number * EVERY.total_seconds(), self._clock.now().tzinfo)
        post = self._post(f"{kind}-{account.handle}-{number}", f"{kind}{number % 97}", text, at, None)
        return Timeline((post,), complete=True, oldest=None, source="api")

    def _post(self, post_id: str, author: str, text: str, at: datetime, answers: str | None) -> NetworkPost:
        hours = max(0, int((self._clock.now() - at).total_seconds() // 3600))
        counts = Metrics(likes=3 * hours, reposts=hours, replies=0, quotes=0, bookmarks=0, views=90 * hours)
        url = _URL.format(author=author, id=post_id)
        return NetworkPost(post_id, author, at, text, counts, url, in_reply_to=answers)


def connect(surroundings: Surroundings) -> Connected:
    """One for all accounts."""
    return Connected(MemoryNetwork(surroundings.clock))


PLUGIN = NetworkPlugin(
    settings=NetworkSettings(NAME),
    connect=connect,
    text=PlainTextRules(280),
    profile_url=lambda _settings, handle: f"http://127.0.0.1/{handle}",
    rules=NetworkRules(unasked_replies=True),
)


def installed_in(site: Path) -> str:
    """Put it there as a package; returns what has to stand in ``PYTHONPATH``."""
    about = site / "stonechat_bench_network-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stonechat-bench-network\nVersion: 0\n")
    (about / "entry_points.txt").write_text(f"[stonechat.networks]\n{NAME} = {__name__}:PLUGIN\n")
    return f"{site}:{Path(__file__).parents[2]}"
