"""What the owner writes: the same review, storing, approval policy and picture checks as what a model writes.

Its id follows from account, texts and pictures, so that the same call again finds the same row, whatever has
become of it, and makes no second post.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stonechat.content import approval
from stonechat.content.content_store import Accepted
from stonechat.content.review import Draft
from stonechat.content.slots.requested_time import read_time, shown_time
from stonechat.content.writing.pipeline import WritingPipeline
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.errors import Conflict, InvalidInput
from stonechat.core.ids import stable_id
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.ports import WriteRequest
from stonechat.core.states import ContentState
from stonechat.core.texts import canonical
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, media, wakeups
from stonechat.database.repositories.media import Attached
from stonechat.networks.registry import Registry
from stonechat.owner.action import Action, Done, Owner
from stonechat.owner.naming import chosen
from stonechat.posting import attachments

if TYPE_CHECKING:
    from stonechat.posting.pictures import PreparedPicture

BY_HAND = "by hand"
"""Stands where the model's name stands for what a model wrote."""


@dataclass(frozen=True, slots=True)
class GivenPicture:
    """A picture for the part ``part``, from 0, with what it shows in words."""

    body: bytes
    alt: str
    part: int = 0


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be posted.

    Attributes:
        account: its id or handle; not needed where there is one account.
        at: when, as :func:`stonechat.content.slots.requested_time.read_time` reads it; otherwise the next
            time that the account's rhythm has room for.
        again: one more post, though the same was added before.
        despite: steps of the review that the owner overrules; ``schema`` and ``length`` cannot be.
        hold: why the owner must see it before it goes out; empty where the account's policy decides.
    """

    parts: tuple[str, ...]
    account: str | None = None
    at: str | None = None
    pictures: Sequence[GivenPicture] = ()
    again: bool = False
    despite: frozenset[str] = frozenset()
    hold: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(map(canonical, self.parts)))

    @property
    def kind(self) -> ContentKind:
        """A thread where there are several parts."""
        return ContentKind.THREAD if len(self.parts) > 1 else ContentKind.SINGLE

    def content_id(self, account: Account, number: int) -> str:
        """Of the first such content (0), or of one more."""
        shown = [f"{one.part}/{hashlib.sha256(one.body).hexdigest()}/{one.alt}" for one in self.pictures]
        return stable_id(BY_HAND, account.id, str(number), *self.parts, "", *shown)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The row, and its pictures; ``new`` is False where it was there before."""

    content: Content
    account: Account
    pictures: Sequence[Attached]
    new: bool


async def submit(
    owner: Owner,
    drafter: WritingPipeline,
    networks: Registry,
    given: Submission,
    *,
    described: Sequence[Account] = (),
) -> Done[Submitted]:
    """Review what the owner wrote and store it with its pictures.

    Args:
        described: the accounts of the settings, for a database on which nothing has run yet.

    Raises:
        NotFound: there is no such account.
        InvalidInput: it does not pass the review, a picture would be refused, or the time has passed.
        Conflict: no time is free.
        Transient: the database is away; nothing was stored.
    """
    account = await _account(owner, given.account, described)
    due = read_time(given.at, account.timezone, owner.clock.now()) if given.at else None
    present, content_id = await _known(owner.database, given, account)
    assignment = Assignment(
        id=content_id,
        account_id=account.id,
        purpose=Purpose.BY_HAND,
        kind=given.kind,
        arm={},
        due_at=due,
    )
    ready: list[PreparedPicture] = []
    if present is None:
        await _review(drafter, given, account, assignment)
        limits = networks[account.network].pictures
        ready = [await attachments.prepare(one.body, limits) for one in given.pictures]
    async with owner.act("queue.submit") as action:
        submitted = present or await _stored(action, drafter, networks, given, ready, account, assignment)
        state = submitted.content.state.value
        done = await action.done(
            submitted,
            submitted.content.id,
            said=_said(submitted),
            before="" if submitted.new else state,
            after=state,
            why="written by hand" if submitted.new else "was there before",
            account_id=account.id,
        )
    if submitted.new:
        drafter.content_store.announce(submitted.content)
    return done


