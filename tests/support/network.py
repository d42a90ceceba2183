"""A network in memory: its ledger outlives a crash of ours, and its faults are real ones in small."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, SessionTrouble, Transient
from stonechat.core.model import Account, Metrics
from stonechat.core.network import (
    NetworkPost,
    Posted,
    Profile,
    Publication,
    PublishOutcome,
    Refused,
    Rehearsed,
    ShownPicture,
    TextEntities,
    Timeline,
    Unconfirmed,
)
from stonechat.core.states import SessionState


class Fault(StrEnum):
    """What goes wrong with one publication."""

    NONE = "none"
    NO_BROWSER = "no browser: fails before anything"
    REFUSED = "refused before the click"
    AUTOMATED = "clicked, refused as a program's doing"
    BLOCKED = "clicked, refused since whom it answers has blocked us"
    FORBIDDEN = "refused for good"
    LOST_ANSWER = "accepted, answer lost"
    RAISES_AFTER = "accepted, then the page fails"
    HANGS_AFTER = "accepted, then nothing more happens"
    NOT_ACCEPTED = "clicked, never accepted, no answer"
    HALF_THREAD = "the first part is accepted, the answer is lost"
    HALF_KNOWN = "the first part is accepted and known, then refused"


@dataclass
class FakeNetwork:
    """One site with its accounts' posts.

    Attributes:
        ledger: everything accepted, oldest first; the truth that tests compare with.
        faults: faults of the next publications, used up in order.
        step: called at each moment at which a process could die, with its name.
        pause: awaited where a process could be frozen for a while.
        delay: how long after it was accepted a post becomes visible in timelines.
        broken: every answer is an error.
        folds: a profile shows the first post and the last two of a conversation, and not what is between.
    """

    clock: Clock
    name: str = "x_web"
    max_length: int = 280
    ledger: list[NetworkPost] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    others: list[NetworkPost] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)
    state: SessionState = SessionState.VALID
    step: Callable[[str], None] = lambda _step: None
    pause: Callable[[str], Awaitable[None]] | None = None
    delay: timedelta = timedelta()
    healthy: bool = True
    broken: bool = False
    shrunken: bool = False
    searching: bool = True
    deaf_to: set[str] = field(default_factory=set)
    threading: bool = True
    gone: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    rewrite: Callable[[str], str] = lambda text: text
    sent: list[Publication] = field(default_factory=list)
    loses_pictures: bool = False
    folds: bool = False

    def length(self, text: str) -> int:
        return len(text)

    def entities(self, text: str) -> TextEntities:
        return TextEntities(links=tuple(word for word in text.split() if "://" in word))

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        self.calls.append("publish")
        if why := self._never(publication):
            return Refused(why, permanent=True)
        fault = self.faults.pop(0) if self.faults else Fault.NONE
        if fault is Fault.NO_BROWSER:
            raise Transient("There is no free browser context.")
        if self.state is not SessionState.VALID:
            return Refused(f"the session is {self.state.value}", session=self.state)
        self.sent.append(publication)
        self.step("page/opened")
        self.step("page/typed")
        await self._may_freeze("page/typed")
        if fault is Fault.REFUSED:
            return Refused("the button stays disabled", retry_after=timedelta(seconds=30))
        if fault is Fault.FORBIDDEN:
            return Refused("this text is not allowed", permanent=True)
        if not publication.final_click:
            return Rehearsed("all but the click")
        if before_click is not None:
            before_click()
        if fault is Fault.AUTOMATED:
            return Refused("this looks automated (error 226)", automated=True)
        if fault is Fault.BLOCKED:
            return Refused("the author has blocked this account (136)", permanent=True, blocked=True)
        if fault is Fault.NOT_ACCEPTED:
            return Unconfirmed("no answer came")
        return await self._accept(account, publication, fault)

    def _never(self, publication: Publication) -> str:
        """Why this can never be sent; empty where it can."""
        if not publication.parts or not all(part.strip() for part in publication.parts):
            return "there is nothing to send"
        if any(self.length(part) > self.max_length for part in publication.parts):
            return "a part is too long"
        if self.gone & {publication.reply_to, publication.quote_of}:
            return "the post it is about is gone"
        return ""

    async def _accept(self, account: Account, publication: Publication, fault: Fault) -> PublishOutcome:
        half = fault in (Fault.HALF_THREAD, Fault.HALF_KNOWN) and len(publication.parts) > 1
        ids: list[str] = []
        answers = publication.reply_to
        for number, part in enumerate(publication.parts[:1] if half else publication.parts):
            answers = self._append(account, part, answers, publication, number)
            ids.append(answers)
            self.step(f"network/accepted {len(ids)}")
        if fault is Fault.HALF_KNOWN and half:
            return Refused("the second part failed", confirmed=tuple(ids))
        if fault in (Fault.LOST_ANSWER, Fault.HALF_THREAD):
            return Unconfirmed("the answer was lost")
        if fault is Fault.RAISES_AFTER:
            raise Transient("The page crashed.")
        if fault is Fault.HANGS_AFTER:
            await asyncio.Event().wait()
        await self._may_freeze("page/toast")
        self.step("page/toast")
        return Posted(tuple(ids), self._url(account, ids[0]))

    async def _may_freeze(self, where: str) -> None:
        if self.pause is not None:
            await self.pause(where)

    def _append(
        self, account: Account, text: str, answers: str | None, publication: Publication, number: int
    ) -> str:
        post_id = str(1000 + len(self.ledger))
        self.ledger.append(
            NetworkPost(
                id=post_id,
                author=account.handle,
                created_at=self.clock.now().replace(microsecond=0),
                text=self.rewrite(text),
                metrics=Metrics(likes=0, reposts=0, replies=0, quotes=0, bookmarks=0, views=None),
                url=self._url(account, post_id),
                in_reply_to=answers,
                quoted_id=publication.quote_of if number == 0 else None,
                pictures=()
                if self.loses_pictures
                else tuple(ShownPicture(one.sha256, one.alt) for one in publication.of_part(number)),
            )
        )
        return post_id

    def measure(self, post_id: str, **counts: int) -> None:
        """Give a post other counts."""
        self.ledger = [
            replace(post, metrics=replace(post.metrics, **counts)) if post.id == post_id else post
            for post in self.ledger
        ]

    def texts_of(self, account: Account) -> list[str]:
        """What the account has on the network, oldest first."""
        return [post.text for post in self.ledger if post.author == account.handle]

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        return self._timeline(account, limit, replies=False)

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        return self._timeline(account, limit, replies=True)

    def _timeline(self, account: Account, limit: int, *, replies: bool) -> Timeline:
        self.calls.append("own_replies" if replies else "own_posts")
        self._check()
        mine = {post.id for post in self.ledger if post.author == account.handle}
        seen = [
            post
            for post in self.ledger
            if post.author == account.handle
            and (replies or post.in_reply_to is None or post.in_reply_to in mine)
            and (post.created_at or self.clock.now()) + self.delay <= self.clock.now()
        ]
        if self.shrunken:
            seen = []
        if self.folds:
            hidden = {post.id for chain in self._chains(account) for post in chain[1:-2]}
            seen = [post for post in seen if post.id not in hidden]
        newest = tuple(reversed(seen))[:limit]
        oldest = newest[-1].created_at if len(seen) > limit else None
        return Timeline(newest, self.healthy, oldest, "wire")

    def _chains(self, account: Account) -> list[list[NetworkPost]]:
        """The account's posts, each with what it answers of the account's own, roots first."""
        by_id = {post.id: post for post in self.ledger if post.author == account.handle}
        answered = {post.in_reply_to for post in by_id.values()}
        chains = []
        for post in by_id.values():
            if post.id not in answered:  # the end of a chain
                chain = [post]
                while chain[0].in_reply_to in by_id:
                    chain.insert(0, by_id[str(chain[0].in_reply_to)])
                chains.append(chain)
        return chains

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        self.calls.append(f"own_thread {post_id}")
        self._check()
        if not self.threading:
            raise Transient("The post's page does not answer.")
        if post_id in self.gone:
            raise Permanent("The post is gone.")
        shown = [
            post
            for post in self.ledger
            if post.author == account.handle
            and post_id in (post.id, post.in_reply_to)
            and (post.created_at or self.clock.now()) + self.delay <= self.clock.now()
        ]
        if post_id.isdigit() and int(post_id) >= 1000 and post_id not in {post.id for post in self.ledger}:
            raise Permanent("The post is gone.")
        return Timeline(() if self.shrunken else tuple(shown), self.healthy, None, "wire")

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        self.calls.append(f"search {query}")
        if not self.searching or query in self.deaf_to:
            raise Transient("Search does not answer.")
        if query.startswith("from:") and "since_time:" in query:
            return self._between(account, query, limit)
        found = self._found(account, limit, [one for one in query.lower().split() if ":" not in one])
        if query.startswith("conversation_id:"):
            within = [one for one in found.posts if f"conversation_id:{one.conversation_id}" == query]
            return replace(found, posts=tuple(within))
        return found

    def _between(self, account: Account, query: str, limit: int) -> Timeline:
        """The account's own posts between two moments, newest first; a search proves no absence."""
        self._check()
        since, until = (float(word.partition("_time:")[2]) for word in query.split()[1:])
        mine = [post for post in self.ledger if post.author == account.handle and post.created_at]
        found = [one for one in mine if one.created_at and since <= one.created_at.timestamp() <= until]
        return Timeline(tuple(reversed(found))[:limit], False, None, "wire")

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        self.calls.append("mentions")
        return self._found(account, limit, [f"@{account.handle}".lower()])

    def _found(self, account: Account, limit: int, words: list[str]) -> Timeline:
        """Posts of others with all these words; operators of the search apart."""
        self._check()
        others = [post for post in self.others if post.author.lower() != account.handle.lower()]
        posts = [post for post in others if all(word in post.text.lower() for word in words)]
        return Timeline(tuple(posts[:limit]), self.healthy, None, "wire")

    async def profile(self, account: Account, handle: str) -> Profile:
        self.calls.append(f"profile {handle}")
        self._check()
        if handle in self.gone:
            raise Permanent(f"There is no account @{handle}.")
        return self.profiles.get(handle, Profile(handle, handle, followers=10, following=5))

    async def session(self, account: Account) -> SessionState:
        self.calls.append("session")
        return self.state

    def _check(self) -> None:
        if self.broken:
            raise Transient("Every answer is an error.")
        if self.state is not SessionState.VALID:
            raise SessionTrouble(self.state, f"the session is {self.state.value}")

    @staticmethod
    def _url(account: Account, post_id: str) -> str:
        return f"http://127.0.0.1/{account.handle}/status/{post_id}"


def foreign_post(post_id: str, author: str, text: str, at: datetime, **counts: int) -> NetworkPost:
    """A post of somebody else's."""
    return NetworkPost(
        id=post_id,
        author=author,
        created_at=at,
        text=text,
        metrics=Metrics(**counts),
        url=f"http://127.0.0.1/{author}/status/{post_id}",
    )
