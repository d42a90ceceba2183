"""Replies: the best open opportunities are answered, each once, and wait for approval by policy.

The foreign post is hostile until proven otherwise. Posts that speak to a machine are not answered at
all; what remains goes into the prompt as one quoted string; the draft is then held against the post.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from stonechat.content.arms import Arms
from stonechat.content.assignments import Assignment, Purpose, reply_id
from stonechat.content.drafting import SPOOL_KIND, Drafter, Outcome
from stonechat.content.planner import find_account
from stonechat.content.review.screen import hostile
from stonechat.content.trouble import BudgetUsedUp, NoModel
from stonechat.core.clock import Clock
from stonechat.core.model import Account, ContentKind, Opportunity
from stonechat.core.states import OpportunityState
from stonechat.database import Database, opportunities, slots
from stonechat.database import content as queue
from stonechat.jobs.declaration import JobContext, Work

_DAY = timedelta(days=1)
_LOOKED_AT = 20
_DEFERRED = "deferred: "


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """Which posts are answered. Account time.

    Attributes:
        invited_only: only authors who mentioned, quoted or answered us first (most networks' rule).
        freshness: older posts are not answered.
        author_cooldown: least time between two answers to the same author.
        due_after: from claiming a post to the reply's due time.
    """

    invited_only: bool = True
    freshness: timedelta = timedelta(hours=24)
    author_cooldown: timedelta = timedelta(days=3)
    per_day: int = 20
    due_after: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Replier:
    """Writes replies for one account at a time.

    Attributes:
        screen: why a post is not answered, or None; before any model sees it.
    """

    database: Database
    clock: Clock
    rng: random.Random
    arms: Arms
    drafter: Drafter
    settings: ReplySettings
    screen: Callable[[str], str | None] = hostile

    async def reply(self, context: JobContext) -> Work:
        """Answer a few of the best open posts."""
        account = await find_account(self.database, context.account_id)
        await self._tidy(account)
        claimed = await context.step("claim", lambda: self._claim(account))
        done, note = 0, ""
        for number, one in enumerate(claimed, 1):
            result = await context.step(f"reply {number}", partial(self._answer, account, one))
            done += result == "stored"
            note = note or ("" if result == "stored" else result)
            if result.startswith(_DEFERRED):
                break  # no model now: the others go back to the open ones at the next run
        return Work(done, 0 if not done else len(claimed), note)

    async def _claim(self, account: Account) -> list[str]:
        """``found → claimed`` for as many as this run may answer; hostile and opted-out ones are skipped."""
        now, settings = self.clock.now(), self.settings
        async with self.database.begin("content.reply.claim") as connection:
            written = await slots.replies_since(connection, account.id, now - _DAY)
            room = min(settings.per_day - written, max(1, math.ceil(settings.per_day / 24)))
            if room <= 0:
                return []
            silent = await opportunities.opted_out(connection, account.id)
            found = await opportunities.best(
                connection,
                account.id,
                invited_only=settings.invited_only,
                posted_after=now - settings.freshness,
                limit=_LOOKED_AT,
            )
            claimed: list[str] = []
            authors: set[str] = set()
            for one in found:
                author = one.author.casefold()
                if len(claimed) == room:
                    break
                why = self._unfit(account, one, silent)
                if why:
                    await opportunities.change(
                        connection, one, OpportunityState.SKIPPED, now=now, who="content.replies", why=why
                    )
                    continue
                since = now - settings.author_cooldown
                if author in authors or await opportunities.replied_since(
                    connection, account.id, one.author, since
                ):
                    continue
                await opportunities.change(
                    connection, one, OpportunityState.CLAIMED, now=now, who="content.replies"
                )
                claimed.append(one.id)
                authors.add(author)
        return claimed

    def _unfit(self, account: Account, one: Opportunity, silent: set[str]) -> str:
        author = one.author.casefold()
        if author == account.handle.casefold():
            return "our own post"
        if author in silent:
            return "the author wants no automated replies"
        return self.screen(one.text) or ""

    async def _answer(self, account: Account, opportunity_id: str) -> str:
        async with self.database.read("content.reply.read") as connection:
            one = await opportunities.find(connection, opportunity_id)
        if one is None or one.state is not OpportunityState.CLAIMED:
            return "gone"
        try:
            outcome = await self.drafter.write(account, self._assignment(account, one))
        except (NoModel, BudgetUsedUp) as exc:
            await self._change(one, OpportunityState.FOUND, exc.what)
            return f"{_DEFERRED}{exc.what}"
        return await self._settle(one, outcome)

    async def _settle(self, one: Opportunity, outcome: Outcome) -> str:
        if outcome.stored is not None:
            return "stored"
        why = "; ".join(outcome.why)
        if not outcome.spooled:
            await self._change(one, OpportunityState.SKIPPED, f"no draft passed the review: {why}")
        return why or "kept for later"

    def _assignment(self, account: Account, one: Opportunity) -> Assignment:
        tone = self.arms.completed({}, self.rng).get("tone")
        return Assignment(
            id=reply_id(one),
            account_id=account.id,
            purpose=Purpose.REPLY,
            kind=ContentKind.REPLY,
            arm={"tone": tone} if tone else {},
            due_at=self.clock.now() + self.settings.due_after * (1 + self.rng.random()),
            opportunity_id=one.id,
            in_reply_to=one.post_id,
            foreign=one.text,
            foreign_author=one.author,
        )

    async def _change(self, one: Opportunity, after: OpportunityState, why: str) -> None:
        async with self.database.begin("content.reply.change") as connection:
            await opportunities.change(
                connection, one, after, now=self.clock.now(), who="content.replies", why=why
            )

    async def _tidy(self, account: Account) -> None:
        """``claimed → found`` where a run died between claiming and writing."""
        waiting: Mapping[str, object] = {
            str(entry.body["assignment"]["id"]): entry for entry in self.drafter.spool.entries(SPOOL_KIND)
        }
        async with self.database.begin("content.reply.tidy") as connection:
            for one in await opportunities.in_state(connection, account.id, OpportunityState.CLAIMED):
                content_id = reply_id(one)
                if content_id in waiting or await queue.find(connection, content_id) is not None:
                    continue
                await opportunities.change(
                    connection,
                    one,
                    OpportunityState.FOUND,
                    now=self.clock.now(),
                    who="content.replies",
                    why="its writer is gone",
                )