async def _stored(
    action: Action,
    drafter: WritingPipeline,
    networks: Registry,
    given: Submission,
    ready: Sequence[PreparedPicture],
    account: Account,
    assignment: Assignment,
) -> Submitted:
    connection, now = action.connection, action.now
    voice = drafter.voice_of(account.id)
    accepted = Accepted(given.parts, BY_HAND, BY_HAND, 0.0, given.hold)
    if await accounts.find(connection, account.id) is None:  # Stonechat has not run yet
        await accounts.put(connection, account, now)
    put = await drafter.content_store.put(connection, account, voice, assignment, accepted, who=action.who)
    if not isinstance(put.stored, Content):
        raise Conflict(
            "No time is free within a week.",
            meaning="Nothing was stored.",
            remedy="Give it one with --at, or cancel something.",
        )
    stored = put.stored
    for one, prepared in zip(given.pictures, ready, strict=True) if put.new else ():
        stored = await attachments.attach(
            connection,
            stored.id,
            prepared,
            one.alt,
            part=one.part,
            who=action.who,
            now=now,
            refuse=networks[account.network].refuse_pictures,
        )
    if put.new and stored.due_at <= stored.created_at:
        await wakeups.publish_now(connection, [stored.account_id], stored.created_at)
    return Submitted(stored, account, await media.of(connection, stored.id), put.new)


def _said(submitted: Submitted) -> str:
    """What was done, and what happens next."""
    piece = submitted.content
    short, state = piece.id[:8], piece.state.value.replace("_", " ")
    due = f"due {shown_time(piece.due_at, submitted.account.timezone)}"
    if not submitted.new:
        return f"This was added before: it is {state}, {due} ({short}). --again makes another post of it."
    if piece.state is ContentState.QUEUED:
        return f"Queued, {due} ({short})."
    return f"It waits for approval, {due}. `stonechat queue approve {short}` lets it go out."


async def _known(database: Database, given: Submission, account: Account) -> tuple[Submitted | None, str]:
    """What such a call has added before, or else the id for what it adds now."""
    async with database.read("owner.submission.known") as connection:
        number = 0
        while (found := await content.find(connection, given.content_id(account, number))) is not None:
            if not given.again:
                attached = await media.of(connection, found.id)
                return Submitted(found, account, attached, new=False), found.id
            number += 1
    return None, given.content_id(account, number)


async def _account(owner: Owner, named: str | None, described: Sequence[Account]) -> Account:
    """The account as the Stonechat that runs knows it, else as the settings describe it."""
    async with owner.database.read("owner.submission.account") as connection:
        stored = {one.id: one for one in await accounts.every(connection)}
    known = [stored.get(one.id, one) for one in described] or list(stored.values())
    if named is not None:
        return chosen(known, named)
    if len(known) == 1:
        return known[0]
    names = ", ".join(f"@{one.handle}" for one in known) or "none yet; start `stonechat run` once"
    raise InvalidInput("Which account?", meaning="Nothing was stored.", remedy=f"Name one: {names}.")


async def _review(
    drafter: WritingPipeline, given: Submission, account: Account, assignment: Assignment
) -> None:
    """The steps that a written text passes; the same text once more is wanted where ``again`` says so."""
    bounds = await drafter.bounds(account, assignment, WriteRequest("", "", {}, ""))
    despite = given.despite | ({"repetition"} if given.again else frozenset())
    verdict = approval.checked(Draft(given.kind, given.parts), bounds, despite)
    if not verdict.passed:
        fixed = verdict.step in approval.FIXED
        raise InvalidInput(
            f"The text does not pass the review ({verdict.step}): {verdict.why}.",
            meaning="Nothing was stored.",
            remedy="Change it." if fixed else f"Change it, or overrule the step: --despite {verdict.step}.",
        )
