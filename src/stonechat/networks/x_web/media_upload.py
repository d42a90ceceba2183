"""Pictures and quoted posts in X's composer: chosen, uploaded, described, seen to stand there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from playwright.async_api import Error, FilePayload, Page, Response

from stonechat.core.errors import Permanent, Transient
from stonechat.core.network import Picture
from stonechat.networks.x_web.composer import Composer, appears
from stonechat.networks.x_web.navigation import explain, go, make_sure_of_owner, pass_consent, wait_for
from stonechat.networks.x_web.response_capture import tapped
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_errors import read_faults

_ENDED = re.compile(r"/media/upload\.json\?.*\bcommand=FINALIZE\b")
_NAMES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
_AFTER_BOX = "xpath=following::*[@data-testid='attachments'][1]"


async def attach(composer: Composer, part: int, pictures: Sequence[Picture], within: float) -> None:
    """Put the pictures on the part that has just been written, wait for their uploads, and describe them.

    Args:
        within: real seconds for the uploads.

    Raises:
        Transient: a picture was not taken, or its upload did not end.
        PageChanged: an element is gone.
    """
    if not pictures:
        return
    page = composer.page
    ended: asyncio.Queue[int] = asyncio.Queue()

    def hear(response: Response) -> None:
        if response.request.method == "POST" and _ENDED.search(response.url):
            ended.put_nowait(response.status)

    page.on("response", hear)
    try:
        chosen = page.locator(f"{composer.scope}{Selector.FILE_INPUT.value}").first
        await chosen.set_input_files([_payload(one) for one in pictures])
        for _ in pictures:
            await _one_upload(ended, within)
    except Error as exc:
        raise await explain(page, Selector.FILE_INPUT.name, "Pictures cannot be chosen.") from exc
    finally:
        page.remove_listener("response", hear)
    await _describe(composer, part, [one.alt for one in pictures])


async def _one_upload(ended: asyncio.Queue[int], within: float) -> None:
    try:
        async with asyncio.timeout(within):
            status = await ended.get()
    except TimeoutError:
        raise Transient(
            f"The upload of a picture did not end within {within:g} s.", meaning="Nothing was sent."
        ) from None
    if status >= 400:
        raise Transient(
            f"The network did not take a picture (HTTP {status}).",
            meaning="Nothing was sent.",
            remedy="It is tried again.",
        )


async def _describe(composer: Composer, part: int, texts: Sequence[str]) -> None:
    page = composer.page
    missing = Selector.DESCRIBE
    try:
        own = page.locator(composer.box(part)).first.locator(_AFTER_BOX)
        await own.locator(Selector.DESCRIBE.value).first.click()
        for number, words in enumerate(texts):
            missing = Selector.NEXT_PICTURE
            if number:
                await page.locator(Selector.NEXT_PICTURE.value).last.click()
            missing = Selector.DESCRIPTION
            await page.locator(Selector.DESCRIPTION.value).first.fill(words)
        missing = Selector.DESCRIBED
        await page.locator(Selector.DESCRIBED.value).first.click()
        await page.locator(Selector.DESCRIPTION.value).first.wait_for(state="detached")
    except Error as exc:
        raise await explain(page, missing.name, "A picture cannot be described.") from exc


async def open_for_quote(
    page: Page, site: str, author: str, post_id: str, handle: str, within: float
) -> Composer:
    """The composer with somebody's post in it, opened as a reader does: by the post's own menu.

    Raises:
        Permanent: the post is gone.
        SessionTrouble, Transient, PageChanged: it cannot be had.
    """
    post = f'{Selector.POST.value}:has(a[href*="/status/{post_id}"])'
    with tapped(page, "TweetDetail") as tap:

        async def gone() -> None:
            call = await tap.next(0.01)
            if call is not None and any(fault.code == 144 for fault in read_faults(call.answer)):
                raise Permanent("The post that is quoted is gone.", meaning="Nothing was sent.")

        await go(page, f"{site}/{author}/status/{post_id}")
        await wait_for(
            page,
            post,
            within,
            missing=Selector.POST.name,
            what="The post that is quoted is not on its page.",
            meanwhile=gone,
        )
    found = await make_sure_of_owner(page, handle, within)
    if found.consent:
        await pass_consent(page)
    composer = Composer(page, f"{Selector.DIALOG.value} ", Selector.SEND.value)
    missing = Selector.REPOST
    try:
        await page.locator(post).first.locator(Selector.REPOST.value).first.click()
        missing = Selector.QUOTE
        await page.locator(Selector.QUOTE.value).first.click()
    except Error as exc:
        raise await explain(page, missing.name, "The post cannot be quoted.") from exc
    await appears(composer, within)
    await _shows_the_quoted(composer, author, within)
    return composer


async def _shows_the_quoted(composer: Composer, author: str, within: float) -> None:
    """Make sure that the composer holds the right post before anything is typed."""
    name = f"{composer.scope}{Selector.ATTACHMENTS.value} {Selector.USER_NAME.value}"
    shown = ""
    with suppress(Error):
        shown = await composer.page.locator(name).first.inner_text(timeout=within * 1000)
    if f"@{author}".casefold() not in shown.casefold():
        raise await explain(
            composer.page, Selector.ATTACHMENTS.name, "The composer does not show the post that is quoted."
        )


def _payload(picture: Picture) -> FilePayload:
    name = f"{picture.sha256[:12]}.{_NAMES.get(picture.mime, 'bin')}"
    made: Any = {"name": name, "mimeType": picture.mime, "buffer": picture.body}
    return cast("FilePayload", made)
