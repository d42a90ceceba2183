"""Two accounts after a season: some hundred posts with figures, a queue, replies to decide on, and what failed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Account, Content, ContentKind, Metrics, Opportunity, Snapshot
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import Database
from stonechat.database.repositories import accounts, content, drafts, metrics, opportunities
from stonechat.database.repositories.drafts import RejectedDraft, ReserveDraft

ROBIN = Account("x_web:robin", "x_web", "robin", timezone="Europe/Berlin")
WREN = Account("x_web:wren", "x_web", "wren", timezone="America/New_York", posts_per_day=3)
TOPICS = ("sleep", "reading", "walking", "focus", "friends", "cooking")
HOOKS = ("question", "claim", "story", "number")
FORMATS = ("one line", "list", "how to")
HOURS = ("morning", "noon", "evening")
_SAYINGS = (
    "A short walk is still a walk.",
    "Two pages a day make a shelf by spring.",
    "What would you cook if nobody were watching the clock?",
    "Put the phone in another room. The room you sleep in gets larger.",
    "Three friends you have not called this month: call the first one now.",
    "Most of focus is deciding what not to look at, and then not looking at it for a quarter of an hour.",
)


def posts(account: Account, count: int, now: datetime, rng: random.Random) -> Iterator[Content]:
    """Published posts, newest first, some hours apart."""
    at = now - timedelta(minutes=40)
    for number in range(count):
        text = f"{_SAYINGS[number % len(_SAYINGS)]} ({count - number})"
        yield Content(
            id=f"{account.handle}-{count - number:06d}",
            account_id=account.id,
            kind=ContentKind.SINGLE,
            state=ContentState.POSTED,
            parts=(text,),
            due_at=at,
            created_at=at - timedelta(hours=5),
            state_since=at,
            arm={
                "topic": rng.choice(TOPICS),
                "hook": rng.choice(HOOKS),
                "format": rng.choice(FORMATS),
                "hour_block": rng.choice(HOURS),
            },
            writer_model="a-model",
            cost_usd=0.0004,
            post_id=f"{account.handle}{count - number}",
            url=f"https://network.example/{account.handle}/{count - number}",
            posted_at=at,
        )
        at -= timedelta(minutes=rng.randrange(140, 420))


def readings(piece: Content, rng: random.Random, now: datetime) -> Iterator[Snapshot]:
    """How a post did, read an hour, some hours and a day later."""
    assert piece.posted_at and piece.post_id
    better = 2.0 if piece.arm.get("topic") in ("sleep", "walking") else 1.0
    views = rng.randrange(200, 900) * better
    for hours, share in ((1, 0.3), (6, 0.7), (24, 1.0)):
        at = piece.posted_at + timedelta(hours=hours)
        if at > now:
            return
        seen = int(views * share)
        yield Snapshot(
            piece.account_id,
            piece.post_id,
            piece.id,
            at,
            Metrics(likes=seen // 40, reposts=seen // 200, replies=seen // 150, views=seen),
            "wire",
        )


def _piece(
    account: Account, name: str, state: ContentState, due: datetime, now: datetime, text: str
) -> Content:
    return Content(
        id=f"{account.handle}-{name}",
        account_id=account.id,
        kind=ContentKind.SINGLE,
        state=state,
        parts=(text,),
        due_at=due,
        created_at=now - timedelta(hours=6),
        state_since=now - timedelta(hours=1),
        arm={"topic": "walking", "hook": "story", "format": "one line", "hour_block": "morning"},
        writer_model="a-model",
    )


async def ahead(connection: AsyncConnection, account: Account, now: datetime) -> None:
    """A queue of some days, one piece that failed, one that was missed, one rejected."""
    for number in range(12):
        due = now + timedelta(hours=3 + number * 5, minutes=number * 7)
        text = f"{_SAYINGS[(number + 2) % len(_SAYINGS)]} ({900 + number})"
        await content.add(
            connection,
            _piece(account, f"ahead-{number:02d}", ContentState.QUEUED, due, now, text),
            who="content",
        )
    for name, state, due, text in (
        ("failed", ContentState.FAILED, now - timedelta(hours=2), "Sleep is a skill too."),
        ("missed", ContentState.MISSED, now - timedelta(hours=9), "Water first, then coffee."),
        ("rejected", ContentState.REJECTED, now - timedelta(hours=30), "Ten tricks doctors hate."),
    ):
        await content.add(connection, _piece(account, name, state, due, now, text), who="content")


async def asked(connection: AsyncConnection, account: Account, now: datetime) -> None:
    """Two people who said something, with a drafted reply each; and some whom nobody answers yet."""
    said = (
        (
            "lark",
            "Does a walk of ten minutes even count? I never get further than the corner.",
            "mentions",
            True,
        ),
        ("heron", "Reading before bed is the only thing that got me off the phone.", "search", False),
        ("siskin", "My reading list only ever grows.", "search", False),
    )
    drafts_ = (
        "It does. The corner is where most of mine turn into longer ones.",
        "Same here. Paper wins at night.",
    )
    for number, (author, text, source, invited) in enumerate(said):
        one = Opportunity(
            id=f"{account.handle}-op-{author}",
            account_id=account.id,
            post_id=f"{account.handle}-their-{author}",
            author=author,
            text=text,
            url=f"https://network.example/{author}/1",
            posted_at=now - timedelta(hours=2),
            found_at=now - timedelta(hours=1),
            state=OpportunityState.CLAIMED if number < 2 else OpportunityState.FOUND,
            source=source,
            invited=invited,
            score=0.91 - number / 5,
            metrics=Metrics(likes=14, reposts=1, replies=3, views=800),
        )
        await opportunities.add(connection, [one])
        if number < 2:
            reply = _piece(
                account, f"reply-{author}", ContentState.AWAITING_APPROVAL, now, now, drafts_[number]
            )
            reply = replace(reply, kind=ContentKind.REPLY, opportunity_id=one.id, in_reply_to=one.post_id)
            await content.add(connection, reply, who="content")


async def furnish(database: Database, now: datetime, *, count: int = 300, seed: int = 1) -> None:
    """Everything of the module's first sentence."""
    rng = random.Random(seed)
    async with database.begin("test.furnish") as connection:
        for account, share in ((ROBIN, count), (WREN, count // 5)):
            await accounts.put(connection, account, now - timedelta(days=90))
            for piece in posts(account, share, now, rng):
                await content.add(connection, piece, who="posting")
                await metrics.append(connection, readings(piece, rng, now))
            for day in range(60):
                at, followers = now - timedelta(days=60 - day), 400 + day * 9 + rng.randrange(6)
                await metrics.append_account(connection, account.id, at, followers=followers, following=120)
            await ahead(connection, account, now)
        await asked(connection, ROBIN, now)
        turned_down = RejectedDraft(
            ROBIN.id,
            now - timedelta(hours=3),
            "single",
            "This one weird trick …",
            "tone",
            "sounds like an ad",
            {},
        )
        await drafts.reject(connection, [turned_down])
        kept = ReserveDraft(
            "d-kept", ROBIN.id, now, ("Kept for a day without a model.",), ContentKind.SINGLE, {}, "", "", 0.0
        )
        await drafts.stock(connection, kept)
        await opportunities.opt_out(connection, ROBIN.id, "shrike", now=now)
