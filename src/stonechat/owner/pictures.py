"""Pictures of content that is not on its way yet: attached with a description, and taken off."""

from __future__ import annotations

from stonechat.core.model import Content
from stonechat.database.repositories import media
from stonechat.networks.registry import Registry
from stonechat.owner.action import Done, Owner
from stonechat.owner.naming import account_of, content_named
from stonechat.posting import attachments


async def attach(
    owner: Owner, networks: Registry, content_id: str, body: bytes, alt: str, *, part: int = 1
) -> Done[Content]:
    """Add a picture; what is queued counts as approved anew, by whoever attaches.

    Args:
        alt: what it shows, for who cannot see it.
        part: number of the part of a thread that it belongs to, from 1.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far.
        InvalidInput: it has no such part, or the network would refuse the picture.
    """
    async with owner.database.read("owner.pictures.network") as connection:
        account = await account_of(connection, await content_named(connection, content_id))
    network = networks[account.network]
    prepared = await attachments.prepare(body, network.pictures)
    async with owner.act("queue.attach") as action:
        found = await content_named(action.connection, content_id)
        before = len(await media.of(action.connection, found.id))
        done = await attachments.attach(
            action.connection,
            found.id,
            prepared,
            alt,
            part=part - 1,
            who=action.who,
            now=action.now,
            refuse=network.refuse_pictures,
        )
        return await action.done(
            done,
            done.id,
            said=f"Attached to part {part}: {done.parts[part - 1]}",
            before=_number(before),
            after=_number(before + 1),
            why=f"to part {part}: {alt.strip()}",
            account_id=done.account_id,
        )


async def detach(owner: Owner, content_id: str) -> Done[Content]:
    """Take every picture off.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far.
    """
    async with owner.act("queue.detach") as action:
        found = await content_named(action.connection, content_id)
        before = len(await media.of(action.connection, found.id))
        done = await attachments.detach(action.connection, found.id, who=action.who, now=action.now)
        return await action.done(
            done,
            done.id,
            said=f"No picture any more: {done.parts[0]}",
            before=_number(before),
            after=_number(0),
            account_id=done.account_id,
        )


def _number(count: int) -> str:
    return f"{count} picture{'s' if count != 1 else ''}"
