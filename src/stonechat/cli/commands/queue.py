"""``stonechat queue`` and ``queue add``: what waits, judged as the publisher judges it; and one more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import user
from stonechat.cli.context import (
    open_for_cli,
    read_section,
    read_settings,
    read_stored,
    run_async,
    text_rules,
)
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken
from stonechat.core.errors import InvalidInput
from stonechat.core.given_files import read_given

if TYPE_CHECKING:
    from stonechat.owner import Done
    from stonechat.owner.submission import GivenPicture, Submission, Submitted

_COLUMNS = ("id", "state", "due_at", "kind", "text", "price", "held")


def show_queue(as_json: bool, account: str | None, limit: int) -> None:
    """Print what waits for approval, for its time, for confirmation or for a human, and why."""
    rows = run_async(_waiting(account, limit))
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, _COLUMNS, title="Queue", empty="The queue is empty.")


async def _waiting(account: str | None, limit: int) -> list[dict[str, Any]]:
    from stonechat.config.settings import PostingSettings, StartupSettings
    from stonechat.database.repositories import accounts
    from stonechat.networks.registry import installed
    from stonechat.posting.blocking import stored_blockers
    from stonechat.posting.gate_input import Rules
    from stonechat.posting.queue import queue_rows
    from stonechat.resilience.store import DatabaseBreakers

    networks = installed()
    posting, mode = read_section(PostingSettings), read_section(StartupSettings).mode
    async with open_for_cli(read_stored()) as (database, clock):
        async with database.read("cli.accounts") as connection:
            every = await accounts.every(connection)
        wanted = next((one.id for one in every if account in (one.id, one.handle)), account)
        records = (await DatabaseBreakers(database, clock).load()).values()
        rules = Rules(posting, mode, stored_blockers(tuple(records), clock))
        found = await queue_rows(database, rules, text_rules(), clock, account_id=wanted, limit=limit)
    return [
        {
            **asdict(row.content),
            "text": "\n\n".join(row.content.parts),
            "price": networks.price_of(row.content, len(row.pictures)),
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
            help="now, in 2h, 18:30, 6pm, tomorrow 9:30 or 2026-03-29 18:30, by the account's clocks; "
            "otherwise the next free time."
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
    from stonechat.owner.submission import Submission

    parts = (" ".join(text).strip(), *(one.strip() for one in thread or ()))
    shown = _pictures(image or (), alt or (), part or ())
    over = frozenset(despite or ())
    done = run_async(_add(Submission(parts, account, at, shown, again=again, despite=over)))
    if as_json:
        print_json(_told(done))
    else:
        say(done.said)


async def _add(given: Submission) -> Done[Submitted]:
    from stonechat.cli.commands.prompt_trial import open_for_trying
    from stonechat.networks.registry import installed
    from stonechat.owner import Door, Owner, submission
    from stonechat.startup.boot_context import account_of

    settings = read_settings()
    described = [account_of(one) for one in settings.accounts]
    async with open_for_trying(settings) as (database, clock, writing):
        owner = Owner(database, clock, user(), Door.COMMAND_LINE)
        return await submission.submit(owner, writing.drafter, installed(), given, described=described)


def _told(done: Done[Submitted]) -> dict[str, Any]:
    added = done.value
    return {
        "said": done.said,
        "line": done.line,
        "new": added.new,
        **asdict(added.content),
        "timezone": added.account.timezone,
        "text": "\n\n".join(added.content.parts),
        "pictures": [asdict(one) for one in added.pictures],
    }


def _pictures(files: Sequence[Path], words: Sequence[str], numbers: Sequence[int]) -> list[GivenPicture]:
    from stonechat.owner.submission import GivenPicture

    if len(files) != len(words) or (numbers and len(numbers) != len(files)):
        raise InvalidInput(
            f"{len(files)} pictures, {len(words)} descriptions, {len(numbers)} parts named.",
            meaning="Nothing was stored.",
            remedy="Give --alt once for each --image, in the same order; --part for each or for none.",
        )
    places = numbers or [1] * len(files)
    return [
        GivenPicture(read_file(file), said.strip(), number - 1)
        for file, said, number in zip(files, words, places, strict=True)
    ]


MOST_BYTES = 64 * 1024 * 1024
"""Of a file that a command reads whole: a picture, an exported log-in."""


def read_file(file: Path, meaning: str = "Nothing was stored.") -> bytes:
    """The bytes of a file.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        return read_given(file, MOST_BYTES)
    except OSError as exc:
        raise InvalidInput(
            f"{file} cannot be read: {exc.strerror}.", meaning=meaning, remedy="Check the path."
        ) from exc
