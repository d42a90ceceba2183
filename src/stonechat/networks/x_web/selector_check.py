"""The daily look: every selector where it belongs, every wire path where it is read, nothing published.

Each place is opened, what it shows is looked for, and some things are pressed that bring more (a menu, the
composer). Two small pictures are chosen to see how the composer shows them; they are in no post, and X
forgets them after a day.
"""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import Error, FilePayload, Page

from stonechat.core.errors import Permanent
from stonechat.networks.x_web.navigation import go
from stonechat.networks.x_web.reading import checked
from stonechat.networks.x_web.response_capture import Tap, tapped
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_paths import missing_paths

SETTLED = 2.0
"""Real seconds in which a page draws what it shows, and asks for what it needs."""
_STATUS = re.compile(r"^/\w+/status/\d+$")


@dataclass(frozen=True, slots=True)
class Step:
    """Something done on a page, where ``needs`` is there, and what must then be there."""

    needs: Selector
    do: Callable[[Page], Awaitable[None]]
    brings: tuple[Selector, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """An address (``{handle}`` and ``{post}`` stand for the account's name and some post's path), what it
    shows, the calls that it makes, and what can be done there."""

    path: str
    shows: tuple[Selector, ...] = ()
    calls: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


def _pressing(selector: Selector) -> Callable[[Page], Awaitable[None]]:
    async def press(page: Page) -> None:
        await page.locator(selector.value).first.click(timeout=SETTLED * 1000)

    return press


async def _type(page: Page) -> None:
    await page.focus(Selector.TEXTBOX.value)
    await page.keyboard.insert_text("x")


async def _choose_pictures(page: Page) -> None:
    await page.locator(Selector.FILE_INPUT.value).first.set_input_files([_picture("a"), _picture("b")])


PLACES = (
    Place(
        "/home",
        (
            Selector.ACCOUNT_SWITCHER,
            Selector.PROFILE_LINK,
            Selector.NEW_POST,
            Selector.SEND_INLINE,
            Selector.POST,
            Selector.POST_TEXT,
            Selector.USER_NAME,
            Selector.COUNTS,
            Selector.STATUS_LINK,
            Selector.VIEWS_LINK,
            Selector.REPLY,
            Selector.REPOST,
            Selector.SHOUT,
        ),
        steps=(
            Step(Selector.REPOST, _pressing(Selector.REPOST), (Selector.QUOTE,)),
            Step(Selector.QUOTE, _pressing(Selector.QUOTE), (Selector.ATTACHMENTS,)),
        ),
    ),
    Place(
        "/compose/post",
        (Selector.DIALOG, Selector.TEXTBOX, Selector.SEND, Selector.FILE_INPUT),
        steps=(
            Step(Selector.TEXTBOX, _type, (Selector.ADD_PART,)),
            Step(
                Selector.FILE_INPUT,
                _choose_pictures,
                (Selector.ATTACHMENTS, Selector.OWN_PREVIEW, Selector.DESCRIBE),
            ),
            Step(
                Selector.DESCRIBE,
                _pressing(Selector.DESCRIBE),
                (Selector.DESCRIPTION, Selector.NEXT_PICTURE, Selector.DESCRIBED),
            ),
        ),
    ),
    Place(
        "/{handle}",
        (Selector.PROFILE_NAME, Selector.PROFILE_BIO, Selector.FOLLOWERS, Selector.FOLLOWING),
        ("UserByScreenName", "UserTweets"),
    ),
    Place("/{handle}/with_replies", calls=("UserTweetsAndReplies",)),
    Place("/search?q=zqxjkvwpzqxjkvwp&src=typed_query&f=live", (Selector.EMPTY,)),
    Place("/search?q=the&src=typed_query&f=live", calls=("SearchTimeline",)),
    Place("/notifications/mentions", calls=("NotificationsTimeline",)),
    Place("{post}", (Selector.POST,), ("TweetDetail",)),
)
"""Where everything belongs."""

SEEN_AT_WORK = {
    Selector.CONSENT: "only where the site asks about cookies; an unknown layer is named when it is there",
    Selector.CONSENT_MASK: "as the one before",
    Selector.PAID: "only where somebody paid; on the wire the same posts are told by promotedMetadata",
    Selector.SUGGESTIONS: "only there while a tag is typed; a text that it changes is refused for it",
    Selector.TOAST: "only a post brings it; each post's id is cross-checked with what the toast links to",
    Selector.TOAST_LINK: "as the one before",
}
"""Selectors that a look cannot bring about, and what notices where they have moved."""


async def look_everywhere(
    page: Page, site: str, handle: str, *, places: Sequence[Place] = PLACES, within: float = SETTLED
) -> tuple[str, ...]:
    """The names of the selectors and wire paths that are no longer where they belong; empty when all are.

    Raises:
        SessionTrouble, Transient: the pages cannot be had; then nothing is said about what they show.
    """
    missing: list[str] = []
    post = ""
    for place in places:
        if "{post}" in place.path and not post:
            continue
        path = place.path.replace("{handle}", handle).replace("{post}", post)
        missing += await _look(page, f"{site}{path}", place, within)
        post = post or await _some_post(page)
    return without_consequences(missing)


async def _look(page: Page, address: str, place: Place, within: float) -> list[str]:
    with tapped(page, *place.calls) as tap:
        await go(page, address)
        moved = await _answers(tap, place.calls, within)
    moved += await _absent(page, place.shows, within)
    for step in place.steps:
        if await page.query_selector(step.needs.value) is None:
            continue
        try:
            await step.do(page)
        except Error:
            moved.append(step.needs.name)  # it is there and cannot be used
            break
        moved += await _absent(page, step.brings, within)
    return moved


async def _answers(tap: Tap, calls: Sequence[str], within: float) -> list[str]:
    """What has moved in the answers to these calls; a call that is not made has moved itself."""
    left, moved = set(calls), list[str]()
    while left:
        call = await tap.next(max(within, SETTLED))
        if call is None:
            break
        if call.operation in left:
            left.discard(call.operation)
            try:
                moved += missing_paths(call.operation, checked(call))
            except Permanent:
                continue
    return [*moved, *(f"call {name}" for name in sorted(left))]


async def _absent(page: Page, selectors: Sequence[Selector], within: float) -> list[str]:
    """The names of those that are not on the page once it had time to draw them."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        absent = [one for one in selectors if await page.query_selector(one.value) is None]
        if not absent or loop.time() >= end:
            return [one.name for one in absent]
        await asyncio.sleep(0.05)


async def _some_post(page: Page) -> str:
    """The path of a post that the page links to; "" where there is none."""
    for link in await page.query_selector_all(Selector.STATUS_LINK.value):
        path = urlsplit(await link.get_attribute("href") or "").path
        if _STATUS.match(path):
            return path
    return ""


def without_consequences(missing: Iterable[str]) -> tuple[str, ...]:
    """Each name once, without selectors that are missing only because one that they lie within is."""
    names = list(dict.fromkeys(missing))
    outer = [Selector[name] for name in names if name in Selector.__members__]
    return tuple(
        name
        for name in names
        if name not in Selector.__members__ or not any(_lies_within(Selector[name], one) for one in outer)
    )


def _lies_within(one: Selector, other: Selector) -> bool:
    if one is Selector.VIEWS_LINK and other is Selector.STATUS_LINK:
        return True  # its address is a post's, with something behind it
    return one.value.startswith(f"{other.value} ")


def _picture(name: str) -> FilePayload:
    """A grey square of 16 by 16 pixels as a PNG file."""
    header = struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + b"\x80" * 16 for _ in range(16)))
    parts = ((b"IHDR", header), (b"IDAT", lines), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return {"name": f"{name}.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + body}
