"""Replies: the best open opportunities are answered, each once, and wait for approval by policy.

The foreign post is untrusted input. Posts that look like prompt injection are not answered at
all (:mod:`stonechat.content.post_claims`); what remains goes into the prompt as one quoted string; the
draft is then held against the post.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from stonechat.content.arms import Arms
from stonechat.content.errors import BudgetUsedUp, NoModel
from stonechat.content.planner import find_account
from stonechat.content.post_claims import Claims
from stonechat.content.thread_context import ReadThread, ThreadContext, no_thread, thread_context
from stonechat.content.writing.pipeline import WritingOutcome, WritingPipeline
from stonechat.content.writing.writing_task import Assignment, Purpose, reply_id
from stonechat.core.clock import Clock
from stonechat.core.model import Account, ContentKind, Opportunity
from stonechat.core.states import OpportunityState
from stonechat.database import Database
from stonechat.database.repositories import desk, opportunities, slots
from stonechat.jobs import JobContext, Work

_DAY = timedelta(days=1)
_WHO = "content.replies"
_DEFERRED = "deferred: "


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """Which posts are answered. Account time.

    Attributes:
        invited_only: only authors who mentioned, quoted or answered us first (most networks' rule).
        due_after: from claiming a post to the reply's due time.
    """

    invited_only: bool = True
    per_day: int = 20
    due_after: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Replier:
    """Writes replies for one account at a time."""

    database: Database
    clock: Clock
    rng: random.Random
    arms: Arms
    drafter: WritingPipeline
    claims: Claims
    settings: ReplySettings
    read_thread: ReadThread = no_thread

    async def reply(self, context: JobContext) -> Work:
        """Answer a few of the best open posts."""
        account = await find_account(self.database, context.account_id)
        await self.claims.tidy(account)
        claimed = await context.step("claim", lambda: self._claim(account), list[str])
        done, left, note = 0, 0, ""
        for number, one in enumerate(claimed, 1):
            result = await context.step(f"reply {number}", partial(self._answer, account, one), str)
            done += result == "stored"
            note = note or ("" if result == "stored" else result)
            if result.startswith(_DEFERRED):
                left = len(claimed) - number + 1
                break  # no model now: the others go back to the open ones at the next run
        # what no draft of passed the review is decided, and no longer due
        return Work(done, done + left, note)

    async def _claim(self, account: Account) -> list[str]:
        """``found → claimed`` for as many as this run may answer."""
        now, settings = self.clock.now(), self.settings
        async with self.database.begin("content.reply.claim") as connection:
            written = await slots.replies_since(connection, account.id, now - _DAY)
            room = min(settings.per_day - written, max(1, math.ceil(settings.per_day / 24)))
            if room <= 0:
                return []
            invited_only = settings.invited_only
            claimed = await self.claims.take(
                connection, account, room=room, invited_only=invited_only, who=_WHO
            )
        return [one.id for one in claimed]

    async def _answer(self, account: Account, opportunity_id: str) -> str:
        async with self.database.read("content.reply.read") as connection:
            one = await opportunities.find(connection, opportunity_id)
        if one is None or one.state is not OpportunityState.CLAIMED:
            return "gone"
        posts, spoken = await self.read_thread(account, one), self.claims.language_of(account.id)
        context = thread_context(one, account, posts, lambda text: self.claims.screen(text, spoken))
        if context.above:
            async with self.database.begin("content.reply.thread") as connection:
                await desk.keep_thread(connection, one.id, context.above)
        if why := await self._no_more(account, one, context):
            await self.claims.let_go(one.id, OpportunityState.SKIPPED, _WHO, why)
            return why
        try:
            outcome = await self.drafter.write(account, self._assignment(account, one, context))
        except (NoModel, BudgetUsedUp) as exc:
            await self.claims.let_go(one.id, OpportunityState.FOUND, _WHO, exc.what)
            return f"{_DEFERRED}{exc.what}"
        return await self._settle(one, outcome)

    async def _no_more(self, account: Account, one: Opportunity, context: ThreadContext) -> str:
        """Why the post is not answered after all, now that its conversation was read; empty where it is."""
        if context.answered:
            return "it is answered already"
        async with self.database.read("content.reply.silent") as connection:
            silent = await opportunities.opted_out(connection, account.id)
        return "the author wants no automated replies" if one.author.casefold() in silent else ""

    async def _settle(self, one: Opportunity, outcome: WritingOutcome) -> str:
        if outcome.stored is not None:
            return "stored"
        why = "; ".join(outcome.why)
        if not outcome.spooled:
            told = why if outcome.late else f"no draft passed the review: {why}"
            await self.claims.let_go(one.id, OpportunityState.SKIPPED, _WHO, told)
        return why or "kept for later"

    def _assignment(self, account: Account, one: Opportunity, context: ThreadContext) -> Assignment:
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
            thread=context.above,
        )
