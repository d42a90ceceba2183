"""The writing pipeline: from an assignment through prompt, model, review and ranking to a stored text.

A model's answer is spooled to disk before anything is done with it, and removed once its outcome is
stored. So a crash or a lost database in between loses no text that was paid for, and repeating the step
writes the same row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from stonechat.content.content_store import UNREAD, Accepted, ContentStore, in_share
from stonechat.content.review import Bounds, Draft, ReviewVerdict, review
from stonechat.content.review.similarity import History
from stonechat.content.voice import Voice
from stonechat.content.writing.fallback import FallbackChain
from stonechat.content.writing.judge import Opinion
from stonechat.content.writing.prompts import Brief, Prompts
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import ContentRejected, EventStream
from stonechat.core.ids import stable_id
from stonechat.core.model import Account, Content
from stonechat.core.network import TextRules
from stonechat.core.ports import WriteRequest, WriteResult
from stonechat.core.states import ContentState
from stonechat.core.texts import canonical
from stonechat.database import Database
from stonechat.database.repositories import content as queue
from stonechat.database.repositories import drafts
from stonechat.database.repositories.drafts import RejectedDraft, ReserveDraft
from stonechat.database.spool.spool import Spool, SpoolEntry

SPOOL_KIND = "content"
"""The spool's kind for paid texts."""

Rank = Callable[[str, Sequence[Content]], Awaitable[Sequence[float]]]
"""Scores for an account's drafts, higher is better."""

RulesOf = Callable[[Account], Awaitable[TextRules]]
"""How the network, or the account's own server there, measures a text."""

Judge = Callable[[str, Draft, Voice], Awaitable[Opinion]]
"""A second model's opinion of a draft for an account."""

_RECENT_SHOWN = 4
_REASONS_SHOWN = 3
_SECOND_HAND = "second opinion: "

_NOT_OURS = ("already_said:", "earlier_post:", "their_post:", "example:")
"""Beginnings of lines of a prompt that are no instructions of ours."""


@dataclass(frozen=True, slots=True)
class ReviewedDraft:
    """A draft with what the review said.

    Attributes:
        score: where it passed, as the learner ranks it.
        hold: why the owner must see it before it goes out; empty where it may go out unseen.
    """

    draft: Draft
    verdict: ReviewVerdict
    score: float = 0.0
    hold: str = ""


@dataclass(frozen=True, slots=True)
class WritingOutcome:
    """What became of an assignment.

    Attributes:
        stored: the row; None where every draft was rejected or it waits in the spool.
        spooled: the text is paid for and kept on disk until the database is back.
        why: the reasons, where nothing was stored.
        late: a draft passed, but nothing waits for it any more.
    """

    stored: Content | ReserveDraft | None = None
    spooled: bool = False
    why: tuple[str, ...] = ()
    late: bool = False


