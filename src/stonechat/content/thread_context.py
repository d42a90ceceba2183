"""What stands above a post that is answered: read before a reply is written, and screened like the post."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from stonechat.core.model import Account, Opportunity
from stonechat.core.network import NetworkPost

MOST_ABOVE = 3
"""So many posts above the one that is answered are given to the writer."""

ReadThread = Callable[[Account, Opportunity], Awaitable[Sequence[NetworkPost]]]
"""The posts of the conversation that an opportunity stands in; none where it cannot be read now."""


async def no_thread(_account: Account, _one: Opportunity) -> Sequence[NetworkPost]:
    """For a network whose conversations are not read."""
    return ()


@dataclass(frozen=True, slots=True)
class ThreadContext:
    """The posts above, the first of them first; ``answered``: a post of ours answers this one already."""

    above: tuple[str, ...] = ()
    answered: bool = False


def thread_context(
    one: Opportunity, account: Account, posts: Sequence[NetworkPost], screen: Callable[[str], str | None]
) -> ThreadContext:
    """The context of ``one`` among the posts of its conversation.

    Args:
        screen: why a text of somebody else is not shown to a model, or None; such a text is left out.
    """
    by_id = {post.id: post for post in posts}
    mine = account.handle.casefold()
    ours = [post for post in posts if post.author.casefold() == mine]
    above: list[str] = []
    parent = by_id.get(by_id[one.post_id].in_reply_to or "") if one.post_id in by_id else None
    seen = {one.post_id}
    while parent is not None and parent.id not in seen and len(above) < MOST_ABOVE:
        seen.add(parent.id)
        if parent.author.casefold() == mine or screen(parent.text) is None:
            above.insert(0, parent.text)
        parent = by_id.get(parent.in_reply_to or "")
    return ThreadContext(tuple(above), any(post.in_reply_to == one.post_id for post in ours))
