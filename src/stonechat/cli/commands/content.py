"""``stonechat queue``, ``reserve``, ``rehearsals``, ``write``: what is said, and what a human decides."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.actor import do, tell, user
from stonechat.cli.commands.queue import add, read_file, show_queue
from stonechat.cli.context import open_for_cli, read_section, read_settings, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, spoken

if TYPE_CHECKING:
    from stonechat.database import Database
    from stonechat.owner import Done

queue_app = typer.Typer(no_args_is_help=False, help="See, edit, approve and reject what is to be posted.")
reserve_app = typer.Typer(no_args_is_help=False, help="The drafts kept for when no model can write.")

_Id = Annotated[str, typer.Argument(help="The content's id, or enough of its beginning.")]
_Draft = Annotated[str, typer.Argument(help="The draft's id.")]
_Why = Annotated[str, typer.Option(help="Why; kept in the history and the audit trail.")]
_AccountId = Annotated[str | None, typer.Option("--account", help="Only this account.")]

queue_app.command(
    epilog="Example: stonechat queue add 'A short walk is still a walk.' --at 18:30 --image path.jpg "
    "--alt 'A path between hedges'"
)(add)


@queue_app.callback(invoke_without_command=True)
@spoken
def queue(context: typer.Context, as_json: AsJson = False, account: _AccountId = None) -> None:
    """See, edit, approve and reject what is to be posted."""
    if context.invoked_subcommand is None:
        show_queue(as_json, account, 50)


@queue_app.command(epilog="Example: stonechat queue show --json | jq '.[0].text'")
@spoken
def show(
    as_json: AsJson = False,
    account: _AccountId = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
) -> None:
    """What waits for approval, for its time, for confirmation or for you, earliest first, and why."""
    show_queue(as_json, account, limit)


@queue_app.command(epilog="Example: stonechat queue approve 3f2a")
@spoken
def approve(content_id: _Id, as_json: AsJson = False) -> None:
    """Let content that waits for approval go out at its time, exactly as it stands."""
    from stonechat.owner import queue as actions

    do(lambda owner: actions.approve(owner, content_id), as_json=as_json)


@queue_app.command(epilog="Example: stonechat queue reject 3f2a --why 'not our tone'")
@spoken
def reject(
    content_id: _Id,
    why: Annotated[str, typer.Option(help="Why; kept in the history, and told to the writer.")] = "",
    as_json: AsJson = False,
) -> None:
    """Never post this."""
    from stonechat.owner import queue as actions

    do(lambda owner: actions.reject(owner, content_id, why=why), as_json=as_json)


@queue_app.command(epilog="Example: stonechat queue cancel 3f2a --why 'the event is off'")
@spoken
def cancel(content_id: _Id, why: _Why = "", as_json: AsJson = False) -> None:
    """Take it out of the queue for good."""
    from stonechat.owner import queue as actions

    do(lambda owner: actions.cancel(owner, content_id, why=why), as_json=as_json)


@queue_app.command(epilog="Example: stonechat queue edit 3f2a --text 'A shorter walk is still a walk.'")
@spoken
def edit(
    content_id: _Id,
    text: Annotated[
        list[str] | None, typer.Option(help="The new text; once for each part of a thread.")
    ] = None,
    despite: Annotated[
        list[str] | None, typer.Option(help="Overrule this step of the review (not schema or length).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change the text; without --text your editor opens. The new text passes the same review."""
    from stonechat.cli.commands.prompt_trial import open_for_trying
    from stonechat.core.errors import Conflict
    from stonechat.owner import Door, Owner, editing

    async def work() -> Done[Any]:
        async with open_for_trying(read_settings()) as (database, clock, writing):
            owner = Owner(database, clock, user(), Door.COMMAND_LINE)
            parts = text or await _in_editor(database, content_id)
            if not parts:
                raise Conflict("The text was not changed.", meaning="Nothing was stored.")
            over = frozenset(despite or ())
            return await editing.edit(owner, writing.drafter, content_id, parts, despite=over)

    tell(run_async(work()), as_json=as_json)


async def _in_editor(database: Database, content_id: str) -> list[str]:
    """The text as the owner leaves it; nothing where they do not save."""
    import click

    from stonechat.owner.editing import BETWEEN, parts_of
    from stonechat.owner.naming import content_named

    async with database.read("cli.edit") as connection:
        before = await content_named(connection, content_id)
    edited = await asyncio.to_thread(click.edit, BETWEEN.join(before.parts))
    return parts_of(edited.strip()) if edited else []


@queue_app.command(
    epilog="Example: stonechat queue live 3f2a --post https://the-network.example/me/status/1790000000000000000"
)
@spoken
def live(
    content_id: _Id,
    post: Annotated[
        list[str], typer.Option(help="The address of the live post on the network; once for each part.")
    ],
    as_json: AsJson = False,
) -> None:
    """Say that a failed post is on the profile after all: it becomes posted, and is measured."""
    from stonechat.owner import queue as actions

    do(lambda owner: actions.found_live(owner, content_id, post), as_json=as_json)


@queue_app.command(epilog="Example: stonechat queue move 3f2a 'tomorrow 9:30'")
@spoken
def move(
    content_id: _Id,
    at: Annotated[
        str, typer.Argument(help="in 2h, 18:30, tomorrow 9:30 or 2026-03-29 18:30, by the account's clocks.")
    ],
    as_json: AsJson = False,
) -> None:
    """Give it another time; says what is nearer to it than the account's spacing."""
    from stonechat.config.settings import PostingSettings
    from stonechat.owner import moving

    spacing = read_section(PostingSettings).min_spacing
    do(lambda owner: moving.move(owner, content_id, at, spacing=spacing), as_json=as_json)


