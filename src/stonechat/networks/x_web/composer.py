"""Writing into X's composer and pressing its button: every step up to the click, and what followed it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from playwright.async_api import Error, Locator, Page

from stonechat.core.errors import Permanent, StonechatError, Transient
from stonechat.core.network import PublishOutcome, Refused, Unconfirmed
from stonechat.core.texts import canonical, with_plain_blanks
from stonechat.networks.x_web.navigation import (
    TOPMOST,
    check_owner,
    explain,
    facts,
    go,
    make_sure_of_owner,
    pass_consent,
    wait_for,
)
from stonechat.networks.x_web.response_capture import CapturedCall, Tap, tapped
from stonechat.networks.x_web.selectors import Selector, textbox
from stonechat.networks.x_web.wire_errors import Demand, fault_of_status, publish_outcome, read_faults, worst
from stonechat.networks.x_web.wire_parser import created_post_ids

SEND = "CreateTweet"
ENABLED_WITHIN = 2.0
"""Real seconds within which the button must come alive after typing."""

_BOX_AND_BUTTON = f"""([boxes, button, toast, previews]) => {{
  const topmost = {TOPMOST};
  const first = document.querySelector(button);
  return {{
    shown: boxes.map((box) => document.querySelector(box)?.innerText ?? null),
    ready: [...document.querySelectorAll(button)].some(
      (one) => !one.disabled && one.getAttribute("aria-disabled") !== "true"),
    clear: first !== null && topmost(first),
    toasts: [...document.querySelectorAll(toast)].map((one) => one.getAttribute("href")),
    pictures: document.querySelectorAll(previews).length,
  }};
}}"""
_OPENS_A_LIST = re.compile(r"(?:^|\W)[#@$\uff03\uff20]\w*$", re.MULTILINE)
_TO_THE_START = "Meta+ArrowUp" if sys.platform == "darwin" else "Control+Home"
_LIST_CLOSED = """(list) => new Promise((done) => {
  const look = (left) => (left && document.querySelector(list) ? setTimeout(look, 20, left - 1) : done());
  setTimeout(look, 30, 50);
})"""
"""Waits, a second at most, until the list has seen that the caret has left its word."""
_NEW_TOAST = """([toast, old]) => [...document.querySelectorAll(toast)]
  .map((one) => one.getAttribute("href")).find((href) => href && !old.includes(href)) ?? null"""


@dataclass(frozen=True, slots=True)
class Written:
    """A composer that shows what it was given.

    Attributes:
        toasts: links of toasts that still stand from earlier posts: they say nothing about this one.
        clear: nothing lies over the send button.
    """

    toasts: list[str]
    clear: bool


@dataclass(frozen=True, slots=True)
class Composer:
    """An open composer: ``scope`` is the CSS prefix of its elements, ``button`` its send button."""

    page: Page
    scope: str
    button: str

    def box(self, part: int) -> str:
        return f"{self.scope}{textbox(part)}"

    @property
    def send(self) -> Locator:
        return self.page.locator(f"{self.scope}{self.button}").first


async def open_for_post(page: Page, site: str, handle: str, within: float) -> Composer:
    """An empty composer for a new post: in the page that is open where that is possible, else a fresh one.

    Raises:
        SessionTrouble, Transient, PageChanged: it cannot be had.
    """
    if page.url.startswith(f"{site}/"):
        found = await facts(page)
        if found.new_post and not found.dialog and not found.consent and found.handle:
            check_owner(found, handle)
            await page.locator(Selector.NEW_POST.value).click(force=True)  # nothing covers it: just looked at
            composer = Composer(page, f"{Selector.DIALOG.value} ", Selector.SEND.value)
            await appears(composer, within)
            return composer
    await go(page, f"{site}/compose/post")
    return await _ready(Composer(page, f"{Selector.DIALOG.value} ", Selector.SEND.value), handle, within)


async def open_for_reply(page: Page, address: str, handle: str, within: float) -> Composer:
    """The composer below the post at ``address``.

    Raises:
        Permanent: the post is gone.
        SessionTrouble, Transient, PageChanged: it cannot be had.
    """
    with tapped(page, "TweetDetail") as tap:

        async def gone() -> None:
            call = await tap.next(0.01)
            if call is not None and any(fault.code == 144 for fault in read_faults(call.answer)):
                raise Permanent("The post that is answered is gone.", meaning="Nothing was sent.")

        await go(page, address)
        return await _ready(Composer(page, "", Selector.SEND_INLINE.value), handle, within, gone)


async def _ready(
    composer: Composer, handle: str, within: float, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> Composer:
    await appears(composer, within, meanwhile)
    if (await make_sure_of_owner(composer.page, handle, within)).consent:
        await pass_consent(composer.page)
    return composer


async def appears(
    composer: Composer, within: float, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Wait for the composer's text box; raises why it is not there."""
    await wait_for(
        composer.page,
        composer.box(0),
        within,
        missing=Selector.TEXTBOX.name,
        what="The composer's text box is not there.",
        meanwhile=meanwhile,
    )


