"""Claims foreign posts to answer or quote: each once, and no author too often.

Foreign posts are untrusted input. Posts that look like prompt injection are not claimed at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.content.review.injection_screen import hostile
from stonechat.content.writing.pipeline import SPOOL_KIND
from stonechat.core.clock import Clock
from stonechat.core.model import Account, Opportunity
from stonechat.core.states import OpportunityState
from stonechat.database import Database
from stonechat.database.repositories import opportunities
from stonechat.database.spool.spool import Spool

_LOOKED_AT = 20
_WRITING = timedelta(minutes=5)
"""Real time in which whoever claimed a post has written to it, or is gone."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims opportunities for whoever writes to them.

    Attributes:
        freshness: older posts are left alone. Account time.
        author_cooldown: least account time between two texts to the same author.
        language_of: the language of an account, by its id; posts in others are not answered.
        screen: why a post is not answered by an account in a language, or None; before any model sees it.
    """

    database: Database
    clock: Clock
    spool: Spool
    freshness: timedelta = timedelta(hours=24)
    author_cooldown: timedelta = timedelta(days=3)
    language_of: Callable[[str], str] = lambda _account: "en"
    screen: Callable[[str, str], str | None] = hostile

    async def take(
        self,
        connection: AsyncConnection,
        account: Account,
        *,
        room: int,
        invited_only: bool,
        who: str,
        due_at: datetime | None = None,
    ) -> list[Opportunity]:
        """``found → claimed`` for at most ``room`` of the best open posts, one an author.

        Hostile posts, and authors who want no automated replies, become ``skipped`` on the way.

        Args:
            due_at: when our text goes out, if not soon: the post must still be fresh then.
        """
        now = self.clock.now()
        silent = await opportunities.opted_out(connection, account.id)
        found = await opportunities.best(
            connection,
            account.id,
            invited_only=invited_only,
            posted_after=max(now, due_at or now) - self.freshness,
            limit=_LOOKED_AT,
        )
        claimed: list[Opportunity] = []
        authors: set[str] = set()
        for one in found:
            author = one.author.casefold()
            if len(claimed) == room:
                break
            why = self._unfit(account, one, silent)
            if why:
                await opportunities.change(
                    connection, one, OpportunityState.SKIPPED, now=now, who=who, why=why
                )
            elif author not in authors and not await self._spoken_to(connection, one):
                await opportunities.change(connection, one, OpportunityState.CLAIMED, now=now, who=who)
                claimed.append(one)
                authors.add(author)
        return claimed

    async def let_go(self, opportunity_id: str, after: OpportunityState, who: str, why: str) -> None:
        """Give a claim up: ``claimed → found`` or ``skipped``. No effect where it is no longer claimed."""
        async with self.database.begin("content.claim.end") as connection:
            one = await opportunities.find(connection, opportunity_id)
            if one is None or one.state is not OpportunityState.CLAIMED:
                return
            if not await opportunities.written_to(connection, opportunity_id):  # by somebody else meanwhile
                await opportunities.change(connection, one, after, now=self.clock.now(), who=who, why=why)

    async def tidy(self, account: Account) -> None:
        """``claimed → found`` where a run died between claiming and writing."""
        waiting = {entry.body["assignment"].get("opportunity_id") for entry in self.spool.entries(SPOOL_KIND)}
        now = self.clock.now()
        before = now - _WRITING * self.clock.speed
        async with self.database.begin("content.claim.tidy") as connection:
            claimed = OpportunityState.CLAIMED
            for one in await opportunities.in_state(connection, account.id, claimed, before=before):
                if one.id in waiting or await opportunities.written_to(connection, one.id):
                    continue
                await opportunities.change(
                    connection,
                    one,
                    OpportunityState.FOUND,
                    now=now,
                    who="content.claiming",
                    why="its writer is gone",
                )

    async def _spoken_to(self, connection: AsyncConnection, one: Opportunity) -> bool:
        since = self.clock.now() - self.author_cooldown
        return await opportunities.replied_since(connection, one.account_id, one.author, since)

    def _unfit(self, account: Account, one: Opportunity, silent: set[str]) -> str:
        author = one.author.casefold()
        if author == account.handle.casefold():
            return "our own post"
        if author in silent:
            return "the author wants no automated replies"
        return self.screen(one.text, self.language_of(account.id)) or ""