@dataclass(frozen=True, slots=True)
class WritingPipeline:
    """Writes, reviews and stores.

    Attributes:
        voices: by account id; ``voice`` for the others.
        rounds: how often an assignment is written anew when every draft was rejected.
        secrets: texts that no post may contain.
        held_share: of the posts that no second model reads, the share that waits for the owner; 0 to 1.
    """

    database: Database
    clock: Clock
    events: EventStream
    spool: Spool
    chain: FallbackChain
    prompts: Prompts
    content_store: ContentStore
    rules_of: RulesOf
    voice: Voice
    voices: Mapping[str, Voice] = field(default_factory=dict)
    drafts: int = 3
    rounds: int = 2
    secrets: Iterable[str] = ()
    rank: Rank | None = None
    judge: Judge | None = None
    held_share: float = 0.0

    def voice_of(self, account_id: str) -> Voice:
        """The account's voice."""
        return self.voices.get(account_id, self.voice)

    async def write(self, account: Account, assignment: Assignment) -> WritingOutcome:
        """Write until a draft passes, at most ``rounds`` times.

        Raises:
            NoModel, BudgetUsedUp: nothing can be written now.
            Transient: the database is away and nothing was paid for yet.
        """
        waiting = next(
            (e for e in self.spool.entries(SPOOL_KIND) if e.body["assignment"]["id"] == assignment.id), None
        )
        if waiting is not None:
            return await self._finish_kept(account, waiting)
        present = await self._present(assignment)
        if present is not None:
            return WritingOutcome(present)
        outcome = WritingOutcome()
        for number in range(self.rounds):
            history = await self._history(account.id)
            request = await self.request(account, assignment, number, history, outcome.why)
            written = await self.chain.write(request, account_id=account.id, purpose=assignment.purpose.value)
            entry = self._keep(assignment, number, written, request)
            outcome = await self._finish_kept(account, entry)
            if outcome.stored is not None or outcome.spooled or outcome.late:
                return outcome
        return outcome

    async def recover(self, accounts: Mapping[str, Account]) -> int:
        """Store what an earlier run paid for and could not store; returns how many texts were handled.

        Raises:
            Transient: the database is still away.
        """
        handled = 0
        for entry in self.spool.entries(SPOOL_KIND):
            account = accounts.get(str(entry.body["assignment"]["account_id"]))
            if account is None:
                continue
            try:
                await self._finish(account, entry)
            except (ValueError, KeyError):  # written by a version that kept it otherwise
                self.spool.set_aside(SPOOL_KIND, entry.key)
                continue
            self.spool.remove(SPOOL_KIND, entry.key)
            handled += 1
        return handled

    async def request(
        self,
        account: Account,
        assignment: Assignment,
        number: int,
        history: Sequence[str],
        reasons: Sequence[str] = (),
    ) -> WriteRequest:
        """The request for a round; ``reasons`` are those of the round before."""
        async with self.database.read("content.reasons") as connection:
            latest = await drafts.rejected(connection, account.id, limit=10)
        told = dict.fromkeys((*reasons, *(one.why for one in latest)))
        avoid = [why for why in told if not why.startswith(_SECOND_HAND)][:_REASONS_SHOWN]
        max_length = (await self.rules_of(account)).max_length
        return self.prompts.request(
            Brief(
                kind=assignment.kind,
                arm=assignment.arm,
                voice=self.voice_of(account.id),
                drafts=self.drafts,
                max_length=max_length,
                canary=_canary(assignment, number),
                foreign=assignment.foreign,
                thread=assignment.thread,
                recent=history[:_RECENT_SHOWN] if assignment.purpose is not Purpose.REPLY else (),
                avoid=avoid,
            )
        )

    async def judged(
        self, account: Account, assignment: Assignment, data: Mapping[str, Any], bounds: Bounds
    ) -> list[ReviewedDraft]:
        """The drafts of an answer with their verdicts; those that passed first, best first.

        The second opinion, which costs a call, is asked from the best draft on, until it lets one through.
        """
        given = data.get("drafts", ())[: self.drafts]
        found = [Draft(assignment.kind, _parts(one), assignment.arm) for one in given]
        results = [ReviewedDraft(draft, review(draft, bounds)) for draft in found]
        failed = [one for one in results if not one.verdict.passed]
        passed = await self._ranked(assignment, [one for one in results if one.verdict.passed])
        while passed:
            best = await self._second_opinion(account, assignment, passed[0], bounds)
            if best.verdict.passed:
                return [best, *passed[1:], *failed]
            failed.append(best)
            passed.pop(0)
        return failed

    async def _ranked(self, assignment: Assignment, passed: list[ReviewedDraft]) -> list[ReviewedDraft]:
        if self.rank is None or len(passed) < 2:
            return passed
        candidates = [self._candidate(assignment, one.draft) for one in passed]
        scores = await self.rank(assignment.account_id, candidates)
        scored = [replace(one, score=score) for one, score in zip(passed, scores, strict=True)]
        return sorted(scored, key=lambda one: -one.score)

    async def _second_opinion(
        self, account: Account, assignment: Assignment, one: ReviewedDraft, bounds: Bounds
    ) -> ReviewedDraft:
        """The same draft as the second model left it: refused, held for the owner, or as it was."""
        opinion = Opinion(read=False)
        if self.judge is not None:
            opinion = await self.judge(account.id, one.draft, bounds.voice)
        if opinion.against:
            # words of a model that has read foreign text are kept, and shown to no other model
            mark = _SECOND_HAND if one.draft.kind.addresses else ""
            return replace(one, verdict=ReviewVerdict("judge", f"{mark}{opinion.against}"))
        hold = self._hold(assignment, one.verdict, opinion)
        if hold and assignment.purpose is Purpose.RESERVE:  # it goes out when nobody has time to read it
            return replace(one, verdict=ReviewVerdict("doubt", hold))
        return replace(one, hold=hold)

    def _hold(self, assignment: Assignment, result: ReviewVerdict, opinion: Opinion) -> str:
        """Why the owner must see a draft that passed; empty where it may go out unseen."""
        doubt = result.doubt
        if doubt is not None and (doubt.grave or not opinion.read):
            return doubt.why
        if self.judge is not None:
            return "" if opinion.read else "the second model could not be asked"
        chosen = assignment.purpose is not Purpose.RESERVE and in_share(assignment.id, self.held_share)
        return UNREAD if chosen else ""  # of the reserve the share is chosen when it is drawn

    async def bounds(self, account: Account, assignment: Assignment, request: WriteRequest) -> Bounds:
        """What this assignment's drafts are held against."""
        voice = self.voice_of(account.id)
        spoken = {*voice.examples, *voice.topics}
        told = [
            line
            for line in (*request.system.splitlines(), *request.prompt.splitlines())
            if not line.startswith(("already_said:", "earlier_post:", "their_post:", "example:"))
            and line not in spoken
        ]
        canaries = [_canary(assignment, number) for number in range(self.rounds)]
        return Bounds(
            voice=voice,
            rules=await self.rules_of(account),
            history=History(await self._history(account.id, besides=assignment.id), limit=1000),
            foreign="\n".join((*assignment.thread, assignment.foreign)),
            secrets=(*self.secrets, *canaries),
            instructions=told,
        )

    def _keep(
        self, assignment: Assignment, number: int, written: WriteResult, request: WriteRequest
    ) -> SpoolEntry:
        key = f"{assignment.id}/{number}"
        body = {
            "assignment": assignment.model_dump(mode="json"),
            "data": dict(written.data),
            "model": written.model,
            "cost_usd": written.cost_usd,
            "prompt_version": self.prompts.version(assignment.kind),
            "request": {"system": request.system, "prompt": request.prompt},
        }
        with suppress(Transient):  # a full disk: go on, the database may still take it
            self.spool.put(SPOOL_KIND, key, body)
        return SpoolEntry(SPOOL_KIND, key, body, self.spool.path(SPOOL_KIND, key))

    async def _finish_kept(self, account: Account, entry: SpoolEntry) -> WritingOutcome:
        try:
            outcome = await self._finish(account, entry)
        except Transient as exc:
            if not self.spool.has(SPOOL_KIND, entry.key):
                raise
            return WritingOutcome(spooled=True, why=(exc.what,))
        self.spool.remove(SPOOL_KIND, entry.key)
        return outcome

    async def _finish(self, account: Account, entry: SpoolEntry) -> WritingOutcome:
        body = entry.body
        assignment = Assignment.model_validate(body["assignment"])
        present = await self._present(assignment)
        if present is not None:
            return WritingOutcome(present)
        told = body["request"]
        request = WriteRequest(told["system"], told["prompt"], {}, "")
        bounds = await self.bounds(account, assignment, request)
        results = await self.judged(account, assignment, body["data"], bounds)
        rejected = [self._rejected(account, one) for one in results if not one.verdict.passed]
        best = next((one for one in results if one.verdict.passed), None)
        if best is None:
            await self.content_store.keep_rejected(rejected)
            stored = None
        else:
            accepted = Accepted(
                best.draft.parts,
                str(body["prompt_version"]),
                str(body["model"]),
                float(body["cost_usd"]),
                best.hold,
            )
            stored = await self.content_store.store(account, bounds.voice, assignment, accepted, rejected)
        for one in results:
            if not one.verdict.passed:
                self.events.emit(
                    ContentRejected(account_id=account.id, step=one.verdict.step, why=one.verdict.why)
                )
        why = tuple(dict.fromkeys(one.verdict.why for one in results if not one.verdict.passed))
        if best is not None and stored is None:
            return WritingOutcome(why=("it came too late",), late=True)
        return WritingOutcome(stored, why=why if stored is None else ())

    async def _present(self, assignment: Assignment) -> Content | ReserveDraft | None:
        async with self.database.read("content.present") as connection:
            queued = await queue.find(connection, assignment.id)
            return queued or await drafts.find_reserve(connection, assignment.id)

    async def _history(self, account_id: str, besides: str = "") -> list[str]:
        async with self.database.read("content.history") as connection:
            texts = await queue.recent_texts(connection, account_id)
            kept = await drafts.reserve(connection, account_id)
        return [*texts, *("\n\n".join(one.parts) for one in kept if one.id != besides)]

    def _rejected(self, account: Account, one: ReviewedDraft) -> RejectedDraft:
        draft, verdict = one.draft, one.verdict
        return RejectedDraft(
            account.id, self.clock.now(), draft.kind.value, draft.text, verdict.step, verdict.why, draft.arm
        )

    def _candidate(self, assignment: Assignment, draft: Draft) -> Content:
        now = self.clock.now()
        return Content(
            id=stable_id("candidate", assignment.id, draft.text),
            account_id=assignment.account_id,
            kind=draft.kind,
            state=ContentState.DRAFT,
            parts=draft.parts,
            due_at=assignment.due_at or now,
            created_at=now,
            state_since=now,
            arm=dict(assignment.arm),
        )


def _parts(one: Any) -> tuple[str, ...]:
    parts = one.get("parts", ()) if isinstance(one, dict) else ()
    return tuple(canonical(str(part)) for part in parts)


def _canary(assignment: Assignment, number: int) -> str:
    return "sc" + stable_id("mark", assignment.id, str(number)).replace("-", "")[:14]
