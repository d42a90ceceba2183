"""Publishing through the page, such that every way it can end has a name.

Before the click nothing can have happened: whatever goes wrong is ``Refused``. From the click on only
evidence counts. The answer behind the page says posted or refused; where it says neither (cut off,
empty, late, a dead browser) the toast's link is looked at, then the own profile; and what then is still
unclear is ``Unconfirmed``, which is never sent again before a reconciler has looked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from playwright.async_api import Error, Page

from stonechat.browser import BrowserPool, LeasePriority
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, SessionTrouble, StonechatError, Transient
from stonechat.core.model import Account
from stonechat.core.network import (
    Posted,
    Publication,
    PublishOutcome,
    Refused,
    Rehearsed,
    Timeline,
    Unconfirmed,
)
from stonechat.networks.x_picture_limits import refuse_pictures
from stonechat.networks.x_text_rules import MAX_LENGTH, weighted_length
from stonechat.networks.x_web import composer as composing
from stonechat.networks.x_web import media_upload
from stonechat.networks.x_web.composer import Composer, Sent
from stonechat.networks.x_web.id_verification import Contradiction, check_id, doubts, doubts_of_toast, is_new
from stonechat.networks.x_web.media_upload import open_for_quote
from stonechat.networks.x_web.response_capture import tapped

Newest = Callable[[Page, Account, str, str, int], Awaitable[Timeline]]
TOAST_WITHIN = 0.7
"""Real seconds to wait for the toast where the answer did not say what became of the post."""


@dataclass(slots=True)
class _Progress:
    """How far one publication came; it outlives the page, so that nothing is forgotten when that dies.

    Attributes:
        open_click: when the button was pressed for parts of which it is not yet known what became.
        answers: id of the post that the next part answers; None where it answers none.
    """

    before_click: Callable[[], None] | None
    answers: str | None = None
    open_click: datetime | None = None
    ids: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def click(self, now: datetime) -> None:
        if self.before_click is not None:
            self.before_click()  # at every click: between two parts somebody else may have taken over
        self.open_click = now

    def settle(self) -> None:
        self.open_click = None


class PublishFlow:
    """Publishes one publication of one account."""

    def __init__(self, pool: BrowserPool, clock: Clock, site: str, within: float, newest: Newest) -> None:
        self._pool = pool
        self._clock = clock
        self._site = site
        self._within = within
        self._newest = newest

    async def publish(
        self, account: Account, publication: Publication, before_click: Callable[[], None] | None
    ) -> PublishOutcome:
        """Publish all parts, or say how far it came."""
        long = [part for part in publication.parts if weighted_length(part) > MAX_LENGTH]
        if long or not publication.parts or not all(part.strip() for part in publication.parts):
            why = (
                f"A part is {weighted_length(long[0])} long, {MAX_LENGTH} is the most."
                if long
                else "A part is empty."
            )
            return Refused(why, permanent=True)
        for pictures in publication.pictures:
            why = refuse_pictures(pictures)
            if why:
                return Refused(f"{why[0].upper()}{why[1:]}.", permanent=True)
        progress = _Progress(before_click)
        priority = LeasePriority.REPLY if publication.reply_to_author else LeasePriority.POST
        try:
            async with self._pool.lease(account.id, priority=priority, task="publish") as lease:
                return await self._publish(lease.page, account, publication, progress)
        except StonechatError as exc:
            return _ended_by(exc, progress)

    async def _publish(
        self, page: Page, account: Account, publication: Publication, progress: _Progress
    ) -> PublishOutcome:
        if publication.reply_to is None:
            composer = await self._open(page, account, publication)
            outcome = await self._send(page, account, publication, composer, publication.parts, progress)
            return outcome or self._posted(account, progress)
        parent, author = publication.reply_to, publication.reply_to_author or account.handle
        for part in publication.parts:
            progress.answers = parent
            address = f"{self._site}/{author}/status/{parent}"
            composer = await composing.open_for_reply(page, address, account.handle, self._within)
            outcome = await self._send(page, account, publication, composer, (part,), progress)
            if outcome is not None:
                return outcome
            parent, author = progress.ids[-1], account.handle
        return self._posted(account, progress)

    async def _open(self, page: Page, account: Account, publication: Publication) -> Composer:
        """A composer for a new post, with the quoted one in it where there is one."""
        if publication.quote_of is None:
            return await composing.open_for_post(page, self._site, account.handle, self._within)
        author = publication.quote_author or "i"
        return await open_for_quote(
            page, self._site, author, publication.quote_of, account.handle, self._within
        )

    async def _send(
        self,
        page: Page,
        account: Account,
        publication: Publication,
        composer: Composer,
        parts: tuple[str, ...],
        progress: _Progress,
    ) -> PublishOutcome | None:
        """Write the parts and click once; None where all went out, with their ids in ``progress``."""
        first = len(progress.ids)

        async def attach(number: int) -> int:
            pictures = publication.of_part(first + number)
            await media_upload.attach(composer, number, pictures, self._within)
            return len(pictures)

        written = await composing.write(composer, parts, attach if publication.pictures else None)
        if not written.clear:
            await composing.make_sure_it_can_be_pressed(composer)
        if not publication.final_click:
            lengths = " + ".join(str(weighted_length(part)) for part in publication.parts)
            return Rehearsed(f"Everything was done but the final click ({lengths} of {MAX_LENGTH}).")
        with tapped(page, composing.SEND) as tap:
            progress.click(self._clock.now())
            try:
                await composing.press(composer)
            except Error as exc:
                sent = Sent([], unclear=f"The click did not return: {str(exc).splitlines()[0][:200]}")
            else:
                sent = await composing.follow(tap, parts, self._within)
        clicked = progress.open_click or self._clock.now()
        for number, (call, post_id) in enumerate(zip(sent.calls, sent.ids, strict=True)):
            part = first + number
            reply = part > 0 or publication.reply_to is not None
            check_id(call, post_id, parts[number], clicked, self._slack, reply=reply)
            progress.ids.append(post_id)
            progress.doubts += doubts(
                call,
                post_id,
                parts[number],
                publication.of_part(part),
                publication.quote_of if part == 0 else None,
                reply=reply,
            )
        if sent.ended is not None:
            return composing.with_confirmed(sent.ended, tuple(progress.ids))
        if sent.unclear:
            outcome = await self._look_closer(page, account, parts, sent, written.toasts, progress)
            if outcome is not None:
                return outcome
        else:
            toast = await composing.toast_id(page, written.toasts, TOAST_WITHIN)
            progress.doubts += doubts_of_toast(sent.ids, toast)
        progress.settle()
        return None

    @property
    def _slack(self) -> timedelta:
        """Account time by which the network's clock may be behind ours."""
        return timedelta(seconds=60 + 2 * self._clock.speed)

    async def _look_closer(
        self,
        page: Page,
        account: Account,
        parts: tuple[str, ...],
        sent: Sent,
        old_toasts: list[str],
        progress: _Progress,
    ) -> PublishOutcome | None:
        """The wire did not say: ask the toast, then the profile. None where that settles it."""
        missing = parts[len(sent.ids) :]
        clicked = progress.open_click or self._clock.now()
        if len(missing) == 1:
            found = await composing.toast_id(page, old_toasts, TOAST_WITHIN)
            if found and found not in progress.ids and is_new(found, clicked, self._slack):
                progress.ids.append(found)
                return None
        try:
            above = sent.ids[-1] if sent.ids else progress.answers
            ids = await self._on_profile(page, account, missing, progress, above)
        except StonechatError as exc:
            why = f"{sent.unclear} The profile could not be read: {exc.what}"
            return Unconfirmed(why, tuple(progress.ids), duplicate=sent.duplicate)
        progress.ids += ids
        if len(ids) == len(missing):
            return None
        return Unconfirmed(sent.unclear, tuple(progress.ids), duplicate=sent.duplicate)

    async def _on_profile(
        self, page: Page, account: Account, parts: tuple[str, ...], progress: _Progress, above: str | None
    ) -> list[str]:
        """Ids of the leading parts that the account's own page shows, posted since the click.

        Args:
            above: what the first of them answers; the same words may answer others too.
        """
        timeline = await self._newest(page, account, "/with_replies", "UserTweetsAndReplies", 20)
        clicked = progress.open_click or self._clock.now()
        earliest = clicked - self._slack
        newest = [
            post
            for post in timeline.posts
            if post.created_at is not None and post.created_at >= earliest and post.id not in progress.ids
        ]
        ids: list[str] = []
        for part in parts:
            candidates = [
                post.id
                for post in newest
                if post.in_reply_to in (None, above) and post.shows(part, reply=above is not None)
            ]
            if len(candidates) != 1:  # two of the same text: which is this one is for the reconciler to say
                break
            above = candidates[0]
            ids.append(above)
        return ids

    def _posted(self, account: Account, progress: _Progress) -> Posted:
        url = f"{self._site}/{account.handle}/status/{progress.ids[0]}"
        return Posted(tuple(progress.ids), url, tuple(progress.doubts))


def _ended_by(exc: StonechatError, progress: _Progress) -> PublishOutcome:
    """What an error means for the post: before the click it is not live, after it nobody knows."""
    confirmed = tuple(progress.ids)
    if progress.open_click is not None:
        return Unconfirmed(str(exc), confirmed, contradicted=isinstance(exc, Contradiction))
    return Refused(
        str(exc),
        permanent=type(exc) is Permanent,
        retry_after=exc.retry_after if isinstance(exc, Transient) else None,
        session=exc.state if isinstance(exc, SessionTrouble) else None,
        confirmed=confirmed,
    )