async def write(
    composer: Composer,
    parts: Sequence[str],
    attach: Callable[[int], Awaitable[int]] | None = None,
) -> Written:
    """Put the parts into the composer and make sure that they stand there as they were given.

    Args:
        attach: puts the pictures of the part with this number on it; says how many they are.

    Raises:
        Permanent: the composer changes the text: it would do so every time.
        Transient: a picture is missing, or the button stays dead.
        PageChanged: an element is gone.
    """
    page = composer.page
    pictures = 0
    for number, part in enumerate(parts):
        if number:
            await _press(composer, Selector.ADD_PART)
        await page.focus(composer.box(number))
        await _type(page, part)
        if attach is not None:
            pictures += await attach(number)
    return await _check(composer, parts, pictures)


async def _type(page: Page, part: str) -> None:
    """Type the text without pressing Enter behind an open ``#``, ``@`` or ``$``.

    There the composer opens a list of suggestions, which takes the Enter for itself. A text with such a line
    is typed from its last line up: each Enter is pressed at the very start, where no list can be open.
    """
    lines = part.split("\n")
    if not any(_OPENS_A_LIST.search(line) for line in lines):
        for number, line in enumerate(lines):
            if number:
                await page.keyboard.press("Enter")
            if line:
                await page.keyboard.insert_text(line)
        return
    for number, line in enumerate(reversed(lines)):
        if number:
            await page.keyboard.press("Enter")
            await page.keyboard.press("ArrowUp")
        if line:
            await page.keyboard.insert_text(line)
        await page.keyboard.press(_TO_THE_START)
        if _OPENS_A_LIST.search(line):
            await page.evaluate(_LIST_CLOSED, Selector.SUGGESTIONS.value)


async def _press(composer: Composer, selector: Selector) -> None:
    parts = [f"{composer.scope}{one.strip()}" for one in selector.value.split(",")]
    try:
        await composer.page.locator(", ".join(parts)).first.click()
    except Error as exc:
        raise await explain(composer.page, selector.name, f"{selector.name} cannot be pressed.") from exc


async def _check(composer: Composer, parts: Sequence[str], pictures: int) -> Written:
    boxes = [composer.box(number) for number in range(len(parts))]
    button = f"{composer.scope}{composer.button}"
    previews = f"{composer.scope}{Selector.OWN_PREVIEW.value}"
    looked_for = [boxes, button, Selector.TOAST_LINK.value, previews]
    loop = asyncio.get_running_loop()
    end = loop.time() + ENABLED_WITHIN
    while True:
        found = await composer.page.evaluate(_BOX_AND_BUTTON, looked_for)
        same = all(
            _stands_there(shown or "", part) for shown, part in zip(found["shown"], parts, strict=True)
        )
        whole = found["pictures"] == pictures
        if same and whole and found["ready"]:
            return Written([str(toast) for toast in found["toasts"]], found["clear"])
        if loop.time() >= end:
            break
        await asyncio.sleep(0.05)
    if await composer.send.count() == 0:
        raise await explain(composer.page, composer.button, "The send button is not there.")
    if not same:
        raise _altered([shown or "" for shown in found["shown"]], parts)
    if not whole:
        shown = f"{found['pictures']} of {pictures} pictures"
        raise Transient(f"The composer shows {shown}.", meaning="Nothing was sent.")
    raise Transient(
        "The send button stays disabled though the text is complete.", meaning="Nothing was sent."
    )


