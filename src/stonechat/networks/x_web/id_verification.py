"""Whether what the network says of a new post fits what was sent: its id, its text, pictures and quote.

A post's id is known by three ways: the answer to sending it, the link in the page's toast, and the own
profile. An answer that names an id as new as the click is proof that the post is live; what the toast or the
answer's text say otherwise is told to the owner and is no reason to send anything again. The profile is read
soon after (``posting.checking``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from stonechat.core.errors import Unknown
from stonechat.core.network import NetworkPost, Picture
from stonechat.core.texts import canonical, with_plain_blanks
from stonechat.networks.x_web.json_access import at, moment_of_id
from stonechat.networks.x_web.response_capture import CapturedCall
from stonechat.networks.x_web.wire_parser import read_posts


class Contradiction(Unknown):
    """The network's own answers disagree about which post is the new one."""


def made(call: CapturedCall, post_id: str) -> NetworkPost | None:
    """The new post as the answer shows it; None where it shows none of that id."""
    return next((one for one in read_posts(call.answer, written=True) if one.id == post_id), None)


def is_new(post_id: str, clicked: datetime, slack: timedelta) -> bool:
    """Whether the id can be of a post that the click made, by the time that it carries.

    Args:
        clicked: account time of the click.
        slack: how far the network's clock may be behind ours.
    """
    born = moment_of_id(post_id)
    return born is None or born >= clicked - slack


def check_id(
    call: CapturedCall, post_id: str, part: str, clicked: datetime, slack: timedelta, *, reply: bool
) -> None:
    """Refuse an id that cannot be the new post's; ``clicked`` and ``slack`` are those of :func:`is_new`.

    Raises:
        Contradiction: it is older than the click, or may be, and the answer shows another text under it.
    """
    post = made(call, post_id)
    other_text = post is not None and not post.shows(part, reply=reply)
    if not is_new(post_id, clicked, timedelta() if other_text else slack):
        raise Contradiction(
            f"The network contradicts itself: the answer names post {post_id}, older than the click.",
            meaning="The post may be live; it is looked up and not sent again meanwhile.",
        )


def doubts_of_toast(ids: Sequence[str], toast: str | None) -> list[str]:
    """Whether the toast links to another post than the answers named."""
    if toast is None or toast in ids:
        return []
    return [f"the answer names post {', '.join(ids)}, the page links to {toast}"]


def doubts(
    call: CapturedCall,
    post_id: str,
    part: str,
    pictures: Sequence[Picture],
    quote_of: str | None,
    *,
    reply: bool,
) -> list[str]:
    """What is live otherwise than it was to be, in words; empty where everything fits."""
    found = []
    sent = at(call.sent, "variables", "tweet_text")
    if isinstance(sent, str) and with_plain_blanks(sent) != with_plain_blanks(part):
        found.append("the page sent a text that differs from the approved one in its white space or signs")
    post = made(call, post_id)
    if post is None:
        return found
    if not post.shows(part, reply=reply):
        found.append("it has another text than was sent")
    if len(post.pictures) != len(pictures):
        found.append(f"it shows {len(post.pictures)} of {len(pictures)} pictures")
    elif any(
        canonical(one.alt) != canonical(own.alt) for one, own in zip(post.pictures, pictures, strict=True)
    ):
        found.append("the description of a picture is missing or another one")
    if quote_of is not None and post.quoted_id != quote_of:
        found.append(f"it quotes {post.quoted_id or 'nothing'}, not {quote_of}")
    return found