@queue_app.command(epilog="Example: stonechat queue attach 3f2a walk.jpg --alt 'A path in the morning'")
@spoken
def attach(
    content_id: _Id,
    file: Annotated[Path, typer.Argument(help="A picture: JPEG, PNG, WebP or GIF.")],
    alt: Annotated[str, typer.Option(help="What it shows, for who cannot see it.")],
    part: Annotated[int, typer.Option(min=1, help="The part of a thread that it belongs to.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Add a picture with its description; what is queued counts as approved anew, by you."""
    from stonechat.networks.registry import installed
    from stonechat.owner import pictures

    body = read_file(file)
    do(
        lambda owner: pictures.attach(owner, installed(), content_id, body, alt, part=part),
        as_json=as_json,
    )


@queue_app.command(epilog="Example: stonechat queue detach 3f2a")
@spoken
def detach(content_id: _Id, as_json: AsJson = False) -> None:
    """Take every picture off."""
    from stonechat.owner import pictures

    do(lambda owner: pictures.detach(owner, content_id), as_json=as_json)


@queue_app.command(epilog="Example: stonechat queue again 3f2a")
@spoken
def again(content_id: _Id, why: _Why = "", as_json: AsJson = False) -> None:
    """Queue failed or missed content again, due now. Look at the profile first."""
    from stonechat.owner import queue as actions

    do(lambda owner: actions.queue_again(owner, content_id, why=why), as_json=as_json)


@reserve_app.callback(invoke_without_command=True)
@spoken
def reserve(context: typer.Context, as_json: AsJson = False, account: _AccountId = None) -> None:
    """The drafts kept for when no model can write, in the order in which they are drawn."""
    if context.invoked_subcommand is None:
        from stonechat.database.repositories import accounts, drafts

        async def work() -> list[dict[str, Any]]:
            async with (
                open_for_cli(read_stored()) as (database, _),
                database.read("cli.reserve") as connection,
            ):
                ids = [one.id for one in await accounts.every(connection) if account in (None, one.id)]
                kept = [draft for one in ids for draft in await drafts.reserve(connection, one)]
            return [{**asdict(draft), "text": "\n\n".join(draft.parts)} for draft in kept]

        rows = run_async(work())
        if as_json:
            print_json(rows)
        else:
            columns = ("id", "account_id", "approved_by", "text")
            print_rows(rows, columns, title="Reserve", empty="The reserve is empty.")


@reserve_app.command("approve", epilog="Example: stonechat reserve approve 9c1e…")
@spoken
def approve_reserve(draft_id: _Draft, as_json: AsJson = False) -> None:
    """Approve a draft ahead, so that it needs no approval when it is drawn."""
    from stonechat.owner import reserve as actions

    do(lambda owner: actions.approve(owner, draft_id), as_json=as_json)


@reserve_app.command("discard", epilog="Example: stonechat reserve discard 9c1e…")
@spoken
def discard_reserve(draft_id: _Draft, as_json: AsJson = False) -> None:
    """Take a draft out of the reserve for good."""
    from stonechat.owner import reserve as actions

    do(lambda owner: actions.discard(owner, draft_id), as_json=as_json)


@spoken
def rehearsals(
    account: _AccountId = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Read what shadow mode would have posted, newest first; nothing of it went out.

    Example: stonechat rehearsals --limit 10
    """
    rows = run_async(_rehearsed(account, limit))
    if as_json:
        print_json(rows)
        return
    empty = "Nothing was rehearsed yet: MODE=shadow stonechat run"
    print_rows(rows, ("due_at", "account_id", "kind", "text"), title="Would have been posted", empty=empty)


async def _rehearsed(account: str | None, limit: int) -> list[dict[str, Any]]:
    from stonechat.database.repositories import accounts, receipts

    async with open_for_cli(read_stored()) as (database, _), database.read("cli.rehearsals") as connection:
        every = await accounts.every(connection)
        wanted = next((one.id for one in every if account in (one.id, one.handle)), account)
        found = await receipts.rehearsed(connection, account_id=wanted, limit=limit)
    return [asdict(one) | {"text": "\n\n".join(one.parts)} for one in found]


@spoken
def write(
    topic: Annotated[
        str | None, typer.Option(help="The topic, one of those in the arms file; drawn at random without it.")
    ] = None,
    hook: Annotated[str | None, typer.Option(help="How it opens: a level of the arms file.")] = None,
    layout: Annotated[
        str | None, typer.Option("--format", help="Its form: a level of the arms file.")
    ] = None,
    length: Annotated[str | None, typer.Option(help="How long it is: a level of the arms file.")] = None,
    tone: Annotated[str | None, typer.Option(help="How it sounds: a level of the arms file.")] = None,
    reply_to: Annotated[str, typer.Option(help="Write a reply to this text instead.")] = "",
    account: _AccountId = None,
    as_json: AsJson = False,
) -> None:
    """Try a prompt: see the drafts, what the review says of them, and what they cost. Nothing is stored
    but the cost.

    Example: stonechat write --topic sleep --hook question
    """
    from stonechat.cli.commands.prompt_trial import try_prompt

    wished = {"topic": topic, "hook": hook, "format": layout, "length": length, "tone": tone}
    tried = run_async(try_prompt(read_settings(), wished, reply_to, account))
    if as_json:
        print_json(tried)
        return
    print_rows(
        tried["drafts"],
        ("passed", "step", "why", "score", "text"),
        title=f"{tried['model']}, {tried['prompt_version']}, ${tried['cost_usd']:.5f}",
        empty="The model gave no draft.",
    )
