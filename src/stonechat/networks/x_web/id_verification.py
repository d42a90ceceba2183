"""Whether what the network says of a new post fits what was sent: its id, its text, pictures and quote.

A post's id is known by three ways: the answer to sending it, the link in the page's toast, and the own
profile. The first two are compared at once, and with the time that the id itself carries; the profile is
read soon after (``posting.checking``). Where they disagree, nothing is believed until a healthy read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from stonechat.core.errors import Unknown
from stonechat.core.network import NetworkPost, Picture
from stonechat.networks.x_web.json_access import at, moment_of_id
from stonechat.networks.x_web.response_capture import Call
from stonechat.networks.x_web.wire_parser import read_posts

_LINKS = re.compile(r"\S*(?:://|\w\.[a-z])\S*", re.IGNORECASE)


class Contradiction(Unknown):
    """The network's own answers disagree about which post is the new one."""


def made(call: Call, post_id: str) -> NetworkPost | None:
    """The new post as the answer shows it; None where it shows none of that id."""
    return next((one for one in read_posts(call.answer, written=True) if one.id == post_id), None)


def check_id(call: Call, post_id: str, part: str, clicked: datetime, slack: timedelta) -> None:
    """Refuse an id that cannot be the new post's.

    Args:
        clicked: account time of the click.
        slack: how far the network's clock may be behind ours.

    Raises:
        Contradiction: it is older than the click, or belongs to another text.
    """
    born = moment_of_id(post_id)
    if born is not None and born < clicked - slack:
        raise _contradiction(f"the answer names post {post_id}, which is older than the click")
    post = made(call, post_id)
    if post is not None and _words(post.text) != _words(part):
        raise _contradiction(f"the answer names post {post_id}, which has another text")


def check_toast(ids: Sequence[str], toast: str | None) -> None:
    """Refuse a toast that links to another post.

    Raises:
        Contradiction: it does.
    """
    if toast is not None and toast not in ids:
        raise _contradiction(f"the answer names post {', '.join(ids)}, the page links to {toast}")


def doubts(
    call: Call, post_id: str, part: str, pictures: Sequence[Picture], quote_of: str | None
) -> list[str]:
    """What is live otherwise than it was to be, in words; empty where everything fits."""
    found = []
    sent = at(call.sent, "variables", "tweet_text")
    if isinstance(sent, str) and sent != part:
        found.append("the page sent a text that differs from the approved one in its white space or signs")
    post = made(call, post_id)
    if post is None:
        return found
    if len(post.pictures) != len(pictures):
        found.append(f"it shows {len(post.pictures)} of {len(pictures)} pictures")
    elif [one.alt for one in post.pictures] != [one.alt for one in pictures]:
        found.append("the description of a picture is missing or another one")
    if quote_of is not None and post.quoted_id != quote_of:
        found.append(f"it quotes {post.quoted_id or 'nothing'}, not {quote_of}")
    return found


def _contradiction(what: str) -> Contradiction:
    return Contradiction(
        f"The network contradicts itself: {what}.",
        meaning="The post may be live; it is looked up and not sent again meanwhile.",
    )


def _words(text: str) -> list[str]:
    """The words of a text but its links, which a network shows in its own form."""
    return _LINKS.sub("", text).casefold().split()
