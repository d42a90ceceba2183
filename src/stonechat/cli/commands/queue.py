"""``stonechat queue`` and ``queue add``: what waits, judged as the publisher judges it; and one more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from stonechat.cli.context import open_for_cli, read_section, read_settings, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken
from stonechat.core.text_rules import TextRules

_COLUMNS = ("id", "state", "due_at", "kind", "text", "held")


def text_rules() -> Mapping[str, TextRules]:
    """By the network's name, without opening any."""
    from stonechat.networks.x_web.rules import XTextRules

    return {"x_web": XTextRules()}


def show_queue(as_json: bool, account: str | None, limit: int) -> None:
    """Print what waits for approval, for its time, for confirmation or for a human, and why."""
    rows = run_async(_waiting(account, limit))
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, _COLUMNS, title="Queue", empty="The queue is empty.")


async def _waiting(account: str | None, limit: int) -> list[dict[str, Any]]:
    from stonechat.config.settings import PostingSettings, StartupSettings
    from stonechat.core.network import Network
    from stonechat.database.repositories import accounts
    from stonechat.posting.blocking import stored_blockers
    from stonechat.posting.gate_input import Rules
    from stonechat.posting.queue import queue_rows
    from stonechat.resilience.store import DatabaseBreakers

    posting, mode = read_section(PostingSettings), read_section(StartupSettings).mode
    async with open_for_cli(read_stored()) as (database, clock):
        async with database.read("cli.accounts") as connection:
            every = await accounts.every(connection)
        wanted = next((one.id for one in every if account in (one.id, one.handle)), account)
        records = (await DatabaseBreakers(database, clock).load()).values()
        rules = Rules(posting, mode, stored_blockers(tuple(records), clock))
        networks = cast("Mapping[str, Network]", text_rules())
        found = await queue_rows(database, rules, networks, clock, account_id=wanted, limit=limit)
    return [
        {
            **asdict(row.content),
            "text": "\n\n".join(row.content.parts),
            "held": row.held,
            "next_action": row.next_action,
            "next_at": row.next_at,
            "parts_live": row.parts_live,
            "pictures": [asdict(picture) for picture in row.pictures],
        }
        for row in found
    ]


@spoken
def add(
    text: Annotated[list[str], typer.Argument(help="What it says; of a thread the first part.")],
    thread: Annotated[
        list[str] | None, typer.Option("--thread", help="One more part of a thread; once for each.")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Whose; not needed where there is one.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="now, 18:30 or 2026-03-29 18:30, by the account's clocks; otherwise the next free time."
        ),
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option(help="A picture: JPEG, PNG, WebP or GIF; once for each.")
    ] = None,
    alt: Annotated[
        list[str] | None, typer.Option(help="What a picture shows; once for each, in the same order.")
    ] = None,
    part: Annotated[
        list[int] | None,
        typer.Option(min=1, help="The part that a picture belongs to, once for each; the first by default."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="One more post, though the same was added before.")
    ] = False,
    despite: Annotated[
        list[str] | None, typer.Option(help="Overrule this step of the review (not schema or length).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Queue a post of your own: reviewed, held for approval and published as any other.

    The same call again makes no second post.
    """
    parts = [" ".join(text).strip(), *(one.strip() for one in thread or ())]
    shown = _pictures(image or (), alt or (), part or ())
    said = run_async(_add(parts, shown, account, at, again=again, despite=frozenset(despite or ())))
    if as_json:
        print_json(said)
    else:
        say(_sentence(said))


async def _add(
    parts: Sequence[str],
    shown: Sequence[tuple[Path, str, int]],
    account: str | None,
    at: str | None,
    *,
    again: bool,
    despite: frozenset[str],
) -> dict[str, Any]:
    from stonechat.cli.actor import who
    from stonechat.cli.commands.prompt_trial import open_for_trying
    from stonechat.content.slots.requested_time import read_time
    from stonechat.networks.x_web.media_upload import refuse_pictures
    from stonechat.startup.boot_context import account_of as described
    from stonechat.startup.by_hand import GivenPicture, Wish, account_of, add_by_hand

    settings = read_settings()
    pictures = [GivenPicture(_bytes(file), words, number) for file, words, number in shown]
    async with open_for_trying(settings) as (database, clock, writing):
        own = await account_of(database, [described(one) for one in settings.accounts], account)
        due = read_time(at, own.timezone, clock.now()) if at else None
        wish = Wish(own, tuple(parts), due, pictures, again, despite)
        added = await add_by_hand(database, clock, writing.drafter, wish, who=who(), refuse=refuse_pictures)
    return {
        "new": added.new,
        **asdict(added.content),
        "timezone": own.timezone,
        "text": "\n\n".join(added.content.parts),
        "pictures": [asdict(one) for one in added.pictures],
    }


def _pictures(
    files: Sequence[Path], words: Sequence[str], numbers: Sequence[int]
) -> list[tuple[Path, str, int]]:
    from stonechat.core.errors import Permanent

    if len(files) != len(words) or (numbers and len(numbers) != len(files)):
        raise Permanent(
            f"{len(files)} pictures, {len(words)} descriptions, {len(numbers)} parts named.",
            meaning="Nothing was stored.",
            remedy="Give --alt once for each --image, in the same order; --part for each or for none.",
        )
    places = numbers or [1] * len(files)
    return [(file, said.strip(), number - 1) for file, said, number in zip(files, words, places, strict=True)]


def _bytes(file: Path) -> bytes:
    from stonechat.core.errors import Permanent

    try:
        return file.read_bytes()
    except OSError as exc:
        raise Permanent(
            f"{file} cannot be read: {exc.strerror}.", meaning="Nothing was stored.", remedy="Check the path."
        ) from exc


def _sentence(said: Mapping[str, Any]) -> str:
    """What was done, and what happens next."""
    from zoneinfo import ZoneInfo

    short, state = said["id"][:8], said["state"].value.replace("_", " ")
    local = said["due_at"].astimezone(ZoneInfo(said["timezone"]))
    due = f"due {local:%Y-%m-%d %H:%M} {said['timezone']}"
    if not said["new"]:
        return f"This was added before: it is {state}, {due} ({short}). --again makes another post of it."
    if state == "queued":
        return f"Queued, {due} ({short})."
    return f"It waits for approval, {due}. `stonechat queue approve {short}` lets it go out."
