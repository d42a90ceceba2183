"""What the owner writes: the same review, shelf, approval policy and picture checks as what a model writes.

Its id follows from account, texts and pictures, so that the same call again finds the same row, whatever has
become of it, and makes no second post.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from stonechat.content import approval
from stonechat.content.content_store import Accepted
from stonechat.content.review import Draft
from stonechat.content.writing.pipeline import WritingPipeline
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent
from stonechat.core.ids import stable_id
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.ports import WriteRequest
from stonechat.core.texts import canonical
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, media, wakeups
from stonechat.database.repositories.media import Attached
from stonechat.posting import attachments
from stonechat.posting.attachments import Refuse

BY_HAND = "by hand"
"""Stands where the model's name stands for what a model wrote."""


@dataclass(frozen=True, slots=True)
class GivenPicture:
    """A picture for the part ``part``, from 0, with what it shows in words."""

    body: bytes
    alt: str
    part: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be posted.

    Attributes:
        at: when (account time); None for the next time that the account's rhythm has room for.
        again: one more post, though the same was added before.
        despite: steps of the review that the owner overrules; ``schema`` and ``length`` cannot be.
    """

    account: Account
    parts: tuple[str, ...]
    at: datetime | None = None
    pictures: Sequence[GivenPicture] = ()
    again: bool = False
    despite: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(map(canonical, self.parts)))

    @property
    def kind(self) -> ContentKind:
        """A thread where there are several parts."""
        return ContentKind.THREAD if len(self.parts) > 1 else ContentKind.SINGLE

    def content_id(self, number: int) -> str:
        """Of the first such content (0), or of one more."""
        shown = [f"{one.part}/{hashlib.sha256(one.body).hexdigest()}/{one.alt}" for one in self.pictures]
        return stable_id(BY_HAND, self.account.id, str(number), *self.parts, "", *shown)


@dataclass(frozen=True, slots=True)
class Added:
    """The row, and its pictures; ``new`` is False where it was there before."""

    content: Content
    pictures: Sequence[Attached]
    new: bool


async def add_by_hand(
    database: Database, clock: Clock, drafter: WritingPipeline, wish: Wish, *, who: str, refuse: Refuse
) -> Added:
    """Review what the owner wrote and put it on the shelf with its pictures, in one transaction.

    Raises:
        Permanent: it does not pass the review, a picture would be refused, or no time is free.
        Transient: the database is away; nothing was stored.
    """
    present, content_id = await _known(database, wish)
    if present is not None:
        return present
    assignment = Assignment(
        id=content_id,
        account_id=wish.account.id,
        purpose=Purpose.BY_HAND,
        kind=wish.kind,
        arm={},
        due_at=wish.at,
    )
    await _review(drafter, wish, assignment)
    voice = drafter.voice_of(wish.account.id)
    accepted = Accepted(wish.parts, BY_HAND, BY_HAND, 0.0)
    async with database.begin("content.by_hand") as connection:
        if await accounts.find(connection, wish.account.id) is None:  # Stonechat has not run yet
            await accounts.put(connection, wish.account, clock.now())
        put = await drafter.shelf.put(connection, wish.account, voice, assignment, accepted, who=who)
        if not isinstance(put.stored, Content):
            raise Permanent(
                "No time is free within a week.",
                meaning="Nothing was stored.",
                remedy="Give it one with --at, or cancel something.",
            )
        stored = put.stored
        for one in wish.pictures if put.new else ():
            stored = await attachments.attach(
                connection,
                stored.id,
                one.body,
                one.alt,
                part=one.part,
                who=who,
                now=clock.now(),
                refuse=refuse,
            )
        if put.new and stored.due_at <= clock.now():
            await wakeups.publish_now(connection, [stored.account_id], clock.now())
        attached = await media.of(connection, stored.id)
    if put.new:
        drafter.shelf.announce(stored)
    return Added(stored, attached, put.new)


async def _known(database: Database, wish: Wish) -> tuple[Added | None, str]:
    """What such a call has added before, or else the id for what it adds now."""
    async with database.read("content.by_hand.known") as connection:
        number = 0
        while (found := await content.find(connection, wish.content_id(number))) is not None:
            if not wish.again:
                return Added(found, await media.of(connection, found.id), new=False), found.id
            number += 1
    return None, wish.content_id(number)


async def _review(drafter: WritingPipeline, wish: Wish, assignment: Assignment) -> None:
    """The steps that a written text passes; the same text once more is wanted where ``again`` says so."""
    bounds = await drafter.bounds(wish.account, assignment, WriteRequest("", "", {}, ""))
    despite = wish.despite | ({"repetition"} if wish.again else frozenset())
    verdict = approval.checked(Draft(wish.kind, wish.parts), bounds, despite)
    if not verdict.passed:
        fixed = verdict.step in approval.FIXED
        raise Permanent(
            f"The text does not pass the review ({verdict.step}): {verdict.why}.",
            meaning="Nothing was stored.",
            remedy="Change it." if fixed else f"Change it, or overrule the step: --despite {verdict.step}.",
        )


async def account_of(database: Database, given: Sequence[Account], named: str | None) -> Account:
    """The account that is named, as the Stonechat that runs knows it, else as these settings describe it.

    Raises:
        Permanent: there is none such, or there are several and none is named.
    """
    described = account_named(given, named)
    async with database.read("content.by_hand.account") as connection:
        return await accounts.find(connection, described.id) or described


def account_named(given: Sequence[Account], named: str | None) -> Account:
    """The account of the settings by its id or handle; the only one where none is named.

    Raises:
        Permanent: there is none such, or there are several and none is named.
    """
    known = ", ".join(f"@{one.handle}" for one in given)
    if named is None and len(given) == 1:
        return given[0]
    if named is None:
        raise Permanent(
            "Which account?", meaning="Nothing was stored.", remedy=f"--account; there are {known}."
        )
    wanted = named.removeprefix("@")
    for one in given:
        if wanted in (one.id, one.handle):
            return one
    raise Permanent(
        f"There is no account {named!r}.", meaning="Nothing was stored.", remedy=f"Known: {known}."
    )