def _stands_there(shown: str, part: str) -> bool:
    """Whether the box holds the text, sign for sign.

    A browser tells the end of a line once, or each of them twice; and that of an empty line once or twice.
    """
    read, typed = (re.split("(\n+)", with_plain_blanks(one)) for one in (shown, part))
    if read[::2] != typed[::2]:
        return False
    ends = [(len(told), len(meant)) for told, meant in zip(read[1::2], typed[1::2], strict=True)]
    return all(meant <= told < 2 * meant for told, meant in ends) or all(
        told == 2 * meant for told, meant in ends
    )


def _altered(shown: Sequence[str], parts: Sequence[str]) -> StonechatError:
    """Why the composer shows something else, and whether typing it again can help."""
    number = next(n for n, part in enumerate(parts) if not _stands_there(shown[n], part))
    if not canonical(shown[number]):
        return Transient("The composer took no text.", meaning="Nothing was sent.")
    cause = "a list of suggestions took a line's end or a word" if _OPENS_A_LIST.search(parts[number]) else ""
    return Permanent(
        f"The composer changes the text of part {number + 1}{f' ({cause})' if cause else ''}.",
        meaning="Nothing was sent, since what is sent must be what was approved, sign for sign.",
        remedy="Put a sign or a word behind the #, @ or $ at the end of a line: `stonechat queue edit`.",
    )


async def make_sure_it_can_be_pressed(composer: Composer) -> None:
    """Do everything of a click but the click: bring the button into view, wait until it stands still.

    Raises:
        SessionTrouble, Transient, PageChanged: something stands before the button.
    """
    try:
        await composer.send.click(trial=True)
    except Error as exc:
        raise await explain(composer.page, "send button", "The send button cannot be pressed.") from exc


async def press(composer: Composer) -> None:
    """The click. From here on the outcome is unknown until something says otherwise."""
    await composer.send.click(force=True, no_wait_after=True)


@dataclass(slots=True)
class Sent:
    """What the answers to one click said: ids in order, or the outcome that ended it early."""

    ids: list[str]
    ended: PublishOutcome | None = None
    unclear: str = ""
    """Why neither is known; then the toast and the profile are asked."""
    duplicate: bool = False
    """The network says that it has this text already."""
    calls: list[CapturedCall] = field(default_factory=list)
    """The calls that the ids were read from, one for each."""


async def follow(tap: Tap, parts: Sequence[str], within: float) -> Sent:
    """Read the answers to one click, one for each part, until all are in or one says that it ends here."""
    sent = Sent([])
    while len(sent.ids) < len(parts):
        call = await tap.next(within)
        if call is None:
            sent.unclear = f"No answer to part {len(sent.ids) + 1} within {within:g} s."
            return sent
        ids = created_post_ids(call.answer)
        if ids:
            sent.ids += ids
            sent.calls.append(call)
            continue
        fault = worst(read_faults(call.answer)) or fault_of_status(call.status or 0)
        if fault is None:
            sent.unclear = call.problem or "The service took the post and did not say what became of it."
        elif fault.demand in {Demand.RECONCILE, Demand.UNCLEAR}:
            # A duplicate may be this very post: a browser sends a request again when a connection breaks.
            sent.unclear, sent.duplicate = str(fault), fault.demand is Demand.RECONCILE
        else:
            sent.ended = publish_outcome(fault.waiting(call.wait), tuple(sent.ids))
        return sent
    return sent


async def toast_id(page: Page, old: list[str], within: float) -> str | None:
    """The id that the page's "Your post was sent." links to; None where it does not show within that time.

    Args:
        old: links of toasts that were there before the click.
        within: real seconds.
    """
    try:
        found = await page.wait_for_function(
            _NEW_TOAST, arg=[Selector.TOAST_LINK.value, old], timeout=within * 1000
        )
        href = str(await found.json_value() or "")
    except Error:
        return None
    return href.split("?", maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1] or None


def with_confirmed(outcome: PublishOutcome, ids: tuple[str, ...]) -> PublishOutcome:
    """The same outcome, knowing of all parts that went out before it."""
    return replace(outcome, confirmed=ids) if isinstance(outcome, Refused | Unconfirmed) else outcome
