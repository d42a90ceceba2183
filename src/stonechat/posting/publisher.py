"""Publishes one piece of content: claim and intent, click, receipt; a commit on either side of the click."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.contextvars import bound_contextvars

from stonechat.core.clock import Clock
from stonechat.core.errors import SessionTrouble, StonechatError, Transient, Unknown
from stonechat.core.events import EventStream, PostHeld, PostPublished, PostReconciled
from stonechat.core.ids import trace_of
from stonechat.core.model import Account, Content, LatePolicy
from stonechat.core.network import Network, Picture, Publication, PublishOutcome, Refused, Unconfirmed
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import Database
from stonechat.database.repositories import content, media, opportunities, receipts
from stonechat.database.repositories.receipts import Attempt
from stonechat.posting.gate import Ask, Decision, Go, Hold, Late, Never, decide
from stonechat.posting.gate_input import Rules, observe
from stonechat.posting.publish_result import Checkpoint, PublishVerdict, Result, carry_on, ended
from stonechat.posting.receipts import Ending, Intent, become_posted, close_opportunity, record

_PICTURES_GONE = Never("the bytes of a picture are gone", ContentState.FAILED)


class Publisher:
    """Takes content from ``queued`` to ``posted``, at most once.

    One commit stands before the click: the gate's yes, the claim, whose larger fence shuts out whoever
    held the row before, and the intent (an attempt row). Whatever dies between it and the receipt, the
    second commit, leaves the content to be looked up by the reconciler; it is never simply sent again.

    Args:
        networks: by ``Account.network``.
        host: name of this process, kept with each attempt.
        checkpoint: called after each step; tests end the process there.
    """

    def __init__(
        self,
        database: Database,
        networks: Mapping[str, Network],
        clock: Clock,
        events: EventStream,
        rules: Rules,
        *,
        host: str,
        checkpoint: Checkpoint = carry_on,
    ) -> None:
        self._database = database
        self._networks = networks
        self._clock = clock
        self._events = events
        self._rules = rules
        self._host = host
        self._checkpoint = checkpoint

    async def publish(self, account: Account, content_id: str, *, owner: str = "") -> Result:
        """Publish the content if the gate lets it through.

        Args:
            owner: the run that asks; resumed after a crash, it may take over what it held.

        Raises:
            Transient: the database was away; nothing is lost, recovery goes by what was committed.
        """
        intent = await self._claim(account, content_id, owner)
        if isinstance(intent, Result):
            return self._told(intent)
        self._checkpoint("intended")
        outcome, reached, clicked = await self._effect(account, intent)
        self._checkpoint("answered")
        result = await self._receipt(account, intent, outcome, reached=reached, clicked=clicked)
        self._checkpoint("receipted")
        return self._told(result)

    async def _claim(self, account: Account, content_id: str, owner: str) -> Intent | Result:
        """Ask the gate, and where it lets the post through, claim the row and write the attempt."""
        started = self._clock.monotonic()
        async with self._database.begin("posting.claim") as connection:
            piece = await content.find(connection, content_id, lock=True)
            if piece is None or piece.state is not ContentState.QUEUED:
                return Result(content_id, PublishVerdict.LOST, "it is no longer queued")
            done = await receipts.confirmed_parts(connection, piece.id) if piece.attempts else {}
            if len(done) == len(piece.parts):  # its receipt came late, from a publisher believed to be dead
                return await self._is_live(connection, piece, done[0])
            decision = await self._ask(connection, account, piece)
            if not isinstance(decision, Go):
                return await self._turned_away(connection, account, piece, decision)
            author = await self._answered(connection, piece)
            pictures = await self._pictures(connection, piece)
            if pictures is None:
                return await self._turned_away(connection, account, piece, _PICTURES_GONE)
            claimed = await content.claim(
                connection,
                piece,
                now=self._clock.now(),
                lease_until=self._clock.wall() + self._rules.settings.lease,
                who=self._host,
                owner=owner,
            )
            wall, steady = self._clock.wall(), self._clock.monotonic()  # before the row can be seen
            attempt_id = await receipts.begin(
                connection, claimed, parts_from=len(done), host=self._host, now=self._clock.now(), wall=wall
            )
            first = (await receipts.attempts(connection, piece.id))[0]
        return Intent(
            piece=claimed,
            attempt_id=attempt_id,
            publication=publication_of(claimed, decision, done, author, pictures, first),
            parts_from=len(done),
            started=steady,
            started_wall=wall,
            claimed=started,
        )

    async def _is_live(self, connection: AsyncConnection, piece: Content, post_id: str) -> Result:
        now, why = self._clock.now(), "it was live already"
        await become_posted(connection, piece, post_id=post_id, url="", at=now, now=now, who="posting")
        told = PostPublished(
            account_id=piece.account_id,
            content_id=piece.id,
            post_id=post_id,
            url="",
            took=timedelta(),
            late=now - piece.due_at,
        )
        return Result(piece.id, PublishVerdict.POSTED, why, events=(told,))

    async def _answered(self, connection: AsyncConnection, piece: Content) -> str | None:
        if piece.opportunity_id is None:
            return None
        one = await opportunities.find(connection, piece.opportunity_id)
        return one.author if one else None

    async def _pictures(
        self, connection: AsyncConnection, piece: Content
    ) -> tuple[tuple[Picture, ...], ...] | None:
        """For each part its pictures; None where the bytes of one are gone."""
        if piece.media_digest is None:
            return ()
        try:
            return await media.with_bytes(connection, piece.id, len(piece.parts))
        except LookupError:
            return None

    async def _effect(self, account: Account, intent: Intent) -> tuple[PublishOutcome, bool, bool]:
        """The outcome, whether the try came as far as the network, and whether it clicked there."""
        clicked = False

        def before_click() -> None:
            nonlocal clicked
            # By both clocks: one stands still while the machine sleeps, the other may be set.
            steady = timedelta(seconds=self._clock.monotonic() - intent.started)
            waited = max(steady, self._clock.wall() - intent.started_wall)
            if waited > self._rules.settings.click_within:
                raise Transient(
                    f"The click came {waited.total_seconds():.0f} s after the intent, too late to be safe.",
                    meaning="It was not made; somebody else may hold the post by now.",
                    remedy="Nothing to do: the post is tried again.",
                )
            clicked = True
            self._checkpoint("clicking")

        try:
            async with asyncio.timeout(self._rules.settings.publish_timeout.total_seconds()):
                network = self._networks[account.network]
                piece_id = intent.piece.id  # for logs, and what is kept of a failure
                with bound_contextvars(content_id=piece_id, trace_id=trace_of(piece_id)):
                    sent = await network.publish(account, intent.publication, before_click=before_click)
                return sent, True, clicked
        # What an error means depends on the click alone. Before it nothing can be live, and the post may be
        # tried again; after it nobody knows, and only a look at the network decides.
        except SessionTrouble as trouble:
            if not clicked:
                return Refused(trouble.what, session=trouble.state), True, False
            return Unconfirmed(trouble.what), True, True
        except (StonechatError, TimeoutError, OSError) as exc:
            reason = str(exc) or "it took too long"
            if clicked or isinstance(exc, Unknown):
                return Unconfirmed(reason), True, True
            return Refused(reason, retry_after=getattr(exc, "retry_after", None)), False, False
        except asyncio.CancelledError:
            late = Unconfirmed("the run was stopped") if clicked else Refused("the run was stopped")
            # The process is closing. A receipt now saves a whole reconciliation after the next start.
            await asyncio.shield(self._receipt(account, intent, late, reached=False, clicked=clicked))
            raise

    async def _receipt(
        self, account: Account, intent: Intent, outcome: PublishOutcome, *, reached: bool, clicked: bool
    ) -> Result:
        async def write(connection: AsyncConnection) -> Result:
            return await record(
                connection,
                account,
                intent,
                outcome,
                self._ending(intent, reached=reached, clicked=clicked),
                self._rules.settings,
            )

        # Repeated until it is committed: the post is out, and without its receipt it would count as unknown.
        # The attempt's id makes a repetition of a commit that was not heard of harmless.
        return await self._database.repeated("posting.receipt", write, keyed=True)

    async def _ask(self, connection: AsyncConnection, account: Account, piece: Content) -> Decision:
        now = self._clock.now()
        network = self._networks[account.network]
        seen = await observe(connection, self._rules, account, piece, network, now, speed=self._clock.speed)
        return decide(piece, account, seen)

    async def _turned_away(
        self,
        connection: AsyncConnection,
        account: Account,
        piece: Content,
        decision: Hold | Late | Never | Ask,
    ) -> Result:
        match decision:
            case Hold(why, until, reschedule):
                if reschedule and until is not None:
                    await content.amend(connection, piece, due_at=until, why=why)
                    return Result(piece.id, PublishVerdict.MOVED, why, until)
                return Result(piece.id, PublishVerdict.HELD, why, until, await hold(connection, piece, why))
            case Late(LatePolicy.MOVE, why, to) if to is not None:
                await content.amend(connection, piece, due_at=to, why=why)
                return Result(piece.id, PublishVerdict.MOVED, why, to)
            case Late(_, why, _):
                return await self._ended(connection, piece, ContentState.MISSED, why)
            case Never(why, after):
                return await self._ended(connection, piece, after, why)
            case Ask(why):
                return await self._asked(connection, piece, why)
            case _:
                assert_never(decision)

    async def _ended(
        self, connection: AsyncConnection, piece: Content, after: ContentState, why: str
    ) -> Result:
        now = self._clock.now()
        await content.change(connection, piece, after, now=now, who="gate", why=why)
        await close_opportunity(connection, piece, OpportunityState.SKIPPED, now=now, why=why)
        return Result(piece.id, PublishVerdict.ENDED, why, events=(ended(piece, after, why),))

    async def _asked(self, connection: AsyncConnection, piece: Content, why: str) -> Result:
        now = self._clock.now()
        await content.change(connection, piece, ContentState.FAILED, now=now, who="gate", why=why)
        told = PostReconciled(account_id=piece.account_id, content_id=piece.id, verdict="undecided", why=why)
        return Result(piece.id, PublishVerdict.ENDED, why, events=(told,))

    def _ending(self, intent: Intent, *, reached: bool, clicked: bool) -> Ending:
        took = timedelta(seconds=self._clock.monotonic() - intent.claimed)
        return Ending(self._clock.now(), self._clock.wall(), took, self._clock.speed, reached, clicked)

    def _told(self, result: Result) -> Result:
        for event in result.events:
            self._events.emit(event)
        return result


async def hold(connection: AsyncConnection, piece: Content, why: str) -> tuple[PostHeld, ...]:
    """Note on the row why it is held; the event to emit after the commit, if that is news."""
    if piece.why == why:
        return ()
    await content.amend(connection, piece, why=why)
    return (PostHeld(account_id=piece.account_id, content_id=piece.id, why=why),)


def publication_of(
    piece: Content,
    go: Go,
    confirmed: Mapping[int, str],
    author: str | None = None,
    pictures: tuple[tuple[Picture, ...], ...] = (),
    first: Attempt | None = None,
) -> Publication:
    """What is still to be sent: a thread goes on after its last confirmed part, never from the start.

    Args:
        first: the first try at it, whose id every later one gives to the network too.

    Raises:
        ValueError: the token is for another piece, or for the row as it was before somebody else claimed it.
    """
    if go.content_id != piece.id or go.fence + 1 != piece.fence:
        raise ValueError(f"the gate's token is not for {piece.id} as it was claimed")
    done = len(confirmed)
    return Publication(
        parts=piece.parts[done:],
        reply_to=confirmed[done - 1] if done else piece.in_reply_to,
        reply_to_author=author if piece.in_reply_to and not done else None,
        quote_of=None if done else piece.quote_of,
        quote_author=author if piece.quote_of and not done else None,
        final_click=go.final_click,
        pictures=pictures[done:],
        key=first.id if first is not None else "",
        first_tried=first.started_at if first is not None else None,
    )
